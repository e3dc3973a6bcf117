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
  if (moment == GlmMoment::squares) plan.centres = {3, 0, 1, 0};
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
  const Sums squares = answer(some_plan(GlmMoment::squares), some());
  CHECK(squares.vector("sums")[0] == 16 + 1 + 9);
  CHECK(squares.vector("sums")[2] == 1 + 1 + 4);
}

TEST_CASE("between public bounds columns travel from -1 to 1, categories as 0 and 1, and ranges are proven") {
  GlmMoments::Plan plan = some_plan(GlmMoment::totals);
  plan.model.bounds = {{{"x", -4, 6}, {"y", 0, 4}, {"o", 0, 1}}, 3};
  const std::vector<double> totals{(-2 + 3 + 5) / 5.0, 2, (0 - 2 + 1) / 2.0, 0};
  const Sums first = answer(plan, some());
  for (std::size_t j = 0; j < 4; ++j) CHECK(first.vector("sums", 4)[j] == doctest::Approx(totals[j]));
  const auto most = [&plan](const char* of) {
    for (const detail::NamedRange& range : GlmMoments::ranges({plan})) {
      if (range.name == of) return range.most;
    }
    return 0.0;
  };
  CHECK(most("n") == 3);
  CHECK(most("sums") >= 3);
  CHECK(most("sums") < 3.001);
  CHECK(std::fabs(first.number("constants")) < most("constants"));
  plan.moment = GlmMoment::squares;
  plan.centres = {1, 0, -1, 0.5};  // as far from the others as can be
  CHECK(most("sums") >= 12);
  CHECK(answer(plan, some()).vector("sums")[2] == doctest::Approx(1 + 0 + 2.25));
  plan.centres[1] = std::nan("");
  CHECK_THROWS_AS(static_cast<void>(GlmMoments::prepare(plan, some())), Error);
  plan.model.bounds.columns.pop_back();
  CHECK_THROWS_WITH_AS(static_cast<void>(GlmMoments::ranges({plan})),
                       doctest::Contains("column \"o\" need public bounds"), Error);
}

TEST_CASE("values beyond the public bounds are refused, not clipped") {
  GlmMoments::Plan plan = some_plan(GlmMoment::totals);
  plan.model.bounds = {{{"x", -1, 6}, {"y", 0, 3}, {"o", 0, 1}}, 3};
  CHECK(answer(plan, some()).number("n") == 3);
  const auto refused = [&plan] {
    try {
      static_cast<void>(answer(plan, some()));
    } catch (const Error& e) {
      return e.id() == error::refused;
    }
    return false;
  };
  for (ColumnBounds& bounds : plan.model.bounds.columns) {
    bounds.upper -= 0.1;
    CHECK(refused());
    bounds.upper += 0.1;
  }
  plan.model.bounds.most_rows = 2;
  CHECK(refused());
}

TEST_CASE("what it discloses") {
  const GlmMoments::Plan plan = some_plan(GlmMoment::totals);
  const Disclosure what = GlmMoments::disclosure(plan, GlmMoments::prepare(plan, some()));
  CHECK(what.rows == 3);
  CHECK(what.parameters == 3);
  CHECK(what.columns == std::vector<std::string>{"x", "c", "y", "o"});
  CHECK(what.levels.at("c") == std::vector<std::string>{"a", "b"});
  // Levels a and b, and the three values of each column, the offset too: their sums and squares tell how many have which.
  CHECK(what.cells == std::vector<double>{1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1});
  // Of a Poisson response a fourth sum leaves, so that four values are told apart; of others three.
  Table four("four");
  four.add_numeric("y", {0, 1, 2, 3, 3}).add_numeric("x", {1, 2, 3, 4, 5});
  GlmMoments::Plan counts;
  counts.model.response = "y";
  counts.model.covariates = {{"x", false, {}}};
  counts.model.family = GlmFamily::poisson;
  CHECK(GlmMoments::disclosure(counts, GlmMoments::prepare(counts, four)).cells ==
        std::vector<double>{1, 1, 1, 2});
  counts.model.family = GlmFamily::gaussian;
  CHECK(GlmMoments::disclosure(counts, GlmMoments::prepare(counts, four)).cells.empty());
  GlmMoments::Plan bounded = plan;
  bounded.model.bounds = {{{"x", -1, 6}}, 9};
  CHECK(GlmMoments::question(bounded).bounds.at("x") == ValueBounds{-1, 6});
  CHECK(GlmMoments::question(bounded).most_rows == 9);
  CHECK(GlmMoments::told_plan(bounded) == plan.model);
}

TEST_CASE("wrong centres, wrong responses") {
  GlmMoments::Plan plan = some_plan(GlmMoment::squares);
  plan.centres.pop_back();
  CHECK_THROWS_AS(static_cast<void>(GlmMoments::prepare(plan, some())), Error);
  plan = some_plan(GlmMoment::totals);
  plan.model.family = GlmFamily::binomial;
  CHECK_THROWS_AS(static_cast<void>(GlmMoments::prepare(plan, some())), Error);
}

}  // namespace statistics_glm_moments_test
