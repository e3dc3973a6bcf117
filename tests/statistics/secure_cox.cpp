// Cox regression of ten hospitals under secure aggregation: the coordinator sees sums of whole numbers only.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
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

  explicit Masked(const std::vector<Table>& tables, const DisclosureRules& rules = DisclosureRules::off())
      : cohort(tables.size(), {.corrupt = 0, .dropout = 0}) {
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const ClientId& id = cohort.members->id(static_cast<secagg::Index>(i));
      TaskHandlers plain;
      offer_cox(StatisticsSite(tables[i], rules).in_sum(), plain);
      secagg::SecureMember member{
          id, cohort.keys[i], cohort.members, {.options = {.corrupt = 0, .dropout = 0}}, {}};
      member.on_clipped = [](std::span<const secagg::ClippedSegment>) {
        FAIL_CHECK("something was clipped");
      };
      hospitals.add(
          id, secagg::secure_handlers<CoxMoments, CoxSiteStep, CoxConcordance, CoxEventCounts, CoxRiskSets>(
                  std::move(plain), std::move(member)));
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
  CHECK(masked.concordance.has_value() == open.concordance.has_value());
  if (!masked.concordance || !open.concordance) return;
  CHECK(masked.concordance->concordant == open.concordance->concordant);
  CHECK(masked.concordance->discordant == open.concordance->discordant);
  CHECK(masked.concordance->tied_x == open.concordance->tied_x);
  CHECK(near(masked.concordance->standard_error, open.concordance->standard_error, 1e-6));
}

/// Every time that is there, so that rounding to it changes nothing.
[[nodiscard]] std::vector<double> all_times(const Table& table) {
  std::vector<double> times(table.numeric("time").begin(), table.numeric("time").end());
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  return times;
}

}  // namespace

TEST_CASE("lung cancer at ten hospitals: masked sums give the coefficients of open ones to 1e-6") {
  const std::vector<Table> ten = by_value(study("lung").table, "hospital");
  Masked masked(ten);
  auto sums = masked.sums();
  CoxPlan plan = study("lung").plan;
  plan.stratify_by_site = true;
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
  plan.stratify_by_site = true;
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

TEST_CASE("one baseline hazard for all on a public grid: masked sums give the pooled coefficients to 1e-6") {
  const Table& table = study("lung").table;
  const std::vector<Table> ten = by_value(table, "hospital");
  Masked masked(ten);
  auto sums = masked.sums();
  CoxPlan plan = study("lung").plan;
  plan.stratify_by_site = false;
  plan.bounds = bounds;
  for (double time = 50; time < 1000; time += 50) plan.time_grid.push_back(time);
  for (const Ties ties : {Ties::efron, Ties::breslow}) {
    plan.ties = ties;
    const CoxFit found = fit_cox(sums, plan, all());
    const CoxFit open = fit(ten, plan);
    CoxFit pooled = fit({table}, plan);
    pooled.concordance.reset();  // which several hospitals do not tell
    agree(found, open);
    agree(found, pooled);
    CHECK(found.sites.size() == 10);
    REQUIRE(found.baseline.size() == 1);
    CHECK(found.baseline[0].times == open.baseline[0].times);
    for (std::size_t i = 0; i < open.baseline[0].times.size(); ++i)
      CHECK(near(found.baseline[0].at_means[i], open.baseline[0].at_means[i], 1e-6));
  }
}

TEST_CASE("where all times are public, masked sums give R's coxph of all rows") {
  const Table& table = study("lung").table;
  Masked masked(dealt(table, 4, 3));
  auto sums = masked.sums();
  CoxPlan plan = study("lung").plan;
  plan.stratify_by_site = false;
  plan.ties = Ties::breslow;
  plan.time_grid = all_times(table);
  plan.bounds = bounds;
  const CoxFit found = fit_cox(sums, plan, all());
  const std::vector<double> coefficients{0.011041136385707521, -0.551889569637656, 0.46294704033454986},
      errors{0.009266770114202268, 0.16774244801782776, 0.11357405206057965};
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(near(found.coefficients[j], coefficients[j], 1e-6));
    CHECK(near(found.standard_errors[j], errors[j], 1e-6));
  }
  // Strata of a column, of all hospitals together.
  plan.covariates = parse_covariates("age,ph.ecog");
  plan.strata = "sex";
  plan.strata_levels = {"1", "2"};
  CoxFit pooled = fit({table}, plan);
  pooled.concordance.reset();
  agree(fit_cox(sums, plan, all()), pooled);
  plan.strata_levels.clear();
  refuses([&] { return fit_cox(sums, plan, all()); }, "the levels of the strata are not named");
}

