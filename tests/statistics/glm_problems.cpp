// What can be wrong with a regression, and that it is said with the column's name.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "healthai/statistics/glm.hpp"
#include "statistics/glm_sites.hpp"

namespace statistics_glm_problems_test {

using namespace statistics_glm_support;

namespace {

std::string error_of(const std::function<void()>& work, ErrorId id = error::invalid_data) {
  try {
    work();
  } catch (const Error& e) {
    CHECK(e.id() == id);
    return e.what();
  }
  return "no error";
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
/// Rows with noise, and columns that the tests change.
Table some_rows() {
  Table table("t.csv");
  std::vector<double> y, x, w;
  for (std::size_t i = 0; i < 60; ++i) {
    x.push_back(static_cast<double>(i % 11) - 5);
    w.push_back(static_cast<double>(i * i % 7));
    y.push_back((i * 7 + i / 3) % 3 == 0 ? 1 : 0);
  }
  table.add_numeric("y", y).add_numeric("x", x).add_numeric("w", w);
  return table;
}
InProcess three(const Table& table) {
  return hospitals_of(table, in_turns(table.rows(), 3));
}

}  // namespace

TEST_CASE("complete separation") {
  Table table = some_rows();
  std::vector<double> lab;
  for (std::size_t i = 0; i < 60; ++i)
    lab.push_back(table.numeric("y")[i] * 3 + static_cast<double>(i % 5) * 0.5);
  table.add_numeric("lab", lab);
  InProcess hospitals = three(table);
  const GlmFit fit = fit_glm(hospitals, plan_of(GlmFamily::binomial, "y", "x,lab,w"));
  CHECK_FALSE(fit.converged);
  REQUIRE(fit.problems.size() == 1);
  CHECK(fit.problems[0].kind == GlmProblemKind::complete_separation);
  CHECK(contains(fit.problems[0].sentence, "\"lab\""));
  // In fewer steps and with smaller coefficients than hospitals' rules allow by default.
  CHECK(fit.iterations < 15);
  GlmPlan penalised = plan_of(GlmFamily::binomial, "y", "x,lab,w");
  penalised.l2 = 0.1;
  CHECK(fit_glm(hospitals, penalised).converged);
}

TEST_CASE("quasi-complete separation: nobody of a level has the event") {
  Table table = some_rows();
  std::vector<double> rare;
  for (std::size_t i = 0; i < 60; ++i) rare.push_back(table.numeric("y")[i] == 0 && i % 4 == 1 ? 1 : 0);
  table.add_numeric("rare", rare);
  InProcess hospitals = three(table);
  for (const bool strata : {false, true}) {
    for (const GlmFamily family : {GlmFamily::binomial, GlmFamily::poisson}) {
      CAPTURE(strata);
      GlmPlan plan = plan_of(family, "y", "x,w,rare");
      plan.stratify_by_site = strata;
      const GlmFit fit = fit_glm(hospitals, plan);
      CHECK_FALSE(fit.converged);
      REQUIRE(fit.problems.size() == 1);
      CHECK(fit.problems[0].kind == GlmProblemKind::quasi_separation);
      CHECK(fit.problems[0].terms == std::vector<std::string>{"rare"});
      CHECK(contains(fit.problems[0].sentence, "\"rare\""));
    }
  }
  // A single row against it, and there is a maximum.
  std::vector<double> y(table.numeric("y").begin(), table.numeric("y").end());
  for (std::size_t i = 0; i < 60; ++i) {
    if (rare[i] == 1) {
      y[i] = 1;
      break;
    }
  }
  Table other = some_rows();
  other.add_numeric("rare", rare).add_numeric("event", y);
  InProcess others = three(other);
  CHECK(fit_glm(others, plan_of(GlmFamily::binomial, "event", "x,w,rare")).converged);
}

TEST_CASE("separation where hospitals' rules hide who moves") {
  Table table("t");
  std::vector<double> y, x, w, rare, lab;
  for (std::size_t i = 0; i < 300; ++i) {
    x.push_back(static_cast<double>(i % 11) - 5);
    w.push_back(static_cast<double>(i * i % 7));
    y.push_back((i * 7 + i / 3) % 3 == 0 ? 1 : 0);
    rare.push_back(y.back() == 0 && i % 4 == 1 ? 1 : 0);
    lab.push_back(y.back() * 3 + static_cast<double>(i % 5) * 0.5);
  }
  table.add_numeric("y", y)
      .add_numeric("x", x)
      .add_numeric("w", w)
      .add_numeric("rare", rare)
      .add_numeric("lab", lab);
  DisclosureRules rules;
  rules.columns = {"y", "x", "w", "rare", "lab"};
  InProcess hospitals = hospitals_of(table, in_turns(300, 3), rules);
  const GlmFit quasi = fit_glm(hospitals, plan_of(GlmFamily::binomial, "y", "x,w,rare"));
  REQUIRE(quasi.problems.size() == 1);
  CHECK(quasi.problems[0].kind == GlmProblemKind::quasi_separation);
  CHECK(quasi.problems[0].terms == std::vector<std::string>{"rare"});
  CHECK(contains(quasi.problems[0].sentence, "do not let it be counted"));
  // Coefficients that grow for ever come to where a rule ends them, and that is said.
  CHECK(contains(
      error_of([&] { static_cast<void>(fit_glm(hospitals, plan_of(GlmFamily::binomial, "y", "x,lab"))); },
               error::disclosure),
      "largest_coefficient"));
  rules.largest_coefficient = 200;
  InProcess generous = hospitals_of(table, in_turns(300, 3), rules);
  const GlmFit complete = fit_glm(generous, plan_of(GlmFamily::binomial, "y", "x,lab"));
  REQUIRE(complete.problems.size() == 1);
  CHECK(complete.problems[0].kind == GlmProblemKind::complete_separation);
  const GlmFit well = fit_glm(hospitals, plan_of(GlmFamily::binomial, "y", "x,w"));
  CHECK(well.converged);
  CHECK(well.left_out.empty());
}

TEST_CASE("collinear columns are named with those that explain them") {
  Table table = some_rows();
  std::vector<double> sum, other;
  std::vector<std::string> ward, wing;
  for (std::size_t i = 0; i < 60; ++i) {
    sum.push_back(2 * table.numeric("x")[i] - 0.1 * table.numeric("w")[i] + 3);
    other.push_back(static_cast<double>(i * i % 13));
    ward.push_back(i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c");
    wing.push_back(i % 3 == 2 ? "south" : "north");
  }
  table.add_numeric("sum", sum).add_numeric("other", other).add_text("ward", ward).add_text("wing", wing);
  InProcess hospitals = three(table);
  for (const GlmFamily family : {GlmFamily::binomial, GlmFamily::gaussian}) {
    const std::string text =
        error_of([&] { static_cast<void>(fit_glm(hospitals, plan_of(family, "y", "x,other,w,sum"))); });
    CHECK(contains(text, "column \"sum\" is collinear: it follows from \"x\", \"w\";"));
  }
  CHECK(contains(error_of([&] {
                   static_cast<void>(
                       fit_glm(hospitals, plan_of(GlmFamily::poisson, "y", "x,C(ward),C(wing)")));
                 }),
                 "column \"wingsouth\" is collinear: it follows from \"wardc\";"));
  GlmPlan penalised = plan_of(GlmFamily::binomial, "y", "x,other,w,sum");
  penalised.l2 = 1;
  CHECK(fit_glm(hospitals, penalised).converged);
  // The ward is the hospital here.
  GlmPlan strata = plan_of(GlmFamily::binomial, "y", "x,C(ward)");
  strata.stratify_by_site = true;
  const std::string text = error_of([&] { static_cast<void>(fit_glm(hospitals, strata)); });
  CHECK(contains(text, "column \"wardb\" is the same in all rows of each hospital"));
}

TEST_CASE("constant columns and responses") {
  Table table = some_rows();
  table.add_numeric("tenth", std::vector<double>(60, 0.1))
      .add_text("country", std::vector<std::string>(60, "here"))
      .add_numeric("zero", std::vector<double>(60, 0));
  InProcess hospitals = three(table);
  const auto text_of = [&](GlmFamily family, const char* response, const char* covariates) {
    return error_of([&] { static_cast<void>(fit_glm(hospitals, plan_of(family, response, covariates))); });
  };
  CHECK(contains(text_of(GlmFamily::binomial, "y", "x,tenth"), "column \"tenth\" is constant"));
  CHECK(contains(text_of(GlmFamily::binomial, "y", "x,C(country)"), "column \"country\" is constant"));
  GlmPlan plan = plan_of(GlmFamily::binomial, "y", "x");
  plan.covariates.push_back({"country", true, {"there", "here", "nowhere"}});
  CHECK(contains(error_of([&] { static_cast<void>(fit_glm(hospitals, plan)); }),
                 "\"countryhere\" is constant"));
  for (const GlmFamily family : {GlmFamily::binomial, GlmFamily::poisson, GlmFamily::gaussian})
    CHECK(contains(text_of(family, "zero", "x"), "the response \"zero\" is constant"));
  // Without an intercept a constant column is one.
  plan = plan_of(GlmFamily::binomial, "y", "tenth,x");
  plan.intercept = false;
  CHECK(fit_glm(hospitals, plan).converged);
  plan.covariates[0].column = "zero";
  CHECK(contains(error_of([&] { static_cast<void>(fit_glm(hospitals, plan)); }), "\"zero\" is constant"));
}

TEST_CASE("a response outside of its range: what leaves says the rule, the hospital learns the line") {
  Table table = some_rows();
  std::vector<double> grade(60, 0);
  grade[7] = 2;
  grade[20] = 1;
  table.add_numeric("grade", grade);
  InProcess hospitals = three(table);
  const GlmPlan plan = plan_of(GlmFamily::binomial, "grade", "x");
  const std::string text =
      error_of([&] { static_cast<void>(fit_glm(hospitals, plan)); }, error::below_quorum);
  CHECK(contains(text, "client site1: "));
  CHECK(contains(text, "the response \"grade\" of a binomial regression must be 0 or 1 in every row"));
  CHECK_FALSE(contains(text, "got 2"));
  CHECK_FALSE(contains(text, "t.csv"));
}

TEST_CASE("fewer rows than coefficients, and just as many") {
  Table table("t");
  table.add_numeric("y", {1, 2, 4})
      .add_numeric("a", {1, 0, 3})
      .add_numeric("b", {0, 1, 5})
      .add_numeric("c", {2, 2, 1});
  InProcess hospitals = hospitals_of(table, {0, 1, 1});
  CHECK(contains(
      error_of([&] { static_cast<void>(fit_glm(hospitals, plan_of(GlmFamily::gaussian, "y", "a,b,c"))); }),
      "3 complete rows, fewer than the 4 coefficients"));
  const GlmFit exact = fit_glm(hospitals, plan_of(GlmFamily::gaussian, "y", "a,b"));
  CHECK(exact.df == 0);
  CHECK(exact.deviance < 1e-20);
  CHECK(std::isnan(exact.standard_errors[0]));
  CHECK(std::isnan(exact.p_values[0]));
  GlmPlan ridge = plan_of(GlmFamily::gaussian, "y", "a,b,c");
  ridge.l2 = 1;
  CHECK(fit_glm(hospitals, ridge).converged);
}

TEST_CASE("a fit that is cut short says so") {
  InProcess hospitals = three(some_rows());
  const GlmFit fit = fit_glm(hospitals, plan_of(GlmFamily::poisson, "w", "x"), {.most_iterations = 1});
  CHECK_FALSE(fit.converged);
  REQUIRE(fit.problems.size() == 1);
  CHECK(fit.problems[0].kind == GlmProblemKind::not_converged);
  CHECK(contains(fit.problems[0].sentence, "after 1 iterations"));
  CHECK(contains(fit.problems[0].sentence, "\"x\""));
}

TEST_CASE("plans that make no sense, and no rows") {
  InProcess hospitals = three(some_rows());
  const auto text_of = [&](const GlmPlan& plan) {
    return error_of([&] { static_cast<void>(fit_glm(hospitals, plan)); }, error::invalid_argument);
  };
  GlmPlan plan = plan_of(GlmFamily::binomial, "y", "x,y");
  CHECK(contains(text_of(plan), "\"y\" is among its own covariates"));
  plan = plan_of(GlmFamily::binomial, "", "x");
  CHECK(contains(text_of(plan), "the column of the response"));
  plan = plan_of(GlmFamily::poisson, "y", "x");
  plan.link = GlmLink::inverse;
  CHECK(contains(text_of(plan), "a poisson regression has no inverse link"));
  plan = plan_of(GlmFamily::gamma, "y", "x");
  plan.stratify_by_site = true;
  CHECK(contains(text_of(plan), "an intercept of its own"));
  plan = plan_of(GlmFamily::binomial, "y", "x");
  plan.l2 = -1;
  CHECK(contains(text_of(plan), "l2"));
  plan = plan_of(GlmFamily::binomial, "y", "");
  plan.intercept = false;
  CHECK(contains(text_of(plan), "nothing to fit"));
  plan = plan_of(GlmFamily::binomial, "y", "x");
  plan.cohort.filters = {parse_filter("x > 100")};
  CHECK(contains(error_of([&] { static_cast<void>(fit_glm(hospitals, plan)); }), "no hospital has a row"));
  CHECK(contains(error_of(
                     [&] {
                       static_cast<void>(fit_glm(hospitals, plan_of(GlmFamily::binomial, "y", "x"),
                                                 {.confidence_level = 1}));
                     },
                     error::invalid_argument),
                 "confidence"));
  // Nothing but an intercept: the mean.
  CHECK(fit_glm(hospitals, plan_of(GlmFamily::gaussian, "x", "")).coefficients.size() == 1);
}

}  // namespace statistics_glm_problems_test
