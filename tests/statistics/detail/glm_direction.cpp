#include "healthai/statistics/detail/glm_direction.hpp"

#include <doctest/doctest.h>

namespace statistics_detail_glm_direction_test {

using namespace healthai;

namespace {

detail::Moved moved(GlmFamily family, bool strata, std::initializer_list<double> y,
                    std::initializer_list<double> up) {
  GlmPlan plan;
  plan.family = family;
  plan.stratify_by_site = strata;
  const auto column = [](std::initializer_list<double> values) {
    return Eigen::VectorXd(
        Eigen::Map<const Eigen::VectorXd>(values.begin(), static_cast<Eigen::Index>(values.size())));
  };
  return detail::moved_along(plan, column(y), column(up), 0.01);
}

}  // namespace

TEST_CASE("events move up, others down") {
  const auto separated = moved(GlmFamily::binomial, false, {1, 0, 1, 0}, {1, -1, 0.005, -0.005});
  CHECK(separated.better == 2);
  CHECK(separated.worse == 0);
  CHECK(moved(GlmFamily::binomial, false, {1, 0, 1}, {1, -1, -0.5}).worse == 1);
  const auto counts = moved(GlmFamily::poisson, false, {3, 0, 0}, {0, -1, 0});
  CHECK(counts.better == 1);
  CHECK(counts.worse == 0);
  CHECK(moved(GlmFamily::poisson, false, {3, 0}, {1, 0}).worse == 1);
  CHECK(moved(GlmFamily::poisson, false, {3, 0}, {0, 1}).worse == 1);
}

TEST_CASE("with an intercept of its own a hospital only looks at differences") {
  CHECK(moved(GlmFamily::binomial, true, {1, 0, 1}, {-5, -7, -6}).better == 3);
  CHECK(moved(GlmFamily::binomial, true, {1, 0, 1}, {-5, -5.5, -6}).worse == 3);
  CHECK(moved(GlmFamily::binomial, true, {1, 1}, {-5, 7}).worse == 0);  // no others, and nothing to learn
  CHECK(moved(GlmFamily::binomial, true, {1, 1}, {-5, 7}).better == 0);
  CHECK(moved(GlmFamily::poisson, true, {1, 4, 0}, {2, 2, 1}).better == 3);
  CHECK(moved(GlmFamily::poisson, true, {1, 4, 0}, {2, 2.5, 1}).worse == 3);
  CHECK(moved(GlmFamily::poisson, true, {1, 4, 0}, {2, 2, 3}).worse == 3);
}

}  // namespace statistics_detail_glm_direction_test
