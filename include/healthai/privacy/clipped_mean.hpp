#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// By how much one client can change a weighted mean of updates of length at most `clip` when its update is replaced by zeros,
/// the weights staying as they are: clip * max w / Σ w. (Replaced by any other update: twice that.) With equal weights
/// this is clip / n; weighted by examples, the largest hospital decides, and the noise that equal weights would need is too
/// little. Weights that depend on the data are a release of their own.
/// \throws Error (`invalid_argument`) unless clip >= 0 and the weights are >= 0, finite and not all 0
[[nodiscard]] inline double clipped_mean_sensitivity(double clip, std::span<const double> weights) {
  if (!(clip >= 0) || !is_finite(clip)) {
    throw Error(error::invalid_argument,
                "a clipped mean: the clip must not be negative, but is " + number_text(clip));
  }
  double total = 0, largest = 0;
  for (const double weight : weights) {
    if (!(weight >= 0) || !is_finite(weight)) {
      throw Error(error::invalid_argument,
                  "a clipped mean: weights must not be negative, but one is " + number_text(weight));
    }
    total += weight;
    largest = weight > largest ? weight : largest;
  }
  if (!(total > 0)) {
    throw Error(error::invalid_argument, "a clipped mean: the weights of " + std::to_string(weights.size()) +
                                             " clients sum to 0; there is no mean");
  }
  return clip * (largest / total);
}

/// The standard deviation of central noise on the mean of the updates of `clients` clients, clipped to `clip` and of equal
/// weight: noise_multiplier * clip / clients (McMahan, Ramage, Talwar, Zhang: Learning Differentially Private Recurrent
/// Language Models, 2018, section 3). For other weights multiply `clipped_mean_sensitivity` by the noise multiplier.
/// \throws Error (`invalid_argument`) unless noise_multiplier >= 0, clip >= 0 and clients > 0
[[nodiscard]] inline double clipped_mean_stddev(double noise_multiplier, double clip, std::size_t clients) {
  if (!(noise_multiplier >= 0) || !is_finite(noise_multiplier)) {
    throw Error(
        error::invalid_argument,
        "a clipped mean: the noise multiplier must not be negative, but is " + number_text(noise_multiplier));
  }
  if (!(clip >= 0) || !is_finite(clip)) {
    throw Error(error::invalid_argument,
                "a clipped mean: the clip must not be negative, but is " + number_text(clip));
  }
  if (clients == 0) throw Error(error::invalid_argument, "a clipped mean: there must be at least one client");
  return noise_multiplier * clip / static_cast<double>(clients);
}

}  // namespace healthai
