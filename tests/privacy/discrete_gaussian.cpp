#include "healthai/privacy/discrete_gaussian.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include <boost/math/distributions/chi_squared.hpp>

#include "healthai/core/random.hpp"

namespace privacy_discrete_gaussian_test {

using namespace healthai;

namespace {

constexpr int draws = 100000;
/// A right sampler fails a test of this kind once in a million seeds.
constexpr double rare = 1e-6;
constexpr double rare_z = 4.9;  // the normal quantile of that, from both sides

using Draw = std::function<std::int64_t()>;
using Weight = std::function<double(std::int64_t)>;  // a probability but for a factor

/// Pearson's statistic of `draws` draws over its `rare` quantile: above 1 the draws are not of these probabilities. Numbers that are
/// expected fewer than ten times are put together on each side. `reach` is where no more weight is left.
double misfit(const Draw& draw, const Weight& weight, std::int64_t reach) {
  double total = 0;
  for (std::int64_t x = -reach; x <= reach; ++x) total += weight(x);
  std::map<std::int64_t, double> count;
  for (int i = 0; i < draws; ++i) ++count[draw()];
  double statistic = 0, observed = 0, expected = 0;
  int bins = 0;
  double left = draws;  // of what is expected and not yet in a bin
  for (std::int64_t x = -reach; x <= reach; ++x) {
    const double here = draws * weight(x) / total;
    expected += here;
    left -= here;
    if (const auto found = count.find(x); found != count.end()) observed += found->second;
    if (expected < 10 || left < 10) continue;
    statistic += (observed - expected) * (observed - expected) / expected;
    ++bins;
    observed = expected = 0;
  }
  for (const auto& [x, n] : count) observed += x < -reach || x > reach ? n : 0;
  expected += left;
  if (expected >= 1) {
    statistic += (observed - expected) * (observed - expected) / expected;
    ++bins;
  }
  REQUIRE(bins >= 2);
  const boost::math::chi_squared distribution(bins - 1);
  return statistic / boost::math::quantile(boost::math::complement(distribution, rare));
}
Weight gaussian_weight(double variance) {
  return [variance](std::int64_t x) {
    return std::exp(-static_cast<double>(x) * static_cast<double>(x) / (2 * variance));
  };
}
Weight laplace_weight(double scale) {
  return [scale](std::int64_t x) { return std::exp(-std::fabs(static_cast<double>(x)) / scale); };
}
double misfit(const DiscreteGaussian& sampler, std::uint64_t seed, double variance) {
  Stream random(seed, Purpose::test);
  const auto reach = static_cast<std::int64_t>(12 * std::sqrt(variance) + 12);
  return misfit([&] { return sampler(random); }, gaussian_weight(variance), reach);
}

/// Of the same bits, and counts them.
struct Counting {
  using result_type = std::uint64_t;
  Stream stream{5, Purpose::test};
  std::uint64_t words = 0;
  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
  result_type operator()() {
    ++words;
    return stream();
  }
};

}  // namespace

TEST_CASE("an event of probability exp(-1) decides as the formula says for each first byte, and as often") {
  // A generator whose first byte is given, and the rest random: what of u in [byte, byte + 1) / 256 belongs to the event.
  struct Given {
    using result_type = std::uint64_t;
    Stream stream{6, Purpose::test};
    std::uint64_t byte = 0;
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
    result_type operator()() { return (stream() >> 8U) | (byte << 56U); }
  };
  const auto share_of = [](std::uint64_t byte) {
    double share = 0, factorial = 1;
    for (int k = 2; k < 30; ++k) {  // the first no is the k-th for u in [1/k!, 1/(k-1)!)
      const double above = 256 / factorial - static_cast<double>(byte);
      factorial *= k;
      const double below = 256 / factorial - static_cast<double>(byte);
      if (k % 2 == 1) share += std::clamp(above, 0.0, 1.0) - std::clamp(below, 0.0, 1.0);
    }
    return share;
  };
  Given given;
  double all = 0;
  for (given.byte = 0; given.byte < 256; ++given.byte) {
    all += share_of(given.byte) / 256;
    // 0 and 1 are one case, which draws anew.
    const double share = given.byte < 2 ? (share_of(0) + share_of(1)) / 2 : share_of(given.byte);
    const int n = share == 0 || share == 1 ? 20 : 20000;
    int yes = 0;
    for (int i = 0; i < n; ++i) {
      detail::RandomBits bits(given);
      yes += detail::bernoulli_exp_1(bits) ? 1 : 0;
    }
    CHECK(std::fabs(yes - n * share) <= rare_z * std::sqrt(n * share * (1 - share)));
  }
  CHECK(all == doctest::Approx(std::exp(-1.0)).epsilon(1e-14));
}

TEST_CASE("discrete Gaussian: the probabilities are those of the formula") {
  struct Case {
    std::uint64_t numerator, denominator;
  };
  for (const Case c : {Case{1, 1}, Case{1, 3}, Case{7, 2}, Case{4, 1}, Case{15, 1}, Case{16, 1},
                       Case{1234567, 1000}, Case{10000, 1}}) {
    CAPTURE(c.numerator);
    const double variance = static_cast<double>(c.numerator) / static_cast<double>(c.denominator);
    CHECK(misfit(DiscreteGaussian(c.numerator, c.denominator), c.numerator, variance) < 1);
  }
}

TEST_CASE("discrete Gaussian: samplers that are wrong do not pass that test") {
  // The standard deviation for the variance.
  CHECK(misfit(DiscreteGaussian(4), 1, 16) > 1);
  CHECK(misfit(DiscreteGaussian(2), 1, 4) > 1);
  // A twentieth too much.
  CHECK(misfit(DiscreteGaussian(105), 1, 100) > 1);
  // A normal number rounded to the next integer has a variance that is larger by 1/12.
  Stream random(2, Purpose::test);
  const auto normal = [&random] {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(random)));
    return radius * std::cos(2 * 3.14159265358979323846 * uniform(random));
  };
  CHECK(misfit([&] { return static_cast<std::int64_t>(std::lround(normal())); }, gaussian_weight(1), 24) > 1);
  // Another tail: cut at three standard deviations, or that of the Laplace distribution which is drawn first.
  const DiscreteGaussian sampler(100);
  const auto cut = [&] {
    for (;;) {
      const std::int64_t x = sampler(random);
      if (x >= -30 && x <= 30) return x;
    }
  };
  CHECK(misfit(cut, gaussian_weight(100), 130) > 1);
  const DiscreteLaplace laplace(10);
  CHECK(misfit([&] { return laplace(random); }, gaussian_weight(100), 130) > 1);
  // Zero twice as often, which is what is left when the sign of a zero is not refused.
  const auto twice = [&] {
    std::int64_t x = sampler(random);
    if (x != 0 && uniform(random) < 0.04) x = 0;
    return x;
  };
  CHECK(misfit(twice, gaussian_weight(100), 130) > 1);
  // And right ones do.
  CHECK(misfit([&] { return sampler(random); }, gaussian_weight(100), 130) < 1);
}

