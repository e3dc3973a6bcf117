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
      hospitals.add(id, secagg::secure_handlers<CoxMoments, CoxSiteStep, CoxConcordance>(std::move(plain),
                                                                                         std::move(member)));
    }
  }
  [[nodiscard]] SecureAggregation<InProcess> sums() {
    SecureAggregationOptions options;
    options.protocol = {.corrupt = 0, .dropout = 0};
    return {hospitals, cohort.members, options};
  }
};

const PublicBounds bounds{{{"age", 18, 120},
                           {"sex", 1, 2},
                           {"ph.ecog", 0, 5},
                           {"large", 0, 120e9},
                           {"small", 0, 120e-9},
                           {"days", 0, 50000},
                           {"same", 0, 1},
                           {"none", 0, 1}},
                          1000};
CoxFitOptions all() {
  CoxFitOptions options;
  options.asking.pooled = DisclosureRules::off();
  return options;
}

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
  plan.bounds = bounds;
  const CoxFit first = fit_cox(sums, plan, all());
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
  plan.bounds = bounds;
  agree(fit_cox(sums, plan, all()), open);
  agree(fit_cox(sums, plan, all()), open);
  plan.covariates = {{"small", false, {}}, {"ph.ecog", false, {}}};
  plan.strata = "sex";
  CoxPlan without = plan;
  without.bounds = {};
  agree(fit_cox(sums, plan, all()), fit(four, without));
  agree(fit(four, plan), fit(four, without));  // in the clear bounds change but the rounding
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
  plan.bounds = bounds;
  const auto with = [&](const std::string& covariates) {
    plan.covariates = parse_covariates(covariates);
    return [&] { return fit_cox(sums, plan, all()); };
  };
  refuses(with("age,same"), error::invalid_data, "covariate \"same\" is constant");
  refuses(with("age,days"), error::invalid_data, "is a linear combination of \"");
  refuses(with("age,none"), error::invalid_data,
          "monotone likelihood): the coefficient of covariate \"none\"");
  refuses(with("age,C(sex)"), "the levels of column \"sex\" are not named");
  plan.by_site = false;
  refuses(with("age"), "over a transport that only sums");
}

TEST_CASE("ranges hold whatever a hospital sends that keeps to the public bounds; others refuse") {
  const Table& table = study("lung").table;
  ScaledCoxPlan plan;
  static_cast<CoxPlan&>(plan) = study("lung").plan;
  plan.bounds = {{{"age", 39, 82}, {"sex", 1, 2}, {"ph.ecog", 0, 3}}, 228};  // only just
  plan.means = {62, 1.4, 0.95};
  plan.scales = {9, 0.5, 0.7};
  const auto rows = table.select(cohort_rows(table, {}, columns_of(plan)));
  const auto within = [](const Summand<double>& reply, const std::vector<detail::NamedRange>& ranges) {
    REQUIRE(reply.vectors.size() == ranges.size());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      CHECK(reply.vectors[i].name == ranges[i].name);
      CHECK(reply.vectors[i].values.size() == ranges[i].size);
    }
    return detail::within(reply, ranges);
  };
  const auto prepared = CoxSiteStep::prepare(plan, rows);
  for (const double b : {0.0, 0.3, -2.0, 20.0, 1e4}) {
    const CoxSiteStep::Broadcast step{plan, {b, -b, b}};
    CHECK(within(CoxSiteStep::answer(prepared, step, DisclosureRules::off()), CoxSiteStep::ranges(step)));
  }
  for (const double mean : {0.0, 60.0, -1e3}) {
    const CoxMoments::Broadcast moments{plan, {mean, mean, mean}, {20, 0.5, 1.5}};
    CHECK(within(CoxMoments::answer(CoxMoments::prepare(plan, rows), moments, DisclosureRules::off()),
                 CoxMoments::ranges(moments)));
  }
  const CoxConcordance::Broadcast pairs{plan, {0.1, 0, 0.3}};
  CHECK(within(CoxConcordance::answer(CoxConcordance::prepare(plan, rows), pairs, DisclosureRules::off()),
               CoxConcordance::ranges(pairs)));
  const auto refused = [&](const std::string& why) {
    refuses([&] { return CoxSiteStep::prepare(plan, rows); }, error::refused, why);
    refuses([&] { return CoxMoments::prepare(plan, rows); }, error::refused, why);
    refuses([&] { return CoxConcordance::prepare(plan, rows); }, error::refused, why);
  };
  plan.bounds.columns[0].upper = 81;
  refused("column \"age\": a value here is outside of the public bounds 39 to 81");
  plan.bounds.columns[0].upper = 82;
  plan.bounds.most_rows = 226;
  refused("there are more rows here than the 226");
  plan.bounds = {};
  refuses([&] { return CoxSiteStep::ranges({plan, {0, 0, 0}}); }, error::invalid_argument, "most_rows");
  refuses([&] { return CoxConcordance::ranges({plan, {0, 0, 0}}); }, error::invalid_argument, "most_rows");
}

TEST_CASE("sums of too few patients of all hospitals together are not shown unless rules are off") {
  Masked masked(by_value(study("lung").table, "hospital"));
  auto sums = masked.sums();
  CoxPlan plan = study("lung").plan;
  plan.by_site = true;
  plan.covariates = {{"age", false, {}}, {"sex", true, {"1", "2"}}};
  plan.bounds = bounds;
  CoxFitOptions held;
  const auto refused = [&](const std::string& why) {
    refuses([&] { return fit_cox(sums, plan, held); }, error::disclosure, why);
    held.asking.pooled = {};
  };
  CHECK(fit_cox(sums, plan, held).n == 228);
  held.asking.pooled.minimum_rows = 229;
  refused("minimum_rows: in all hospitals together");
  held.asking.pooled.minimum_events = 166;
  refused("minimum_events: in all hospitals together");
  held.asking.pooled.rows_per_parameter = 115;
  refused("rows_per_parameter: in all hospitals together");
  held.asking.pooled.smallest_cell = 64;  // 63 have no event
  refused("smallest_cell: in all hospitals together");
  plan.covariates = {{"age", false, {}}, {"ph.ecog", true, {"0", "1", "2", "3"}}};  // of one patient
  refused("smallest_cell: in all hospitals together");
  plan.bounds = {};
  refuses([&] { return fit_cox(sums, plan, all()); }, error::invalid_argument, "most_rows");
}

}  // namespace statistics_secure_cox_test
