// Regressions and tests of groups are compared with earlier answers by their groups, as histograms are.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/statistics/cox_regression.hpp"
#include "healthai/statistics/describe.hpp"
#include "healthai/statistics/glm_moments.hpp"
#include "healthai/statistics/glm_step.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/statistics/site_log_rank.hpp"
#include "refusals.hpp"

namespace statistics_fit_groups_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

constexpr std::size_t rows = 240;

/// Wards a and b; in "moved" two patients of a are of b; "sex" is apart from both.
Table hospital() {
  std::vector<double> age, time, dead, sex, nearly;
  std::vector<std::string> ward, moved;
  for (std::size_t i = 0; i < rows; ++i) {
    const auto number = static_cast<double>(i);
    age.push_back(50 + 30 * std::sin(number));
    time.push_back(static_cast<double>(10 + i * 7 % 90));
    dead.push_back(i % 4 == 0 ? 0 : 1);
    sex.push_back(i % 3 == 0 ? 1 : 2);
    nearly.push_back(i == 3 ? 2 : sex.back());
    ward.emplace_back(i % 2 == 0 ? "a" : "b");
    moved.emplace_back(i % 2 == 0 && i != 2 && i != 6 ? "a" : "b");
  }
  Table table("hospital");
  table.add_numeric("age", age).add_numeric("time", time).add_numeric("dead", dead).add_numeric("sex", sex);
  table.add_numeric("nearly", nearly).add_text("ward", ward).add_text("moved", moved);
  return table;
}
DisclosureRules rules() {
  DisclosureRules rules;
  rules.columns = {"age", "time", "dead", "sex", "nearly", "ward", "moved"};
  for (const char* column : {"ward", "moved"}) rules.levels[column] = {"a", "b"};
  rules.time_grid = {50, 100};
  rules.free_filters = true;
  return rules;
}
/// Everything that a hospital offers here; what it has told of, it remembers.
TaskHandlers handlers_of(const StatisticsSite& site) {
  TaskHandlers handlers = site.handlers<GlmMoments, GlmStep, SiteLogRank, ColumnSums>();
  offer_cox(site, handlers);
  return handlers;
}
template <class T>
void ask(const TaskHandlers& handlers, typename T::Broadcast broadcast) {
  const Request<typename T::Broadcast> request{
      std::make_shared<const typename T::Broadcast>(std::move(broadcast)), ClientId("here")};
  static_cast<void>(handlers.handle<T>(request, {}));
}
template <class T>
void differs(const TaskHandlers& handlers, typename T::Broadcast broadcast) {
  refuses([&] { return ask<T>(handlers, broadcast), 0; }, error::disclosure,
          "smallest_cell: an earlier answer");
}

Covariate category(const std::string& column) {
  return {column, true, {"a", "b"}};
}
GlmMoments::Plan glm(std::vector<Covariate> covariates, const std::string& response = "age") {
  GlmMoments::Plan plan;
  plan.model.response = response;
  plan.model.covariates = std::move(covariates);
  return plan;
}
GlmStep::Broadcast step_of(const GlmMoments::Plan& plan) {
  GlmStep::Broadcast step;
  step.plan.model = plan.model;
  step.plan.centres = {0.5};
  step.plan.scales = {0.5};
  step.coefficients = {0, 0};
  return step;
}
ScaledCoxPlan cox(std::vector<Covariate> covariates, const std::string& strata = "") {
  ScaledCoxPlan plan;
  plan.outcome = {"time", "dead"};
  plan.covariates = std::move(covariates);
  plan.strata = strata;
  plan.means.assign(plan.covariates.size(), 0.5);
  plan.scales.assign(plan.covariates.size(), 0.5);
  return plan;
}
SiteLogRank::Broadcast log_rank_by(const std::string& column, const std::string& strata = "") {
  SiteLogRank::Plan plan;
  plan.survival.outcome = {"time", "dead"};
  plan.survival.by = {column, {"a", "b"}};
  if (!strata.empty()) plan.survival.strata = {strata, {"a", "b"}};
  plan.survival.times = rules().time_grid;
  return {plan};
}

}  // namespace