TEST_CASE("discrete Gaussian: mean, variance and symmetry, from tiny to huge") {
  struct Case {
    std::uint64_t numerator, denominator;
  };
  constexpr std::uint64_t one = 1;
  for (const Case c : {Case{1, 1}, Case{10000, 1}, Case{1000000000000, 1}, Case{(one << 53U) - 1, 1},
                       Case{(one << 60U) + 12345, 1}, Case{one << 62U, 1}, Case{(one << 63U) + 7, 12345},
                       Case{~std::uint64_t{0}, ~std::uint64_t{0} / 3}}) {
    CAPTURE(c.numerator);
    CAPTURE(c.denominator);
    const int n = 20000;
    const DiscreteGaussian sampler(c.numerator, c.denominator);
    const double variance = sampler.variance();
    const double sigma = std::sqrt(variance);
    Stream random(7, Purpose::test);
    double sum = 0, squares = 0, fourth = 0;
    int positive = 0, zero = 0;
    for (int i = 0; i < n; ++i) {
      const std::int64_t x = sampler(random);
      const double scaled = static_cast<double>(x) / sigma;
      sum += scaled;
      squares += scaled * scaled;
      fourth += scaled * scaled * scaled * scaled;
      positive += x > 0 ? 1 : 0;
      zero += x == 0 ? 1 : 0;
    }
    // From a variance of 1 on the moments are those of the normal distribution, but for less than 1e-6.
    CHECK(std::fabs(sum / n) < rare_z / std::sqrt(n));
    CHECK(std::fabs(squares / n - 1) < rare_z * std::sqrt(2.0 / n));
    CHECK(std::fabs(fourth / n - 3) < rare_z * std::sqrt(96.0 / n));
    CHECK(std::fabs(positive - (n - zero) / 2.0) < rare_z * std::sqrt(n / 4.0));
  }
}

