#include "healthai/statistics/glm_moments.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace statistics_glm_moments_test {

using namespace healthai;

namespace {

Table some() {
  Table table("t");
  table.add_numeric("y", {2, 0, 3})
      .add_numeric("x", {-1, 4, 6})
      .add_text("c", {"b", "a", "b"})
      .add_numeric("o", {0.5, 0, 1});
  return table;
}
GlmMoments::Plan some_plan(GlmMoment moment) {
  GlmMoments::Plan plan;
  plan.model.response = "y";
  plan.model.covariates = {{"x", false, {}}, {"c", true, {"a", "b"}}};
  plan.model.family = GlmFamily::poisson;
  plan.model.offset = "o";
  plan.moment = moment;
  plan.centres = {3, 0, 1, 0};
  plan.units = {2, 1, 1, 1};
  return plan;
}
Sums answer(const GlmMoments::Plan& plan, const Table& table) {
  const auto prepared = GlmMoments::prepare(plan, table);
  Sums sums;
  sums.vectors = GlmMoments::answer(prepared, {plan}, DisclosureRules::off()).vectors;
  return sums;
}

}  // namespace

TEST_CASE("sums of the columns, the response and the offset") {
  const Sums totals = answer(some_plan(GlmMoment::totals), some());
  CHECK(totals.number("n") == 3);
  const std::vector<double> expected{9, 2, 5, 1.5};
  for (std::size_t j = 0; j < 4; ++j) CHECK(totals.vector("sums", 4)[j] == expected[j]);
  // The log-likelihood of counts that are their own means: log of 2^2 e^-2 / 2!, 1, 3^3 e^-3 / 3!.
  CHECK(totals.number("constants") ==
        doctest::Approx(std::log(2 * std::exp(-2)) + std::log(4.5 * std::exp(-3))));
  const Sums absolute = answer(some_plan(GlmMoment::absolute), some());
  CHECK(absolute.vector("sums")[0] == (4 + 1 + 3) / 2.0);
  const Sums squares = answer(some_plan(GlmMoment::squares), some());
  CHECK(squares.vector("sums")[0] == (16 + 1 + 9) / 4.0);
  CHECK(squares.vector("sums")[2] == 1 + 1 + 4);
  CHECK(answer(some_plan(GlmMoment::rows), some()).vector("sums")[0] == 0);
}

TEST_CASE("values beyond the public bound are refused, not clipped") {
  GlmMoments::Plan plan = some_plan(GlmMoment::totals);
  plan.rows = 3;
  plan.largest_value = 6;
  CHECK(answer(plan, some()).number("n") == 3);
  plan.largest_value = 5.9;
  try {
    static_cast<void>(answer(plan, some()));
    FAIL("expected an error");
  } catch (const Error& e) {
    CHECK(e.id() == error::refused);
  }
}

TEST_CASE("absolute differences from a chosen centre leave a hospital with rules in sums only") {
  const GlmMoments::Plan plan = some_plan(GlmMoment::absolute);
  const auto prepared = GlmMoments::prepare(plan, some());
  DisclosureRules rules;
  CHECK_THROWS_WITH_AS(static_cast<void>(GlmMoments::answer(prepared, {plan}, rules)),
                       doctest::Contains("single_values: "), Error);
  rules.in_sum = true;
  CHECK(GlmMoments::answer(prepared, {plan}, rules).vectors.size() == 3);
  rules.in_sum = false;
  rules.single_values = true;
  CHECK(GlmMoments::answer(prepared, {plan}, rules).vectors.size() == 3);
}

TEST_CASE("what it discloses") {
  const GlmMoments::Plan plan = some_plan(GlmMoment::totals);
  const Disclosure what = GlmMoments::disclosure(plan, GlmMoments::prepare(plan, some()));
  CHECK(what.rows == 3);
  CHECK(what.parameters == 3);
  CHECK(what.columns == std::vector<std::string>{"x", "c", "y", "o"});
  CHECK(what.levels.at("c") == std::vector<std::string>{"a", "b"});
  CHECK(what.cells == std::vector<double>{1, 2});  // of levels a and b
}

TEST_CASE("wrong centres, wrong responses") {
  GlmMoments::Plan plan = some_plan(GlmMoment::squares);
  plan.units.pop_back();
  CHECK_THROWS_AS(static_cast<void>(GlmMoments::prepare(plan, some())), Error);
  plan = some_plan(GlmMoment::totals);
  plan.model.family = GlmFamily::binomial;
  CHECK_THROWS_AS(static_cast<void>(GlmMoments::prepare(plan, some())), Error);
}

}  // namespace statistics_glm_moments_test
