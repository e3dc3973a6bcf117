#include "healthai/statistics/glm_step.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace statistics_glm_step_test {

using namespace healthai;

namespace {

/// More than two blocks of rows.
Table some() {
  std::vector<double> y, x, w;
  for (std::size_t i = 0; i < 300; ++i) {
    x.push_back(std::sin(static_cast<double>(i)) * 3);
    w.push_back(static_cast<double>(i % 2));
    y.push_back(static_cast<double>(i % 5));
  }
  Table table("t");
  table.add_numeric("y", y).add_numeric("x", x).add_numeric("w", w);
  return table;
}
GlmStep::Plan some_plan() {
  GlmStep::Plan plan;
  plan.model.response = "y";
  plan.model.covariates = {{"x", false, {}}, {"w", false, {}}};
  plan.model.family = GlmFamily::poisson;
  plan.centres = {0.5, 0.4};
  plan.scales = {2, 0.5};
  return plan;
}
Sums answer(const GlmStep::Broadcast& broadcast, const Table& table,
            const DisclosureRules& rules = DisclosureRules::off()) {
  Sums sums;
  sums.vectors = GlmStep::answer(GlmStep::prepare(broadcast.plan, table), broadcast, rules).vectors;
  return sums;
}

}  // namespace

TEST_CASE("the sums of a step are those of the rows, one after the other") {
  const Table table = some();
  const std::vector<double> beta{0.3, -0.2, 0.1};
  const Sums sums = answer({some_plan(), GlmQuestion::step, beta, 0}, table);
  double information[3][3] = {}, score[3] = {}, deviance = 0;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    const double z[3] = {1, (table.numeric("x")[i] - 0.5) / 2, (table.numeric("w")[i] - 0.4) / 0.5};
    const double mu = std::exp(beta[0] + beta[1] * z[1] + beta[2] * z[2]), y = table.numeric("y")[i];
    for (int a = 0; a < 3; ++a) {
      for (int b = 0; b < 3; ++b) information[a][b] += mu * z[a] * z[b];
      score[a] += (y - mu) * z[a];
    }
    deviance += 2 * ((y > 0 ? y * std::log(y / mu) : 0) - (y - mu));
  }
  const Eigen::MatrixXd got = from_packed_lower(sums.vector("information", 6), 3);
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) CHECK(got(a, b) == doctest::Approx(information[a][b]).epsilon(1e-13));
    CHECK(std::fabs(sums.vector("score", 3)[static_cast<std::size_t>(a)] - score[a]) < 1e-11);
  }
  CHECK(sums.number("deviance") == doctest::Approx(deviance).epsilon(1e-13));
  CHECK(sums.number("weight") == doctest::Approx(information[0][0]).epsilon(1e-13));
  CHECK(sums.number("invalid") == 0);
  const Sums null = answer({some_plan(), GlmQuestion::null_step, {0.7}, 0}, table);
  CHECK(null.number("information") == doctest::Approx(300 * std::exp(0.7)).epsilon(1e-13));
  CHECK(null.number("score") == doctest::Approx(600 - 300 * std::exp(0.7)).epsilon(1e-12));
}

TEST_CASE("with its own intercept a hospital tells the profile likelihood's derivatives") {
  const Table table = some();
  GlmStep::Plan plan = some_plan();
  plan.model.stratify_by_site = true;
  const auto at = [&](double first, double second) {
    return answer({plan, GlmQuestion::step, {first, second}, 0}, table);
  };
  const Sums sums = at(-0.2, 0.1);
  CHECK(sums.number("strata") == 1);
  const double h = 1e-5;
  const Sums up = at(-0.2 + h, 0.1), down = at(-0.2 - h, 0.1);
  // The deviance is minus twice the log-likelihood; central differences are right to h^2.
  CHECK(sums.vector("score")[0] ==
        doctest::Approx(-(up.number("deviance") - down.number("deviance")) / (4 * h)).epsilon(1e-7));
  for (std::size_t j = 0; j < 2; ++j) {
    const double information =
        from_packed_lower(sums.vector("information"), 2)(static_cast<Eigen::Index>(j), 0);
    CHECK(std::fabs(information + (up.vector("score")[j] - down.vector("score")[j]) / (2 * h)) < 1e-5);
  }
  // Of one row nothing, and of counts that are all 0 nothing: both are fitted by the intercept.
  for (const Table& few :
       {table.select(std::vector<std::size_t>{3}), table.select(std::vector<std::size_t>{0, 5, 10})}) {
    const Sums none = answer({plan, GlmQuestion::step, {-0.2, 0.1}, 0}, few);
    for (const auto& vector : none.vectors) {
      for (const double value : vector.values.span())
        CHECK((value == (vector.name == "strata" ? 1 : 0) || vector.name == "weight"));
    }
  }
}

