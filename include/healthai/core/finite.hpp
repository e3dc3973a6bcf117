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
  // The exponent's bits are all ones in NaN and infinity only: there, adding its lowest bit carries into the sign. (Not a
  // comparison of 64-bit integers, for which SSE2 has no instruction.)
  constexpr int mantissa = sizeof(Scalar) == 4 ? 23 : 52;
  constexpr Bits sign = Bits{1} << (8 * sizeof(Bits) - 1);
  constexpr Bits lowest = Bits{1} << mantissa;
  constexpr Bits exponent = sign - lowest;
  constexpr std::size_t block =
      4096;  // long enough for vector code, short enough to stop early at a bad value
  for (std::size_t begin = 0; begin < values.size(); begin += block) {
    const std::size_t end = begin + block < values.size() ? begin + block : values.size();
    Bits carries = 0;
    for (std::size_t i = begin; i < end; ++i) {
      carries |= (std::bit_cast<Bits>(values[i]) & exponent) + lowest;
    }
    if ((carries & sign) != 0) return false;
  }
  return true;
}

/// Whether `value` is a finite number, tested on the bits.
[[nodiscard]] inline bool is_finite(double value) noexcept {
  return all_finite(std::span<const double>(&value, 1));
}

}  // namespace healthai
