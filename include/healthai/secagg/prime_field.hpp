#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>  // std::uniform_random_bit_generator

#include "healthai/config.hpp"

namespace healthai::secagg {

/// The whole numbers modulo a prime, as secret sharing needs them: a class of constants and static functions. An element is
/// a std::uint64_t below `modulus`; every function takes and gives such.
///
/// - `modulus`: the prime, above 2 and below 2^63
/// - `chunk_bits`: a secret is cut into pieces of so many bits; 2^chunk_bits <= modulus
/// - `value_bytes`: an element takes so many bytes when it is written
/// - `add`, `subtract`, `multiply`
/// - `dot_length`, a power of two, at least 2, and `dot(a, b, c, d)`: c d + the sum of a[i] b[i] over that many elements. One
///   reduction is then enough for all of them, which is what makes sharing fast.
///
/// Elements may be secret: a field for other purposes than tests neither branches nor addresses memory by their values,
/// and uses no division (whose time depends on them).
template <class F>
concept PrimeField = requires(std::uint64_t a, const std::uint64_t* many) {
  { F::modulus } -> std::convertible_to<std::uint64_t>;
  { F::chunk_bits } -> std::convertible_to<unsigned>;
  { F::value_bytes } -> std::convertible_to<std::size_t>;
  { F::dot_length } -> std::convertible_to<std::size_t>;
  { F::add(a, a) } -> std::same_as<std::uint64_t>;
  { F::subtract(a, a) } -> std::same_as<std::uint64_t>;
  { F::multiply(a, a) } -> std::same_as<std::uint64_t>;
  { F::dot(many, many, a, a) } -> std::same_as<std::uint64_t>;
};

/// A uniform element: so many random bits as the modulus has, drawn again if they are not below it. How often that happens
/// says nothing about the element.
template <PrimeField F, std::uniform_random_bit_generator Generator>
[[nodiscard]] std::uint64_t uniform_element(Generator& generator) {
  static_assert(Generator::min() == 0 && Generator::max() == std::numeric_limits<std::uint64_t>::max(),
                "a generator for field elements must give all numbers of 64 bits");
  constexpr int unused = std::countl_zero(std::uint64_t{F::modulus - 1});
  std::uint64_t bits = 0;
  do {
    bits = static_cast<std::uint64_t>(generator()) >> unused;
  } while (bits >= F::modulus);
  return bits;
}

/// 1 / value, as value^(modulus - 2) (Fermat). Of 0 it is 0.
template <PrimeField F>
[[nodiscard]] std::uint64_t inverse(std::uint64_t value) noexcept {
  std::uint64_t result = 1;
  for (std::uint64_t exponent = F::modulus - 2; exponent != 0; exponent >>= 1U) {  // the modulus is public
    if ((exponent & 1U) != 0) result = F::multiply(result, value);
    value = F::multiply(value, value);
  }
  return result;
}

}  // namespace healthai::secagg
