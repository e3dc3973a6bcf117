#pragma once

#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/gamma.hpp>

#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <limits>
#include <numbers>
#include <vector>

#include "healthai/statistics/glm_family.hpp"
#include "healthai/statistics/glm_fit.hpp"

namespace healthai::detail {

/// The log-likelihood at a deviance, as R's logLik: where the dispersion is fitted it is taken as deviance / n there, as `family$aic` does.
/// \param constants  of GlmMoments
[[nodiscard]] inline double glm_log_likelihood(GlmFamily family, double deviance, double n,
                                               double constants) {
  switch (family) {
    case GlmFamily::gaussian:
      return -n / 2 * (std::log(2 * std::numbers::pi * deviance / n) + 1);
    case GlmFamily::binomial:
      return -deviance / 2;
    case GlmFamily::poisson:
      return constants - deviance / 2;
    case GlmFamily::gamma: {
      // The sum of the log densities of shape a = n / deviance: the terms in the means cancel but for the deviance.
      const double shape = n / deviance;
      return -constants - n / 2 + n * (shape * std::log(shape) - shape - boost::math::lgamma(shape));
    }
  }
  return std::numeric_limits<double>::quiet_NaN();
}

/// Standard errors, statistics, p-values and intervals from `coefficients`, `covariance`, `df` and `t_distributed`.
inline void add_tests(GlmFit& fit) {
  const std::size_t size = fit.coefficients.size();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const bool possible = !fit.t_distributed || fit.df > 0;
  double quantile = nan;
  const double tail = (1 - fit.confidence_level) / 2;
  if (!fit.t_distributed) {
    quantile = boost::math::quantile(boost::math::complement(boost::math::normal(), tail));
  } else if (possible) {
    quantile = boost::math::quantile(boost::math::complement(boost::math::students_t(fit.df), tail));
  }
  for (std::size_t j = 0; j < size; ++j) {
    const double error = std::sqrt(fit.covariance[j * size + j]);
    const double statistic = fit.coefficients[j] / error;
    fit.standard_errors.push_back(error);
    fit.statistics.push_back(statistic);
    double p = nan;
    if (possible && std::isfinite(statistic)) {
      p = fit.t_distributed
              ? 2 * boost::math::cdf(
                        boost::math::complement(boost::math::students_t(fit.df), std::fabs(statistic)))
              : 2 * boost::math::cdf(boost::math::complement(boost::math::normal(), std::fabs(statistic)));
    }
    fit.p_values.push_back(p);
    fit.lower.push_back(fit.coefficients[j] - quantile * error);
    fit.upper.push_back(fit.coefficients[j] + quantile * error);
  }
}

/// Of the linear model, from `deviance`, `null_deviance`, `df` and `null_df`.
inline void add_linear_model(GlmFit& fit) {
  if (fit.df > 0) fit.sigma = std::sqrt(fit.deviance / fit.df);
  if (!(fit.null_deviance > 0)) return;
  fit.r_squared = 1 - fit.deviance / fit.null_deviance;
  if (!(fit.df > 0)) return;
  fit.adjusted_r_squared = 1 - (fit.deviance / fit.df) / (fit.null_deviance / fit.null_df);
  fit.f_df = fit.null_df - fit.df;
  if (!(fit.f_df > 0)) return;
  fit.f_statistic = (fit.null_deviance - fit.deviance) / fit.f_df / (fit.deviance / fit.df);
  if (std::isfinite(fit.f_statistic) && fit.f_statistic >= 0) {
    fit.f_p_value =
        boost::math::cdf(boost::math::complement(boost::math::fisher_f(fit.f_df, fit.df), fit.f_statistic));
  }
}

}  // namespace healthai::detail
