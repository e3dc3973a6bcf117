#include "healthai/statistics/cox_risk_sets.hpp"

// What the answers of a Cox regression tell of patients, as hospitals' rules are told.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "refusals.hpp"
#include "statistics/cox_tables.hpp"

namespace statistics_cox_risk_sets_test {

using namespace cox_test;
using refusals_test::refuses;

namespace {

Table eight() {
  Table table("eight");
  table.add_numeric("time", {1, 2, 2, 3, 5, 5, 8, 9}).add_numeric("dead", {1, 1, 0, 0, 1, 1, 0, 1});
  table.add_numeric("sex", {1, 2, 1, 2, 1, 1, 1, 1}).add_numeric("age", {40, 50, 60, 70, 45, 55, 65, 75});
  return table;
}
ScaledCoxPlan plan_of() {
  ScaledCoxPlan plan;
  plan.outcome = {"time", "dead"};
  plan.covariates = parse_covariates("age,sex");
  plan.means = {57, 1.25};
  plan.scales = {11, 0.4};
  return plan;
}

}  // namespace

TEST_CASE("sums within hospitals: cross-tables of what has two values, and of events") {
  const ScaledCoxPlan plan = plan_of();
  const Disclosure what = CoxSiteStep::disclosure(plan, CoxSiteStep::prepare(plan, eight()));
  CHECK(what.rows == 8);
  CHECK(what.events == 5u);
  CHECK(what.parameters == 2);
  CHECK_FALSE(what.single_values);
  CHECK(what.times.empty());
  CHECK(what.columns == std::vector<std::string>{"age", "sex", "time", "dead"});
  std::vector<double> cells = what.cells;
  std::sort(cells.begin(), cells.end());
  // Six and two by sex, five and three by event; both: 4 events and 2 others of sex 1, 1 and 1 of sex 2.
  CHECK(cells == std::vector<double>{1, 1, 2, 2, 3, 4, 5, 6});
  const Disclosure moments = CoxMoments::disclosure(plan, CoxMoments::prepare(plan, eight()));
  CHECK(moments.cells == what.cells);
  CHECK(moments.events == 5u);
}

TEST_CASE(
    "sums over risk sets: who leaves between one time and the next, and at Efron's ties who has the event") {
  CoxRiskSets::Plan plan;
  static_cast<ScaledCoxPlan&>(plan) = plan_of();
  plan.cells = {{0, 1, 1}, {0, 2, 1}, {0, 5, 2}, {0, 9, 1}};
  Disclosure what = CoxRiskSets::disclosure(plan, CoxRiskSets::prepare(plan, eight()));
  CHECK(what.single_values);
  CHECK(what.times == std::vector<double>{1, 2, 5, 9});
  // Men and women of each cell, without and, at ties, with the event.
  CHECK(what.cells ==
        std::vector<double>{1, 3, 3, 2, 1, 1, 1, 0, 0, 0, 1, 2, 0, 0, 1, 0, 2, 0, 1, 0, 0, 0, /*before*/ 0});
  plan.ties = Ties::breslow;
  plan.time_grid = {2, 5, 9};
  plan.cells = {{0, 2, 2}, {0, 5, 2}, {0, 9, 1}};
  what = CoxRiskSets::disclosure(plan, CoxRiskSets::prepare(plan, eight()));
  CHECK_FALSE(what.single_values);
  CHECK(what.cells ==
        std::vector<double>{
            3, 3, 2, /*men and women*/ 2, 1, 0, 0, 2, 1, 0, 0, 2, 0, 0, 0, /*before*/ 0, /*on the grid*/ 3,
            3, 2, 0});
  plan.cells = {{0, 2, 2}, {0, 5, 2}};
  refuses([&] { return CoxRiskSets::prepare(plan, eight()); }, error::invalid_data,
          "a time that was not agreed on");
}

TEST_CASE(
    "who leaves before the first time is told, by stratum, and who leaves at times of the grid that are no "
    "cells") {
  CoxRiskSets::Plan plan;
  static_cast<ScaledCoxPlan&>(plan) = plan_of();
  plan.covariates = parse_covariates("age");
  plan.means = {57};
  plan.scales = {11};
  plan.strata = "sex";
  plan.strata_levels = {"1", "2", "3"};
  plan.ties = Ties::breslow;
  Table late("late");
  late.add_numeric("time", {1, 2, 2, 5, 6, 7}).add_numeric("dead", {0, 0, 0, 1, 0, 1});
  late.add_numeric("sex", {1, 1, 2, 1, 2, 1}).add_numeric("age", {40, 50, 60, 70, 45, 55});
  plan.cells = {{0, 5, 1}, {0, 7, 1}};
  CHECK(CoxRiskSets::disclosure(plan, CoxRiskSets::prepare(plan, late)).cells ==
        std::vector<double>{1, 1, /*before*/ 2, 2, 0});
  plan.time_grid = {2, 4, 5, 8};
  plan.cells = {{0, 5, 1}, {0, 8, 1}};
  CHECK(CoxRiskSets::disclosure(plan, CoxRiskSets::prepare(plan, late)).cells ==
        std::vector<double>{
            1, 1, /*before*/ 2, 2, 0, /*on the grid*/ 2, 0, 1, 1, 0, /**/ 1, 0, 0, 1, 0, /**/ 0, 0, 0, 0, 0});
}

TEST_CASE("under rules the sums over events are of all, whichever block is asked for") {
  CoxRiskSets::Plan plan;
  static_cast<ScaledCoxPlan&>(plan) = plan_of();
  plan.cells = {{0, 1, 1}, {0, 2, 1}, {0, 5, 2}, {0, 9, 1}};
  const auto prepared = CoxRiskSets::prepare(plan, eight());
  const auto asked = [&](std::uint64_t from, std::uint64_t to, const DisclosureRules& rules) {
    return Sums{CoxRiskSets::answer(prepared, {plan, {0.3, -0.2}, from, to}, rules).vectors, {}};
  };
  const auto events = [&](std::uint64_t from, std::uint64_t to, const DisclosureRules& rules) {
    const Sums sums = asked(from, to, rules);
    const auto values = sums.vector("events", 3);
    return std::vector<double>(values.begin(), values.end());
  };
  const DisclosureRules off = DisclosureRules::off();
  const DisclosureRules rules;
  CHECK(events(0, 4, rules) == events(0, 4, off));
  CHECK(events(0, 1, rules) == events(0, 4, off));
  CHECK(events(0, 1, off) != events(0, 4, off));
  for (std::uint64_t cell = 1; cell < 4; ++cell) {
    CHECK(events(cell, cell + 1, rules) == std::vector<double>(3, 0.0));
    CHECK(events(cell, cell + 1, off) != std::vector<double>(3, 0.0));
  }
  // The coordinator adds up the same.
  detail::RiskSetLikelihood whole(plan), blocks(plan);
  whole.add(asked(0, 4, off), 0, 4);
  blocks.add(asked(3, 4, rules), 3, 4);
  blocks.add(asked(0, 3, rules), 0, 3);
  CHECK(near(whole.point().log_likelihood, blocks.point().log_likelihood, 1e-14));
  CHECK(whole.point().score.isApprox(blocks.point().score, 1e-13));
}

TEST_CASE("under rules a row beyond what can be added up hides all sums, and its own place") {
  CoxRiskSets::Plan plan;
  static_cast<ScaledCoxPlan&>(plan) = plan_of();
  plan.cells = {{0, 1, 1}, {0, 2, 1}, {0, 5, 2}, {0, 9, 1}};
  plan.scales = {11e-3, 0.4};  // predictors up to 1700: those above 600 are beyond
  const auto prepared = CoxRiskSets::prepare(plan, eight());
  const auto asked = [&](const DisclosureRules& rules) {
    return Sums{CoxRiskSets::answer(prepared, {plan, {1, 0}, 0, 4}, rules).vectors, {}};
  };
  CHECK(asked(DisclosureRules::off()).number("beyond") == 6);
  const Sums told = asked(DisclosureRules{});
  CHECK(told.number("beyond") == 1);
  for (const char* sums : {"leaving", "events", "tied"}) {
    for (const double value : told.vector(sums)) CHECK(value == 0);
  }
}

TEST_CASE("coefficients count by how far columns spread at the hospital, whatever scales a request names") {
  DisclosureRules rules;
  rules.columns = {"time", "dead", "age", "sex"};
  rules.minimum_rows = rules.minimum_events = rules.smallest_cell = rules.residual_degrees = 0;
  rules.rows_per_parameter = 0;
  rules.single_values = true;
  rules.time_grid = {2, 5, 9};
  const StatisticsSite site(eight(), rules);
  const auto ask = [&](double scale) {
    InProcess one;
    one.add(ClientId("one"), site.handlers<CoxSiteStep, CoxConcordance>());
    Analysis analysis(one);
    ScaledCoxPlan plan = plan_of();
    plan.time_grid = rules.time_grid;
    plan.scales[0] = scale;
    static_cast<void>(analysis.sum<CoxConcordance>({plan, {1.5, 0}}));
    return analysis.sum<CoxSiteStep>({plan, {1.5, 0}}).number("log_likelihood");
  };
  CHECK(ask(11) < 0);
  refuses([&] { return ask(11e-3); }, error::disclosure, "largest_coefficient");
}

TEST_CASE("every question of a regression tells the grid to which it rounds times") {
  ScaledCoxPlan plan = plan_of();
  const auto grids = [&] {
    CoxEventCounts::Plan counts;
    static_cast<CoxPlan&>(counts) = plan;
    counts.times = plan.time_grid;
    CoxRiskSets::Plan risk_sets;
    static_cast<ScaledCoxPlan&>(risk_sets) = plan;
    risk_sets.cells = {{0, 1, 1}, {0, 2, 1}, {0, 5, 2}, {0, 9, 1}};
    std::vector<std::vector<double>> all{
        CoxMoments::disclosure(plan, CoxMoments::prepare(plan, eight())).rounded_to,
        CoxSiteStep::disclosure(plan, CoxSiteStep::prepare(plan, eight())).rounded_to,
        CoxConcordance::disclosure(plan, CoxConcordance::prepare(plan, eight())).rounded_to,
        CoxBaseline::disclosure(plan, CoxBaseline::prepare(plan, eight())).rounded_to,
        CoxRiskSets::disclosure(risk_sets, CoxRiskSets::prepare(risk_sets, eight())).rounded_to};
    if (!plan.time_grid.empty())
      all.push_back(CoxEventCounts::disclosure(counts, CoxEventCounts::prepare(counts, eight())).rounded_to);
    return all;
  };
  CHECK(grids() == std::vector<std::vector<double>>(5));
  plan.time_grid = {1, 2, 5, 9};
  const auto told = grids();
  CHECK(told.size() == 6);
  for (const std::vector<double>& grid : told) CHECK(grid == plan.time_grid);
  CHECK(CoxMoments::question(plan).rounded_to == plan.time_grid);
  CHECK(CoxSiteStep::question(plan).columns == columns_of(plan));
  CHECK(CoxBaseline::question(plan).times == plan.time_grid);
}

TEST_CASE("strata are told, with their patients, also where the plan does not name them") {
  ScaledCoxPlan plan = plan_of();
  plan.covariates = parse_covariates("age");
  plan.means = {57};
  plan.scales = {11};
  const auto step = [&] { return CoxSiteStep::disclosure(plan, CoxSiteStep::prepare(plan, eight())); };
  const auto pairs = [&] { return CoxConcordance::disclosure(plan, CoxConcordance::prepare(plan, eight())); };
  const auto hazards = [&] { return CoxBaseline::disclosure(plan, CoxBaseline::prepare(plan, eight())); };
  const std::vector<double> without = step().cells;
  CHECK(step().levels.empty());
  CHECK(pairs().cells == without);
  plan.strata = "sex";
  std::vector<double> with = without;
  with.insert(with.end(), {6, 2});
  for (const Disclosure& what : {step(), pairs(), hazards()}) {
    CHECK(what.cells == with);
    REQUIRE(what.levels.contains("sex"));
    CHECK(what.levels.at("sex") == std::vector<std::string>{"1", "2"});
  }
  // A plan that names others does not hide those that are here.
  plan.strata_levels = {"2", "3"};
  CHECK(pairs().levels.at("sex") == std::vector<std::string>{"2", "3", "1"});
}

TEST_CASE("blocks of times: the parts of a step are those of the whole") {
  CoxRiskSets::Plan plan;
  static_cast<ScaledCoxPlan&>(plan) = plan_of();
  plan.cells = {{0, 1, 1}, {0, 2, 1}, {0, 5, 2}, {0, 9, 1}};
  const auto prepared = CoxRiskSets::prepare(plan, eight());
  const auto point = [&](const std::vector<std::uint64_t>& ends) {
    detail::RiskSetLikelihood likelihood(plan);
    for (std::size_t i = ends.size() - 1; i > 0; --i) {
      auto reply =
          CoxRiskSets::answer(prepared, {plan, {0.3, -0.2}, ends[i - 1], ends[i]}, DisclosureRules::off());
      likelihood.add({std::move(reply.vectors), {}}, ends[i - 1], ends[i]);
    }
    return likelihood.point();
  };
  const auto whole = point({0, 4});
  const auto blocks = point({0, 1, 3, 4});
  CHECK(near(whole.log_likelihood, blocks.log_likelihood, 1e-14));
  CHECK(whole.information.isApprox(blocks.information, 1e-14));
  const auto alone = CoxModel<double>(detail::scaled_model_matrix(plan, eight()).matrix(),
                                      {1, 2, 2, 3, 5, 5, 8, 9}, {1, 1, 0, 0, 1, 1, 0, 1})
                         .derivatives(detail::cox_parameters(plan, {0.3, -0.2}));
  CHECK(near(whole.log_likelihood, alone.log_likelihood, 1e-13));
  CHECK(whole.score.isApprox(alone.score, 1e-13));
  CHECK(whole.information.isApprox(alone.information, 1e-13));
  refuses(
      [&] {
        return CoxRiskSets::answer(prepared, {plan, {0.3, -0.2}, 2, 5}, DisclosureRules::off());
      },
      "a block of times that is not there");
  refuses(
      [&] {
        return CoxRiskSets::answer(prepared, {plan, {0.3}, 0, 4}, DisclosureRules::off());
      },
      "a block of times that is not there");
}

TEST_CASE("baseline hazards are at times of single patients, or on a grid") {
  ScaledCoxPlan plan = plan_of();
  CHECK(CoxBaseline::disclosure(plan, CoxBaseline::prepare(plan, eight())).single_values);
  plan.time_grid = {2, 5};
  const Disclosure what = CoxBaseline::disclosure(plan, CoxBaseline::prepare(plan, eight()));
  CHECK_FALSE(what.single_values);
  CHECK(what.times == plan.time_grid);
  REQUIRE(what.cells.size() >= 3);
  CHECK(std::vector<double>(what.cells.end() - 3, what.cells.end()) == std::vector<double>{3, 3, 2});
}

}  // namespace statistics_cox_risk_sets_test
