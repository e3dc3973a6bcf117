#pragma once

#include <cstddef>
#include <cstdint>

/// The numbers modulo any prime below 2^32, by the remainder of a division: for tests. (It is not of constant time.)
template <std::uint64_t Modulus, unsigned ChunkBits = 2>
struct SmallField {
  static constexpr std::uint64_t modulus = Modulus;
  static constexpr unsigned chunk_bits = ChunkBits;
  static constexpr std::size_t value_bytes = Modulus <= 256 ? 1 : 4;
  static constexpr std::size_t dot_length = 2;
  static constexpr std::uint64_t add(std::uint64_t a, std::uint64_t b) { return (a + b) % Modulus; }
  static constexpr std::uint64_t subtract(std::uint64_t a, std::uint64_t b) {
    return (a + Modulus - b) % Modulus;
  }
  static constexpr std::uint64_t multiply(std::uint64_t a, std::uint64_t b) { return a * b % Modulus; }
  static constexpr std::uint64_t dot(const std::uint64_t* a, const std::uint64_t* b, std::uint64_t c,
                                     std::uint64_t d) {
    return (multiply(a[0], b[0]) + multiply(a[1], b[1]) + multiply(c, d)) % Modulus;
  }
};
