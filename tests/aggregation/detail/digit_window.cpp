#include "healthai/aggregation/detail/digit_window.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <limits>

namespace aggregation_detail_digit_window_test {

using namespace healthai::detail;

namespace {

Window<Lanes1> window_of(double value, double weight) {
  Window<Lanes1> window{};
  const SplitWeight split = SplitWeight::of(weight);
  window.add_product(&value, split.fraction, split.position);
  return window;
}

}  // namespace

TEST_CASE("split weight: a fraction in [1/2, 1) and an exponent") {
  const auto split = SplitWeight::of(12);
  CHECK(split.fraction == 0.75);
  CHECK(split.position == grid_bias + 4);
  CHECK(SplitWeight::of(0).fraction == 0);
  CHECK(SplitWeight::of(std::numeric_limits<double>::denorm_min()).fraction == 0.5);
}

TEST_CASE("digit window: the digits of a number lie where the grid says") {
  // 2^32j / 2^grid_offset is one unit of digit j. Digit 67 counts units of 2^(32*67 - 2175) = 2^-31.
  static_assert(grid_offset == 2175);
  const auto one = window_of(1.0, 1.0);
  CHECK(one.anchor == 67);
  CHECK(one.high == std::int64_t{1} << 31);
  CHECK(one.middle == 0);
  CHECK(one.low == 0);
  const auto negative = window_of(-0x1.00000001p0, 1.0);  // -(1 + 2^-32)
  CHECK(negative.anchor == 67);
  CHECK(negative.high == -(std::int64_t{1} << 31));
  CHECK(negative.middle == -(std::int64_t{1} << 31));
  const auto two = window_of(2.0, 1.0);
  CHECK(two.anchor == 68);
  CHECK(two.high == 1);
}

TEST_CASE("digit window: the ends of the range stay on the grid, and zero moves nothing") {
  const double most = (std::numeric_limits<double>::max)();
  const double least = std::numeric_limits<double>::denorm_min();
  CHECK(window_of(most, most).anchor <= max_anchor);
  CHECK(window_of(most, most).high > 0);
  CHECK(window_of(least, least).anchor == 0);
  CHECK(window_of(least, least).high != 0);  // 2^-2148, far below the range of double
  CHECK(window_of(0.0, most).anchor == 0);
  CHECK(window_of(-0.0, most).high == 0);
  CHECK(window_of(most, 0.0).anchor == 0);
}

TEST_CASE("digit window: it moves up with a larger term, and drops what is below it") {
  Window<Lanes1> window{};
  window.add(1, 2, 3, 10);
  window.add(10, 20, 30, 9);  // one below: the last digit is dropped
  CHECK(window.high == 1);
  CHECK(window.middle == 12);
  CHECK(window.low == 23);
  window.add(100, 200, 300, 8);
  CHECK(window.low == 123);
  window.add(7, 7, 7, 7);  // below the window
  CHECK(window.low == 123);
  window.add(5, 6, 7, 11);
  CHECK(window.anchor == 11);
  CHECK(window.high == 5);
  CHECK(window.middle == 7);
  CHECK(window.low == 19);
  window.add(1, 1, 1, 13);
  CHECK(window.low == 6);
  CHECK(window.middle == 1);
  window.add(1, 1, 1, 16);
  CHECK(window.high == 1);
  CHECK(window.low == 1);
}

}  // namespace aggregation_detail_digit_window_test
