#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "healthai/aggregation/detail/simd.hpp"

/// \file
/// Sums that do not depend on the order or grouping of their terms.
///
/// The real line has a fixed grid of digits of 32 bits: digit j counts units of 2^(32 j - grid_offset), whatever the data.
/// A term w·u is rounded once to 53 significant bits (with an exponent as wide as it needs: nothing overflows or
/// becomes subnormal). Those 53 bits touch at most three neighbouring digits t, t-1, t-2, where t holds the leading bit.
/// A sum keeps three digits, anchored at the largest t seen: a, a-1, a-2, each in an int64 without carries between them.
/// Digits of a term below a-2 are dropped; when a term with a larger t comes, the window moves up and drops its low digits.
///
/// So digit j of the sum is, at the end, the sum of digit j of all terms, for the three j that the largest t selects: integers
/// that are a function of the multiset of terms. The idea of a window of fixed bins anchored at the maximum is that of
/// Ahrens, Demmel, Nguyen: Algorithms for Efficient Reproducible Floating Point Summation, ACM TOMS 46(3), 2020; there the
/// bins are floating-point numbers, here integers.

namespace healthai::detail {

/// How many digits of 32 bits a sum keeps.
inline constexpr int reproducible_digits = 3;
/// At most 2^31 terms: each adds less than 2^32 to a digit, so that an int64 never overflows.
inline constexpr std::uint64_t reproducible_max_terms = std::uint64_t{1} << 31;
/// Added to a product's exponent so that bit positions on the grid are never negative: the smallest product (subnormal
/// weight times subnormal value) has its leading bit at position 27 or above.
inline constexpr int grid_bias = 1152;
/// The grid's bit 0 is worth 2^-grid_offset: the leading bit of a double with biased exponent E lies at E + grid_bias.
inline constexpr int grid_offset = grid_bias + 1023;
/// No product of two finite doubles has its leading bit in a digit above this one.
inline constexpr std::int32_t max_anchor = (2046 + 1024 + grid_bias) / 32;

/// A weight as fraction in [1/2, 1) times a power of two, so that fraction * u never overflows.
struct SplitWeight {
  double fraction = 0;
  std::int64_t position = grid_bias;  ///< the power, plus grid_bias

  [[nodiscard]] static SplitWeight of(double weight) noexcept {
    int exponent = 0;
    const double fraction = std::frexp(weight, &exponent);
    return {fraction, grid_bias + exponent};
  }
  /// For terms that are products already.
  [[nodiscard]] static constexpr SplitWeight one() noexcept { return {1.0, grid_bias}; }
};

/// The digits of many sums, one array for each place, so that neighbouring coordinates fill a vector.
struct DigitArrays {
  std::int64_t* high = nullptr;    ///< of digit `anchor`
  std::int64_t* middle = nullptr;  ///< of digit `anchor` - 1
  std::int64_t* low = nullptr;     ///< of digit `anchor` - 2
  std::int32_t* anchor = nullptr;

  [[nodiscard]] DigitArrays from(std::size_t i) const noexcept {
    return {high + i, middle + i, low + i, anchor + i};
  }
};

/// Integers beside the floating-point vectors of `Lanes`, and loads that turn the stored int32 anchors into int64.
template <class Lanes>
struct IntLanes {
  using Ints = typename Lanes::Ints;
  using Uints = typename Lanes::Uints;
  HEALTHAI_ALWAYS_INLINE static void bits(Uints& out, const typename Lanes::Doubles& value) noexcept {
    std::memcpy(&out, &value, sizeof out);
  }
  HEALTHAI_ALWAYS_INLINE static void load(Ints& out, const std::int64_t* from) noexcept {
    std::memcpy(&out, from, sizeof out);
  }
  HEALTHAI_ALWAYS_INLINE static void store(std::int64_t* to, const Ints& value) noexcept {
    std::memcpy(to, &value, sizeof value);
  }
  HEALTHAI_ALWAYS_INLINE static void load(Ints& out, const std::int32_t* from) noexcept {
    if constexpr (Lanes::lanes == 1) {
      out = *from;
    } else {
#if defined(__GNUC__)
      typename Lanes::Halves halves;
      std::memcpy(&halves, from, sizeof halves);
      out = __builtin_convertvector(halves, Ints);
#endif
    }
  }
  HEALTHAI_ALWAYS_INLINE static void store(std::int32_t* to, const Ints& value) noexcept {
    if constexpr (Lanes::lanes == 1) {
      *to = static_cast<std::int32_t>(value);
    } else {
#if defined(__GNUC__)
      const typename Lanes::Halves halves = __builtin_convertvector(value, typename Lanes::Halves);
      std::memcpy(to, &halves, sizeof halves);
#endif
    }
  }
};

/// The windows of `Lanes::lanes` coordinates, in registers.
template <class Lanes>
struct Window {
  using L = IntLanes<Lanes>;
  typename L::Ints high, middle, low, anchor;

