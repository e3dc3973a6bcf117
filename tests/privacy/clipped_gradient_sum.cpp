#include "healthai/privacy/clipped_gradient_sum.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "healthai/core/random.hpp"

namespace privacy_clipped_gradient_sum_test {

using namespace healthai;

namespace {

/// What one vector becomes, in steps.
std::vector<std::int64_t> of_one(ClippedGradientSum& sum, const std::vector<double>& vector) {
  sum.clear();
  sum.add(vector);
  return {sum.sums().begin(), sum.sums().end()};
}

}  // namespace

TEST_CASE("clipped gradients by hand") {
  ClippedGradientSum sum(2, 8, 10);  // steps of 1/128, lengths up to 1024 of them, less sqrt(2)/2
  CHECK(sum.step() == 1.0 / 128);
  CHECK(sum.sensitivity() == 1024);
  CHECK(of_one(sum, {3, -4}) == std::vector<std::int64_t>{384, -512});
  CHECK(of_one(sum, {0.4 / 128, 0.6 / 128}) == std::vector<std::int64_t>{0, 1});
  CHECK(of_one(sum, {-1e9, 0}) == std::vector<std::int64_t>{-1023, 0});  // 1023.29
  CHECK(of_one(sum, {0, 0}) == std::vector<std::int64_t>{0, 0});
  sum.clear();
  sum.add(std::vector<double>{1, 1});
  sum.add(std::vector<double>{1, -1});
  CHECK(sum.sums()[0] == 256);
  CHECK(sum.sums()[1] == 0);
  CHECK(sum.count() == 2);
  CHECK(sum.noise_variance(2) == doctest::Approx(2048.0 * 2048.0).epsilon(1e-14));
  CHECK(sum.noise_variance(2) >= 2048.0 * 2048.0);
}

TEST_CASE(
    "one vector never changes the sums by more than the sensitivity, and is what it should be but for half "
    "steps") {
  CHECK(rc::check([] {
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    const std::size_t size = 1 + uniform_index(random, 300);
    const auto bits = static_cast<unsigned>(5 + uniform_index(random, 26));
    const double clip = std::exp2(40 * uniform(random) - 20);
    ClippedGradientSum sum(size, clip, bits);
    std::vector<double> vector(size);
    const double magnitude = clip * std::exp2(60 * uniform(random) - 30);
    for (double& x : vector) x = magnitude * (2 * uniform(random) - 1);
    const auto whole = of_one(sum, vector);
    long double squares = 0, length = 0;
    for (std::size_t i = 0; i < size; ++i) {
      squares += static_cast<long double>(whole[i]) * static_cast<long double>(whole[i]);
      length += static_cast<long double>(vector[i]) * static_cast<long double>(vector[i]);
    }
    RC_ASSERT(squares <=
              static_cast<long double>(sum.sensitivity()) * static_cast<long double>(sum.sensitivity()));
    const double allowed = clip - sum.step() * std::sqrt(static_cast<double>(size)) / 2;
    const double norm = static_cast<double>(std::sqrt(length));
    const double factor = norm > allowed ? allowed / norm : 1;
    for (std::size_t i = 0; i < size; ++i) {
      RC_ASSERT(std::fabs(static_cast<double>(whole[i]) - factor * vector[i] / sum.step()) <= 0.5 + 1e-5);
    }
  }));
}

TEST_CASE("the worst for rounding, halves everywhere, stays within the sensitivity") {
  // Numbers of half a step and a little: each is rounded up to a whole one.
  for (const unsigned bits : {5U, 6U, 10U}) {
    const std::size_t size = std::size_t{1} << (2 * bits);  // the most that such a grid allows
    ClippedGradientSum sum(size, 1, bits);
    const auto whole = of_one(sum, std::vector<double>(size, 0.5000001 * sum.step()));
    std::uint64_t squares = 0;
    for (const std::int64_t x : whole) squares += static_cast<std::uint64_t>(x * x);
    CHECK(squares <= sum.sensitivity() * sum.sensitivity());
    CHECK_THROWS_AS(ClippedGradientSum(size + 1, 1, bits), Error);
  }
}

TEST_CASE("extreme vectors: nothing overflows, and what is not finite counts as zeros") {
  ClippedGradientSum sum(2, 1, 20);
  const auto most = static_cast<std::int64_t>(1) << 20;
  for (const double huge : {1e308, 1e200, 1e20}) {
    const auto whole = of_one(sum, {huge, 0});
    CHECK(whole[0] == most - 1);
    CHECK(std::llabs(of_one(sum, {huge, -huge})[1] +
                     std::llround(std::sqrt(0.5) * static_cast<double>(most))) <= 1);
  }
  CHECK(of_one(sum, {5e-324, 1e-310}) == std::vector<std::int64_t>{0, 0});
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    CHECK(of_one(sum, {5, bad}) == std::vector<std::int64_t>{0, 0});
  }
  for (const double clip : {1e-290, 1e290}) {
    ClippedGradientSum scaled(1, clip, 20);
    CHECK(of_one(scaled, {clip / 2})[0] == most / 2);
    CHECK(of_one(scaled, {1e308})[0] == most);  // 2^20 - 1/2, rounded
    CHECK(of_one(scaled, {5e-324})[0] == 0);
  }
}

TEST_CASE("impossible settings are refused") {
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    CHECK_THROWS_AS(ClippedGradientSum(2, bad, 20), Error);
    CHECK_THROWS_AS(static_cast<void>(ClippedGradientSum(2, 1, 20).noise_variance(bad)), Error);
  }
  CHECK_THROWS_AS(ClippedGradientSum(2, 1, 0), Error);
  CHECK_THROWS_AS(ClippedGradientSum(2, 1, 31), Error);
  CHECK_THROWS_AS(ClippedGradientSum(2, 1, 20).add(std::vector<double>(3)), Error);
  CHECK_NOTHROW(static_cast<void>(ClippedGradientSum(2, 1, 20).noise_variance(2000)));
  CHECK_THROWS_WITH_AS(static_cast<void>(ClippedGradientSum(2, 1, 20).noise_variance(2049)),
                       doctest::Contains("at most 2^11"), Error);
}

}  // namespace privacy_clipped_gradient_sum_test
