#include "healthai/compression/detail/narrow.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace compression_detail_narrow_test {

using namespace healthai::detail;

namespace {

template <class Narrow>
std::uint16_t bits_of(Narrow value) {
  return Eigen::numext::bit_cast<std::uint16_t>(value);
}
template <class Narrow>
double value_of(unsigned bits) {
  return static_cast<double>(
      static_cast<float>(Eigen::numext::bit_cast<Narrow>(static_cast<std::uint16_t>(bits))));
}

/// Every finite number of the format comes back; between neighbours, the tie goes to the even one, and what is a trifle away
/// from the tie, in float and in double, to the nearer one.
template <class Narrow>
void check_all(unsigned infinity) {
  std::size_t wrong = 0;
  for (unsigned magnitude = 0; magnitude < infinity; ++magnitude) {
    for (const unsigned sign : {0U, 0x8000U}) {
      const unsigned here = magnitude | sign;
      const double value = value_of<Narrow>(here);
      wrong += bits_of(narrow<Narrow>(value)) != here;
      wrong += bits_of(narrow<Narrow>(static_cast<float>(value))) != here;
      if (magnitude + 1 == infinity) continue;
      const unsigned next = here + 1;
      const double tie = value + (value_of<Narrow>(next) - value) / 2;  // exact
      wrong += bits_of(narrow<Narrow>(tie)) != (magnitude % 2 == 0 ? here : next);
      wrong += bits_of(narrow<Narrow>(std::nextafter(tie, value))) != here;
      wrong += bits_of(narrow<Narrow>(std::nextafter(tie, value_of<Narrow>(next)))) != next;
      const auto short_tie = static_cast<float>(tie);
      if (static_cast<double>(short_tie) != tie) continue;  // below the smallest float
      wrong += bits_of(narrow<Narrow>(short_tie)) != (magnitude % 2 == 0 ? here : next);
      wrong += bits_of(narrow<Narrow>(std::nextafter(short_tie, static_cast<float>(value)))) != here;
      wrong +=
          bits_of(narrow<Narrow>(std::nextafter(short_tie, static_cast<float>(value_of<Narrow>(next))))) !=
          next;
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("all numbers of binary16 and of bfloat16, and all ties between them") {
  check_all<Eigen::half>(0x7C00);
  check_all<Eigen::bfloat16>(0x7F80);
}

TEST_CASE("beyond the range it is the largest number, with its sign") {
  for (const double huge : {65520.0, 1e30, 1e300, (std::numeric_limits<double>::max)()}) {
    CHECK(bits_of(narrow<Eigen::half>(huge)) == 0x7BFF);
    CHECK(bits_of(narrow<Eigen::half>(-huge)) == 0xFBFF);
  }
  CHECK(bits_of(narrow<Eigen::half>(65519.0)) == 0x7BFF);
  constexpr float largest = (std::numeric_limits<float>::max)();
  CHECK(bits_of(narrow<Eigen::bfloat16>(largest)) == 0x7F7F);
  CHECK(bits_of(narrow<Eigen::bfloat16>(-1e300)) == 0xFF7F);
}

TEST_CASE("rounding to odd keeps what is a float, and truncates the rest with the last bit set") {
  CHECK(rounded_to_odd(0.5) == 0.5F);
  CHECK(rounded_to_odd(1 + 0x1p-40) == 1 + 0x1p-23F);
  CHECK(rounded_to_odd(-1 - 0x1p-40) == -1 - 0x1p-23F);
  CHECK(rounded_to_odd(1 - 0x1p-40) == 1 - 0x1p-24F);
  CHECK(rounded_to_odd(1e-300) == std::numeric_limits<float>::denorm_min());
  CHECK(rounded_to_odd(-1e300) == -(std::numeric_limits<float>::max)());
  CHECK(rc::check([](std::uint64_t bits) {
    const auto value = std::bit_cast<double>(bits);
    if (!std::isfinite(value) || std::abs(value) > 1e38) return;
    const float odd = rounded_to_odd(value);
    if (static_cast<double>(odd) == value) return;
    RC_ASSERT(std::bit_cast<std::uint32_t>(odd) % 2 == 1);
    // The neighbours, which are even, enclose it.
    const double below = std::nextafter(odd, -std::numeric_limits<float>::infinity());
    const double above = std::nextafter(odd, std::numeric_limits<float>::infinity());
    RC_ASSERT(below < value);
    RC_ASSERT(value < above);
  }));
}

}  // namespace compression_detail_narrow_test
