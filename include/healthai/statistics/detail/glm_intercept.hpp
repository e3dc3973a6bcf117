#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <limits>
#include <optional>

#include "healthai/statistics/glm_family.hpp"

namespace healthai::detail {

/// Whether one hospital's own intercept has a best value: not where all responses of a binomial are the same, or all counts are 0. Such
/// a hospital's likelihood is 1 in the limit, whatever the other coefficients are.
[[nodiscard]] inline bool has_best_intercept(GlmFamily family, const Eigen::VectorXd& y) {
  if (y.size() == 0) return false;
  if (family == GlmFamily::binomial) return y.minCoeff() != y.maxCoeff();
  return family != GlmFamily::poisson || y.maxCoeff() > 0;
}

/// The intercept of the largest likelihood, the rest of the linear predictor being given, for the links that GlmPlan::stratify_by_site allows. Their
/// score falls as the intercept rises, so that its zero can be kept between two ends: Fisher scoring, and halves where that is slow.
/// \return nothing if there is none to be found: the rest is far beyond reason
[[nodiscard]] inline std::optional<double> best_intercept(GlmFamily family, GlmLink link,
                                                          const Eigen::VectorXd& y,
                                                          const Eigen::VectorXd& rest) {
  double intercept = link_function(link, y.mean()) - rest.mean();
  double below = -std::numeric_limits<double>::infinity(), above = -below, last_score = above;
  for (int i = 0; i < 300; ++i) {
    double weight = 0, score = 0;
    GlmRow row;
    for (Eigen::Index k = 0; k < y.size(); ++k) {
      if (!glm_row(family, link, y[k], rest[k] + intercept, row)) return std::nullopt;
      weight += row.weight;
      score += row.score;
    }
    if (!(weight > 0)) return std::nullopt;
    const double step = score / weight;
    if (std::fabs(step) <= 1e-13 * (1 + std::fabs(intercept))) return intercept + step;
    (score > 0 ? below : above) = intercept;
    // The other links are on the scale of logarithms.
    double next = intercept + (link == GlmLink::identity ? step : std::clamp(step, -5.0, 5.0));
    const bool slow = std::fabs(score) > 0.5 * last_score;
    if (std::isfinite(below) && std::isfinite(above) && (slow || !(next > below && next < above)))
      next = below + (above - below) / 2;
    if (next == below || next == above) return next;  // there is no number between them
    last_score = std::fabs(score);
    intercept = next;
  }
  return std::nullopt;
}

}  // namespace healthai::detail
