#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "healthai/aggregation/detail/digit_window.hpp"
#include "healthai/aggregation/detail/simd.hpp"
#include "healthai/aggregation/detail/weighted_sum.hpp"

namespace healthai::detail {

/// The coordinates [begin, begin + count) of `terms` go into `sums`, in passes of a few terms at a time.
template <class Lanes, class Scalar>
HEALTHAI_ALWAYS_INLINE void reproducible_add_body(const DigitArrays& sums, const Terms<Scalar>& terms,
                                                  const SplitWeight* weights, std::size_t begin,
                                                  std::size_t count) noexcept {
  constexpr std::size_t group = 4;
  constexpr std::size_t line = 64 / sizeof(Scalar);
  const auto step = [&]<class Width>(Width, std::size_t i, std::size_t first, std::size_t last)
#if defined(__GNUC__)
      __attribute__((always_inline))
#endif
  {
    Window<Width> window;
    window.load(sums.from(i));
    for (std::size_t k = first; k < last; ++k) {
      typename Width::Doubles fraction;
      Width::fill(fraction, weights[k].fraction);
      const typename Width::Ints position = weights[k].position + typename Width::Ints{};
      window.add_product(terms.values[k] + begin + i, fraction, position);
    }
    window.store(sums.from(i));
  };
  for (std::size_t first = 0; first < terms.count; first += group) {
    const std::size_t last = first + group < terms.count ? first + group : terms.count;
    std::size_t i = 0;
    for (; i + line <= count; i += line) {
      for (std::size_t k = first; k < last; ++k) {
        HEALTHAI_PREFETCH(reinterpret_cast<const char*>(terms.values[k] + begin + i) + prefetch_bytes);
      }
      for (std::size_t j = i; j < i + line; j += Lanes::lanes) step(Lanes{}, j, first, last);
    }
    for (; i < count; ++i) step(Lanes1{}, i, first, last);
  }
}

/// A kernel of one instruction set.
template <class Scalar>
using ReproducibleAdd = void (*)(const DigitArrays& sums, const Terms<Scalar>& terms,
                                 const SplitWeight* weights, std::size_t begin, std::size_t count) noexcept;

template <class Scalar>
void reproducible_add_baseline(const DigitArrays& sums, const Terms<Scalar>& terms,
                               const SplitWeight* weights, std::size_t begin, std::size_t count) noexcept {
  reproducible_add_body<Lanes1>(sums, terms, weights, begin, count);
}
#if HEALTHAI_X86_DISPATCH
template <class Scalar>
HEALTHAI_TARGET_AVX2 void reproducible_add_avx2(const DigitArrays& sums, const Terms<Scalar>& terms,
                                                const SplitWeight* weights, std::size_t begin,
                                                std::size_t count) noexcept {
  reproducible_add_body<Lanes4>(sums, terms, weights, begin, count);
}
template <class Scalar>
HEALTHAI_TARGET_AVX512 void reproducible_add_avx512(const DigitArrays& sums, const Terms<Scalar>& terms,
                                                    const SplitWeight* weights, std::size_t begin,
                                                    std::size_t count) noexcept {
  reproducible_add_body<Lanes8>(sums, terms, weights, begin, count);
}
#endif

/// \pre `simd` is one of `supported_simd()`.
template <class Scalar>
[[nodiscard]] ReproducibleAdd<Scalar> reproducible_add_kernel(
    [[maybe_unused]] Simd simd = best_simd()) noexcept {
#if HEALTHAI_X86_DISPATCH
  if (simd == Simd::avx512) return reproducible_add_avx512<Scalar>;
  if (simd == Simd::avx2) return reproducible_add_avx2<Scalar>;
#endif
  return reproducible_add_baseline<Scalar>;
}

/// A number with an exponent wide enough for any sum of products: fraction * 2^exponent, 2^62 <= |fraction| <= 2^63, or 0.
struct WideNumber {
  double fraction = 0;
  std::int64_t exponent = 0;
};

/// The digits of a window as the nearest WideNumber: carries are settled, then rounding happens once.
[[nodiscard]] inline WideNumber wide_number(std::int64_t high, std::int64_t middle, std::int64_t low,
                                            std::int32_t anchor) noexcept {
  // Carries leave middle and low in [0, 2^32) and all the sign in high.
  middle += low >> 32;
  high += middle >> 32;
  auto upper = static_cast<std::uint64_t>(high);
  auto lower = (static_cast<std::uint64_t>(middle) << 32) | (static_cast<std::uint64_t>(low) & 0xffffffffU);
  const bool negative = high < 0;
  if (negative) {  // the magnitude of a two's complement number of 128 bits
    lower = ~lower + 1;
    upper = ~upper + (lower == 0 ? 1 : 0);
  }
  std::int64_t exponent = 32 * (static_cast<std::int64_t>(anchor) - 2) - grid_offset;
  if (upper == 0) {
    upper = lower;
    lower = 0;
  } else {
    exponent += 64;
  }
  if (upper == 0) return {};
  // The leading 63 bits, the last of them also standing for everything below it, so that rounding to 53 is correct.
  const int shift = std::countl_zero(upper);
  std::uint64_t leading = upper << shift;
  if (shift > 0) leading |= lower >> (64 - shift);
  const bool below = (lower << shift) != 0 || (leading & 1) != 0;
  const auto fraction = static_cast<double>(static_cast<std::int64_t>((leading >> 1) | (below ? 1U : 0U)));
  return {negative ? -fraction : fraction, exponent - shift + 1};
}

/// numerator / denominator as a double: rounded once, twice where the result is subnormal. Infinite where it does not
/// fit, except for the few roundings by which the mean of the largest doubles may exceed them.
[[nodiscard]] inline double divide(const WideNumber& numerator, const WideNumber& denominator) noexcept {
  const double quotient = numerator.fraction / denominator.fraction;  // 0, or between 1/2 and 2
  const std::int64_t exponent = numerator.exponent - denominator.exponent;
  if (exponent > -1000 && exponent < 1000) {  // the usual case; exact
    return quotient * std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52);
  }
  if (exponent > 1024 || (exponent >= 1000 && std::abs(quotient) == 0)) {
    return quotient == 0 ? 0.0 : std::copysign(HUGE_VAL, quotient);
  }
  if (exponent < -1100) return 0.0;
  const double result = std::ldexp(quotient, static_cast<int>(exponent));
  constexpr double largest = 0x1.fffffffffffffp1023;
  if (std::abs(result) > largest &&
      std::ldexp(std::abs(quotient), static_cast<int>(exponent) - 1024) <= 1.0 + 0x1p-50) {
    return std::copysign(largest, quotient);
  }
  return result;
}

/// One sum, such as that of the weights.
struct ReproducibleSum {
  std::int64_t high = 0;
  std::int64_t middle = 0;
  std::int64_t low = 0;
  std::int32_t anchor = 0;

  [[nodiscard]] DigitArrays arrays() noexcept { return {&high, &middle, &low, &anchor}; }
  void add(double value) noexcept {
    const double* const values = &value;
    const SplitWeight one = SplitWeight::one();
    reproducible_add_baseline<double>(arrays(), {&values, nullptr, 1}, &one, 0, 1);
  }
  [[nodiscard]] WideNumber value() const noexcept { return wide_number(high, middle, low, anchor); }
};

/// Adds `count` windows to others: both are aligned to the higher anchor, and digits below it are dropped, as they would
/// have been had the terms come one by one.
inline void reproducible_merge(const DigitArrays& into, const DigitArrays& from, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    Window<Lanes1> window;
    window.load(into.from(i));
    window.add(from.high[i], from.middle[i], from.low[i], from.anchor[i]);
    window.store(into.from(i));
  }
}

}  // namespace healthai::detail
