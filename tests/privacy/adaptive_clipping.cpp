#include "healthai/privacy/adaptive_clipping.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "healthai/core/random.hpp"
#include "refusals.hpp"

namespace privacy_adaptive_clipping_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

double share_within(const std::vector<double>& lengths, double bound) {
  const auto within =
      std::count_if(lengths.begin(), lengths.end(), [&](double length) { return length <= bound; });
  return static_cast<double>(within) / static_cast<double>(lengths.size());
}

}  // namespace

TEST_CASE("adaptive clipping: the step of the paper") {
  const AdaptiveClipping clipping{.quantile = 0.5, .learning_rate = 0.2};
  CHECK(clipping.next_bound(2, 1.0) == doctest::Approx(2 * std::exp(-0.1)));
  CHECK(clipping.next_bound(2, 0.0) == doctest::Approx(2 * std::exp(0.1)));
  CHECK(clipping.next_bound(2, 0.5) == 2);
  CHECK(clipping.next_bound(2, -0.5) == doctest::Approx(2 * std::exp(0.2)));  // noise takes it out of [0, 1]
}

TEST_CASE("adaptive clipping: the bound goes to the quantile, from below and from above") {
  std::vector<double> lengths;  // of 100 clients: 0.1, 0.2, ..., 10
  for (int k = 1; k <= 100; ++k) lengths.push_back(k / 10.0);
  for (const double quantile : {0.1, 0.5, 0.9}) {
    for (const double start : {0.01, 1000.0}) {
      double bound = start;
      for (int round = 0; round < 400; ++round) {
        const double before = bound;
        const double within = share_within(lengths, bound);
        bound = AdaptiveClipping{.quantile = quantile}.next_bound(bound, within);
        if (within > quantile) CHECK(bound < before);
        if (within < quantile) CHECK(bound > before);
      }
      // Within the length of one step of the quantile, 10 * quantile.
      CHECK(bound == doctest::Approx(10 * quantile).epsilon(0.15));
    }
  }
}

TEST_CASE(
    "adaptive clipping: under noise too it follows the quantile, and with the sign turned it runs away") {
  std::vector<double> lengths;  // of 100 clients: 0.1, 0.2, ..., 10
  for (int k = 1; k <= 100; ++k) lengths.push_back(k / 10.0);
  const AdaptiveClipping clipping{.quantile = 0.5};
  const double sigma = adaptive_clipping_noise(1, 100).count_stddev;
  for (const double start : {1.0, 9.0}) {
    Stream stream(1, Purpose::test);
    boost::random::normal_distribution<double> normal(0, sigma / 100);
    double bound = start, turned = start, sum = 0;
    for (int round = 0; round < 600; ++round) {
      bound = clipping.next_bound(bound, share_within(lengths, bound) + normal(stream));
      if (round >= 200) sum += std::log(bound);
      // A peer that counts those above the bound, and keeps the sign.
      turned = clipping.next_bound(turned, 1 - share_within(lengths, turned));
    }
    // Near the quantile of 5 the share is bound / 10 and d log(bound) = -0.2 (0.5 (bound / 5 - 1) + noise): the noise, of a deviation of
    // 0.05, leaves log(bound) with one of about 0.2 * 0.05 / sqrt(2 * 0.1) = 0.022, and its mean over 400 rounds with much less.
    CHECK(std::exp(sum / 400) == doctest::Approx(5).epsilon(0.03));
    CHECK(std::fabs(std::log(bound / 5)) < 6 * 0.022);
    CHECK((start < 5 ? turned < 0.1 : turned > 10));
  }
}

TEST_CASE("adaptive clipping: both parts of the noise together are worth the whole") {
  // Hand-computed: (1 - 1/100)^(-1/2).
  CHECK(adaptive_clipping_noise(1, 100).count_stddev == 5);
  CHECK(adaptive_clipping_noise(1, 100).update_multiplier == doctest::Approx(1 / std::sqrt(0.99)));
  CHECK(rc::check([] {
    const double z = *rc::gen::inRange(1, 1000) / 100.0;
    const double sigma = z / 2 * (1 + *rc::gen::inRange(1, 1000) / 100.0);
    const auto noise = adaptive_clipping_noise(z, 101, sigma);
    RC_ASSERT(noise.count_stddev == sigma);
    RC_ASSERT(noise.update_multiplier > z);
    // Independent Gaussian releases add up as multiplier^-2: the updates, and a count of sensitivity 1/2.
    const double together = 1 / (noise.update_multiplier * noise.update_multiplier) + 1 / (4 * sigma * sigma);
    RC_ASSERT(std::abs(together * z * z - 1) < 1e-9);
  }));
}

TEST_CASE("adaptive clipping: no noise, or more than a count of so few clients can hide") {
  CHECK(adaptive_clipping_noise(0, 50).count_stddev == 0);
  CHECK(adaptive_clipping_noise(0, 50).update_multiplier == 0);
  CHECK(adaptive_clipping_noise(0, 50, 2.0).count_stddev == 2);
  // The multiplier must be below a tenth of the clients.
  CHECK(adaptive_clipping_noise(9.9, 100).update_multiplier > 9.9);
  refuses([] { static_cast<void>(adaptive_clipping_noise(10, 100)); },
          "noise multiplier of 10 must be below a tenth");
  refuses([] { static_cast<void>(adaptive_clipping_noise(1, 10)); },
          "clients, who are 10; take more clients");
  // Whatever noise the count is given.
  refuses([] { static_cast<void>(adaptive_clipping_noise(10, 100, 1000.0)); },
          "below a tenth of the clients");
  refuses([] { static_cast<void>(adaptive_clipping_noise(2, 100, 1.0)); }, "deviation of 1;");
}

