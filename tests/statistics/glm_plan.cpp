#include "healthai/statistics/glm_plan.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"

namespace statistics_glm_plan_test {

using namespace healthai;

TEST_CASE("columns and terms of a plan") {
  GlmPlan plan;
  plan.response = "died";
  plan.covariates = {{"age", false, {}}, {"ward", true, {"a", "b"}}};
  plan.offset = "exposure";
  CHECK(plan.columns() == std::vector<std::string>{"age", "ward", "died", "exposure"});
  CHECK(plan.terms() == std::vector<std::string>{"(Intercept)", "age", "wardb"});
  plan.stratify_by_site = true;
  CHECK(plan.terms() == std::vector<std::string>{"age", "wardb"});
  plan.stratify_by_site = plan.intercept = false;
  CHECK(plan.terms() == std::vector<std::string>{"age", "wardb"});
}

TEST_CASE("the hospital learns where its response is wrong") {
  Table table("north.csv");
  const double missing = std::nan("");
  table.add_numeric("y", {1, 0, 0.5, -1}).add_numeric("x", {1, 2, missing, 4});
  GlmPlan plan;
  plan.response = "y";
  plan.covariates = {{"x", false, {}}};
  plan.family = GlmFamily::binomial;
  const auto problem = glm_response_problem(table, plan);
  REQUIRE(problem);
  // The third row misses x and is not used.
  CHECK(problem->find("north.csv") != std::string::npos);
  CHECK(problem->find("\"y\"") != std::string::npos);
  CHECK(problem->find("expected 0 or 1, got -1") != std::string::npos);
  plan.family = GlmFamily::gaussian;
  CHECK_FALSE(glm_response_problem(table, plan));
  plan.family = GlmFamily::gamma;
  CHECK(glm_response_problem(table, plan)->find("expected a number above 0, got 0") != std::string::npos);
  plan.family = GlmFamily::poisson;
  CHECK(glm_response_problem(table, plan)->find("expected a whole number of 0 or more, got -1") !=
        std::string::npos);
}

TEST_CASE("a plan travels, and unknown families do not arrive") {
  GlmPlan plan;
  plan.response = "y";
  plan.covariates = {{"x", false, {}}};
  plan.family = GlmFamily::gamma;
  plan.link = GlmLink::log;
  plan.offset = "o";
  plan.intercept = false;
  plan.l2 = 0.5;
  plan.standardise = true;
  CHECK(from_bytes<GlmPlan>(to_bytes(plan)) == plan);
  plan.family = static_cast<GlmFamily>(9);
  CHECK_THROWS_AS(static_cast<void>(from_bytes<GlmPlan>(to_bytes(plan))), Error);
}

TEST_CASE("ranges of responses") {
  CHECK(detail::in_range(GlmFamily::poisson, 7));
  CHECK_FALSE(detail::in_range(GlmFamily::poisson, 7.5));
  CHECK(detail::in_range(GlmFamily::gaussian, -7.5));
  CHECK_FALSE(detail::in_range(GlmFamily::gaussian, std::nan("")));
  CHECK_FALSE(detail::in_range(GlmFamily::binomial, 0.5));
  CHECK_FALSE(detail::in_range(GlmFamily::gamma, 0));
}

}  // namespace statistics_glm_plan_test