TEST_CASE("discrete Gaussian: of a tiny variance nearly all are zero") {
  Stream random(3, Purpose::test);
  const DiscreteGaussian hundredth(1, 100);  // +-1 with a probability of 2 exp(-50)
  const DiscreteGaussian smallest(1, ~std::uint64_t{0});
  for (int i = 0; i < 10000; ++i) {
    CHECK(hundredth(random) == 0);
    CHECK(smallest(random) == 0);
  }
  // At 1/10: 2 exp(-5) / (1 + 2 exp(-5)) of them are +-1.
  const DiscreteGaussian tenth(1, 10);
  int ones = 0;
  for (int i = 0; i < draws; ++i) ones += tenth(random) == 0 ? 0 : 1;
  const double share = 2 * std::exp(-5.0) / (1 + 2 * std::exp(-5.0));
  CHECK(std::fabs(ones - draws * share) < rare_z * std::sqrt(draws * share));
}

TEST_CASE(
    "discrete Gaussian: a sum of several is as wide as it should be, and nearly one of the sum's variance") {
  // What many hospitals' noise adds up to. For variances of 4 the sum is one of 40 but for about 10 exp(-2 pi^2 4 / 2).
  Stream random(4, Purpose::test);
  const DiscreteGaussian part(4);
  const auto sum = [&] {
    std::int64_t total = 0;
    for (int i = 0; i < 10; ++i) total += part(random);
    return total;
  };
  CHECK(misfit(sum, gaussian_weight(40), 90) < 1);
  CHECK(misfit(sum, gaussian_weight(44), 90) > 1);
}

TEST_CASE("discrete Gaussian: wide integers decide as narrow ones do, bit for bit") {
  // The same fraction with a common factor, which is beyond 128 bits.
  struct Case {
    std::uint64_t numerator, denominator;
    unsigned shift;
  };
  for (const Case c : {Case{7, 2, 60}, Case{1, 1, 62}, Case{1000001, 10, 43}, Case{1, 50, 57}}) {
    const DiscreteGaussian narrow(c.numerator, c.denominator);
    const DiscreteGaussian wide(c.numerator << c.shift, c.denominator << c.shift);
    Stream first(c.shift, Purpose::test), second(c.shift, Purpose::test);
    for (int i = 0; i < 2000; ++i) CHECK(narrow(first) == wide(second));
    CHECK(first() == second());
  }
}

TEST_CASE("discrete Gaussian: a vector at a time, with few random bits") {
  const DiscreteGaussian sampler(1000000000000);
  std::vector<std::int64_t> values(10000, 5);
  Counting counting;
  sampler.add_to(values, counting);
  double sum = 0;
  for (const std::int64_t value : values) sum += static_cast<double>(value - 5);
  CHECK(std::fabs(sum / 1e6 / 1e4) < rare_z / 100);
  CHECK(std::set<std::int64_t>(values.begin(), values.end()).size() > 9900);
  CHECK(counting.words < 5 * values.size());
  // Alone each begins with new bits; the first one is the same.
  Counting again;
  CHECK(sampler(again) + 5 == values.front());
}

