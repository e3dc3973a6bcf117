#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// One step of DP-SGD, or one round: each unit takes part with a probability of its own draw (Poisson sampling), contributes
/// at most 1 (its clip) to a sum, in Euclidean length, and normal noise is added to each coordinate. (Mironov, Talwar, Zhang:
/// Rényi Differential Privacy of the Sampled Gaussian Mechanism, 2019.) Shuffled batches of a fixed size are
/// another mechanism. Clients who are chosen by, or visible to, the observer are not sampled: their rate is 1.
struct SampledGaussian {
  double noise_multiplier = 1;  ///< standard deviation of the noise on the sum, in clips; in [0.01, 1e6]
  double sampling_rate = 1;     ///< in [1e-9, 1]; 1 is the plain Gaussian mechanism

  /// \throws Error (`invalid_argument`) for a setting outside its range
  void validate() const {
    if (!(noise_multiplier >= 0.01 && noise_multiplier <= 1e6)) {
      throw Error(error::invalid_argument,
                  "a sampled Gaussian: the noise multiplier must be in [0.01, 1e6], but is " +
                      number_text(noise_multiplier) +
                      (noise_multiplier < 0.01 ? "; so little noise protects nobody" : ""));
    }
    if (!(sampling_rate >= 1e-9 && sampling_rate <= 1)) {
      throw Error(
          error::invalid_argument,
          "a sampled Gaussian: the sampling rate must be in [1e-9, 1], but is " + number_text(sampling_rate));
    }
  }
};

namespace detail {

/// log(e^x - 1 - x), which keeps all its digits for any x. -infinity at 0.
[[nodiscard]] inline double log_exp_minus_line(double x) {
  if (x > 40) return x + std::log1p(-(1 + x) * std::exp(-x));
  if (std::abs(x) > 0.5) return std::log(std::expm1(x) - x);
  double sum = 1, term = 1;  // of 2 (e^x - 1 - x) / x^2 = 1 + x/3 + x^2/(3*4) + ...
  for (int k = 3; k <= 17; ++k) {
    term *= x / k;
    sum += term;
  }
  return 2 * std::log(std::abs(x)) + std::log(sum / 2);
}

/// log(e^x + e^y)
[[nodiscard]] inline double log_sum(double x, double y) {
  const double larger = (std::max)(x, y);
  return larger == -std::numeric_limits<double>::infinity()
             ? larger
             : larger + std::log1p(std::exp((std::min)(x, y) - larger));
}

/// log(1 - q + q e^w): the logarithm of how much more likely a sum is with the unit than without it.
[[nodiscard]] inline double log_likelihood_ratio(double q, double w) {
  if (w > 30) return w + std::log(q + (1 - q) * std::exp(-w));
  if (w < -1 && q > 0.5) return std::log(1 - q + q * std::exp(w));
  return std::log1p(q * std::expm1(w));
}

/// log A, A = E_z[r(z)^(1+a)], where z is the sum without the unit and r(z) the likelihood ratio: a times the Rényi divergence
/// of order 1 + a. With t = z / sigma, l = log r and E[r] = 1 it is, without cancellation,
///
///     A - 1 = ∫ phi(t) r (e^(a l) - 1 - a l  +  a (e^-l - 1 + l)) dt
///
/// by the trapezoidal rule, which converges like e^(-2 pi d / step) for what is analytic in a strip of half-width d (Trefethen,
/// Weideman: The Exponentially Convergent Trapezoidal Rule, 2014, theorem 5.1). Here d is pi sigma: r has its zeros there.
[[nodiscard]] inline double log_moment(const SampledGaussian& mechanism, double a) {
  const double sigma = mechanism.noise_multiplier, q = mechanism.sampling_rate;
  if (q == 1) return a * (1 + a) / (2 * sigma * sigma);
  const double step = (std::min)(0.5, sigma / 2);
  // Beyond these ends the integrand falls faster than the normal density does 11 standard deviations out.
  const double first = std::floor(-11 / step);
  const double last = std::ceil(((std::max)(2.0, 1 + a) / sigma + 11) / step);
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (double node = first; node <= last; ++node) {
    const double t = node * step;
    const double l = log_likelihood_ratio(q, t / sigma - 1 / (2 * sigma * sigma));
    const double value =
        l - t * t / 2 + log_sum(log_exp_minus_line(a * l), std::log(a) + log_exp_minus_line(-l));
    if (value > largest) {
      sum = sum * std::exp(largest - value) + 1;
      largest = value;
    } else {
      sum += std::exp(value - largest);
    }
  }
  constexpr double log_sqrt_two_pi = 0.91893853320467274178;
  const double excess = largest + std::log(sum * step) - log_sqrt_two_pi;  // log(A - 1)
  return log_sum(0, excess);
}

/// The largest order, less 1, that costs no more than a moment to compute.
[[nodiscard]] inline double largest_order(const SampledGaussian& mechanism) {
  return mechanism.sampling_rate == 1 ? 1e15 : 1e5 * mechanism.noise_multiplier;
}

}  // namespace detail

/// The Rényi divergence of this order between the sums of neighbouring data sets (one unit added or removed), whichever way
/// round is the larger (Mironov, Talwar, Zhang 2019, theorem 4, and that it is the moment of P/Q under Q; here by numerical integration for any real order).
/// Right to about 1e-13 of itself.
/// \param order  in (1, 1e5 * noise_multiplier]; without sampling any above 1
/// \throws Error (`invalid_argument`) for an order outside this range, or a mechanism that is not valid
[[nodiscard]] inline double renyi_divergence(const SampledGaussian& mechanism, double order) {
  mechanism.validate();
  if (!(order > 1) || !(order - 1 <= detail::largest_order(mechanism))) {
    throw Error(error::invalid_argument, "a Rényi divergence: the order must be above 1 and at most " +
                                             number_text(1 + detail::largest_order(mechanism)) + ", but is " +
                                             number_text(order));
  }
  return detail::log_moment(mechanism, order - 1) / (order - 1);
}

}  // namespace healthai
