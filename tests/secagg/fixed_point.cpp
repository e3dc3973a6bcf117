#include "healthai/secagg/fixed_point.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/random.hpp"
#include "refusals.hpp"

namespace secagg_fixed_point_test {

using namespace healthai;
using namespace healthai::secagg;
using refusals_test::refuses;

TEST_CASE("fixed point: a ring has no negative numbers") {
  CHECK(reduce(-5, 1024) == 1019);
  CHECK(reduce(-1, 1024) == 1023);
  CHECK(reduce(1024, 1024) == 0);
  CHECK(reduce(-1024, 1024) == 0);
  CHECK(reduce(-1025, 1024) == 1023);
  CHECK(reduce(-7, 1) == 0);
  CHECK(reduce(-1, UINT64_MAX) == UINT64_MAX - 1);
  CHECK(reduce(INT64_MIN, std::uint64_t{1} << 63U) == 0);
  CHECK(reduce(INT64_MIN, 3) == 1);  // 2^63 mod 3 is 2
  CHECK(reduce(INT64_MAX, 3) == 1);
  refuses([] { static_cast<void>(reduce(1, 0)); }, error::invalid_argument, "modulus");
}

TEST_CASE("fixed point: levels by hand") {
  const FixedPoint point(8, 4096);  // 256 levels to 1
  CHECK(point.scaled(-8) == 0);
  CHECK(point.scaled(8) == 4096);
  CHECK(point.scaled(0) == 2048);
  CHECK(point.scaled(-1e300) == 0);
  CHECK(point.scaled(100) == 4096);
  CHECK(point.nearest(1.0 / 512) == 2049);  // a half goes up
  CHECK(point.nearest(-1.0 / 512) == 2048);
  CHECK(point.nearest(1.0 / 1024) == 2048);
  CHECK(point.decode(2048) == 0);
  CHECK(point.decode(0) == -8);
  CHECK(point.decode(4096) == 8);
  CHECK(point.decode(3 * 2048 + 256, 3) == 1);  // a sum of three
  // 3 does not divide: the largest number must not be rounded to a level above the last one.
  Stream random(1, Purpose::test);
  for (const double clip : {3.0, 0.1, 1e-3, 7.7e5}) {
    for (const std::uint64_t levels : {std::uint64_t{1}, std::uint64_t{65536}, FixedPoint::most_levels}) {
      const FixedPoint odd(clip, levels);
      CHECK(odd.nearest(2 * clip) == levels);
      CHECK(odd.stochastic(2 * clip, random) == levels);
      CHECK(odd.nearest(-2 * clip) == 0);
      CHECK(odd.stochastic(-2 * clip, random) == 0);
    }
  }
}

TEST_CASE("fixed point: stochastic rounding takes a neighbour, without bias") {
  const FixedPoint point(1, 100);
  Stream random(2, Purpose::test);
  for (const double value : {-0.999, -0.345, 0.0, 0.0101, 0.5, 0.7777}) {
    const double exact = point.scaled(value);
    constexpr int draws = 20000;
    double sum = 0;
    for (int draw = 0; draw < draws; ++draw) {
      const auto level = static_cast<double>(point.stochastic(value, random));
      CHECK_MESSAGE((level == std::floor(exact) || level == std::ceil(exact)), level);
      sum += level;
    }
    const double share = exact - std::floor(exact);
    CHECK(std::abs(sum / draws - exact) <= 4.5 * std::sqrt(share * (1 - share) / draws) + 1e-12);
  }
}

TEST_CASE("fixed point: the sum of many is the sum of their levels, and as close as the rounding") {
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::size_t>(1, 30);
    const double clip = *rc::gen::inRange(1, 1000) / 10.0;
    const FixedPoint point(clip, *rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 40U));
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    std::uint64_t sum = 0, total = 0;
    double exact = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double value = clip * (2 * uniform(random) - 1);
      const std::uint64_t weight = 1 + uniform_index(random, 1000);
      sum += weight * point.stochastic(value, random);
      total += weight;
      exact += static_cast<double>(weight) * value;
    }
    const double step = 2 * clip / static_cast<double>(point.levels());
    const auto weight = static_cast<double>(total);
    RC_ASSERT(std::abs(point.decode(sum, total) - exact) <= weight * (step + 1e-14 * clip));
  }));
}