TEST_CASE("a mean out of range, or a number beyond its limit, leaves nothing but that") {
  GlmStep::Plan plan = some_plan();
  plan.model.link = GlmLink::identity;
  const Sums sums = answer({plan, GlmQuestion::step, {0, 1, 0}, 0}, some());
  CHECK(sums.number("invalid") > 1);
  CHECK(sums.number("deviance") == 0);
  CHECK(sums.vector("information")[0] == 0);
  plan = some_plan();
  plan.limits = {1e4, 1e4, 1e4, 1e4};
  CHECK(answer({plan, GlmQuestion::step, {0, 0, 0}, 0}, some()).number("invalid") == 0);
  const Sums beyond = answer({plan, GlmQuestion::step, {5, 0, 0}, 0}, some());  // 300 e^5 is 44 524
  CHECK(beyond.number("invalid") == 1);
  CHECK(beyond.number("weight") == 0);
}

TEST_CASE("its first step without an intercept is that of least squares on the link's scale") {
  GlmStep::Plan plan = some_plan();
  plan.model.intercept = false;
  plan.model.link = GlmLink::identity;
  plan.centres = {0, 0};
  const Sums sums = answer({plan, GlmQuestion::begin, {0, 0}, 0}, some());
  double information = 0, score = 0;
  for (std::size_t i = 0; i < 300; ++i) {
    const double mu = some().numeric("y")[i] + 0.1, z = some().numeric("x")[i] / 2;
    information += z * z / mu;
    score += z * some().numeric("y")[i] / mu;
  }
  CHECK(sums.vector("information")[0] == doctest::Approx(information).epsilon(1e-13));
  CHECK(sums.vector("score")[0] == doctest::Approx(score).epsilon(1e-11));
}

TEST_CASE("what it discloses, and what rules hold against it") {
  const GlmStep::Plan plan = some_plan();
  const auto prepared = GlmStep::prepare(plan, some());
  const Disclosure what = GlmStep::disclosure(plan, prepared);
  CHECK(what.rows == 300);
  CHECK(what.events == 240);
  CHECK(what.parameters == 3);
  CHECK(what.cells == std::vector<double>{150, 150});  // w is 0 or 1
  CHECK(GlmStep::coefficients({plan, GlmQuestion::step, {1, 2, 3}, 0}) == std::vector<double>{1, 2, 3});
  GlmStep::Plan linear = plan;
  linear.model.family = GlmFamily::gaussian;
  CHECK(GlmStep::coefficients({linear, GlmQuestion::step, {1, 2, 3}, 0}).empty());
  linear.model.family = GlmFamily::gamma;
  CHECK(GlmStep::coefficients({linear, GlmQuestion::step, {1, 2, 3}, 0}) == std::vector<double>{0, 2, 3});
  // Ten degrees of freedom.
  std::vector<std::size_t> rows(12);
  for (std::size_t i = 0; i < 12; ++i) rows[i] = i;
  CHECK_THROWS_AS(static_cast<void>(answer({plan, GlmQuestion::step, {0, 0, 0}, 0}, some().select(rows),
                                           DisclosureRules{})),
                  Error);
  rows.push_back(12);
  CHECK(answer({plan, GlmQuestion::step, {0, 0, 0}, 0}, some().select(rows), DisclosureRules{})
            .number("invalid") == 0);
  DisclosureRules more;
  more.residual_degrees = 11;
  CHECK_THROWS_WITH_AS(
      static_cast<void>(answer({plan, GlmQuestion::step, {0, 0, 0}, 0}, some().select(rows), more)),
      doctest::Contains("residual_degrees: fewer than 11"), Error);
  // How far the columns spread here: w - 0.4 is -0.4 or 0.6, in units of 0.5.
  const std::vector<double> spreads = GlmStep::spreads(prepared);
  REQUIRE(spreads.size() == 3);
  CHECK(spreads[0] == 1);
  CHECK(spreads[2] == doctest::Approx(std::sqrt((0.64 + 1.44) / 2)).epsilon(1e-13));
  double squares = 0;
  const Table all = some();
  for (const double x : all.numeric("x")) squares += (x - 0.5) * (x - 0.5) / 4;
  CHECK(spreads[1] == doctest::Approx(std::sqrt(squares / 300)).epsilon(1e-13));
  CHECK_THROWS_AS(static_cast<void>(answer({plan, GlmQuestion::step, {0, 0}, 0}, some())), Error);
  GlmStep::Plan wrong = plan;
  wrong.scales = {1, 0};
  CHECK_THROWS_AS(static_cast<void>(GlmStep::prepare(wrong, some())), Error);
}

}  // namespace statistics_glm_step_test
