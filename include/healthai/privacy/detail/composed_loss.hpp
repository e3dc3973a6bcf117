#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <unsupported/Eigen/FFT>
#include <utility>
#include <vector>

#include "healthai/privacy/detail/loss_grid.hpp"

namespace healthai::detail {

/// A loss that occurs `steps` times, independently.
struct RepeatedLoss {
  LossGrid loss{};
  double steps = 0;
};

/// The same of a loss on a grid, over its finite values.
/// \param tilted  if given, gets the tilted masses, which sum to 1
[[nodiscard]] inline TiltedLoss tilted_loss(const LossGrid& loss, double tilt,
                                            std::vector<double>* tilted = nullptr) {
  const auto at = [&](std::size_t j) {
    return (static_cast<double>(loss.first) + static_cast<double>(j)) * loss.step;
  };
  std::vector<double> weights(loss.mass.size());
  double largest = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < weights.size(); ++j) {
    weights[j] = std::log(loss.mass[j]) + tilt * at(j);
    largest = (std::max)(largest, weights[j]);
  }
  double sum = 0, first = 0;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    weights[j] = std::exp(weights[j] - largest);
    sum += weights[j];
    first += weights[j] * at(j);
  }
  TiltedLoss result{largest + std::log(sum), first / sum, 0};
  for (std::size_t j = 0; j < weights.size(); ++j) {
    weights[j] /= sum;
    result.variance += weights[j] * (at(j) - result.mean) * (at(j) - result.mean);
  }
  if (tilted != nullptr) *tilted = std::move(weights);
  return result;
}

/// Of all losses together.
[[nodiscard]] inline TiltedLoss tilted_loss(const std::vector<RepeatedLoss>& losses, double tilt) {
  TiltedLoss sum;
  for (const RepeatedLoss& one : losses) {
    const TiltedLoss term = tilted_loss(one.loss, tilt);
    sum.log_moment += one.steps * term.log_moment;
    sum.mean += one.steps * term.mean;
    sum.variance += one.steps * term.variance;
  }
  return sum;
}

/// z^n for a whole n, with a relative error of about n times that of one multiplication.
[[nodiscard]] inline std::complex<double> power(std::complex<double> z, double n) {
  std::complex<double> result = 1;
  for (auto rest = static_cast<std::uint64_t>(n); rest != 0; rest >>= 1U) {
    if ((rest & 1U) != 0) result *= z;
    z *= z;
  }
  return result;
}

/// The distribution of the sum of all losses on a window of `length` points of the grid, under the tilt: entry s mod length is
/// the probability of the sum s * step. What lies outside the window is added to it where the remainder falls.
[[nodiscard]] inline std::vector<double> composed(const std::vector<RepeatedLoss>& losses, double tilt,
                                                  std::size_t length) {
  Eigen::FFT<double> transform;
  transform.SetFlag(Eigen::FFT<double>::HalfSpectrum);
  std::vector<std::complex<double>> spectrum(length / 2 + 1, 1.0), term;
  std::vector<double> tilted, wrapped(length);
  for (const RepeatedLoss& one : losses) {
    static_cast<void>(tilted_loss(one.loss, tilt, &tilted));
    std::fill(wrapped.begin(), wrapped.end(), 0.0);
    const auto size = static_cast<std::int64_t>(length);
    auto place = static_cast<std::size_t>(((one.loss.first % size) + size) % size);
    for (const double mass : tilted) {
      wrapped[place] += mass;
      if (++place == length) place = 0;
    }
    transform.fwd(term, wrapped);
    for (std::size_t i = 0; i < spectrum.size(); ++i) spectrum[i] *= power(term[i], one.steps);
  }
  transform.inv(wrapped, spectrum, static_cast<Eigen::Index>(length));
  return wrapped;
}