  HEALTHAI_ALWAYS_INLINE void load(const DigitArrays& from) noexcept {
    L::load(high, from.high);
    L::load(middle, from.middle);
    L::load(low, from.low);
    L::load(anchor, from.anchor);
  }
  HEALTHAI_ALWAYS_INLINE void store(const DigitArrays& to) const noexcept {
    L::store(to.high, high);
    L::store(to.middle, middle);
    L::store(to.low, low);
    L::store(to.anchor, anchor);
  }

  /// Adds the digits d0 (place t), d1, d2. No branches, so that it is the same code for one coordinate and for eight.
  HEALTHAI_ALWAYS_INLINE void add(const typename L::Ints& d0, const typename L::Ints& d1,
                                  const typename L::Ints& d2, const typename L::Ints& t) noexcept {
    using Ints = typename L::Ints;
    const Ints none{};
    const Ints up = t - anchor;
    // Move the window up if t is above it ...
    low = up <= 0 ? low : up == 1 ? middle : up == 2 ? high : none;
    middle = up <= 0 ? middle : up == 1 ? high : none;
    high = up <= 0 ? high : none;
    anchor = up <= 0 ? anchor : t;
    // ... and add what is not below it.
    high += up >= 0 ? d0 : none;
    middle += up >= 0 ? d1 : up == -1 ? d0 : none;
    low += up >= 0 ? d2 : up == -1 ? d1 : up == -2 ? d0 : none;
  }

  /// Adds weight * value, rounded once.
  template <class Scalar>
  HEALTHAI_ALWAYS_INLINE void add_product(const Scalar* from, const typename Lanes::Doubles& fraction,
                                          const typename L::Ints& position) noexcept {
    using Doubles = typename Lanes::Doubles;
    using Ints = typename L::Ints;
    using Uints = typename L::Uints;
    Doubles product;
    Uints bits;
    Ints place = position;  // becomes that of the product's leading bit
    Lanes::load(product, from);
    if constexpr (sizeof(Scalar) == sizeof(double)) {
      // A product near the subnormal range is made 2^64 times larger, so that it keeps its 53 bits.
      constexpr std::int64_t tiny = std::int64_t{1023 - 960} << 52;  // the bits of 2^-960
      L::bits(bits, product);
      const auto small = (Ints)(bits & (~std::uint64_t{0} >> 1)) < tiny;
      const Doubles enlarged = fraction * 0x1p64;
      product *= small ? enlarged : fraction;
      const Ints lower = position - 64;
      place = small ? lower : position;
    } else {
      product *= fraction;  // of a float: never subnormal as a double
    }
    L::bits(bits, product);
    const Uints biased = (bits >> 52) & 0x7ff;
    place += (Ints)biased;
    const Uints zero{};
    const Uints leading = (bits & ((std::uint64_t{1} << 52) - 1)) | (std::uint64_t{1} << 52);
    const auto nonzero = biased != 0;
    const Uints mantissa = nonzero ? leading : zero;
    const Ints none{};
    const Ints t = nonzero ? place >> 5 : none;  // zero is in no digit, and must not move the window
    const Uints shift = (Uints)(place & 31);
    const Uints rest = mantissa << (shift + 12);
    const Ints d0 = (Ints)(mantissa >> (52 - shift));
    const Ints d1 = (Ints)(rest >> 32);
    const Ints d2 = (Ints)(rest & 0xffffffffU);
    const auto negative = (Ints)bits < 0;
    add(negative ? -d0 : d0, negative ? -d1 : d1, negative ? -d2 : d2, t);
  }
};

}  // namespace healthai::detail
