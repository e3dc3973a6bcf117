#pragma once

#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>
#include <variant>
#include <vector>

#include "healthai/core/parameters.hpp"
#include "healthai/core/random.hpp"
#include "healthai/simulation/attack.hpp"

namespace healthai::detail {

/// Whether attackers must know other updates than their own.
[[nodiscard]] inline bool needs_others(const Attack& attack) noexcept {
  return std::holds_alternative<InnerProductManipulation>(attack) ||
         std::holds_alternative<ALittleIsEnough>(attack);
}

/// What an attacker who knows no other update makes of its own.
template <class Scalar>
void poison_own(const Attack& attack, Parameters<Scalar>& update, Stream stream) {
  if (const auto* flip = std::get_if<SignFlip>(&attack)) {
    for (Scalar& value : update.span()) {
      value = static_cast<Scalar>(-flip->scale * static_cast<double>(value));
    }
  } else if (const auto* noise = std::get_if<GaussianNoise>(&attack)) {
    boost::random::normal_distribution<double> normal(0, noise->standard_deviation);
    for (Scalar& value : update.span()) {
      value = static_cast<Scalar>(static_cast<double>(value) + normal(stream));
    }
  }
}

/// What all attackers send who know these updates, at least one, of one layout; added up in double in their order.
/// \param scale  the mean is multiplied by it. \param z  and that many standard deviations are taken away
template <class Scalar>
[[nodiscard]] Parameters<Scalar> mean_less_deviations(std::span<const Parameters<Scalar>* const> updates,
                                                      double scale, double z) {
  Parameters<Scalar> result = Parameters<Scalar>::uninitialised(updates.front()->layout());
  const auto count = static_cast<double>(updates.size());
  for (std::size_t j = 0; j < result.size(); ++j) {
    double mean = 0;
    for (const auto* update : updates) mean += static_cast<double>(update->data()[j]);
    mean /= count;
    double squares = 0;
    for (const auto* update : updates) {
      const double away = static_cast<double>(update->data()[j]) - mean;
      squares += away * away;
    }
    result.data()[j] = static_cast<Scalar>(scale * mean - z * std::sqrt(squares / count));
  }
  return result;
}

}  // namespace healthai::detail