TEST_CASE("levels of a regression's categories are compared with those of earlier ones") {
  for (const bool in_sum : {false, true}) {
    const StatisticsSite site(hospital(), rules());
    const TaskHandlers handlers = handlers_of(in_sum ? site.in_sum() : site);
    ask<GlmMoments>(handlers, {glm({category("ward")})});
    ask<GlmStep>(handlers, step_of(glm({category("ward")})));
    differs<GlmMoments>(handlers, {glm({category("moved")})});
    differs<GlmStep>(handlers, step_of(glm({category("moved")})));
    differs<CoxMoments>(handlers, {cox({category("moved")}), {0}, {1}});
    differs<CoxSiteStep>(handlers, {cox({category("moved")}), {0}});
    differs<CoxConcordance>(handlers, {cox({category("moved")}), {0}});
    differs<CoxSiteStep>(handlers, {cox({{"sex", false, {}}}, "moved"), {0}});
    differs<CoxConcordance>(handlers, {cox({{"sex", false, {}}}, "moved"), {0}});
    differs<SiteLogRank>(handlers, log_rank_by("moved"));
    // What is not near is answered: another column, and the same one in another analysis.
    ask<GlmMoments>(handlers, {glm({{"sex", false, {}}})});
    ask<CoxSiteStep>(handlers, {cox({category("ward")}), {0}});
    ask<SiteLogRank>(handlers, log_rank_by("ward"));
    // A column of two values is as telling as its levels.
    differs<GlmMoments>(handlers, {glm({{"nearly", false, {}}})});
    differs<GlmMoments>(handlers, {glm({}, "nearly")});
    differs<CoxMoments>(handlers, {cox({{"nearly", false, {}}}), {0}, {1}});
  }
}

TEST_CASE(
    "groups and strata of a log-rank test, and strata of a Cox regression, are what later answers are "
    "compared with") {
  {
    const TaskHandlers handlers = handlers_of(StatisticsSite(hospital(), rules()));
    ask<SiteLogRank>(handlers, log_rank_by("ward"));
    differs<SiteLogRank>(handlers, log_rank_by("moved"));
    differs<GlmMoments>(handlers, {glm({category("moved")})});
  }
  {
    const TaskHandlers handlers = handlers_of(StatisticsSite(hospital(), rules()));
    ask<CoxSiteStep>(handlers, {cox({{"sex", false, {}}}, "ward"), {0}});
    differs<GlmMoments>(handlers, {glm({category("moved")})});
    DescribePlan by;
    by.columns = {"age"};
    by.by = "moved";
    by.levels = {"a", "b"};
    differs<ColumnSums>(handlers, {by, {}});
    by.by = "ward";
    ask<ColumnSums>(handlers, {by, {}});
  }
}

TEST_CASE("the questions of one fit are one question, whose groups are not compared with each other") {
  // In a sum the two columns may stand in one model; told of once, all steps may be asked.
  const TaskHandlers handlers = handlers_of(StatisticsSite(hospital(), rules()).in_sum());
  const GlmMoments::Plan both = glm({category("ward"), category("moved")});
  ask<GlmMoments>(handlers, {both});
  GlmMoments::Plan squares = both;
  squares.moment = GlmMoment::squares;
  squares.centres = {0.5, 0.5, 50};
  ask<GlmMoments>(handlers, {squares});
  GlmStep::Broadcast step = step_of(both);
  step.plan.centres = step.plan.scales = {0.5, 0.5};
  step.coefficients = {0, 0, 0};
  ask<GlmStep>(handlers, step);
}

TEST_CASE(
    "in a sum, columns with a group of few here are not compared: else a second question would be refused") {
  Table table = hospital();
  std::vector<std::string> rare(rows, "a");
  rare[5] = rare[9] = "b";
  table.add_text("rare", rare);
  DisclosureRules with_rare = rules();
  with_rare.columns.insert("rare");
  with_rare.levels["rare"] = {"a", "b"};
  const StatisticsSite site(table, with_rare);
  refuses([&] { return ask<GlmMoments>(handlers_of(site), {glm({category("rare")})}), 0; }, error::disclosure,
          "smallest_cell: here");
  const TaskHandlers masked = handlers_of(site.in_sum());
  ask<GlmMoments>(masked, {glm({category("rare")})});
  ask<GlmMoments>(masked, {glm({category("ward")})});
  ask<GlmStep>(masked, step_of(glm({category("rare")})));
}

}  // namespace statistics_fit_groups_test
