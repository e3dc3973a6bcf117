#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <string>

#include <boost/multiprecision/cpp_int.hpp>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/privacy/detail/exact_bernoulli.hpp"

/// \file
/// Whole numbers as privacy noise, drawn exactly: every decision compares integers, so that the probabilities are those of the
/// formulas and not of a rounded logarithm, through whose last digits noise of floating point leaks (Mironov: On Significance
/// of the Least Significant Bits for Differential Privacy, 2012). The algorithms are those of Canonne, Kamath, Steinke: The
/// Discrete Gaussian for Differential Privacy, 2020 (algorithms 1 to 3).
///
/// The generator is a template parameter: any UniformRandomBitGenerator of 64 bits. **What leaves a hospital needs a
/// cryptographic one**: who can foresee the noise can subtract it. A seeded one such as `Stream` is for tests and simulations.
///
/// How long a draw takes depends on the number drawn. Whoever can time single draws learns something of them (Jin, McMurtry,
/// Rubinstein, Ohrimenko: Are We There Yet? Timing and Floating-Point Attacks on Differential Privacy Systems, 2022); so draw
/// a vector at a time (`add_to`), and send at times that do not depend on it.

namespace healthai {

/// Whole numbers with P(x) proportional to exp(-|x| denominator / numerator): of scale numerator / denominator (Canonne,
/// Kamath, Steinke 2020, algorithm 2). Adding one to each of several counts that one person changes by at most D in all gives
/// epsilon = D / scale.
/// Thread safety: a constant value; safe from any thread.
class DiscreteLaplace {
 public:
  static constexpr std::uint64_t largest = std::uint64_t{1} << 40U;  ///< of numerator and denominator

  /// \throws Error (`invalid_argument`) unless both are in [1, 2^40]
  explicit DiscreteLaplace(std::uint64_t numerator, std::uint64_t denominator = 1)
      : numerator_(numerator), denominator_(denominator) {
    if (numerator == 0 || denominator == 0 || numerator > largest || denominator > largest) {
      throw Error(error::invalid_argument,
                  "the discrete Laplace distribution: its scale must be a fraction "
                  "of numbers in [1, 2^40], but is " +
                      std::to_string(numerator) + " / " + std::to_string(denominator));
    }
  }
  [[nodiscard]] std::uint64_t numerator() const noexcept { return numerator_; }
  [[nodiscard]] std::uint64_t denominator() const noexcept { return denominator_; }

  /// One number. \throws Error (`invalid_argument`) for a generator that gives no random numbers
  template <std::uniform_random_bit_generator Generator>
  [[nodiscard]] std::int64_t operator()(Generator& generator) const {
    detail::RandomBits bits(generator);
    return draw(bits);
  }
  /// Adds one to each of `values`; all that can be drawn, of magnitude below 2^60, must fit. \throws as above
  template <std::uniform_random_bit_generator Generator>
  void add_to(std::span<std::int64_t> values, Generator& generator) const {
    detail::RandomBits bits(generator);
    for (std::int64_t& value : values) value += draw(bits);
  }

 private:
  template <class Bits>
  [[nodiscard]] std::int64_t draw(Bits& bits) const {
    for (;;) {
      const std::uint64_t rest = bits.below(numerator_);
      if (!detail::bernoulli_exp(bits, rest, numerator_)) continue;
      const std::uint64_t magnitude = (rest + numerator_ * detail::geometric_exp_1(bits)) / denominator_;
      const bool negative = bits.take(1) != 0;
      if (negative && magnitude == 0) continue;  // or 0 would come twice
      return negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
    }
  }
  std::uint64_t numerator_;
  std::uint64_t denominator_;
};

/// Whole numbers with P(x) proportional to exp(-x^2 / (2 variance)), the variance being a fraction of whole numbers (Canonne,
/// Kamath, Steinke 2020, algorithm 3, by rejection from the discrete Laplace distribution). One to each of several integers
/// that one person changes by at most D (Euclidean) in all gives D^2 / (2 variance) concentrated differential privacy, as
/// normal noise does (theorem 4).
///
/// The variance of what is drawn is that fraction less a little: of no account from 1 on, but at 1/100, say, nearly all draws are 0.
/// It differs from the paper in the scale of the Laplace distribution, here a power of two near the standard deviation and
/// there the next whole number: any will do, and this one takes no division.
/// Thread safety: a constant value; safe from any thread.
class DiscreteGaussian {
 public:
  /// The variance is numerator / denominator, at most 2^62. Numerators below 2^55 are drawn fastest.
  /// \throws Error (`invalid_argument`) for a variance of 0 or above 2^62, or a denominator of 0
  explicit DiscreteGaussian(std::uint64_t numerator, std::uint64_t denominator = 1)
      : numerator_(numerator), denominator_(denominator) {
    if (numerator == 0 || denominator == 0 || numerator / denominator > most ||
        (numerator / denominator == most && numerator % denominator != 0)) {
      throw Error(
          error::invalid_argument,
          "the discrete Gaussian distribution: its variance must be positive and at most 2^62, but is " +
              std::to_string(numerator) + " / " + std::to_string(denominator));
    }
    const std::uint64_t whole = numerator / denominator;
    scale_bits_ = whole == 0 ? 0U : static_cast<unsigned>(std::bit_width(whole)) / 2;
    // exp(-|x| / t) exp(-(|x| - v/t)^2 / (2v)) is exp(-x^2 / (2v)) but for a factor. With v = n/d that square is
    // (|x| t d - n)^2 / (2 n d t^2).
    Wide divisor = numerator;
    divisor *= denominator;
    divisor <<= 2 * scale_bits_ + 1;
    wide_divisor_ = divisor;
    if (divisor < (Wide(1) << 112U)) {
      narrow_divisor_ = static_cast<Narrow>(divisor);
      const Wide limit = Wide(std::numeric_limits<std::uint64_t>::max()) / (Wide(denominator) << scale_bits_);
      narrow_up_to_ = static_cast<std::uint64_t>(limit);
    }
  }

