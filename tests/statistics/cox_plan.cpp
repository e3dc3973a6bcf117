#include "healthai/statistics/cox_plan.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"
#include "healthai/statistics/cox_baseline.hpp"
#include "healthai/statistics/cox_concordance.hpp"
#include "healthai/statistics/cox_risk_sets.hpp"
#include "healthai/statistics/cox_site_step.hpp"
#include "healthai/statistics/distinct_times.hpp"
#include "refusals.hpp"

namespace statistics_cox_plan_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

ScaledCoxPlan full_plan() {
  ScaledCoxPlan plan;
  plan.cohort = {"adults", {parse_filter("age >= 18")}};
  plan.outcome = {"days", "status", 2};
  plan.covariates = {{"age", false, {}}, {"ward", true, {"a", "b"}}};
  plan.stratify_by_site = false;
  plan.strata = "year";
  plan.strata_levels = {"2007", "2008"};
  plan.ties = Ties::breslow;
  plan.time_grid = {30, 60.5};
  plan.bounds = {{{"age", 18, 110}}, 1000};
  plan.means = {50, 0.25};
  plan.scales = {10, 0.5};
  return plan;
}
template <class T>
T sent(const T& value) {
  return from_bytes<T>(to_bytes(value));
}

}  // namespace

TEST_CASE("questions and answers arrive as they were sent") {
  const ScaledCoxPlan plan = full_plan();
  CHECK(sent(plan) == plan);
  CHECK(sent(CoxPlan(plan)) == CoxPlan(plan));
  CHECK(sent(CoxPlan{}) == CoxPlan{});
  const CoxMoments::Broadcast moments = sent(CoxMoments::Broadcast{plan, {1, 2}, {3, 4}});
  CHECK(moments.plan == CoxPlan(plan));
  CHECK(moments.scales == std::vector<double>{3, 4});
  const CoxSiteStep::Broadcast step = sent(CoxSiteStep::Broadcast{plan, {0.1, 0.2}});
  CHECK(step.plan == plan);
  CHECK(step.coefficients == std::vector<double>{0.1, 0.2});
  CHECK(sent(CoxConcordance::Broadcast{plan, {0.1, 0.2}}).plan == plan);
  CoxEventCounts::Plan counts;
  static_cast<CoxPlan&>(counts) = plan;
  counts.times = {30, 60.5};
  CHECK(sent(CoxEventCounts::Broadcast{counts}).plan == counts);
  CoxRiskSets::Plan risk_sets;
  static_cast<ScaledCoxPlan&>(risk_sets) = plan;
  risk_sets.cells = {{0, 30, 4}, {1, 60.5, 1}};
  const CoxRiskSets::Broadcast block = sent(CoxRiskSets::Broadcast{risk_sets, {0.1, 0.2}, 1, 2});
  CHECK(block.plan == risk_sets);
  CHECK(block.from == 1);
  CHECK(block.to == 2);
  CHECK(sent(CoxBaseline::Broadcast{plan, {0.1, 0.2}}).plan == plan);
  const CoxBaseline::Reply hazards = sent(CoxBaseline::Reply{{"a", "b"}, {{1, 2}, {}}, {{0.5, 0.25}, {}}});
  CHECK(hazards.levels == std::vector<std::string>{"a", "b"});
  CHECK(hazards.times == std::vector<std::vector<double>>{{1, 2}, {}});
  CHECK(hazards.increases == std::vector<std::vector<double>>{{0.5, 0.25}, {}});
  const DistinctTimes::Plan times{plan.cohort, plan.outcome, {"age"}, true};
  CHECK(sent(DistinctTimes::Broadcast{times}).plan == times);
  CHECK(sent(DistinctTimes::Reply{{1, 2.5}}).times == std::vector<double>{1, 2.5});
}

TEST_CASE("the columns that are read, and the units of covariates") {
  const ScaledCoxPlan plan = full_plan();
  CHECK(columns_of(plan) == std::vector<std::string>{"age", "ward", "days", "status", "year"});
  Table table("two");
  table.add_numeric("days", {20, 90}).add_numeric("status", {2, 2}).add_numeric("age", {40, 65});
  table.add_text("ward", {"b", "a"}).add_numeric("year", {2007, 2008});
  CHECK(detail::scaled_model_matrix(plan, table).values == std::vector<double>{-1, 1.5, 1.5, -0.5});
  const SurvivalOutcomes outcomes = detail::cox_outcomes(plan, table);
  CHECK(outcomes.times == std::vector<double>{30, (std::numeric_limits<double>::max)()});
  CHECK(outcomes.events == std::vector<double>{1, 0});
  ScaledCoxPlan wrong = plan;
  wrong.scales.pop_back();
  refuses([&] { return detail::scaled_model_matrix(wrong, table); }, "2 means and 1 scales");
}

TEST_CASE("units that are none are refused") {
  Table table("two");
  table.add_numeric("days", {20, 90}).add_numeric("status", {2, 2}).add_numeric("age", {40, 65});
  table.add_text("ward", {"b", "a"}).add_numeric("year", {2007, 2008});
  const double infinite = std::numeric_limits<double>::infinity();
  const double none = std::numeric_limits<double>::quiet_NaN();
  const auto prepared = CoxMoments::prepare(full_plan(), table);
  for (const double scale : {0.0, -1.0, infinite, none}) {
    ScaledCoxPlan plan = full_plan();
    plan.scales[1] = scale;
    refuses([&] { return detail::scaled_model_matrix(plan, table); }, error::invalid_argument,
            "scales that are finite and above 0");
    refuses(
        [&] {
          return CoxMoments::answer(prepared, {plan, {0, 0}, {1, scale}}, DisclosureRules::off());
        },
        error::invalid_argument, "scales that are finite and above 0");
  }
  for (const double mean : {infinite, -infinite, none}) {
    ScaledCoxPlan plan = full_plan();
    plan.means[0] = mean;
    refuses([&] { return CoxSiteStep::prepare(plan, table); }, error::invalid_argument,
            "means that are finite");
  }
}

}  // namespace statistics_cox_plan_test