TEST_CASE("ranges of sums at each time grow where weights do, and nothing is clipped") {
  // Weights of the few with a large x are some thousand times those of the others: beyond the first range.
  Stream random(7, Purpose::test);
  std::vector<double> time, dead, x;
  for (int row = 0; row < 400; ++row) {
    x.push_back(row < 16 ? 10 + static_cast<double>(random() % 3) : static_cast<double>(random() % 4));
    const double wait = -std::log((static_cast<double>(random() % 1000) + 0.5) / 1000);
    time.push_back(std::ceil(1000 * wait * std::exp(-x.back() / 1.5)) + 1);
    dead.push_back(random() % 8 != 0 ? 1 : 0);
  }
  Table table("steep");
  table.add_numeric("time", time).add_numeric("dead", dead).add_numeric("x", x);
  const std::vector<Table> three = dealt(table, 3, 1);
  CoxPlan plan;
  plan.outcome = {"time", "dead"};
  plan.covariates = parse_covariates("x");
  plan.stratify_by_site = false;
  plan.time_grid = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000};
  plan.bounds = {{{"x", 0, 20}}, 1000};
  Masked masked(three);
  auto sums = masked.sums();
  const CoxFit open = fit(three, plan);
  CHECK(open.coefficients[0] > 0.5);
  agree(fit_cox(sums, plan, all()), open);

  CoxRiskSets::Plan step;
  static_cast<CoxPlan&>(step) = plan;
  step.means = {2};
  step.scales = {2};
  step.cells = {{0, 1, 20}, {0, 1000, 20}};
  step.time_grid = {1, 1000};
  CoxRiskSets::Broadcast request{step, {2}, 0, 2, 400, 1};
  const auto prepared = CoxRiskSets::prepare(step, table);
  const auto total = [&](std::size_t vector) {
    double sum = 0;
    const auto reply = CoxRiskSets::answer(prepared, request, DisclosureRules::off());
    for (const double value : reply.vectors[vector].values.span()) sum += std::fabs(value);
    return sum;
  };
  CHECK(total(0) == 0);  // sums, events, ties: nothing of what is beyond leaves
  CHECK(total(1) == 0);
  CHECK(total(2) == 1);
  CHECK(total(3) == 0);
  for (const double growth : {0.0, 2.0, 17.0, 0x1p24}) {
    request.growth = growth;
    refuses([&] { return total(0); }, error::invalid_argument, "powers of 16");
  }
  request.growth = 0x1p20;
  CHECK(total(0) > 800);
  CHECK(total(2) == 0);
  const auto segments = CoxRiskSets::vector_segments(request);
  REQUIRE(segments.size() == 4);
  CHECK(segments[0].layout.size() == 2 * 3);
  CHECK(segments[0].clip == 1024 * 0x1p20);  // the power of two from twice 400
  CHECK(segments[1].clip == 4096);           // and that from 800 (1 + 2)
  CHECK(segments[3].layout.size() == 2 * 3);
}

TEST_CASE("rules hold every interval at every hospital in masked sums too, before anything was summed") {
  enum class Few { none, patients, men };
  const auto hospital = [](std::uint64_t seed, Few few) {
    Stream random(seed, Purpose::test);
    std::vector<double> time, dead, x, man;
    for (int interval = 1; interval <= 4; ++interval) {
      for (int patient = 0; patient < 40; ++patient) {
        time.push_back(10 * interval - static_cast<double>(random() % 10));
        dead.push_back(patient % 2);
        x.push_back(static_cast<double>(random() % 1000) / 100);
        man.push_back(few == Few::men && interval == 3 ? (patient < 3 ? 1 : 0) : patient / 2 % 2);
      }
    }
    for (int i = 0; few == Few::patients && i < 3; ++i) {
      time.push_back(45);
      dead.push_back(0);
      x.push_back(5);
      man.push_back(0);
    }
    Table table("hospital");
    table.add_numeric("time", time).add_numeric("dead", dead).add_numeric("x", x).add_numeric("man", man);
    return table;
  };
  DisclosureRules rules;
  rules.columns = {"time", "dead", "x", "man"};
  rules.time_grid = {10, 20, 30, 40, 50};
  rules.bounds["x"] = {0, 10};
  rules.bounds["man"] = {0, 1};
  rules.most_rows = 1000;
  CoxPlan plan;
  plan.outcome = {"time", "dead"};
  plan.covariates = parse_covariates("x,man");
  plan.stratify_by_site = false;
  plan.time_grid = rules.time_grid;
  plan.bounds = {{{"x", 0, 10}, {"man", 0, 1}}, 1000};
  std::vector<Table> tables{hospital(1, Few::none), hospital(2, Few::none), hospital(3, Few::none),
                            hospital(4, Few::patients), hospital(5, Few::men)};
  Masked masked(tables, rules);
  auto sums = masked.sums();
  const CoxFit found = fit_cox(sums, plan, all());
  REQUIRE(found.left_out.size() == 2);
  for (const Failure& failure : found.left_out)
    CHECK(failure.message.find("smallest_cell") != std::string::npos);
  tables.resize(3);
  agree(found, fit(tables, plan));
  plan.time_grid = {20, 40};
  refuses([&] { return fit_cox(sums, plan, all()); }, error::disclosure, "time_grid");
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
  plan.stratify_by_site = true;
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
  plan.stratify_by_site = false;
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
  plan.stratify_by_site = true;
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
