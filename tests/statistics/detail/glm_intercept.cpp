#include "healthai/statistics/detail/glm_intercept.hpp"

#include <doctest/doctest.h>

#include <cmath>

namespace statistics_detail_glm_intercept_test {

using namespace healthai;

TEST_CASE("the best intercept makes the score 0") {
  Eigen::VectorXd y(5), rest(5);
  y << 1, 0, 1, 1, 0;
  rest << 0.5, 30, -3, -40, 2;
  struct Case {
    GlmFamily family;
    GlmLink link;
  };
  for (const Case c : {Case{GlmFamily::binomial, GlmLink::logit}, Case{GlmFamily::poisson, GlmLink::log},
                       Case{GlmFamily::gaussian, GlmLink::identity}}) {
    const auto intercept = detail::best_intercept(c.family, c.link, y, rest);
    REQUIRE(intercept);
    double score = 0, size = 0;
    for (Eigen::Index i = 0; i < 5; ++i) {
      detail::GlmRow row;
      CHECK(detail::glm_row(c.family, c.link, y[i], rest[i] + *intercept, row));
      score += row.score;
      size += std::fabs(row.score);
    }
    CHECK(std::fabs(score) <= 1e-10 * size);
  }
  rest << 0.5, 1, -1, -2, 2;
  const auto probit = detail::best_intercept(GlmFamily::binomial, GlmLink::probit, y, rest);
  REQUIRE(probit);
  double score = 0;
  for (Eigen::Index i = 0; i < 5; ++i) {
    detail::GlmRow row;
    CHECK(detail::glm_row(GlmFamily::binomial, GlmLink::probit, y[i], rest[i] + *probit, row));
    score += row.score;
  }
  CHECK(std::fabs(score) < 1e-11);
  // Closed forms.
  const auto poisson = detail::best_intercept(GlmFamily::poisson, GlmLink::log, y, rest);
  CHECK(*poisson == doctest::Approx(std::log(3 / rest.array().exp().sum())).epsilon(1e-12));
  y << 1, 2, 3, 0.5, 2;
  const auto gamma = detail::best_intercept(GlmFamily::gamma, GlmLink::log, y, rest);
  CHECK(*gamma == doctest::Approx(std::log((y.array() / rest.array().exp()).mean())).epsilon(1e-12));
}

TEST_CASE("where there is none") {
  CHECK_FALSE(detail::has_best_intercept(GlmFamily::binomial, Eigen::VectorXd::Ones(3)));
  CHECK_FALSE(detail::has_best_intercept(GlmFamily::binomial, Eigen::VectorXd::Zero(3)));
  CHECK_FALSE(detail::has_best_intercept(GlmFamily::poisson, Eigen::VectorXd::Zero(3)));
  CHECK_FALSE(detail::has_best_intercept(GlmFamily::gaussian, Eigen::VectorXd()));
  CHECK(detail::has_best_intercept(GlmFamily::poisson, Eigen::VectorXd::Ones(1)));
  CHECK(detail::has_best_intercept(GlmFamily::gaussian, Eigen::VectorXd::Ones(1)));
}

}  // namespace statistics_detail_glm_intercept_test
