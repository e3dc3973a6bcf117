#pragma once

#include <algorithm>
#include <boost/random/gamma_distribution.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/random.hpp"

namespace healthai::detail {

/// One draw from the Dirichlet distribution: shares >= 0 that add up to 1, one for each concentration (>= 0, at least
/// one of them positive; a concentration of 0 gives the share 0).
///
/// The shares are gamma variates divided by their sum (Devroye: Non-Uniform Random Variate Generation, 1986, chapter
/// XI.4). For small concentrations all of those would underflow to 0, so their logarithms are drawn: if G
/// is gamma distributed with shape a + 1 and U uniform, G U^(1/a) has shape a (Marsaglia, Tsang: A Simple Method for
/// Generating Gamma Variables, 2000, on a < 1).
[[nodiscard]] inline std::vector<double> draw_dirichlet(std::span<const double> concentrations,
                                                        Stream& stream) {
  std::vector<double> shares;
  shares.reserve(concentrations.size());
  double largest = -std::numeric_limits<double>::infinity();
  for (const double a : concentrations) {
    double logarithm = -std::numeric_limits<double>::infinity();
    if (a > 0) {
      const double gamma = boost::random::gamma_distribution<double>(a + 1)(stream);
      logarithm = std::log(gamma) + std::log(1 - uniform(stream)) / a;
    }
    largest = (std::max)(largest, logarithm);
    shares.push_back(logarithm);
  }
  double sum = 0;
  for (double& share : shares) sum += share = std::exp(share - largest);
  for (double& share : shares) share /= sum;
  return shares;
}

/// Whole numbers that add up to `total`, each less than 1 away from its share of it: the shares' running sum is
/// rounded.
[[nodiscard]] inline std::vector<std::size_t> apportion(std::span<const double> shares, std::size_t total) {
  std::vector<std::size_t> sizes;
  sizes.reserve(shares.size());
  double running = 0;
  std::size_t given = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    running += shares[i];
    const auto upto = static_cast<std::size_t>(std::floor(running * static_cast<double>(total) + 0.5));
    const std::size_t end = i + 1 == shares.size() ? total : std::clamp(upto, given, total);
    sizes.push_back(end - given);
    given = end;
  }
  return sizes;
}

/// \throws Error (`invalid_argument`) unless the concentration `alpha` is positive and finite.
inline void require_alpha(double alpha, const char* who) {
  if (is_finite(alpha) && alpha > 0) return;
  throw Error(error::invalid_argument,
              std::string(who) + ": alpha must be positive and finite, but is " + number_text(alpha));
}

}  // namespace healthai::detail
