#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"

namespace healthai {

/// What is wrong with a fit that came to no end.
enum class GlmProblemKind : unsigned char {
  complete_separation,  ///< the covariates tell events and others apart without a mistake: there are no best coefficients
  quasi_separation,  ///< they do for some of the rows, and say nothing against it for the others
  not_converged
};

/// A problem, in plain words and with the names of the columns.
struct GlmProblem {
  GlmProblemKind kind = GlmProblemKind::not_converged;
  std::vector<std::string> terms{};  ///< whose coefficients grow or move
  std::string sentence{};
};

/// A fitted generalised linear model. Vectors have one entry for each of `terms`. Where something is not defined it is NaN.
struct GlmFit {
  std::vector<std::string> terms{};  ///< as R names them; see GlmPlan::terms
  std::vector<double> coefficients{};
  std::vector<double> standard_errors{};  ///< from the expected information, as R's summary(glm)
  std::vector<double> statistics{};       ///< coefficient / standard error
  bool t_distributed = false;             ///< gaussian, gamma: t with `df` degrees of freedom; else z
  std::vector<double> p_values{};         ///< two-sided
  std::vector<double> lower{}, upper{};   ///< the confidence interval (Wald's), by the same distribution
  double confidence_level = 0.95;
  std::vector<double> covariance{};  ///< of the coefficients, row after row

  double dispersion = 1;  ///< gaussian, gamma: Pearson's statistic / df; else 1
  double log_likelihood = std::numeric_limits<double>::quiet_NaN();  ///< as R's logLik
  double null_log_likelihood =
      std::numeric_limits<double>::quiet_NaN();  ///< of the model with one intercept and the offset only
  double deviance = std::numeric_limits<double>::quiet_NaN();
  double null_deviance = std::numeric_limits<double>::quiet_NaN();
  double aic = std::numeric_limits<double>::quiet_NaN();
  double penalty = 0;  ///< l2 / 2 times the sum of the squares: deviance / 2 + penalty is what was minimised

  std::size_t n = 0;  ///< rows
  double mean_response =
      std::numeric_limits<double>::quiet_NaN();  ///< over them; of a binomial model the share of events
  std::size_t strata = 0;                        ///< intercepts that stayed at the hospitals
  double df = 0;                                 ///< of the residuals: n less all coefficients
  double null_df = 0;
  std::size_t iterations = 0;  ///< of Newton's method; a step that was halved counts once
  bool converged = false;
  /// The length of the gradient of (deviance / 2 + penalty) / n, per standard deviation of each column, where it was last looked at: before
  /// the last step, if that was small enough not to look again.
  double gradient_norm = std::numeric_limits<double>::quiet_NaN();
  std::vector<GlmProblem> problems{};  ///< empty if it converged

  // Of the linear model: gaussian with the identity link, as R's summary(lm).
  double sigma = std::numeric_limits<double>::quiet_NaN();  ///< standard deviation of the residuals
  double r_squared = std::numeric_limits<double>::quiet_NaN();
  double adjusted_r_squared = std::numeric_limits<double>::quiet_NaN();
  double f_statistic = std::numeric_limits<double>::quiet_NaN();
  double f_df = std::numeric_limits<double>::quiet_NaN();  ///< of the numerator; the denominator's is `df`
  double f_p_value = std::numeric_limits<double>::quiet_NaN();

  std::vector<std::string> columns{};         ///< of the model matrix, without the intercept
  std::vector<double> means{};                ///< of these, over all hospitals
  std::vector<double> standard_deviations{};  ///< with the number of rows as denominator

  std::vector<ClientId> sites{};    ///< whose rows are in it
  std::vector<Failure> left_out{};  ///< whose rules forbid it, with the rule
};

}  // namespace healthai
