#pragma once

#include <cstddef>
#include <cstdint>

#include "healthai/config.hpp"

namespace healthai::secagg {

/// The field of 2^61 - 1 elements, in which secrets are shared: a prime modulo which a number of 128 bits is reduced by
/// adding its pieces of 61 bits, and 64 products fit into 128 bits. No branch, address or division depends on an element.
/// Thread safety: no state.
struct Mersenne61 {
  static constexpr std::uint64_t modulus = (std::uint64_t{1} << 61U) - 1;
  static constexpr unsigned chunk_bits = 60;  ///< 32 bytes are 5 elements
  static constexpr std::size_t value_bytes = 8;
  static constexpr std::size_t dot_length = 32;

  [[nodiscard]] static constexpr std::uint64_t add(std::uint64_t a, std::uint64_t b) noexcept {
    return below_modulus(a + b);
  }
  [[nodiscard]] static constexpr std::uint64_t subtract(std::uint64_t a, std::uint64_t b) noexcept {
    return below_modulus(a + modulus - b);
  }
  [[nodiscard]] static constexpr std::uint64_t multiply(std::uint64_t a, std::uint64_t b) noexcept {
    return reduce_wide(static_cast<Wide>(a) * b);
  }
  /// c d + the sum of a[i] b[i] for i below `dot_length`.
  [[nodiscard]] static constexpr std::uint64_t dot(const std::uint64_t* a, const std::uint64_t* b,
                                                   std::uint64_t c = 0, std::uint64_t d = 0) noexcept {
    Wide sum = static_cast<Wide>(c) * d;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < dot_length; ++i) sum += static_cast<Wide>(a[i]) * b[i];
    return reduce_wide(sum);
  }

 private:
  __extension__ using Wide = unsigned __int128;  // nowhere else in the library

  /// Of a number below 2 modulus.
  [[nodiscard]] static constexpr std::uint64_t below_modulus(std::uint64_t value) noexcept {
    const std::uint64_t less = value - modulus;
    const std::uint64_t borrowed = std::uint64_t{0} - (less >> 63U);  // all ones if value < modulus
    return less + (modulus & borrowed);
  }
  /// 2^61 is 1, so the upper bits are added to the lower ones: after the first time below 2^68, after the second below
  /// 2^61 + 2^7.
  [[nodiscard]] static constexpr std::uint64_t reduce_wide(Wide value) noexcept {
    value = (value & modulus) + (value >> 61U);
    const std::uint64_t folded =
        (static_cast<std::uint64_t>(value) & modulus) + static_cast<std::uint64_t>(value >> 61U);
    return below_modulus(folded);
  }
};

}  // namespace healthai::secagg
