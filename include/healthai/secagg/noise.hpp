#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/privacy/clipped_gradient_sum.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"
#include "healthai/privacy/mechanism.hpp"
#include "healthai/secagg/parameters.hpp"

namespace healthai::secagg {

/// Whom the noise of a secure sum hides.
enum class SumUnit : std::uint8_t {
  hospital,  ///< all that one member hands in
  patient    ///< one patient's part of it
};
/// "hospital", "patient": as an account of a BudgetLedger calls its unit.
[[nodiscard]] constexpr std::string_view name_of(SumUnit unit) noexcept {
  return unit == SumUnit::hospital ? "hospital" : "patient";
}

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
/// A number may have a smaller share of that length than 1 (`ScalarSegment::share`): it is then a whole number of at most share 2^grid_bits, and
/// the sum under the root is that of the squares of the shares.
///
/// So one secure sum is one release with this noise multiplier, at a sampling rate of 1 (`mechanism`), in the unit of a hospital:
/// against the coordinator, c members that collude with it, and everybody who sees the sum. The more segments, the more noise each of them gets.
/// A sum of discrete Gaussians is not quite one itself; what that costs (the paper's tau) is below 2^-150, as each member's noise must
/// have a standard deviation of at least 4.
///
/// **In the unit of a patient** (`most_patients` above 0) a member's numbers are sums over its patients, and it has clipped each patient's
/// part of them itself (PatientGradients): whole multiples of
///
///     step = clip / most_patients 2^-grid_bits
///
/// `clip` of a segment being `most_patients` times that of one patient. One patient is at most 2^grid_bits long in all segments together, which
/// is the sensitivity; nothing is shortened here, and what no such sum can be is refused. Then one secure sum is one release in the unit of a
/// patient, provided that each is at one hospital only. How many patients a member has does not travel.
///
/// Thread safety: a constant value; safe from any thread.
struct SumNoise {
  static constexpr double least_member_stddev = 4;  ///< in steps of the grid

  double noise_multiplier = 0;   ///< 0: no noise at all, and the sum tells what it tells
  std::uint32_t grid_bits = 20;  ///< in [1, 30]; 4^grid_bits must be at least the numbers of a segment
  /// t - c: how many members' noise is in every sum that is opened. A SecureAggregation fills it in.
  std::uint64_t honest = 0;
  /// 0: the unit is a hospital. Otherwise it is a patient, of whom no member has more than so many.
  std::uint64_t most_patients = 0;
  friend bool operator==(const SumNoise&, const SumNoise&) = default;

