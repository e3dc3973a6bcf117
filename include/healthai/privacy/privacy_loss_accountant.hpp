#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/privacy/detail/composed_loss.hpp"
#include "healthai/privacy/detail/loss_grid.hpp"
#include "healthai/privacy/guarantee.hpp"
#include "healthai/privacy/releases.hpp"
#include "healthai/privacy/renyi_accountant.hpp"

/// \file
/// Needs Boost.Math and Eigen's FFT, which `healthai.hpp` does not include.

namespace healthai {

/// How much privacy is spent, by the distributions of the privacy loss: that of each mechanism is put on a grid, that of all
/// their sums computed by Fourier transform, and epsilon read off it (Koskela, Jälkö, Honkela: Computing Tight Differential Privacy
/// Guarantees Using FFT, 2020; Gopi, Lee, Wutschitz: Numerical Composition of Differential Privacy, 2021). A unit may be added
/// or removed, and the larger epsilon counts (the pair of distributions for each is the worst there is: Zhu, Dong, Wang:
/// Optimal Accounting of Differential Privacy via Characteristic Function, 2022).
///
/// The result is never below the true epsilon: what is put on the grid is moved upwards, what is cut off is added to delta, and
/// rounding has an allowance. The grid is made finer until that changes less than `precision`; the result is then about so far
/// from the truth, usually less. It is never above that of `RenyiAccountant`, which is taken where no grid of a few million points
/// is fine enough, or where losses do not fit into a double (noise multipliers well below 0.1). Takes milliseconds, for a million
/// steps about half a second.
/// Thread safety: safe from any thread.
struct PrivacyLossAccountant {
  double precision = 1e-3;  ///< relative, in [1e-5, 1]

  /// \throws Error (`invalid_argument`) for a precision outside its range
  template <PrivacyUnit Unit>
  [[nodiscard]] Epsilon<Unit> epsilon(const Releases<Unit>& releases, Delta<Unit> delta) const {
    if (!(precision >= 1e-5 && precision <= 1)) {
      throw Error(
          error::invalid_argument,
          "PrivacyLossAccountant: the precision must be in [1e-5, 1], but is " + number_text(precision));
    }
    double value = RenyiAccountant{}.epsilon(releases, delta).value();
    if (value == 0) return {value, delta, releases.adjacency()};
    const Plan plan = plan_for(releases, delta.value());
    double before = HUGE_VAL;
    for (double step = plan.step; step > plan.finest; step /= 2) {
      const std::optional<double> bound = at_step(releases, delta.value(), plan, step);
      if (!bound) break;
      value = (std::min)(value, *bound);
      // The error falls like step^2: with half the step, a third of the change is left.
      if (before - *bound <= 3 * precision * *bound + smallest_change) break;
      before = *bound;
    }
    return {value, delta, releases.adjacency()};
  }

 private:
  static constexpr double most_cells = 1 << 21;     // of the loss of one use
  static constexpr double smallest_change = 1e-6;   // of an epsilon
  static constexpr double fewest_in_window = 8192;  // points of the first grid, however few the steps
  static constexpr double first_cell = 0.1;         // in standard deviations of the loss of one step

  struct Plan {
    double tilt = 0, far_tilt = 0;
    double step = 0, finest = 0;
    double tail = 0;  // probability that a step may leave out
  };

  /// Where the losses are that matter. Chernoff: P(loss > epsilon) <= e^(log moment - tilt epsilon). The tilts serve both ways round:
  /// with symmetric losses they are the same, and otherwise it is the way round with the larger epsilon that must be right.
  template <PrivacyUnit Unit>
  [[nodiscard]] static Plan plan_for(const Releases<Unit>& releases, double delta) {
    const auto all_steps = static_cast<double>(releases.steps());
    Plan plan;
    plan.tail = 1e-6 * delta / all_steps;
    const auto tilted = [&](double tilt) {
      detail::TiltedLoss sum;
      for (const auto& entry : releases.entries()) {
        const auto steps = static_cast<double>(entry.steps);
        const detail::TiltedLoss one =
            detail::tilted_loss(entry.mechanism, tilt, detail::sum_range(entry.mechanism, plan.tail));
        sum.log_moment += steps * one.log_moment;
        sum.mean += steps * one.mean;
        sum.variance += steps * one.variance;
      }
      return sum;
    };
    const auto tilt_for = [&](double probability) {
      return detail::least_bound([&](double tilt) { return tilted(tilt).log_moment - std::log(probability); },
                                 1e12);
    };
    const detail::LeastBound near = tilt_for(delta), far = tilt_for(1e-6 * delta);
    plan.tilt = near.a;
    plan.far_tilt = far.a;
    const detail::TiltedLoss loss = tilted(near.a);
    const double deviation = std::sqrt(loss.variance);
    const double window = (std::max)(far.epsilon - loss.mean, 9 * deviation) + 9 * deviation;
    for (const auto& entry : releases.entries()) {
      const detail::SumRange range = detail::sum_range(entry.mechanism, plan.tail);
      plan.finest = (std::max)(plan.finest, (detail::loss_at(entry.mechanism, range.high) -
                                             detail::loss_at(entry.mechanism, range.low)) /
                                                most_cells);
    }
    plan.step = (std::min)(first_cell * deviation / std::sqrt(all_steps), window / fewest_in_window);
    plan.step = (std::max)(plan.step, 2 * plan.finest);
    return plan;
  }

  template <PrivacyUnit Unit>
  [[nodiscard]] static std::optional<double> at_step(const Releases<Unit>& releases, double delta,
                                                     const Plan& plan, double step) {
    std::vector<detail::RepeatedLoss> with, without;
    for (const auto& entry : releases.entries()) {
      detail::LossGrids grids =
          detail::loss_grids(entry.mechanism, step, detail::sum_range(entry.mechanism, plan.tail));
      with.push_back({std::move(grids.with), static_cast<double>(entry.steps)});
      without.push_back({std::move(grids.without), static_cast<double>(entry.steps)});
    }
    const auto removed = detail::composed_epsilon(with, plan.tilt, plan.far_tilt, delta);
    const auto added = detail::composed_epsilon(without, plan.tilt, plan.far_tilt, delta);
    if (!removed || !added) return std::nullopt;
    return (std::max)(*removed, *added);
  }
};

}  // namespace healthai
