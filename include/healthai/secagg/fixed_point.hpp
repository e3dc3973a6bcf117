#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai::secagg {

/// `value` modulo `modulus`, in [0, modulus), for negative numbers too (where % of C++ is not).
/// \throws Error (`invalid_argument`) for a modulus of 0
[[nodiscard]] inline std::uint64_t reduce(std::int64_t value, std::uint64_t modulus) {
  if (modulus == 0) throw Error(error::invalid_argument, "fixed point: the modulus of a ring must not be 0");
  if (value >= 0) return static_cast<std::uint64_t>(value) % modulus;
  const std::uint64_t below = (~static_cast<std::uint64_t>(value)) % modulus;  // (-value - 1) mod modulus
  return modulus - 1 - below;
}

/// Numbers of [-clip, clip] as whole numbers in [0, levels], which can be summed exactly, in any order, in a ring:
///
///     q(x) = (min(max(x, -clip), clip) + clip) levels / (2 clip), rounded
///
/// as in Bonawitz, Salehi, Konečný, McMahan, Gruteser: Federated Learning with Autotuned Communication-Efficient Secure
/// Aggregation, 2019, section 2. A sum of whole weights times such numbers, of total weight W, lies in [0, W levels]: `ring_bits`
/// says which ring holds it, and refuses what could wrap; `decode` gives Σ w x back. Nothing is clipped in silence:
/// `encode` returns how many numbers were.
/// Thread safety: a constant value; safe from any thread.
class FixedPoint {
 public:
  static constexpr std::uint64_t most_levels = std::uint64_t{1}
                                               << 52U;  ///< what a double can count, halves and all

  /// \param clip    > 0
  /// \param levels  at least 1, at most `most_levels`
  /// \throws Error (`invalid_argument`) outside these
  FixedPoint(double clip, std::uint64_t levels) : clip_(clip), levels_(levels) {
    if (!(clip > 0) || !is_finite(clip)) {
      throw Error(error::invalid_argument,
                  "fixed point: the clip must be positive, but is " + number_text(clip));
    }
    if (levels == 0 || levels > most_levels) {
      throw Error(error::invalid_argument,
                  "fixed point: levels must be in [1, 2^52], but are " + std::to_string(levels));
    }
    scale_ = static_cast<double>(levels) / (2 * clip);
    if (!is_finite(scale_) || scale_ < 1e-300) {
      throw Error(error::invalid_argument, "fixed point: a clip of " + number_text(clip) + " with " +
                                               std::to_string(levels) +
                                               " levels is beyond the range of double");
    }
  }
  [[nodiscard]] double clip() const noexcept { return clip_; }
  [[nodiscard]] std::uint64_t levels() const noexcept { return levels_; }

  /// q(x) before rounding, in [0, levels]. \throws Error (`not_finite`)
  [[nodiscard]] double scaled(double value) const {
    if (!is_finite(value)) {
      throw Error(error::not_finite, "fixed point: a number to be encoded is " + number_text(value) +
                                         "; check an update before it is sent");
    }
    return (std::min)((std::clamp(value, -clip_, clip_) + clip_) * scale_, static_cast<double>(levels_));
  }
  /// The nearest level; halves go up. The error of one number is at most clip / levels.
  [[nodiscard]] std::uint64_t nearest(double value) const {
    return (std::min)(static_cast<std::uint64_t>(whole_below(scaled(value) + 0.5)), levels_);
  }
  /// The level below or above, at random, so that its expectation is q(x): no bias adds up over clients and rounds.
  /// `generator()` gives 64 random bits. One is drawn for every number, also for those that need none.
  template <class Generator>
  [[nodiscard]] std::uint64_t stochastic(double value, Generator& generator) const {
    const double exact = scaled(value);
    const std::int64_t below = whole_below(exact);
    const auto bits = static_cast<std::int64_t>(static_cast<std::uint64_t>(generator()) >> 11U);
    const double random = static_cast<double>(bits) * 0x1p-53;
    return static_cast<std::uint64_t>(below) + (random < exact - static_cast<double>(below) ? 1U : 0U);
  }
  /// Every number stochastically rounded into `out`, which is as long. \return how many were clipped
  /// \throws Error (`layout_mismatch`) for another length, (`not_finite`)
  template <class Scalar, class Generator>
  std::size_t encode(std::span<const Scalar> values, std::span<std::uint64_t> out,
                     Generator& generator) const {
    if (values.size() != out.size()) {
      throw Error(error::layout_mismatch, "fixed point: there are " + std::to_string(values.size()) +
                                              " numbers, but room for " + std::to_string(out.size()));
    }
    std::size_t clipped = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<double>(values[i]);
      out[i] = stochastic(value, generator);
      clipped += std::abs(value) > clip_ ? 1U : 0U;
    }
    return clipped;
  }

  /// Σ w x from Σ w q(x), `weight` being Σ w; of one number, that number.
  /// \throws Error (`overflow`) for a sum that such weights cannot have: someone sent more than was agreed, or it wrapped
  [[nodiscard]] double decode(std::uint64_t sum, std::uint64_t weight = 1) const {
    if (sum / levels_ > weight || (sum / levels_ == weight && sum % levels_ != 0)) {
      throw Error(error::overflow, "fixed point: a sum of " + std::to_string(sum) +
                                       " is more than a total weight of " + std::to_string(weight) + " and " +
                                       std::to_string(levels_) + " levels can make");
    }
    return static_cast<double>(sum) * (2 * clip_ / static_cast<double>(levels_)) -
           static_cast<double>(weight) * clip_;
  }
  /// In how many bits, 32 or 64, sums of this total weight cannot wrap. \throws Error (`overflow`) if in neither
  [[nodiscard]] unsigned ring_bits(std::uint64_t most_weight) const {
    if (most_weight <= UINT32_MAX / levels_) return 32;
    if (most_weight <= UINT64_MAX / levels_) return 64;
    throw Error(error::overflow, "fixed point: sums of weight " + std::to_string(most_weight) + " with " +
                                     std::to_string(levels_) +
                                     " levels do not fit in 64 bits; take fewer levels or smaller weights");
  }

 private:
  /// Of a number in [0, 2^53]. One instruction; std::floor is a call where the processor is not known to have SSE 4.1, and conversions
  /// from and to unsigned numbers are several.
  [[nodiscard]] static std::int64_t whole_below(double value) noexcept {
    return static_cast<std::int64_t>(value);
  }

  double clip_;
  std::uint64_t levels_;
  double scale_ = 0;
};

}  // namespace healthai::secagg
