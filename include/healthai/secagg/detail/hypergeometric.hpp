#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "healthai/config.hpp"

namespace healthai::secagg::detail {

/// How many marked ones are among `drawn` of a population that has `marked` of them, drawn without putting back. All
/// probabilities at once, from the ratios of neighbouring ones:
///
///     P(x + 1) / P(x) = (marked - x) (drawn - x) / ((x + 1) (population - marked - drawn + x + 1))
///
/// so that no logarithm of a factorial has to cancel: sums of tails, from their small end, are right to about drawn * 2^-52 of
/// themselves.
class Hypergeometric {
 public:
  /// `marked` and `drawn` are at most `population`.
  Hypergeometric(std::size_t population, std::size_t marked, std::size_t drawn)
      : at_most_(drawn + 1, 0.0), at_least_(drawn + 2, 0.0) {
    const std::size_t unmarked = population - marked;
    const std::size_t low = drawn > unmarked ? drawn - unmarked : 0, high = (std::min)(marked, drawn);
    const auto ratio = [&](std::size_t x) {  // P(x + 1) / P(x), for low <= x < high
      return static_cast<double>(marked - x) * static_cast<double>(drawn - x) /
             (static_cast<double>(x + 1) * static_cast<double>(unmarked + x + 1 - drawn));
    };
    // From the most likely number to both ends, which may become too small for a double: then they are 0.
    std::vector<double> likely(drawn + 1, 0.0);
    const double mode = static_cast<double>(drawn + 1) * static_cast<double>(marked + 1) /
                        static_cast<double>(population + 2);
    const std::size_t middle = (std::clamp)(static_cast<std::size_t>(mode), low, high);
    likely[middle] = 1;
    for (std::size_t x = middle; x < high; ++x) likely[x + 1] = likely[x] * ratio(x);
    for (std::size_t x = middle; x > low; --x) likely[x - 1] = likely[x] / ratio(x - 1);
    double total = 0;
    for (const double one : likely) total += one;
    double sum = 0;
    for (std::size_t x = 0; x <= drawn; ++x) at_most_[x] = (std::min)((sum += likely[x]) / total, 1.0);
    sum = 0;
    for (std::size_t x = drawn + 1; x-- > 0;) at_least_[x] = (std::min)((sum += likely[x]) / total, 1.0);
  }
  /// The probability of `x` or fewer. `x` is at most `drawn`.
  [[nodiscard]] double at_most(std::size_t x) const { return at_most_[x]; }
  /// The probability of `x` or more. `x` is at most `drawn` + 1.
  [[nodiscard]] double at_least(std::size_t x) const { return at_least_[x]; }

 private:
  std::vector<double> at_most_;
  std::vector<double> at_least_;
};

}  // namespace healthai::secagg::detail
