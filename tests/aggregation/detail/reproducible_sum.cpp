#include "healthai/aggregation/detail/reproducible_sum.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace aggregation_detail_reproducible_sum_test {

using namespace healthai::detail;

namespace {

// Any finite number: bit patterns, so that all magnitudes come up, subnormal ones and zeros too.
template <class Scalar>
Scalar any_finite() {
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  const auto value = std::bit_cast<Scalar>(*rc::gen::resize(1000, rc::gen::arbitrary<Bits>()));
  return std::isfinite(value) ? value : Scalar{0};
}

struct Sums {
  std::vector<std::int64_t> high, middle, low;
  std::vector<std::int32_t> anchor;
  explicit Sums(std::size_t size) : high(size), middle(size), low(size), anchor(size) {}
  DigitArrays arrays() { return {high.data(), middle.data(), low.data(), anchor.data()}; }
  friend bool operator==(const Sums&, const Sums&) = default;
};

}  // namespace

TEST_CASE_TEMPLATE("reproducible sum: every instruction set makes the same digits", Scalar, float, double) {
  CHECK(rc::check([] {
    const auto size = *rc::gen::inRange<std::size_t>(0, 40);
    const auto clients = *rc::gen::inRange<std::size_t>(1, 10);
    std::vector<std::vector<Scalar>> values(clients);
    std::vector<const Scalar*> pointers;
    std::vector<SplitWeight> weights;
    for (auto& vector : values) {
      for (std::size_t i = 0; i < size; ++i) vector.push_back(any_finite<Scalar>());
      pointers.push_back(vector.data());
      weights.push_back(SplitWeight::of(std::abs(any_finite<double>())));
    }
    Sums expected(size);
    for (std::size_t k = clients; k-- > 0;) {  // backwards, one at a time
      reproducible_add_kernel<Scalar>(Simd::baseline)(expected.arrays(), {&pointers[k], nullptr, 1},
                                                      &weights[k], 0, size);
    }
    for (const Simd simd : supported_simd()) {
      Sums sums(size);
      reproducible_add_kernel<Scalar>(simd)(sums.arrays(), {pointers.data(), nullptr, clients},
                                            weights.data(), 0, size);
      RC_ASSERT(sums == expected);
    }
  }));
}

TEST_CASE("reproducible sum: of one number it is that number") {
  CHECK(rc::check([] {
    const double value = any_finite<double>();
    ReproducibleSum sum;
    sum.add(value);
    RC_ASSERT(divide(sum.value(), WideNumber{0x1p62, -62}) == value);
    RC_ASSERT(divide(sum.value(), WideNumber{0x1p62, -62 - 1}) == value * 2);  // infinite where that is
  }));
}

TEST_CASE("reproducible sum: wide numbers are rounded once, to nearest even") {
  const auto as_double = [](std::int64_t high, std::int64_t middle, std::int64_t low) {
    const auto wide = wide_number(high, middle, low, 0);
    return std::ldexp(wide.fraction, static_cast<int>(wide.exponent + grid_offset + 64));  // units of `low`
  };
  CHECK(as_double(0, 0, 0) == 0.0);
  CHECK(as_double(0, 0, 5) == 5.0);
  CHECK(as_double(0, 0, -5) == -5.0);
  CHECK(as_double(0, 1, -1) == 0x1p32 - 1);
  CHECK(as_double(1, -1, 0) == 0x1p64 - 0x1p32);
  CHECK(as_double(-1, 0, 1) == -0x1p64);
  CHECK(as_double(0x200000, 0, 0) == 0x1p85);
  CHECK(as_double(0x200000, 0, 1) == 0x1p85);
  // Half a unit of the last of 53 bits is 2^32 here: ties go to even, and a single unit below decides.
  CHECK(as_double(0x200000, 1, 0) == 0x1p85);
  CHECK(as_double(0x200000, 1, 1) == 0x1p85 + 0x1p33);
  CHECK(as_double(0x200000, 3, 0) == 0x1p85 + 0x1p34);
  CHECK(as_double(-0x200000, -1, -1) == -0x1p85 - 0x1p33);
  // The most that 2^31 terms can leave in each digit.
  const std::int64_t most = static_cast<std::int64_t>(reproducible_max_terms * 0xffffffffU);
  CHECK(as_double(most, most, most) == doctest::Approx(0x1p127).epsilon(1e-9));
  CHECK(as_double(-most, -most, -most) == doctest::Approx(-0x1p127).epsilon(1e-9));
}

TEST_CASE("reproducible sum: quotients reach both ends of the range") {
  const WideNumber one{0x1p62, -62};
  const double most = (std::numeric_limits<double>::max)();
  const double least = std::numeric_limits<double>::denorm_min();
  CHECK(divide({0x1p62, 1023 - 62}, one) == 0x1p1023);
  CHECK(divide({0x1p62, 1024 - 62}, one) == most);  // the rounding that the largest doubles can suffer
  CHECK(divide({-0x1p62, 1024 - 62}, one) == -most);
  CHECK(divide({0x1.1p62, 1024 - 62}, one) == HUGE_VAL);
  CHECK(divide({-0x1p62, 4000}, one) == -HUGE_VAL);
  CHECK(divide({0x1p62, -1074 - 62}, one) == least);
  CHECK(divide({0x1p62, -1076 - 62}, one) == 0.0);
  CHECK(divide({0x1p62, -5000}, one) == 0.0);
  CHECK(divide({}, one) == 0.0);
  CHECK(divide({0x1p63, 2000}, {0x1p62, 2000}) == 2.0);
}

}  // namespace aggregation_detail_reproducible_sum_test
