#pragma once

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "healthai/privacy/sampled_gaussian.hpp"

namespace healthai::detail {

/// The distribution of the privacy loss of one use of a mechanism: mass[j] is the probability of the loss (first + j) * step,
/// `infinite` that of a loss without bound.
struct LossGrid {
  double step = 0;
  std::int64_t first = 0;
  std::vector<double> mass{};
  double infinite = 0;
};

/// Both ways round: the loss log(P/Q) under P, with the unit, and log(Q/P) under Q, without it.
struct LossGrids {
  LossGrid with{};
  LossGrid without{};
};

/// Between which t = z / noise_multiplier all but `tail` of the mass lies, with and without the unit.
struct SumRange {
  double low = 0, high = 0;
};
[[nodiscard]] inline SumRange sum_range(const SampledGaussian& mechanism, double tail) {
  const double beyond =
      std::sqrt(2 * std::log(1 / tail));  // the normal distribution has at most `tail` / 2 there
  return {-beyond, 1 / mechanism.noise_multiplier + beyond};
}

/// log(P/Q) where the sum is t standard deviations of the noise.
[[nodiscard]] inline double loss_at(const SampledGaussian& mechanism, double t) {
  const double sigma = mechanism.noise_multiplier;
  const double w = t / sigma - 1 / (2 * sigma * sigma);
  return mechanism.sampling_rate == 1 ? w : log_likelihood_ratio(mechanism.sampling_rate, w);
}

/// The logarithm of E[e^(tilt loss)], and mean and variance of the loss under that tilt.
struct TiltedLoss {
  double log_moment = 0, mean = 0, variance = 0;
};

/// What log(P/Q) under P is like under a tilt, inside `range` only: to some digits, enough to choose a tilt and a grid by. Without
/// the range, moments of sampled losses explode at orders that only sums which next to never occur decide.
[[nodiscard]] inline TiltedLoss tilted_loss(const SampledGaussian& mechanism, double tilt,
                                            const SumRange& range) {
  const double step = (std::min)(0.25, mechanism.noise_multiplier / 4);
  double largest = -HUGE_VAL, sum = 0, first = 0;
  for (double t = range.low; t <= range.high; t += step) {
    const double loss = loss_at(mechanism, t);
    const double value = (1 + tilt) * loss - t * t / 2;
    if (value > largest) {
      const double scale = std::exp(largest - value);
      sum *= scale;
      first *= scale;
      largest = value;
    }
    const double weight = std::exp(value - largest);
    sum += weight;
    first += weight * loss;
  }
  const double mean = first / sum;
  double variance = 0;
  for (double t = range.low; t <= range.high; t += step) {
    const double loss = loss_at(mechanism, t);
    const double value = (1 + tilt) * loss - t * t / 2;
    variance += std::exp(value - largest) * (loss - mean) * (loss - mean);
  }
  constexpr double log_sqrt_two_pi = 0.91893853320467274178;
  return {largest + std::log(sum * step) - log_sqrt_two_pi, mean, variance / sum};
}

/// The privacy loss of a sampled Gaussian on a grid, from above (Doroshenko, Ghazi, Kamath, Kumar, Manurangsi: Connect the Dots:
/// Tighter Discrete Approximations of Privacy Loss Distributions, 2022): what lies between two points of the grid is shared
/// between them so that it keeps its probability both under P and under Q. Then delta, as a function of e^epsilon, is right at
/// the points of the grid and a straight line between them, and so never below the true one, which is convex. What
/// this adds is of the order of step^2, where rounding up would add step. The integrals are those of
///
///     r - r_i, shared to the upper point, and r_(i+1) - r, to the lower one, against the density of Q,
///
/// with r = P/Q, by Gauss's rule on pieces short enough to be right to about 1e-13; both are sums of what is positive. Beyond
/// `range` the loss counts as infinite, or is rounded up to the first point inside.
[[nodiscard]] inline LossGrids loss_grids(const SampledGaussian& mechanism, double step,
                                          const SumRange& range) {
  using Gauss = boost::math::quadrature::gauss<double, 7>;
  constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;
  const double sigma = mechanism.noise_multiplier, q = mechanism.sampling_rate, shift = 1 / sigma;
  const double longest = (std::min)(0.25, sigma / 4);
  const auto first = static_cast<std::int64_t>(std::floor(loss_at(mechanism, range.low) / step));
  const auto last =
      (std::max)(first + 1, static_cast<std::int64_t>(std::ceil(loss_at(mechanism, range.high) / step)));
  const auto cells = static_cast<std::size_t>(last - first);

  LossGrids grids;
  std::vector<double>& with = grids.with.mass;
  std::vector<double> without(cells + 1);  // by increasing log(P/Q), turned round below
  with.resize(cells + 1);

  struct Boundary {
    double r_minus = 0;  // r - (1 - q), > 0 but perhaps for the first
    double t = 0;        // where the loss is that of the grid's point, if anywhere
  };
  const auto boundary = [&](std::int64_t i) {
    const double loss = static_cast<double>(i) * step;
    if (q == 1) return Boundary{1, sigma * loss + shift / 2};  // r_minus is only asked whether it is positive
    const double r_minus = q + std::expm1(loss);
    return r_minus > 0 ? Boundary{r_minus, sigma * std::log1p(std::expm1(loss) / q) + shift / 2}
                       : Boundary{r_minus, -HUGE_VAL};
  };
  const double complement = -std::expm1(-step);
  Boundary lower = boundary(first);
  for (std::size_t cell = 0; cell < cells; ++cell) {
    const std::int64_t index = first + static_cast<std::int64_t>(cell);
    const Boundary upper = boundary(index + 1);
    const double begin = std::clamp(lower.t, range.low, range.high);
    const double end = cell + 1 == cells ? range.high : std::clamp(upper.t, range.low, range.high);
    double up = 0, down = 0;  // ∫ phi (r - r_lower) dt and ∫ phi (r_upper - r) dt, times sqrt(2 pi)
    const auto add = [&](double t, double weight) {
      const double from_one = t - shift;
      const double density = q * std::exp(-from_one * from_one / 2);  // q e^w phi(t)
      up += weight * (lower.r_minus > 0 ? -density * std::expm1((lower.t - t) / sigma)
                                        : density - lower.r_minus * std::exp(-t * t / 2));
      const double x = (upper.t - t) / sigma;
      down +=
          weight * (x < 1 ? density * std::expm1(x) : q * std::exp(x - from_one * from_one / 2) - density);
    };
    const double pieces = std::ceil((end - begin) / longest);
    for (double piece = 0; piece < pieces; ++piece) {
      const double half = (end - begin) / pieces / 2;
      const double centre = begin + (2 * piece + 1) * half;
      add(centre, half * Gauss::weights()[0]);
      for (std::size_t k = 1; k < Gauss::weights().size(); ++k) {
        add(centre - half * Gauss::abscissa()[k], half * Gauss::weights()[k]);
        add(centre + half * Gauss::abscissa()[k], half * Gauss::weights()[k]);
      }
    }
    up = (std::max)(up, 0.0) * inverse_sqrt_two_pi / complement;
    down = (std::max)(down, 0.0) * inverse_sqrt_two_pi / complement * std::exp(-step);
    const double loss = static_cast<double>(index) * step;
    with[cell + 1] += up;
    with[cell] += down;
    without[cell + 1] += up * std::exp(-loss - step);
    without[cell] += down * std::exp(-loss);
    lower = upper;
  }
  // The tails. Towards larger losses they are infinite; towards smaller ones rounded up.
  const auto above = [](double t) { return std::erfc(t / std::sqrt(2.0)) / 2; };
  grids.with.infinite = (1 - q) * above(range.high) + q * above(range.high - shift);
  with[1] += (1 - q) * above(-range.low) + q * above(shift - range.low);
  grids.without.infinite = above(-range.low);
  without[cells - 1] += above(range.high);
  grids.with.step = grids.without.step = step;
  grids.with.first = first;
  grids.without.first = -last;
  std::reverse(without.begin(), without.end());
  grids.without.mass = std::move(without);
  return grids;
}

}  // namespace healthai::detail
