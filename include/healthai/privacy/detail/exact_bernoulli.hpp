#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>

#include "healthai/core/error.hpp"

// Events of an exact probability, decided by comparing integers with random bits.
namespace healthai::detail {

/// Random bits by the piece from a generator of 64 at a time: none is thrown away before this object is.
template <class Generator>
class RandomBits {
  static_assert(std::is_same_v<typename Generator::result_type, std::uint64_t> ||
                    (std::is_unsigned_v<typename Generator::result_type> &&
                     sizeof(typename Generator::result_type) == 8),
                "healthai: the generator must give 64 random bits at a time");
  static_assert(Generator::min() == 0 && Generator::max() == std::numeric_limits<std::uint64_t>::max(),
                "healthai: the generator must give all numbers of 64 bits");

 public:
  explicit RandomBits(Generator& generator) noexcept : generator_(generator) {}

  /// `count` bits, at most 32.
  [[nodiscard]] std::uint64_t take(unsigned count) {
    if (left_ < count) {  // at most 31 are left: they go above the new ones, of which 64 - count may remain
      const std::uint64_t fresh = generator_();
      const unsigned missing = count - left_;
      const std::uint64_t value = (word_ << missing) | (missing == 0 ? 0 : fresh >> (64U - missing));
      word_ = fresh & (~std::uint64_t{0} >> missing);
      left_ = 64U - missing;
      return value;
    }
    left_ -= count;
    const std::uint64_t value = word_ >> left_;
    word_ ^= value << left_;
    return value;
  }
  /// Uniform in [0, count); 1 <= count <= 2^62.
  [[nodiscard]] std::uint64_t below(std::uint64_t count) {
    const auto width = static_cast<unsigned>(std::bit_width(count - 1));
    for (;;) {
      const std::uint64_t high = width > 32 ? take(width - 32) << 32U : 0;
      const std::uint64_t value = high | take(width > 32 ? 32 : width);
      if (value < count) return value;
    }
  }

 private:
  Generator& generator_;
  std::uint64_t word_ = 0;  // the bits that are left, as a number
  unsigned left_ = 0;
};

/// What is asked at most so often before a generator is taken for broken: that a good one ever gets there has a probability
/// below 1 / 256! or exp(-2^20).
[[noreturn]] inline void throw_not_random() {
  throw Error(error::invalid_argument,
              "privacy noise: the generator gives the same bits again and again, not random ones");
}

/// True with the probability part / whole (1 if part >= whole). A uniform number in [0, 1) is drawn eight bits at a time, and no further than it
/// takes to know on which side it is. \pre whole < 2^(bits of Integer - 8)
template <class Bits, class Integer>
[[nodiscard]] bool bernoulli(Bits& bits, Integer part, const Integer& whole) {
  // u < part / whole, with u = (byte + u') / 256, is u' < (256 part - byte whole) / whole.
  while (part < whole) {
    part <<= 8;
    const Integer drawn = static_cast<Integer>(whole * static_cast<std::uint32_t>(bits.take(8)));
    if (part <= drawn) return false;
    part -= drawn;
  }
  return true;
}

/// True with the probability exp(-part / whole), for part <= whole (Canonne, Kamath, Steinke 2020, algorithm 1).
/// \pre whole < 2^(bits of Integer - 16)
template <class Bits, class Integer>
[[nodiscard]] bool bernoulli_exp_fraction(Bits& bits, const Integer& part, const Integer& whole) {
  Integer multiple = whole;
  for (unsigned k = 1; k < 256; ++k, multiple += whole) {
    if (!bernoulli(bits, part, multiple)) return k % 2 == 1;
  }
  throw_not_random();
}

/// True with the probability exp(-1). That is algorithm 1 again, whose k-th question is a yes with the probability 1 / k: all
/// up to the k-th are where a uniform u is below 1 / k!, so that one byte of u mostly tells which was the first no. It is
/// the second for u >= 1/2, the third for u in [1/6, 1/2), and so on, and the event is that it is an odd one.
template <class Bits>
[[nodiscard]] bool bernoulli_exp_1(Bits& bits) {
  const auto chance = [&bits](std::uint32_t part, std::uint32_t whole) {
    return bernoulli(bits, part, whole);
  };
  const std::uint64_t byte = bits.take(8);  // of u = (byte + u') / 256
  if (byte > 42) return byte < 128;         // 256/6 is 42 2/3
  if (byte == 42) return !chance(2, 3);
  if (byte > 10) return false;  // 256/24 is 10 2/3
  if (byte == 10) return chance(2, 3);
  if (byte > 2) return true;  // 256/120 is 2 2/15
  if (byte == 2) return !chance(2, 15);
  if (!chance(128, 720)) return false;  // u is below 2/256: is it below 1/720?
  for (std::uint32_t k = 7; k < 256; ++k) {
    if (!chance(1, k)) return k % 2 == 1;
  }
  throw_not_random();
}

/// True with the probability exp(-part / whole). \pre whole < 2^(bits of Integer - 16)
template <class Bits, class Integer>
[[nodiscard]] bool bernoulli_exp(Bits& bits, Integer part, const Integer& whole) {
  while (part > whole) {
    if (!bernoulli_exp_1(bits)) return false;
    part -= whole;
  }
  return bernoulli_exp_fraction(bits, part, whole);
}

/// k with the probability (1 - 1/e) exp(-k), below 2^20.
template <class Bits>
[[nodiscard]] std::uint64_t geometric_exp_1(Bits& bits) {
  for (std::uint64_t k = 0; k < (std::uint64_t{1} << 20U); ++k) {
    if (!bernoulli_exp_1(bits)) return k;
  }
  throw_not_random();
}

}  // namespace healthai::detail