TEST_CASE("discrete Gaussian: a variance that was computed in double is never made smaller") {
  CHECK(DiscreteGaussian::of_variance(1).numerator() == 1);
  CHECK(DiscreteGaussian::of_variance(2.5).numerator() == 5);
  CHECK(DiscreteGaussian::of_variance(2.5).denominator() == 2);
  CHECK(DiscreteGaussian::of_variance(0x1p62).numerator() == std::uint64_t{1} << 62U);
  CHECK(DiscreteGaussian::of_variance(1e12).numerator() == 1000000000000);
  CHECK(DiscreteGaussian::of_variance(1e12).denominator() == 1);
  CHECK(DiscreteGaussian::of_variance(1e-300).numerator() == 1);
  CHECK(DiscreteGaussian::of_variance(1e-300).denominator() == std::uint64_t{1} << 63U);
  CHECK(rc::check([] {
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    const double variance = std::exp2(72 * uniform(random) - 10);
    const auto made = DiscreteGaussian::of_variance((std::min)(variance, 0x1p62));
    RC_ASSERT(made.variance() == (std::min)(variance, 0x1p62));  // dyadic, so the division is exact
    const double tiny = std::exp2(-10 - 40 * uniform(random));
    const auto above = DiscreteGaussian::of_variance(tiny);
    RC_ASSERT(above.variance() >= tiny);
    RC_ASSERT(above.variance() <= tiny + 0x1p-63);
  }));
}

TEST_CASE("discrete Laplace: probabilities, mean and variance") {
  struct Case {
    std::uint64_t numerator, denominator;
  };
  for (const Case c : {Case{1, 1}, Case{3, 2}, Case{1, 4}, Case{100, 7}, Case{64, 1}}) {
    CAPTURE(c.numerator);
    const DiscreteLaplace sampler(c.numerator, c.denominator);
    Stream random(c.numerator, Purpose::test);
    const double scale = static_cast<double>(c.numerator) / static_cast<double>(c.denominator);
    const auto reach = static_cast<std::int64_t>(40 * scale + 10);
    const auto draw = [&] { return sampler(random); };
    CHECK(misfit(draw, laplace_weight(scale), reach) < 1);
    CHECK(misfit(draw, laplace_weight(1.1 * scale), reach) > 1);
  }
  const DiscreteLaplace large(DiscreteLaplace::largest, 3);
  Stream random(9, Purpose::test);
  double sum = 0, squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = static_cast<double>(large(random)) * 3 / 0x1p40;
    sum += x;
    squares += x * x;
  }
  CHECK(std::fabs(sum / draws) < rare_z * std::sqrt(2.0 / draws));
  CHECK(std::fabs(squares / draws - 2) < rare_z * std::sqrt(20.0 / draws));  // E x^4 - (E x^2)^2 = 24 - 4
}

TEST_CASE("discrete noise: broken generators and impossible settings are refused") {
  struct Stuck {
    using result_type = std::uint64_t;
    std::uint64_t value = 0;
    static constexpr result_type min() { return 0; }
    static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }
    result_type operator()() { return value; }
  };
  Stuck zeros;  // every event happens: without a limit this would not end
  CHECK_THROWS_WITH_AS(static_cast<void>(DiscreteGaussian(100)(zeros)), doctest::Contains("the same bits"),
                       Error);
  CHECK_THROWS_AS(static_cast<void>(DiscreteLaplace(100)(zeros)), Error);
  CHECK_THROWS_AS(DiscreteGaussian(0), Error);
  CHECK_THROWS_AS(DiscreteGaussian(1, 0), Error);
  CHECK_THROWS_AS(DiscreteGaussian((std::uint64_t{1} << 62U) + 1), Error);
  CHECK_THROWS_AS(DiscreteGaussian((std::uint64_t{1} << 63U) + 1, 2), Error);
  for (const double bad : {0.0, -1.0, 0x1.0001p62, std::nan(""), HUGE_VAL}) {
    CHECK_THROWS_AS(static_cast<void>(DiscreteGaussian::of_variance(bad)), Error);
  }
  CHECK_THROWS_AS(DiscreteLaplace(0), Error);
  CHECK_THROWS_AS(DiscreteLaplace(1, 0), Error);
  CHECK_THROWS_AS(DiscreteLaplace(DiscreteLaplace::largest + 1), Error);
}

}  // namespace privacy_discrete_gaussian_test
