#pragma once

#include <algorithm>
#include <cmath>
#include <Eigen/Core>
#include <limits>

#include "healthai/statistics/glm_plan.hpp"

namespace healthai::detail {

/// How many rows a movement of the linear predictor fits better for ever, and how many worse. If it is worse for none, the likelihood has no
/// maximum: the rows are separated (Albert, Anderson: On the existence of maximum likelihood estimates in logistic regression models,
/// 1984). A row that moves less than the tolerance counts as neither.
struct Moved {
  double better = 0;
  double worse = 0;
  double untold = 0;  ///< hospitals whose rules do not let them say
};

/// \param movement  of the linear predictor of each row, without a hospital's own intercept
[[nodiscard]] inline Moved moved_along(const GlmPlan& plan, const Eigen::VectorXd& y,
                                       const Eigen::VectorXd& movement, double tolerance) {
  Moved moved;
  if (!plan.stratify_by_site) {
    for (Eigen::Index i = 0; i < y.size(); ++i) {
      const double up = movement[i];
      if (std::fabs(up) <= tolerance) continue;
      // Of a binomial, up is good for an event; of a count, only down for 0.
      const bool better = plan.family == GlmFamily::binomial  ? (y[i] > 0.5) == (up > 0)
                          : plan.family == GlmFamily::poisson ? y[i] == 0 && up < 0
                                                              : false;
      (better ? moved.better : moved.worse) += 1;
    }
    return moved;
  }
  // The intercept moves too, as is best: whether there is a movement of it that is worse for none.
  constexpr double infinity = std::numeric_limits<double>::infinity();
  double lowest_event = infinity, highest_event = -infinity, lowest_other = infinity,
         highest_other = -infinity;
  for (Eigen::Index i = 0; i < y.size(); ++i) {
    double& lowest = y[i] != 0 ? lowest_event : lowest_other;
    double& highest = y[i] != 0 ? highest_event : highest_other;
    lowest = (std::min)(lowest, movement[i]);
    highest = (std::max)(highest, movement[i]);
  }
  if (lowest_event > highest_event || (plan.family == GlmFamily::binomial && lowest_other > highest_other))
    return moved;
  const bool counts = plan.family == GlmFamily::poisson;
  const bool worse =
      counts ? highest_event - lowest_event > tolerance || highest_other > lowest_event + tolerance
             : lowest_event < highest_other - tolerance;
  const bool better =
      counts ? lowest_other < lowest_event - tolerance : highest_event > lowest_other + tolerance;
  const double rows = static_cast<double>(y.size());
  if (worse) {
    moved.worse = rows;
  } else if (better) {
    moved.better = rows;
  }
  return moved;
}

}  // namespace healthai::detail
