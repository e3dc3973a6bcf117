#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// A sum of vectors, each shortened to a Euclidean length of at most `clip` and rounded to whole multiples of
///
///     step = clip 2^-grid_bits
///
/// so that the sum is one of whole numbers. One vector more or less changes these by a vector of a length of at most 2^grid_bits,
/// exactly: this is the sensitivity that noise is measured by. (A sum of floating-point numbers has no such bound: how each addition is
/// rounded depends on all that came before; Casacuberta, Shoemate, Vadhan, Wagaman: Widespread Underestimation of Sensitivity in
/// Differentially Private Libraries and How to Fix It, 2022.)
///
/// Rounding d numbers to the nearest multiple lengthens a vector by at most step sqrt(d) / 2; vectors are shortened to that much
/// less than `clip` first, and what came out is measured in whole numbers. (Kairouz, Liu, Steinke: The Distributed Discrete Gaussian
/// Mechanism for Federated Learning with Secure Aggregation, 2021, section 2.2, round at random and draw again what became too
/// long; with a grid this fine there is nothing to gain by that, and nothing here is random.)
///
/// A vector with NaN or infinity counts as zeros: an error would tell of the one patient that it belongs to.
/// Thread safety: none.
class ClippedGradientSum {
 public:
  static constexpr unsigned most_bits = 30;

  /// \param size       numbers of each vector
  /// \param clip       > 0
  /// \param grid_bits  in [1, 30], and so many that what rounding may add is at most half of the clip: 4^grid_bits >= size
  /// \throws Error (`invalid_argument`) outside these
  ClippedGradientSum(std::size_t size, double clip, unsigned grid_bits)
      : clip_(clip),
        grid_bits_(grid_bits),
        reach_(reach(size, clip, grid_bits)),
        sums_(size),
        rounded_(size) {}

  /// The length that vectors are shortened to before they are rounded, in steps; nothing is allocated.
  /// \throws Error (`invalid_argument`) as the constructor
  [[nodiscard]] static double reach(std::size_t size, double clip, unsigned grid_bits) {
    const auto require = [](bool good, const std::string& what) {
      if (!good) throw Error(error::invalid_argument, "clipped gradients: " + what);
    };
    require(clip >= 1e-290 && clip <= 1e290,
            "the clip must be in [1e-290, 1e290], but is " + number_text(clip));
    require(grid_bits >= 1 && grid_bits <= most_bits,
            "grid_bits must be in [1, 30], but are " + std::to_string(grid_bits));
    const double sensitivity = std::ldexp(1, static_cast<int>(grid_bits));
    const double left = sensitivity - std::sqrt(static_cast<double>(size)) / 2;
    require(2 * left >= sensitivity, "on a grid of 2^-" + std::to_string(grid_bits) +
                                         " of the clip, rounding " + std::to_string(size) +
                                         " numbers may add more than half of it: take more grid_bits");
    return left;
  }

  /// \throws Error (`layout_mismatch`) for a vector of another size, (`overflow`) for more than 2^32 - 1 vectors in a sum
  void add(std::span<const double> vector) {
    if (vector.size() != sums_.size()) {
      throw Error(error::layout_mismatch, "clipped gradients: there are sums of " +
                                              std::to_string(sums_.size()) + " numbers, but a gradient of " +
                                              std::to_string(vector.size()));
    }
    if (++count_ > UINT32_MAX) throw Error(error::overflow, "clipped gradients: more than 2^32 - 1 of them");
    if (!all_finite(vector)) return;
    double largest = 0;
    for (const double x : vector) largest = (std::max)(largest, std::fabs(x));
    if (largest == 0) return;
    // Lengths in units of a power of two near the largest number, so that no square overflows or vanishes.
    const int exponent = std::ilogb(largest);
    const double unit = std::ldexp(1, -(std::clamp)(exponent, -1000, 1000));
    double squares = 0;
    for (const double x : vector) squares += (x * unit) * (x * unit);
    const double length = std::sqrt(squares);
    const double allowed = reach_ * step() * unit;  // in the same units; infinite at worst
    // Multiples of the step, were the vector as it is, or of the allowed length.
    double factor = length <= allowed ? 1 / (step() * unit) : reach_ / length;
    while (!round(vector, unit, factor)) factor *= 1 - 0x1p-20;
    for (std::size_t i = 0; i < sums_.size(); ++i) sums_[i] += rounded_[i];
  }

  [[nodiscard]] double clip() const noexcept { return clip_; }
  /// What a sum of 1 stands for.
  [[nodiscard]] double step() const noexcept { return std::ldexp(clip_, -static_cast<int>(grid_bits_)); }
  /// By how much, at most, one vector changes `sums()` (Euclidean).
  [[nodiscard]] std::uint64_t sensitivity() const noexcept { return std::uint64_t{1} << grid_bits_; }
  /// The variance of noise on `sums()` that is `noise_multiplier` times the sensitivity, rounded up.
  /// \throws Error (`invalid_argument`) if it is not in (0, 2^62]
  [[nodiscard]] double noise_variance(double noise_multiplier) const {
    const double stddev = std::ldexp(noise_multiplier, static_cast<int>(grid_bits_));
    const double variance = stddev * stddev * (1 + 0x1p-51);
    if (!(noise_multiplier > 0) || !(variance > 0x1p-900 && variance <= 0x1p62)) {
      throw Error(error::invalid_argument,
                  "clipped gradients: the noise multiplier must be positive and at most 2^" +
                      std::to_string(31 - grid_bits_) + " with " + std::to_string(grid_bits_) +
                      " grid_bits, but is " + number_text(noise_multiplier));
    }
    return variance;
  }
  /// The sums, in steps; noise goes on top of them.
  [[nodiscard]] std::span<std::int64_t> sums() noexcept { return sums_; }
  /// How many vectors were added.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Begins a new sum.
  void clear() noexcept {
    std::fill(sums_.begin(), sums_.end(), 0);
    count_ = 0;
  }

 private:
  /// Whether the vector times unit times factor, rounded, is no longer than the sensitivity.
  [[nodiscard]] bool round(std::span<const double> vector, double unit, double factor) {
    const std::uint64_t limit = sensitivity() * sensitivity();
    std::uint64_t squares = 0;
    for (std::size_t i = 0; i < vector.size(); ++i) {
      const double x = (vector[i] * unit) * factor;
      const auto nearest = static_cast<std::int64_t>(x < 0 ? x - 0.5 : x + 0.5);
      rounded_[i] = nearest;
      squares += static_cast<std::uint64_t>(nearest * nearest);
      if (squares > limit) return false;  // a square is below 2^61, so nothing wraps before this is seen
    }
    return true;
  }

  double clip_;
  unsigned grid_bits_;
  double reach_;  // the length that vectors are shortened to, in steps
  std::uint64_t count_ = 0;
  std::vector<std::int64_t> sums_;
  std::vector<std::int64_t> rounded_;
};

}  // namespace healthai
