// What keeps a Cox regression from an answer is said in words, with the column's name.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "refusals.hpp"
#include "statistics/cox_tables.hpp"

namespace statistics_cox_problems_test {

using namespace cox_test;
using refusals_test::refuses;

namespace {

/// Sixty patients of three hospitals.
Table patients() {
  Stream random(8, Purpose::test);
  std::vector<double> time, dead, age, sex, site;
  for (int i = 0; i < 60; ++i) {
    time.push_back(1 + static_cast<double>(random() % 40));
    dead.push_back(random() % 3 == 0 ? 0 : 1);
    age.push_back(40 + static_cast<double>(random() % 40));
    sex.push_back(static_cast<double>(random() % 2));
    site.push_back(i % 3);
  }
  Table table("patients");
  table.add_numeric("time", time).add_numeric("dead", dead).add_numeric("age", age);
  table.add_numeric("sex", sex).add_numeric("site", site);
  return table;
}
CoxPlan plan_of(const std::string& covariates, bool by_site) {
  CoxPlan plan;
  plan.outcome = {"time", "dead"};
  plan.covariates = parse_covariates(covariates);
  plan.stratify_by_site = by_site;
  return plan;
}

}  // namespace

TEST_CASE("constant covariates") {
  Table table = patients();
  table.add_numeric("same", std::vector<double>(60, 0.1));
  std::vector<double> of_site, early;
  for (const double site : table.numeric("site")) of_site.push_back(site == 0 ? 1 : 0);
  // Another value only for somebody who leaves before anybody's event.
  std::vector<double> time(table.numeric("time").begin(), table.numeric("time").end());
  std::vector<double> dead(table.numeric("dead").begin(), table.numeric("dead").end());
  early.assign(60, 3);
  early[7] = 5;
  time[7] = 0.5;
  dead[7] = 0;
  table.add_numeric("teaching", of_site)
      .add_numeric("early", early)
      .add_numeric("t", time)
      .add_numeric("d", dead);
  const std::vector<Table> sites = by_value(table, "site");
  for (const bool by_site : {false, true}) {
    refuses([&] { return fit(sites, plan_of("age,same", by_site)); }, error::invalid_data,
            "covariate \"same\" is constant: it has the same value in all 60 rows");
    CoxPlan plan = plan_of("age,early", by_site);
    plan.outcome = {"t", "d"};
    refuses([&] { return fit(sites, plan); }, error::invalid_data,
            "covariate \"early\" is constant among the patients at risk at an event");
  }
  refuses([&] { return fit(sites, plan_of("age,teaching", true)); }, error::invalid_data,
          "covariate \"teaching\" is constant among the patients at risk at an event, within each hospital");
  CHECK(fit(sites, plan_of("age,teaching", false)).converged);
  CoxPlan strata = plan_of("age,teaching", false);
  strata.strata = "site";
  refuses([&] { return fit(sites, strata); }, error::invalid_data, "within each level of \"site\"");
}

TEST_CASE("collinear covariates name each other") {
  Table table = patients();
  std::vector<double> days, both;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    days.push_back(365.25 * table.numeric("age")[i] + 7);
    both.push_back(table.numeric("age")[i] - 10 * table.numeric("sex")[i]);
  }
  table.add_numeric("days", days).add_numeric("both", both);
  for (const bool by_site : {false, true}) {
    for (const std::size_t sites : {std::size_t{1}, std::size_t{3}}) {
      const std::vector<Table> parts = dealt(table, sites, 3);
      refuses([&] { return fit(parts, plan_of("age,sex,days", by_site)); }, error::invalid_data,
              "is a linear combination of \"");
      refuses([&] { return fit(parts, plan_of("age,sex,days", by_site)); }, error::invalid_data, "\"days\"");
      refuses([&] { return fit(parts, plan_of("age,sex,both", by_site)); }, error::invalid_data, "\"both\"");
      refuses([&] { return fit(parts, plan_of("age,sex,both", by_site)); }, error::invalid_data, "\"sex\"");
    }
  }
}

TEST_CASE("monotone likelihood") {
  Table table = patients();
  std::vector<double> order, none;
  for (std::size_t i = 0; i < table.rows(); ++i) {
    order.push_back(-table.numeric("time")[i]);
    none.push_back(table.numeric("dead")[i] == 0 && i % 2 == 0 ? 1 : 0);  // nobody of these has the event
  }
  table.add_numeric("order", order).add_numeric("none", none);
  for (const bool by_site : {false, true}) {
    for (const std::size_t sites : {std::size_t{1}, std::size_t{4}}) {
      const std::vector<Table> parts = dealt(table, sites, 4);
      refuses([&] { return fit(parts, plan_of("age,none", by_site)); }, error::invalid_data,
              "monotone likelihood): the coefficient of covariate \"none\"");
      refuses([&] { return fit(parts, plan_of("sex,order", by_site)); }, error::invalid_data,
              "monotone likelihood): the coefficient of covariate \"order\"");
    }
  }
}

TEST_CASE("no events, no rows; hospitals without either add nothing") {
  Table table = patients();
  const std::vector<Table> sites = dealt(table, 3, 5);
  CoxPlan plan = plan_of("age,sex", false);
  plan.cohort.filters = {parse_filter("dead == 0")};
  refuses([&] { return fit(sites, plan); }, error::invalid_data, "have no event: column \"dead\" is never 1");
  plan.cohort.filters = {parse_filter("age > 1000")};
  refuses([&] { return fit(sites, plan); }, error::invalid_data, "Cox regression: 0 rows");
  // Of three hospitals one has nobody, another no events.
  std::vector<Table> uneven{table, table.select(std::vector<std::size_t>{}),
                            table.select(cohort_rows(table, {parse_filter("dead == 0")}))};
  const CoxFit all = fit(uneven, plan_of("age,sex", true));
  const CoxFit one = fit({table}, plan_of("age,sex", true));
  CHECK(all.n > one.n);
  CHECK(all.events == one.events);
  CHECK(near(all.log_likelihood, one.log_likelihood, 1e-12));
  CHECK(near(all.coefficients[0], one.coefficients[0], 1e-10));
}

TEST_CASE("plans that nobody can answer") {
  const std::vector<Table> sites{patients()};
  refuses([&] { return fit(sites, plan_of("", true)); }, "at least one covariate");
  refuses([&] { return fit(sites, plan_of("age,dead", true)); }, "the column \"dead\" of the outcome");
  CoxPlan plan = plan_of("age,site", true);
  plan.strata = "site";
  refuses([&] { return fit(sites, plan); }, "\"site\" is a covariate and makes strata");
  plan = plan_of("age", true);
  plan.outcome = {};
  refuses([&] { return fit(sites, plan); }, "columns of the time and of the event");
  plan.outcome = {"time", "dead"};
  CoxFitOptions options;
  options.confidence_level = 1;
  refuses([&] { return fit(sites, plan, options); }, "confidence");
  plan.outcome.event_value = 2;
  refuses([&] { return fit(sites, plan); }, error::invalid_data, "have no event: column \"dead\" is never 2");
}

}  // namespace statistics_cox_problems_test