TEST_CASE_TEMPLATE("fixed point: a vector, and how much of it was clipped", Scalar, float, double) {
  const FixedPoint point(1, 1000);
  const std::vector<Scalar> values{Scalar{-3}, Scalar{-1}, Scalar{0}, Scalar{0.25}, Scalar{1}, Scalar{1.5}};
  std::vector<std::uint64_t> levels(values.size());
  Stream random(3, Purpose::test), again(3, Purpose::test);
  CHECK(point.encode(std::span<const Scalar>(values), levels, random) == 2);
  CHECK(levels == std::vector<std::uint64_t>{0, 0, 500, 625, 1000, 1000});
  // One draw for every number: what is rounded does not shift the randomness of the rest.
  for (std::size_t i = 0; i < values.size(); ++i) static_cast<void>(again());
  CHECK(random() == again());
  std::vector<std::uint64_t> few(2);
  refuses([&] { point.encode(std::span<const Scalar>(values), few, random); }, error::layout_mismatch,
          "6 numbers, but room for 2");
}

TEST_CASE("fixed point: NaN and infinity are not clipped but refused") {
  const FixedPoint point(1, 1000);
  Stream random(4, Purpose::test);
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    refuses([&] { static_cast<void>(point.scaled(bad)); }, error::not_finite, "check an update");
    refuses([&] { static_cast<void>(point.nearest(bad)); }, error::not_finite, "encoded");
    refuses([&] { static_cast<void>(point.stochastic(bad, random)); }, error::not_finite, "encoded");
  }
}

TEST_CASE("fixed point: a ring in which no sum wraps") {
  const FixedPoint point(8, std::uint64_t{1} << 22U);
  CHECK(point.ring_bits(1) == 32);
  CHECK(point.ring_bits(1023) == 32);
  CHECK(point.ring_bits(1024) == 64);  // 2^32 itself wraps to 0
  CHECK(point.ring_bits((std::uint64_t{1} << 42U) - 1) == 64);
  refuses([&] { static_cast<void>(point.ring_bits(std::uint64_t{1} << 42U)); }, error::overflow, "64 bits");
  CHECK(FixedPoint(1, 1).ring_bits(UINT64_MAX) == 64);
  // A sum that wrapped, or that somebody shifted, is told from what such weights can make.
  CHECK(point.decode(std::uint64_t{3} << 22U, 3) == 24);
  refuses([&] { static_cast<void>(point.decode((std::uint64_t{3} << 22U) + 1, 3)); }, error::overflow,
          "total weight of 3");
  refuses([&] { static_cast<void>(point.decode(UINT64_MAX, 3)); }, error::overflow, "more than");
  CHECK(point.decode(0, 0) == 0);
}

TEST_CASE("fixed point: impossible settings") {
  refuses([] { FixedPoint(0, 16); }, error::invalid_argument, "clip must be positive, but is 0");
  refuses([] { FixedPoint(-1, 16); }, error::invalid_argument, "clip");
  refuses([] { FixedPoint(std::nan(""), 16); }, error::invalid_argument, "clip");
  refuses([] { FixedPoint(HUGE_VAL, 16); }, error::invalid_argument, "clip");
  refuses([] { FixedPoint(1, 0); }, error::invalid_argument, "levels");
  refuses([] { FixedPoint(1, FixedPoint::most_levels + 1); }, error::invalid_argument, "levels");
  refuses([] { FixedPoint(1e-320, 16); }, error::invalid_argument, "beyond the range");
  refuses([] { FixedPoint(1.7e308, 16); }, error::invalid_argument, "beyond the range");
}

}  // namespace secagg_fixed_point_test
