#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/privacy/clipped_gradient_sum.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"
#include "healthai/privacy/mechanism.hpp"
#include "healthai/secagg/parameters.hpp"

namespace healthai::secagg {

/// Noise that the members of a secure sum put together, so that nobody, the coordinator neither, ever sees the sum without it: each adds
/// discrete Gaussian noise to its whole numbers before they are masked (Kairouz, Liu, Steinke: The Distributed Discrete Gaussian
/// Mechanism for Federated Learning with Secure Aggregation, 2021). It is part of the terms that everybody signs.
///
/// With noise, of what a member hands in
///
/// - every vector and every number (numbers beside the update, metrics and counts too) is a *segment*, shortened to a Euclidean length
///   of at most its clip and rounded to multiples of clip 2^-grid_bits, so that as whole numbers it is no longer than 2^grid_bits,
///   exactly (ClippedGradientSum). One member's m segments together are then at most
///
///       sensitivity = 2^grid_bits sqrt(m)
///
///   long: that is by how much the sum differs when a member's contribution is replaced by zeros;
/// - every coordinate gets noise of the variance (noise_multiplier sensitivity)^2 / (t - c): a sum is opened only if at least t members
///   are in it, of whom at most c tell the coordinator what they drew, so that (noise_multiplier sensitivity)^2 stays;
/// - all members weigh the same, for a weight that nobody may know cannot be divided by; how many rows they have does not travel.
///
/// So one secure sum is one release with this noise multiplier, at a sampling rate of 1 (`mechanism`), in the unit of a hospital:
/// against the coordinator, c members that collude with it, and everybody who sees the sum. The more segments, the more noise each of them gets.
/// A sum of discrete Gaussians is not quite one itself; what that costs (the paper's tau) is below 2^-150, as each member's noise must
/// have a standard deviation of at least 4.
///
/// Thread safety: a constant value; safe from any thread.
struct SumNoise {
  static constexpr double least_member_stddev = 4;  ///< in steps of the grid

  double noise_multiplier = 0;   ///< 0: no noise at all, and the sum tells what it tells
  std::uint32_t grid_bits = 20;  ///< in [1, 30]; 4^grid_bits must be at least the numbers of a segment
  /// t - c: how many members' noise is in every sum that is opened. A SecureAggregation fills it in.
  std::uint64_t honest = 0;
  friend bool operator==(const SumNoise&, const SumNoise&) = default;

  [[nodiscard]] bool on() const noexcept { return noise_multiplier != 0; }
  /// What one sum spends of every member's budget.
  [[nodiscard]] Mechanism mechanism() const noexcept { return {NoiseKind::gaussian, noise_multiplier, 1, 1}; }

  /// The same, with the number of honest members that these parameters leave.
  /// \throws Error (`invalid_argument`) in a sparse graph, whose threshold is one of neighbours and not of all members
  [[nodiscard]] SumNoise within(const SecAggParameters& parameters) const {
    SumNoise noise = *this;
    if (!on()) return noise;
    if (!parameters.full() || parameters.threshold <= parameters.corrupt) {
      throw Error(
          error::invalid_argument,
          "noise on a secure sum: needs to know how many honest members are in it at least, which only "
          "a full graph tells; here are " +
              std::to_string(parameters.clients) + " members with " + std::to_string(parameters.degree) +
              " neighbours each");
    }
    noise.honest = parameters.threshold - parameters.corrupt;
    return noise;
  }
  /// Of each member's noise on each coordinate, in steps of the grid; a little is added for rounding.
  /// \throws Error (`invalid_argument`) for a setting outside its range, and where the variance is below 16 or above 2^62
  [[nodiscard]] double member_variance(std::size_t segments) const {
    const auto require = [](bool good, const std::string& what) {
      if (!good) throw Error(error::invalid_argument, "noise on a secure sum: " + what);
    };
    require(noise_multiplier > 0 && is_finite(noise_multiplier),
            "the noise multiplier must be positive, but is " + number_text(noise_multiplier));
    require(grid_bits >= 1 && grid_bits <= ClippedGradientSum::most_bits,
            "grid_bits must be in [1, 30], but are " + std::to_string(grid_bits));
    require(honest >= 1, "at least one member's noise must be there, but the terms count on none");
    const double stddev = std::ldexp(noise_multiplier, static_cast<int>(grid_bits));
    const double variance =
        stddev * stddev * static_cast<double>(segments) / static_cast<double>(honest) * (1 + 0x1p-50);
    require(segments == 0 || (variance >= least_member_stddev * least_member_stddev && variance <= 0x1p62),
            "each member's noise must have a variance of 16 to 2^62 steps of the grid, but " +
                number_text(variance) + " come of a noise multiplier of " + number_text(noise_multiplier) +
                ", " + std::to_string(grid_bits) + " grid_bits and " + std::to_string(honest) +
                " honest members: take other grid_bits");
    return variance;
  }
  /// No coordinate of a sum is larger than this, but for a probability of 2^-40 for all of them together. The noise of N members is
  /// subgaussian like a normal variable of N times the variance (Canonne, Kamath, Steinke 2020), so that any of
  /// d coordinates is beyond b with a probability of at most 2 d exp(-b^2 / (2 N variance)). Then it wraps: which harms the sum, and
  /// never privacy.
  [[nodiscard]] double most_in_sum(std::uint64_t members, std::size_t segments,
                                   std::size_t coordinates) const {
    if (segments == 0) return 0;
    const auto n = static_cast<double>(members);
    const double log_chance = 41 * std::log(2.0) + std::log(static_cast<double>(coordinates));
    const double noise = std::sqrt(2 * n * member_variance(segments) * log_chance);
    return (std::ldexp(n, static_cast<int>(grid_bits)) + noise) * (1 + 0x1p-40);
  }

  /// What stands for a segment: its numbers clipped together, rounded, and noise on each.
  /// \param variance  `member_variance`
  /// \throws Error (`not_finite`) for NaN or infinity; (`invalid_argument`) for more numbers than the grid is fine enough for
  template <class Scalar, std::uniform_random_bit_generator Generator>
  [[nodiscard]] std::vector<std::int64_t> noised(std::span<const Scalar> values, double clip, double variance,
                                                 Generator& generator) const {
    if (!all_finite(values)) {
      throw Error(error::not_finite,
                  "a number to be summed is NaN or infinite; check an update before it is sent");
    }
    ClippedGradientSum one(values.size(), clip, grid_bits);
    one.add(std::vector<double>(values.begin(), values.end()));
    std::vector<std::int64_t> result(one.sums().begin(), one.sums().end());
    DiscreteGaussian::of_variance(variance).add_to(result, generator);
    return result;
  }

  /// What a coordinate of a sum stands for. \param most  `most_in_sum` \throws Error (`overflow`) for more than that
  [[nodiscard]] double decode(std::int64_t sum, double clip, double most) const {
    const auto steps = static_cast<double>(sum);
    if (std::abs(steps) > most) {
      throw Error(error::overflow,
                  "a sum of " + number_text(steps) +
                      " steps of the grid is more than the clients and their noise can make");
    }
    return std::ldexp(steps * clip, -static_cast<int>(grid_bits));
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& noise_multiplier& grid_bits& honest;
  }
};

}  // namespace healthai::secagg
