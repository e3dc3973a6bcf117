#include "healthai/statistics/detail/glm_inference.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace statistics_detail_glm_inference_test {

using namespace healthai;

TEST_CASE("the log-likelihood of gamma is the sum of the log densities at shape n / deviance") {
  const std::vector<double> y{1, 2.5, 0.7, 4}, mu{1.2, 2, 1, 3.5};
  double deviance = 0, logs = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    deviance += -2 * (std::log(y[i] / mu[i]) - (y[i] - mu[i]) / mu[i]);
    logs += std::log(y[i]);
  }
  const double shape = 4 / deviance;
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    sum += (shape - 1) * std::log(y[i]) - y[i] * shape / mu[i] - shape * std::log(mu[i] / shape) -
           std::lgamma(shape);
  }
  CHECK(detail::glm_log_likelihood(GlmFamily::gamma, deviance, 4, logs) ==
        doctest::Approx(sum).epsilon(1e-12));
  CHECK(detail::glm_log_likelihood(GlmFamily::binomial, 7, 4, 0) == -3.5);
  CHECK(detail::glm_log_likelihood(GlmFamily::poisson, 7, 4, -2) == -5.5);
}

TEST_CASE("tests of coefficients: an exact one, one of 0, and one without an error") {
  GlmFit fit;
  fit.coefficients = {1.959963984540054, 0, 2};
  fit.covariance = {1, 0, 0, 0, 4, 0, 0, 0, 0};
  detail::add_tests(fit);
  CHECK(fit.p_values[0] == doctest::Approx(0.05).epsilon(1e-12));
  CHECK(fit.lower[0] == doctest::Approx(0).epsilon(1e-12));
  CHECK(fit.p_values[1] == 1);
  CHECK(std::isnan(fit.p_values[2]));
  // With one degree of freedom t is Cauchy's: at 1 a half is outside.
  GlmFit cauchy;
  cauchy.coefficients = {1};
  cauchy.covariance = {1};
  cauchy.df = 1;
  cauchy.t_distributed = true;
  cauchy.confidence_level = 0.5;
  detail::add_tests(cauchy);
  CHECK(cauchy.p_values[0] == doctest::Approx(0.5).epsilon(1e-12));
  CHECK(cauchy.upper[0] == doctest::Approx(2).epsilon(1e-12));
}

TEST_CASE("of a linear model without anything to explain there is no F") {
  GlmFit fit;
  fit.deviance = 3;
  fit.null_deviance = 3;
  fit.df = fit.null_df = 5;
  detail::add_linear_model(fit);
  CHECK(fit.sigma == doctest::Approx(std::sqrt(0.6)));
  CHECK(fit.r_squared == 0);
  CHECK(std::isnan(fit.f_statistic));
}

}  // namespace statistics_detail_glm_inference_test
