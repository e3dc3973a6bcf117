#pragma once

#include <cmath>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

/// \file
/// How much normal noise makes a number differentially private. A query whose answers on neighbouring data differ by at most
/// `sensitivity` (Euclidean), with N(0, stddev^2) added to each coordinate, is (epsilon, delta)-differentially private:
/// for one release. What the neighbours are, a patient or a hospital more or less, whoever states the sensitivity says.
///
/// Numbers only, no noise: floating-point noise leaks (Mironov: On Significance of the Least Significant Bits for
/// Differential Privacy, 2012).

namespace healthai {

namespace detail {
inline void require_privacy(bool good, const char* what, double value) {
  if (good && is_finite(value)) return;
  throw Error(error::invalid_argument,
              std::string("the Gaussian mechanism: ") + what + ", but is " + number_text(value));
}
}  // namespace detail

/// The classical formula, stddev = sensitivity sqrt(2 ln(1.25 / delta)) / epsilon (Dwork, Roth: The Algorithmic Foundations of
/// Differential Privacy, 2014, theorem A.1). Proven for epsilon < 1. For large epsilon the noise is too little: with
/// epsilon = 8 and delta = 0.001 the true delta is 0.0013 (see `gaussian_delta`), so there, and for less noise anywhere, use
/// `gaussian_stddev`.
/// \throws Error (`invalid_argument`) unless sensitivity >= 0, epsilon > 0 and 0 < delta < 1
[[nodiscard]] inline double classical_gaussian_stddev(double sensitivity, double epsilon, double delta) {
  detail::require_privacy(sensitivity >= 0, "the sensitivity must not be negative", sensitivity);
  detail::require_privacy(epsilon > 0, "epsilon must be positive", epsilon);
  detail::require_privacy(delta > 0 && delta < 1, "delta must be in (0, 1)", delta);
  return sensitivity * std::sqrt(2 * std::log(1.25 / delta)) / epsilon;
}

/// The smallest delta for which noise of this standard deviation is (epsilon, delta)-differentially private (Balle, Wang:
/// Improving the Gaussian Mechanism for Differential Privacy, 2018, theorem 8). With s = sensitivity / stddev:
///
///     delta = Phi(s/2 - epsilon/s) - e^epsilon Phi(-s/2 - epsilon/s)
///
/// The two terms cancel where delta is much smaller than 1e-9: it is then right to about 1e-16, not relatively.
/// \throws Error (`invalid_argument`) unless sensitivity > 0, stddev > 0 and epsilon >= 0
[[nodiscard]] inline double gaussian_delta(double sensitivity, double stddev, double epsilon) {
  detail::require_privacy(sensitivity > 0, "the sensitivity must be positive", sensitivity);
  detail::require_privacy(stddev > 0, "the standard deviation must be positive", stddev);
  detail::require_privacy(epsilon >= 0, "epsilon must not be negative", epsilon);
  const double s = sensitivity / stddev;
  const double upper = std::erfc((epsilon / s - s / 2) / std::sqrt(2.0)) / 2;
  const double lower = std::erfc((epsilon / s + s / 2) / std::sqrt(2.0)) / 2;
  const double delta = upper - (lower > 0 ? std::exp(epsilon + std::log(lower)) : 0.0);
  return delta > 0 ? delta : 0.0;
}

/// The smallest standard deviation that is enough for (epsilon, delta): `gaussian_delta` solved for it by bisection, rounded
/// up by 1e-9 of itself. For any epsilon, and less than the classical formula where that is proven.
/// \throws Error (`invalid_argument`) unless sensitivity >= 0, epsilon > 0 and 1e-12 <= delta < 1 (below that the digits of
/// `gaussian_delta` do not suffice)
[[nodiscard]] inline double gaussian_stddev(double sensitivity, double epsilon, double delta) {
  detail::require_privacy(sensitivity >= 0, "the sensitivity must not be negative", sensitivity);
  detail::require_privacy(epsilon > 0, "epsilon must be positive", epsilon);
  detail::require_privacy(delta >= 1e-12 && delta < 1, "delta must be in [1e-12, 1)", delta);
  double low = 0, high = 1;  // in units of the sensitivity; enough is enough: delta falls with the noise
  while (gaussian_delta(1, high, epsilon) > delta) high *= 2;
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (gaussian_delta(1, middle, epsilon) > delta ? low : high) = middle;
  }
  return sensitivity * high * (1 + 1e-9);
}

}  // namespace healthai
