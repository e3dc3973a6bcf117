// However rows are split over hospitals, the answer is that of all rows in one table: by another way, model/newton.hpp.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "healthai/model/newton.hpp"
#include "statistics/cox_tables.hpp"

namespace statistics_cox_splits_test {

using namespace cox_test;

namespace {

struct Case {
  Table table{};
  std::vector<Table> sites{};
  CoxPlan plan{};
};
/// Few distinct times, so that ties go across hospitals; many hospitals have one row, some none, some no event.
Case any_case() {
  const auto pick = [](std::size_t from, std::size_t below) { return *rc::gen::inRange(from, below); };
  Stream random(pick(0, 1'000'000), Purpose::test);
  const std::size_t rows = pick(12, 70);
  const std::size_t times = pick(3, 40);
  const std::size_t sites = pick(1, 51);
  std::vector<double> time, dead, x, y, group, site;
  for (std::size_t i = 0; i < rows; ++i) {
    time.push_back(static_cast<double>(random() % times));
    dead.push_back(random() % 4 == 0 ? 0 : 1);
    x.push_back(50 + 20 * uniform(random));
    y.push_back(static_cast<double>(random() % 2));
    group.push_back(static_cast<double>(random() % 3));
    site.push_back(static_cast<double>(random() % sites));
  }
  Case any;
  any.table = Table("rows");
  any.table.add_numeric("time", time).add_numeric("dead", dead).add_numeric("x", x);
  any.table.add_numeric("y", y).add_numeric("group", group).add_numeric("site", site);
  std::vector<std::vector<std::size_t>> rows_of(sites);
  for (std::size_t i = 0; i < rows; ++i) rows_of[static_cast<std::size_t>(site[i])].push_back(i);
  for (const auto& mine : rows_of) any.sites.push_back(any.table.select(mine));
  any.plan.outcome = {"time", "dead"};
  any.plan.covariates = parse_covariates("x,y");
  any.plan.ties = pick(0, 2) == 0 ? Ties::breslow : Ties::efron;
  any.plan.stratify_by_site = pick(0, 2) == 0;
  any.plan.strata = pick(0, 2) == 0 ? "" : "group";
  return any;
}
/// The pooled fit, stratified as the plan says.
NewtonResult pooled(const Case& any) {
  std::map<std::pair<double, double>, std::vector<std::size_t>> strata;
  for (std::size_t i = 0; i < any.table.rows(); ++i) {
    strata[{any.plan.stratify_by_site ? any.table.numeric("site")[i] : 0,
            any.plan.strata.empty() ? 0 : any.table.numeric("group")[i]}]
        .push_back(i);
  }
  std::vector<CoxModel<double>> models;
  for (const auto& entry : strata) {
    const Table part = any.table.select(entry.second);
    const auto column = [&part](const char* name) {
      return std::vector<double>(part.numeric(name).begin(), part.numeric(name).end());
    };
    FeatureMatrix<double> features(static_cast<Eigen::Index>(part.rows()), 2);
    for (std::size_t i = 0; i < part.rows(); ++i)
      features.row(static_cast<Eigen::Index>(i)) << part.numeric("x")[i], part.numeric("y")[i];
    models.emplace_back(features, column("time"), column("dead"), CoxOptions{any.plan.ties, 0});
  }
  return fit_newton(models, {50, 1e-16});
}

}  // namespace

TEST_CASE("federated equals pooled") {
  int fitted = 0, refused = 0;
  CHECK(rc::check("for all splits", [&] {
    const Case any = any_case();
    std::optional<NewtonResult> expected;
    try {
      expected = pooled(any);
    } catch (const Error& e) {
      RC_ASSERT(e.id() == error::invalid_data);
    }
    std::optional<CoxFit> got;
    try {
      got = fit(any.sites, any.plan);
    } catch (const Error& e) {
      RC_ASSERT(e.id() == error::invalid_data);
    }
    RC_ASSERT(expected.has_value() == got.has_value());
    if (!expected) {
      ++refused;
      return;
    }
    ++fitted;
    RC_ASSERT(got->converged == expected->converged);
    RC_ASSERT(got->n == any.table.rows());
    RC_ASSERT(near(got->log_likelihood_null, expected->log_likelihood_null, 1e-12));
    RC_ASSERT(near(got->log_likelihood, expected->log_likelihood, 1e-12));
    for (std::size_t j = 0; j < 2; ++j) {
      const double error = expected->standard_errors[j];
      RC_ASSERT(std::fabs(got->coefficients[j] - expected->coefficients[j]) <= 1e-10 * error);
      RC_ASSERT(near(got->standard_errors[j], error, 1e-10));
    }
  }));
  CHECK(fitted > 30);
  CHECK(refused < fitted);
}

}  // namespace statistics_cox_splits_test
