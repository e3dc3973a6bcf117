#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "healthai/config.hpp"

namespace healthai {

/// Whether every value is a finite number. Tested on the bits, which no compiler flag can optimise away, and without
/// branches, so that it runs at the speed of reading.
template <std::floating_point Scalar>
[[nodiscard]] bool all_finite(std::span<const Scalar> values) noexcept {
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;
  static_assert(sizeof(Scalar) == sizeof(Bits), "healthai works with float and double");
  constexpr Bits exponent = sizeof(Scalar) == 4 ? Bits{0x7f800000U} : static_cast<Bits>(0x7ff0000000000000U);
  constexpr std::size_t block =
      4096;  // long enough for vector code, short enough to stop early at a bad value
  for (std::size_t begin = 0; begin < values.size(); begin += block) {
    const std::size_t end = begin + block < values.size() ? begin + block : values.size();
    Bits bad = 0;
    for (std::size_t i = begin; i < end; ++i) {
      bad |= static_cast<Bits>((std::bit_cast<Bits>(values[i]) & exponent) == exponent);
    }
    if (bad != 0) return false;
  }
  return true;
}

/// Whether `value` is a finite number, tested on the bits.
[[nodiscard]] inline bool is_finite(double value) noexcept {
  return all_finite(std::span<const double>(&value, 1));
}

}  // namespace healthai
