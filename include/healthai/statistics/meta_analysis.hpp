#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// One number from the estimates of several studies.
struct MetaAnalysis {
  std::size_t studies = 0;
  double fixed = 0;  ///< fixed effect: mean weighted by inverse variances
  double fixed_standard_error = 0;
  double random = 0;  ///< random effects
  double random_standard_error = 0;
  double q = 0;            ///< Cochran's Q, of studies - 1 degrees of freedom
  double i_squared = 0;    ///< which part of their spread is more than chance, 0 to 1
  double tau_squared = 0;  ///< variance of the studies' true effects
};

/// Combines estimates of the same number from studies that each report only that and its standard error. This is what remains where
/// nothing but results may be exchanged; a federated fit of the same model uses the patients themselves. Small studies, whose estimates and
/// standard errors are far from normal, make the difference.
///
/// With weights w = 1 / se^2: fixed = sum w y / sum w, Q = sum w (y - fixed)^2 and, for k studies (DerSimonian, Laird: Meta-analysis in
/// clinical trials, 1986, equation 8),
///
///     tau^2 = max(0, (Q - (k - 1)) / (sum w - sum w^2 / sum w)),     I^2 = max(0, (Q - (k - 1)) / Q)
///
/// (Higgins, Thompson: Quantifying heterogeneity in a meta-analysis, 2002); random effects have the weights 1 / (se^2 + tau^2).
/// \throws Error (`invalid_argument`) without studies, for lengths that differ, an estimate that is not finite or a standard error that is
/// not positive, naming the study
[[nodiscard]] inline MetaAnalysis meta_analysis(std::span<const double> estimates,
                                                std::span<const double> standard_errors) {
  if (estimates.empty() || estimates.size() != standard_errors.size()) {
    throw Error(error::invalid_argument,
                "a meta-analysis: expected a standard error for each of at least one estimate, got " +
                    std::to_string(estimates.size()) + " estimates and " +
                    std::to_string(standard_errors.size()) + " standard errors");
  }
  const auto variance = [&](std::size_t i) { return standard_errors[i] * standard_errors[i]; };
  double weight = 0;
  double squares = 0;
  double sum = 0;
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    if (!is_finite(estimates[i]) || !is_finite(variance(i)) || !(variance(i) > 0) ||
        !is_finite(1 / variance(i))) {
      throw Error(error::invalid_argument, "a meta-analysis: study " + std::to_string(i + 1) +
                                               " has the estimate " + number_text(estimates[i]) +
                                               " and the standard error " + number_text(standard_errors[i]) +
                                               "; expected finite numbers, the second positive");
    }
    const double w = 1 / variance(i);
    weight += w;
    squares += w * w;
    sum += w * estimates[i];
  }
  MetaAnalysis result;
  result.studies = estimates.size();
  result.fixed = sum / weight;
  result.fixed_standard_error = 1 / std::sqrt(weight);
  for (std::size_t i = 0; i < estimates.size(); ++i)
    result.q += (estimates[i] - result.fixed) * (estimates[i] - result.fixed) / variance(i);
  const double excess = result.q - static_cast<double>(result.studies - 1);
  if (result.studies > 1 && excess > 0) {
    result.i_squared = excess / result.q;
    result.tau_squared = excess / (weight - squares / weight);
  }
  weight = sum = 0;
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    const double w = 1 / (variance(i) + result.tau_squared);
    weight += w;
    sum += w * estimates[i];
  }
  result.random = sum / weight;
  result.random_standard_error = 1 / std::sqrt(weight);
  return result;
}

}  // namespace healthai
