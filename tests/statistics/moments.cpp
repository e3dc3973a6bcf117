#include "healthai/statistics/moments.hpp"

#include <doctest/doctest.h>

#include <array>

namespace statistics_moments_test {

using namespace healthai;

TEST_CASE("moments: by hand, about a centre that is not the mean") {
  // 1, 2, 4, 9 about 3: mean 4, second to fourth central moments 9.5, 22.5, 180.5.
  const std::array<double, 4> sums{-2 - 1 + 1 + 6, 4 + 1 + 1 + 36, -8 - 1 + 1 + 216, 16 + 1 + 1 + 1296};
  const Moments moments = Moments::of(4, 3, sums);
  CHECK(moments.mean() == 4);
  CHECK(moments.shift == 1);
  CHECK(moments.m2 == 9.5);
  CHECK(moments.m3 == 22.5);
  CHECK(moments.m4 == 180.5);
  CHECK(moments.variance() == 38.0 / 3);
  CHECK(moments.centred_squares() == 38);
  CHECK(*moments.skewness() == doctest::Approx(22.5 / (9.5 * 3.0822070014844885)));
  CHECK(*moments.kurtosis() == doctest::Approx(180.5 / 90.25));
  // The same in a unit of a half: the differences are twice as many.
  const std::array<double, 4> doubled{2 * sums[0], 4 * sums[1], 8 * sums[2], 16 * sums[3]};
  const Moments scaled = Moments::of(4, 3, doubled, 0.5);
  CHECK(scaled.mean() == 4);
  CHECK(scaled.m2 == 9.5);
  CHECK(scaled.m3 == 22.5);
  CHECK(scaled.m4 == 180.5);
}

TEST_CASE("moments: what is not defined is not there") {
  CHECK_FALSE(Moments::of(0, 0, std::array<double, 4>{}).variance());
  const Moments one = Moments::of(1, 5, std::array<double, 4>{});
  CHECK(one.mean() == 5);
  CHECK_FALSE(one.variance());
  CHECK_FALSE(one.skewness());
  const Moments constant = Moments::of(3, 5, std::array<double, 4>{});
  CHECK(constant.variance() == 0);
  CHECK_FALSE(constant.skewness());
  CHECK_FALSE(constant.kurtosis());
  // Three times 0.1: the centre is off by a rounding, and that is no variance.
  const double d = 0.1 - 0.30000000000000004 / 3;
  const std::array<double, 4> rounding{3 * d, 3 * d * d * (1 + 1e-9), 0, 0};
  CHECK(Moments::of(3, 0.30000000000000004 / 3, rounding).variance() == 0);
  // Below the resolution that is said.
  CHECK(Moments::of(2, 0, std::array<double, 4>{0, 2e-6, 0, 0}, 1, 1e-2).variance() == 0);
  CHECK(Moments::of(2, 0, std::array<double, 4>{0, 2e-6, 0, 0}).variance() == 2e-6);
}

}  // namespace statistics_moments_test
