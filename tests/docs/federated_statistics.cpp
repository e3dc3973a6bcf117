// The programs of docs/federated-statistics.md.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "folders.hpp"
#include "healthai/data.hpp"
#include "healthai/statistics/cox_regression.hpp"
#include "healthai/statistics/describe.hpp"
#include "healthai/statistics/glm.hpp"
#include "healthai/statistics/kaplan_meier.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/transport/in_process.hpp"

namespace docs_federated_statistics_test {

using namespace healthai;

namespace {

const std::string lung = source_folder() + "/examples/data/lung_hospitals.csv";

}  // namespace

TEST_CASE("hospitals with rules, and a regression over them") {
  // [hospital]
  DisclosureRules rules;  // allows nothing yet
  rules.columns = {"time", "dead", "age"};
  rules.minimum_rows = 10;  // and 10 events, 10 rows a parameter, no number of 1 to 4 patients
  InProcess hospitals;
  for (const Site& site : partition_by(read_csv(lung), "hospital")) {
    const StatisticsSite statistics(site.table, rules);
    TaskHandlers handlers = statistics.handlers<ColumnSums>();  // what this hospital answers
    hospitals.add(site.id, offer_cox(statistics, handlers));
  }
  // [/hospital]
  // [cox]
  CoxPlan plan;
  plan.outcome = {"time", "dead"};
  plan.covariates = parse_covariates("age");
  const CoxFit fit = fit_cox(hospitals, plan);  // stratified by hospital
  for (std::size_t i = 0; i < fit.terms.size(); ++i) {
    const std::string line = fit.terms[i] + ": hazard ratio " + std::to_string(fit.hazard_ratios[i]);
    MESSAGE(line);
  }
  for (const Failure& failure : fit.left_out) MESSAGE(failure.client.str() << ": " << failure.message);
  // [/cox]
  CHECK(fit.terms == std::vector<std::string>{"age"});
  CHECK(fit.hazard_ratios[0] == doctest::Approx(1.025).epsilon(1e-3));
  CHECK(fit.sites.size() == 5);
  CHECK(fit.left_out.size() == 5);
}

TEST_CASE("curves on a public grid") {
  InProcess hospitals;
  DisclosureRules rules;
  rules.columns = {"time", "dead", "sex"};
  rules.levels["sex"] = {"1", "2"};
  for (int month = 1; month <= 36; ++month) rules.time_grid.push_back(30.4375 * month);
  for (const Site& site : partition_by(read_csv(lung), "hospital"))
    hospitals.add(site.id, StatisticsSite(site.table, rules).handlers<ColumnLevels, LifeTable>());
  // [curves]
  SurvivalPlan plan;
  plan.outcome = {"time", "dead"};
  plan.by.column = "sex";
  plan.times = rules.time_grid;  // every month, for three years
  const KaplanMeierResult result = kaplan_meier(hospitals, plan);
  // [/curves]
  REQUIRE(result.curves.size() == 2);
  CHECK(result.curves[0].median.time);
}

}  // namespace docs_federated_statistics_test
