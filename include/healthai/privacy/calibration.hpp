#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/privacy/guarantee.hpp"
#include "healthai/privacy/privacy_loss_accountant.hpp"
#include "healthai/privacy/releases.hpp"
#include "healthai/privacy/renyi_accountant.hpp"

/// \file
/// Needs Boost.Math and Eigen's FFT, which `healthai.hpp` does not include. For one release without sampling, `gaussian_stddev`
/// answers the same question in closed form.

namespace healthai {

/// Noise for a target, and what it comes to.
template <PrivacyUnit Unit>
struct CalibratedNoise {
  double noise_multiplier;  ///< standard deviation of the noise on a sum, in clips
  Epsilon<Unit> spent;      ///< by all steps together; at most the target
};

/// Which releases are to be made.
struct PlannedReleases {
  double sampling_rate = 1;  ///< with which probability a unit takes part in a step
  std::uint64_t steps = 1;   ///< rounds, or batches of all epochs
  double precision = 1e-3;   ///< of the noise multiplier, relative; in [1e-9, 0.1]
};

/// The smallest noise multiplier with which the planned releases spend at most `target`, by bisection: epsilon falls with the
/// noise. At most `precision` above the smallest; what is returned has been checked by the accountant itself. About 15 times the work
/// of the accountant.
/// \param target  what may be spent: epsilon, delta and adjacency, for units of its type
/// \throws Error (`invalid_argument`) for settings outside their range, for sampling under `Adjacency::replace`,
/// and where not even a multiplier of 1e6 is enough
template <class Accountant, PrivacyUnit Unit>
[[nodiscard]] CalibratedNoise<Unit> smallest_noise(const Accountant& accountant, const Epsilon<Unit>& target,
                                                   const PlannedReleases& planned) {
  if (!(planned.precision >= 1e-9 && planned.precision <= 0.1)) {
    throw Error(error::invalid_argument, "smallest noise: the precision must be in [1e-9, 0.1], but is " +
                                             number_text(planned.precision));
  }
  if (planned.steps == 0) {
    throw Error(error::invalid_argument, "smallest noise: no steps are planned; there must be at least one");
  }
  const auto spent = [&](const auto& by, double noise_multiplier) {
    Releases<Unit> releases(target.adjacency());
    releases.add({noise_multiplier, planned.sampling_rate}, planned.steps);
    return by.epsilon(releases, target.delta());
  };
  const auto enough = [&](const auto& by, double noise_multiplier) {
    return spent(by, noise_multiplier).value() <= target.value();
  };
  constexpr double most = 1e6;
  const double least = target.adjacency() == Adjacency::replace ? 0.02 : 0.01;  // what SampledGaussian takes
  const auto smallest = [&](const auto& by, double high) {  // `most` if even that is not enough
    while (high < most && !enough(by, high)) high = (std::min)(2 * high, most);
    double low = (std::max)(high / 2, least);
    while (low < high && enough(by, low)) {
      high = low;
      low = (std::max)(low / 2, least);
    }
    while (high > low * (1 + planned.precision)) {
      const double middle = std::sqrt(low * high);
      (enough(by, middle) ? high : low) = middle;
    }
    return high;
  };
  // The Rényi bound is quick and not far off: it says where to look.
  double noise_multiplier = smallest(RenyiAccountant{}, 1.0);
  if constexpr (!std::is_same_v<Accountant, RenyiAccountant>) {
    noise_multiplier = smallest(accountant, noise_multiplier);
  }
  if (noise_multiplier == most && !enough(accountant, most)) {
    throw Error(error::invalid_argument,
                "smallest noise: no noise multiplier up to 1e+06 is enough for " + target.text() + " with " +
                    std::to_string(planned.steps) + " steps at a sampling rate of " +
                    number_text(planned.sampling_rate) + "; plan fewer steps, or a larger epsilon");
  }
  return {noise_multiplier, spent(accountant, noise_multiplier)};
}

/// The same by `PrivacyLossAccountant`, which needs the least noise.
template <PrivacyUnit Unit>
[[nodiscard]] CalibratedNoise<Unit> smallest_noise(const Epsilon<Unit>& target,
                                                   const PlannedReleases& planned) {
  return smallest_noise(PrivacyLossAccountant{}, target, planned);
}

}  // namespace healthai