/// From above, the smallest epsilon >= 0 for which the sum S of all losses has
///
///     E[max(0, 1 - e^(epsilon - S))] + P(S infinite) <= delta
///
/// (Koskela, Jälkö, Honkela: Computing Tight Differential Privacy Guarantees Using FFT, 2020). The masses are tilted
/// by e^(tilt S), so that the sums that matter are those with most of the mass: then the Fourier transform has all its
/// digits where they are needed, however small delta is, and its window can be short (Grübel, Hermesmeier: Computation of Compound
/// Distributions I: Aliasing Errors and Exponential Tilting, 1999; Alghamdi and others: The Saddle-Point Method in
/// Differential Privacy, 2023, for the choice of the tilt). Sums beyond the window are bounded by Chernoff's inequality and
/// added to delta; so are an allowance for rounding, and what is below the window and so appears in its upper part.
///
/// \param tilt      > 0; where Chernoff's bound for delta has its minimum
/// \param far_tilt  > 0; the same for a much smaller delta
/// \return nothing where the window would be too long, or delta is too small for the grid
[[nodiscard]] inline std::optional<double> composed_epsilon(const std::vector<RepeatedLoss>& losses,
                                                            double tilt, double far_tilt, double delta) {
  constexpr double longest = 1 << 21, rounding = std::numeric_limits<double>::epsilon();
  const double step = losses.front().loss.step;
  double steps = 0, infinite = 0;
  for (const RepeatedLoss& one : losses) {
    steps += one.steps;
    infinite += one.steps * one.loss.infinite;
  }
  const TiltedLoss far = tilted_loss(losses, far_tilt);
  for (int attempt = 0; attempt < 40; ++attempt, tilt /= 2) {
    const TiltedLoss near = tilted_loss(losses, tilt);
    const double deviation = std::sqrt(near.variance);
    const double top = (std::max)((far.log_moment - std::log(1e-6 * delta)) / far_tilt,
                                  near.mean + 9 * deviation);  // of the window
    const double low = near.mean - 9 * deviation;
    if (!((top - low) / step + 4 < longest) || !(std::abs(top) / step < 1e15)) return std::nullopt;
    std::size_t length = 64;
    while (static_cast<double>(length) < (top - low) / step + 4) length *= 2;
    const auto last = static_cast<std::int64_t>(std::ceil(top / step));

    const double beyond =
        (std::min)(std::exp(far.log_moment - far_tilt * top), std::exp(near.log_moment - tilt * top));
    // 1e-13: of the masses of one step.
    const double allowed = (delta - infinite - beyond) * (1 - 1e-9 - 1e-13 * steps);
    if (!(allowed > delta / 2)) return std::nullopt;

    const std::vector<double> masses = composed(losses, tilt, length);
    double squares = 0;
    for (const double mass : masses) squares += mass * mass;
    const double noise =
        4 * rounding * (steps + 64) * std::sqrt(squares / static_cast<double>(length));  // of one mass

    // From the top down: S = Σ w, T = Σ w e^(l - l_j), D = S - T = delta at the point l, over the points j from l upwards.
    const double ratio = std::exp(-step), complement = -std::expm1(-step);
    const auto size = static_cast<std::int64_t>(length);
    double sum = 0, damped = 0, at = 0;
    for (std::int64_t i = last; i > last - size; --i) {
      const double loss = static_cast<double>(i) * step;
      if (loss <= 0) return 0.0;
      const double mass =
          (std::max)(masses[static_cast<std::size_t>(((i % size) + size) % size)], 0.0) + noise;
      const double weight = mass * std::exp(near.log_moment - tilt * loss);
      sum += weight;
      damped += weight;
      const double below = complement * sum + ratio * at;  // delta one point further down
      if (below >= allowed) return (std::max)(0.0, loss + std::log((sum - allowed) / damped));
      damped *= ratio;
      at = below;
    }
    // delta is not reached in this window: it is where the tilt did not look, at smaller losses.
  }
  return std::nullopt;
}

}  // namespace healthai::detail