  /// Of at least this variance: of exactly this one from 2^-10 on, of a little more below. For a variance that is computed in double.
  /// \throws Error (`invalid_argument`) unless it is in (0, 2^62]
  [[nodiscard]] static DiscreteGaussian of_variance(double variance) {
    if (!(variance > 0 && variance <= 0x1p62)) {
      throw Error(
          error::invalid_argument,
          "the discrete Gaussian distribution: its variance must be positive and at most 2^62, but is " +
              number_text(variance));
    }
    int exponent = 0;
    const double fraction = std::frexp(variance, &exponent);  // in [1/2, 1)
    const int shift = std::clamp(53 - exponent, 0, 63);       // 2^shift is the denominator
    auto numerator = static_cast<std::uint64_t>(std::ceil(std::ldexp(fraction, exponent + shift)));
    auto denominator = std::uint64_t{1} << static_cast<unsigned>(shift);
    const int common = (std::min)(std::countr_zero(numerator), shift);
    return DiscreteGaussian(numerator >> static_cast<unsigned>(common),
                            denominator >> static_cast<unsigned>(common));
  }

  [[nodiscard]] std::uint64_t numerator() const noexcept { return numerator_; }
  [[nodiscard]] std::uint64_t denominator() const noexcept { return denominator_; }
  /// The fraction, rounded.
  [[nodiscard]] double variance() const noexcept {
    return static_cast<double>(numerator_) / static_cast<double>(denominator_);
  }

  /// One number, of magnitude below 2^53. \throws Error (`invalid_argument`) for a generator that gives no random numbers
  template <std::uniform_random_bit_generator Generator>
  [[nodiscard]] std::int64_t operator()(Generator& generator) const {
    detail::RandomBits bits(generator);
    return draw(bits);
  }
  /// Adds one to each of `values`, and wastes fewer random bits than as many single calls. \pre no sum overflows
  /// \throws as above
  template <std::uniform_random_bit_generator Generator>
  void add_to(std::span<std::int64_t> values, Generator& generator) const {
    detail::RandomBits bits(generator);
    for (std::int64_t& value : values) value += draw(bits);
  }

 private:
  static constexpr std::uint64_t most = std::uint64_t{1} << 62U;
  using Narrow = boost::multiprecision::uint128_t;  // where the processor's own integers suffice
  using Wide = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<
      512, 512, boost::multiprecision::unsigned_magnitude, boost::multiprecision::unchecked, void>>;

  template <class Bits>
  [[nodiscard]] std::int64_t draw(Bits& bits) const {
    const std::uint64_t scale = std::uint64_t{1} << scale_bits_;
    for (;;) {
      // The discrete Laplace distribution of this scale.
      const std::uint64_t rest = bits.take(scale_bits_);
      if (!detail::bernoulli_exp(bits, rest, scale)) continue;
      const std::uint64_t magnitude = rest + (detail::geometric_exp_1(bits) << scale_bits_);
      const bool negative = bits.take(1) != 0;
      if (negative && magnitude == 0) continue;
      if (!accepts(bits, magnitude)) continue;
      return negative ? -static_cast<std::int64_t>(magnitude) : static_cast<std::int64_t>(magnitude);
    }
  }
  /// True with the probability exp(-(magnitude - v/t)^2 / (2v)).
  template <class Bits>
  [[nodiscard]] bool accepts(Bits& bits, std::uint64_t magnitude) const {
    if (narrow_divisor_ != 0 && magnitude <= narrow_up_to_) {
      const std::uint64_t scaled = (magnitude * denominator_) << scale_bits_;  // fits, by narrow_up_to_
      const std::uint64_t away = scaled > numerator_ ? scaled - numerator_ : numerator_ - scaled;
      return detail::bernoulli_exp(bits, static_cast<Narrow>(Narrow(away) * away), narrow_divisor_);
    }
    Wide scaled = magnitude;  // below 2^52, so that `away` is below 2^147 and its square far below 2^500
    scaled *= denominator_;
    scaled <<= scale_bits_;
    const Wide away = scaled > numerator_ ? Wide(scaled - numerator_) : Wide(numerator_ - scaled);
    return detail::bernoulli_exp(bits, Wide(away * away), wide_divisor_);
  }

  std::uint64_t numerator_;
  std::uint64_t denominator_;
  unsigned scale_bits_ = 0;
  Narrow narrow_divisor_ = 0;       // 0 if it does not fit
  std::uint64_t narrow_up_to_ = 0;  // up to which magnitude 128 bits suffice
  Wide wide_divisor_ = 0;
};

}  // namespace healthai