  [[nodiscard]] bool on() const noexcept { return noise_multiplier != 0; }
  [[nodiscard]] SumUnit unit() const noexcept {
    return most_patients == 0 ? SumUnit::hospital : SumUnit::patient;
  }
  /// What one sum spends of every member's budget, in that unit.
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
  /// \param squares  of the shares of all segments, added up: where all are 1 the number of segments
  /// \throws Error (`invalid_argument`) for a setting outside its range, and where the variance is below 16 or above 2^62
  [[nodiscard]] double member_variance(double squares) const {
    const auto require = [](bool good, const std::string& what) {
      if (!good) throw Error(error::invalid_argument, "noise on a secure sum: " + what);
    };
    require(noise_multiplier > 0 && is_finite(noise_multiplier),
            "the noise multiplier must be positive, but is " + number_text(noise_multiplier));
    require(grid_bits >= 1 && grid_bits <= ClippedGradientSum::most_bits,
            "grid_bits must be in [1, 30], but are " + std::to_string(grid_bits));
    require(honest >= 1, "at least one member's noise must be there, but the terms count on none");
    require(most_patients <= most_steps >> grid_bits,
            "most_patients must be at most 2^48 / 2^grid_bits, but are " + std::to_string(most_patients));
    const double joint = unit() == SumUnit::patient ? (squares == 0 ? 0 : 1) : squares;
    const double stddev = std::ldexp(noise_multiplier, static_cast<int>(grid_bits));
    const double variance = stddev * stddev * joint / static_cast<double>(honest) * (1 + 0x1p-50);
    require(squares == 0 || (variance >= least_member_stddev * least_member_stddev && variance <= 0x1p62),
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
  [[nodiscard]] double most_in_sum(std::uint64_t members, double squares, std::size_t coordinates) const {
    if (squares == 0) return 0;
    const auto n = static_cast<double>(members);
    const double longest = n * static_cast<double>((std::max)(most_patients, std::uint64_t{1}));
    const double log_chance = 41 * std::log(2.0) + std::log(static_cast<double>(coordinates));
    const double noise = std::sqrt(2 * n * member_variance(squares) * log_chance);
    return (std::ldexp(longest, static_cast<int>(grid_bits)) + noise) * (1 + 0x1p-40);
  }

  /// What stands for a segment: its numbers clipped together, rounded, and noise on each.
  /// \param variance  `member_variance`
  /// \param share     of one number; of a vector it is 1
  /// \throws Error (`not_finite`) for NaN or infinity; (`invalid_argument`) for more numbers than the grid is fine enough for; (`invalid_reply`)
  ///   in the unit of a patient for what is no sum over so many
  template <class Scalar, std::uniform_random_bit_generator Generator>
  [[nodiscard]] std::vector<std::int64_t> noised(std::span<const Scalar> values, double clip, double variance,
                                                 Generator& generator, double share = 1) const {
    if (!all_finite(values)) {
      throw Error(error::not_finite,
                  "a number to be summed is NaN or infinite; check an update before it is sent");
    }
    std::vector<std::int64_t> result;
    if (unit() == SumUnit::patient) {
      result = whole_steps(values, clip);
    } else if (share < 1) {
      for (const Scalar value : values) {
        const double within = std::clamp(static_cast<double>(value), -clip, clip);
        result.push_back(static_cast<std::int64_t>(std::nearbyint(within / clip * longest(share))));
      }
    } else {
      ClippedGradientSum one(values.size(), clip, grid_bits);
      one.add(std::vector<double>(values.begin(), values.end()));
      result.assign(one.sums().begin(), one.sums().end());
    }
    DiscreteGaussian::of_variance(variance).add_to(result, generator);
    return result;
  }

  /// What a coordinate of a sum stands for. \param most  `most_in_sum` \throws Error (`overflow`) for more than that
  [[nodiscard]] double decode(std::int64_t sum, double clip, double most, double share = 1) const {
    const auto steps = static_cast<double>(sum);
    if (std::abs(steps) > most) {
      throw Error(error::overflow,
                  "a sum of " + number_text(steps) +
                      " steps of the grid is more than the clients and their noise can make");
    }
    return share < 1 ? steps / longest(share) * clip : steps * step(clip);
  }

  /// Without patients it is what programs of before can read (see archive.hpp).
  static constexpr std::uint32_t newest_version = 1;
  [[nodiscard]] std::uint32_t oldest_version() const noexcept { return most_patients == 0 ? 0 : 1; }

  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& noise_multiplier& grid_bits& honest;
    if (version >= 1) archive& most_patients;
  }

 private:
  /// So that each whole number of steps times the step, divided by it, is nearest to that number.
  static constexpr std::uint64_t most_steps = std::uint64_t{1} << 48U;

  /// How many steps a number of this share has at most: whole, so that rounding cannot make it more.
  [[nodiscard]] double longest(double share) const noexcept {
    return std::floor(std::ldexp(share, static_cast<int>(grid_bits)));
  }
  [[nodiscard]] double step(double clip) const noexcept {
    const double of_unit = unit() == SumUnit::patient ? clip / static_cast<double>(most_patients) : clip;
    return std::ldexp(of_unit, -static_cast<int>(grid_bits));
  }
  template <class Scalar>
  [[nodiscard]] std::vector<std::int64_t> whole_steps(std::span<const Scalar> values, double clip) const {
    const auto most = static_cast<double>(most_patients << grid_bits);
    std::vector<std::int64_t> steps;
    steps.reserve(values.size());
    for (const Scalar value : values) {
      const double found = static_cast<double>(value) / step(clip);
      const double nearest = std::nearbyint(found);
      if (!(std::fabs(nearest) <= most) || std::fabs(found - nearest) > 0.25) {
        throw Error(error::invalid_reply,
                    "noise for patients: a sum over at most " + std::to_string(most_patients) +
                        " patients, each clipped and rounded, is not what was to be noised");
      }
      steps.push_back(static_cast<std::int64_t>(nearest));
    }
    return steps;
  }
};

}  // namespace healthai::secagg