TEST_CASE("adaptive clipping: the length of the count that makes its noise a twentieth of the clients") {
  for (const auto& [z, clients] : {std::pair{1.0, 100.0}, {0.5, 20.0}, {3.0, 50.0}}) {
    const double share = adaptive_clipping_share(z, clients);
    const double together = std::sqrt(1 + share * share);  // one deviation of noise: z times this
    CHECK(z * together ==
          doctest::Approx(adaptive_clipping_noise(z, clients).update_multiplier).epsilon(1e-12));
    CHECK(0.5 * z * together / share == doctest::Approx(clients / 20).epsilon(1e-12));
  }
  CHECK(adaptive_clipping_share(1, 100) == doctest::Approx(0.1005).epsilon(1e-3));
  CHECK(adaptive_clipping_share(9, 100) == 1);  // with more noise than a twentieth, as 2.06 would be needed
  CHECK(adaptive_clipping_share(0, 100) == 1);
  refuses([] { static_cast<void>(adaptive_clipping_share(10, 100)); }, "below a tenth");
}

TEST_CASE(
    "adaptive clipping: beside several others the count gets the same noise, and the others the paper's") {
  CHECK(rc::check([] {
    const double clients = *rc::gen::inRange(3, 2000);
    const double z = clients / 10 * *rc::gen::inRange(1, 1000) / 1000.0;
    const double others = *rc::gen::inRange(1, 4000) / 100.0;  // such as 1 + 3 + 0.25
    const auto paper = adaptive_clipping_noise(z, clients);
    const double least_share = std::sqrt(others) * std::sqrt(std::pow(paper.update_multiplier / z, 2) - 1);
    // The noise of everything, in lengths, and that of the count's ±1/2.
    const auto of_all = [&](double share) { return z * std::sqrt(others + share * share); };
    const auto of_count = [&](double share) { return of_all(share) / (2 * share); };
    if (least_share <= 1) {
      const double share = adaptive_clipping_share(z, clients, others);
      RC_ASSERT(std::fabs(of_count(share) / paper.count_stddev - 1) < 1e-9);
      // Each of the others has a length of its own: q of them, together sqrt(q) long, with z_Delta of that.
      RC_ASSERT(std::fabs(of_all(share) / (std::sqrt(others) * paper.update_multiplier) - 1) < 1e-9);
      // Together they cost what z alone would: the squares of length over deviation add up.
      const double spent = (others + share * share) / std::pow(of_all(share), 2);
      RC_ASSERT(std::fabs(spent * z * z - 1) < 1e-9);
    } else if (of_count(1) < clients / 10 * (1 - 1e-6)) {
      RC_ASSERT(std::fabs(adaptive_clipping_share(z, clients, others) - 1) < 1e-9);
      RC_ASSERT(of_count(1) > paper.count_stddev * (1 - 1e-9));
      RC_ASSERT(of_all(1) < std::sqrt(others) * paper.update_multiplier * (1 + 1e-9));
    } else if (of_count(1) > clients / 10 * (1 + 1e-6)) {
      RC_ASSERT_THROWS_AS(static_cast<void>(adaptive_clipping_share(z, clients, others)), Error);
    }
  }));
  // By hand: with two others sqrt(2) times the share of one.
  CHECK(adaptive_clipping_share(1, 100, 2) ==
        doctest::Approx(std::sqrt(2.0) * adaptive_clipping_share(1, 100)).epsilon(1e-14));
  // Up to three others nothing is refused that one is not.
  CHECK(adaptive_clipping_share(9.999, 100, 3) == 1);
  refuses([] { static_cast<void>(adaptive_clipping_share(9.999, 100, 4)); },
          "clients leaves the count of updates within the bound noise of 11.17922");
  refuses([] { static_cast<void>(adaptive_clipping_share(1, 100, 0)); }, "must have a length");
  refuses([] { static_cast<void>(adaptive_clipping_share(1, 100, std::nan(""))); }, "squares is nan");
}

TEST_CASE("adaptive clipping: the share from a sum of halves") {
  for (int within = 0; within <= 7; ++within) {
    double sum = 0;
    for (int i = 0; i < 7; ++i) sum += within_clip_value(i < within);
    CHECK(share_within_clip(sum, 7) == doctest::Approx(within / 7.0).epsilon(1e-15));
  }
}

TEST_CASE("adaptive clipping: numbers outside their range") {
  refuses([] { AdaptiveClipping{.quantile = 1.5}.validate(); }, "quantile must be in [0, 1], but is 1.5");
  refuses([] { AdaptiveClipping{.quantile = std::nan("")}.validate(); }, "quantile");
  refuses([] { AdaptiveClipping{.learning_rate = 0}.validate(); }, "learning_rate must be positive");
  refuses([] { static_cast<void>(AdaptiveClipping{}.next_bound(0, 0.5)); }, "bound must be positive");
  refuses([] { static_cast<void>(AdaptiveClipping{}.next_bound(1, std::nan(""))); }, "share of updates");
  refuses([] { static_cast<void>(adaptive_clipping_noise(-1, 10)); }, "must not be negative, but is -1");
  refuses([] { static_cast<void>(adaptive_clipping_noise(1, 0)); }, "clients must be positive");
  refuses([] { static_cast<void>(adaptive_clipping_noise(1, 10, -1.0)); }, "count's noise");
}

}  // namespace privacy_adaptive_clipping_test
