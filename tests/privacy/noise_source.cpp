#include "healthai/privacy/noise_source.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace privacy_noise_source_test {

using namespace healthai;

namespace {

static_assert(NoiseSource<ExactNoise<Stream>> && NoiseSource<TestNoise>);
struct Copyable {
  static void add_gaussian(std::span<std::int64_t>, double) {}
  [[nodiscard]] Stream& generator();
};
struct WithoutGenerator {
  WithoutGenerator(WithoutGenerator&&) = default;
  WithoutGenerator& operator=(WithoutGenerator&&) = default;
  static void add_gaussian(std::span<std::int64_t>, double) {}
};
static_assert(!NoiseSource<Copyable> && !NoiseSource<WithoutGenerator> && !NoiseSource<int>);

template <class Noise>
void has_the_variance(Noise noise) {
  const double variance = 12345.5;
  std::vector<std::int64_t> sums(20000, 1000);
  noise.add_gaussian(sums, variance);
  double sum = 0, squares = 0;
  for (const std::int64_t value : sums) {
    const auto x = static_cast<double>(value - 1000);
    sum += x;
    squares += x * x;
  }
  const auto n = static_cast<double>(sums.size());
  CHECK(std::fabs(sum / n) < 4.9 * std::sqrt(variance / n));
  CHECK(std::fabs(squares / n / variance - 1) < 4.9 * std::sqrt(2 / n));
  static_cast<void>(noise.generator()());
}

}  // namespace

TEST_CASE("both sources add noise of the variance that was asked for") {
  has_the_variance(ExactNoise{Stream(1, Purpose::test)});
  has_the_variance(TestNoise(1));
}

}  // namespace privacy_noise_source_test
