// Cox regression of ten hospitals under secure aggregation: the coordinator sees sums of whole numbers only.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "refusals.hpp"
#include "secagg/members.hpp"
#include "statistics/cox_tables.hpp"

namespace statistics_secure_cox_test {

using namespace cox_test;
using refusals_test::refuses;

namespace {

struct Masked {
  secagg_test::Cohort cohort;
  InProcess hospitals{{.threads = 2}};

  explicit Masked(const std::vector<Table>& tables) : cohort(tables.size(), {.corrupt = 0, .dropout = 0}) {
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const ClientId& id = cohort.members->id(static_cast<secagg::Index>(i));
      TaskHandlers plain;
      offer_cox(StatisticsSite(tables[i], DisclosureRules::off()), plain);
      secagg::SecureMember member{
          id, cohort.keys[i], cohort.members, {.options = {.corrupt = 0, .dropout = 0}}, {}};
      hospitals.add(id, secagg::secure_handlers<CoxMagnitudes, CoxMoments, CoxSiteStep, CoxConcordance>(
                            std::move(plain), std::move(member)));
    }
  }
  [[nodiscard]] SecureAggregation<InProcess> sums() {
    SecureAggregationOptions options;
    options.protocol = {.corrupt = 0, .dropout = 0};
    return {hospitals, cohort.members, options};
  }
};

/// Coefficients to 1e-6, relative to their size and error.
void agree(const CoxFit& masked, const CoxFit& open) {
  CHECK(masked.converged);
  CHECK(masked.n == open.n);
  CHECK(masked.events == open.events);
  CHECK(near(masked.log_likelihood_null, open.log_likelihood_null, 1e-9));
  CHECK(near(masked.log_likelihood, open.log_likelihood, 1e-9));
  CHECK(masked.terms == open.terms);
  for (std::size_t j = 0; j < open.terms.size(); ++j) {
    CHECK(near(masked.coefficients[j], open.coefficients[j], 1e-6));
    CHECK(near(masked.standard_errors[j], open.standard_errors[j], 1e-6));
  }
  REQUIRE(masked.concordance);
  CHECK(masked.concordance->concordant == open.concordance->concordant);
  CHECK(masked.concordance->discordant == open.concordance->discordant);
  CHECK(masked.concordance->tied_x == open.concordance->tied_x);
  CHECK(near(masked.concordance->standard_error, open.concordance->standard_error, 1e-6));
}

}  // namespace

TEST_CASE("lung cancer at ten hospitals: masked sums give the coefficients of open ones to 1e-6") {
  const std::vector<Table> ten = by_value(study("lung").table, "hospital");
  Masked masked(ten);
  auto sums = masked.sums();
  CoxPlan plan = study("lung").plan;
  plan.by_site = true;
  const CoxFit open = fit(ten, plan);
  const CoxFit first = fit_cox(sums, plan);
  agree(first, open);
  CHECK(first.sites.size() == 10);
  CHECK(std::fabs(first.coefficients[1] - open.coefficients[1]) > 0);  // something was rounded
}

TEST_CASE("other units, categories, strata within hospitals, and the same question twice") {
  Table table = study("lung").table;
  std::vector<double> large, small;
  for (const double age : table.numeric("age")) {
    large.push_back(1e9 * age);
    small.push_back(1e-9 * age);
  }
  table.add_numeric("large", large).add_numeric("small", small);
  const std::vector<Table> four = dealt(table, 4, 2);
  Masked masked(four);
  auto sums = masked.sums();
  CoxPlan plan = study("lung").plan;
  plan.by_site = true;
  plan.covariates = {{"large", false, {}}, {"sex", true, {"1", "2"}}};
  const CoxFit open = fit(four, plan);
  agree(fit_cox(sums, plan), open);
  agree(fit_cox(sums, plan), open);
  plan.covariates = {{"small", false, {}}, {"ph.ecog", false, {}}};
  plan.strata = "sex";
  agree(fit_cox(sums, plan), fit(four, plan));
}

TEST_CASE("problems are seen in masked sums too; what is no sum is refused") {
  Table table = study("lung").table;
  std::vector<double> days, same(table.rows(), 0.1), none;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    days.push_back(365 * table.numeric("age")[row]);
    none.push_back(table.numeric("dead")[row] == 0 && row % 2 == 0 ? 1 : 0);
  }
  table.add_numeric("days", days).add_numeric("same", same).add_numeric("none", none);
  Masked masked(dealt(table, 3, 1));
  auto sums = masked.sums();
  CoxPlan plan = study("lung").plan;
  plan.by_site = true;
  const auto with = [&](const std::string& covariates) {
    plan.covariates = parse_covariates(covariates);
    return [&] { return fit_cox(sums, plan); };
  };
  refuses(with("age,same"), error::invalid_data, "covariate \"same\" is constant");
  refuses(with("age,days"), error::invalid_data, "is a linear combination of \"");
  refuses(with("age,none"), error::invalid_data,
          "monotone likelihood): the coefficient of covariate \"none\"");
  refuses(with("age,C(sex)"), "the levels of column \"sex\" are not named");
  plan.by_site = false;
  refuses(with("age"), "over a transport that only sums");
}

TEST_CASE("ranges hold what hospitals send, and a hospital refuses what they do not") {
  const Table& table = study("lung").table;
  ScaledCoxPlan plan;
  static_cast<CoxPlan&>(plan) = study("lung").plan;
  plan.means = {62, 1.4, 0.95};
  plan.scales = {9, 0.5, 0.7};
  const auto rows = cohort_rows(table, {}, columns_of(plan));
  const auto prepared = CoxSiteStep::prepare(plan, table.select(rows));
  CoxSiteStep::Broadcast step{plan, {0.1, -0.3, 0.3}, 227, 164};
  CHECK(CoxSiteStep::answer(prepared, step, DisclosureRules::off()).vectors.size() == 3);
  const auto segments = CoxSiteStep::vector_segments(step);
  REQUIRE(segments.size() == 3);
  CHECK(segments[2].clip == 65536);  // the power of two from 164 * 227
  CHECK_FALSE(segments[2].weighted);
  step.events = 1;
  step.rows = 1;
  refuses([&] { return CoxSiteStep::answer(prepared, step, DisclosureRules::off()); }, error::refused,
          "beyond the range");
  const CoxMoments::Broadcast moments{plan, {0, 0, 0}, {1, 1, 1}, 227};
  const auto columns = CoxMoments::prepare(plan, table.select(rows));
  refuses([&] { return CoxMoments::answer(columns, moments, DisclosureRules::off()); }, error::refused,
          "beyond the range");
}

}  // namespace statistics_secure_cox_test
