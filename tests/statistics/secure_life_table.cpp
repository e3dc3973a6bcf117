// Life tables and log-rank tests where only masked sums leave a hospital.
#include "healthai/statistics/life_table.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "healthai/crypto/signing_key.hpp"
#include "healthai/data/partition.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/statistics/kaplan_meier.hpp"
#include "healthai/statistics/log_rank.hpp"
#include "refusals.hpp"
#include "statistics/survival_data.hpp"

namespace statistics_secure_life_table_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

/// Nobody's secret: nothing is held against the sums.
const AnalysisOptions all{{}, DisclosureRules::off()};

/// The ten hospitals of the lung cancer table, as members of secure sums and in the clear.
struct Lung {
  InProcess clear{InProcessOptions{.threads = 1}};
  InProcess masked{InProcessOptions{.threads = 1}};
  std::shared_ptr<const secagg::Members> members{};

  explicit Lung(const DisclosureRules& rules) {
    const std::vector<Site> sites = partition_by(survival_test::table_of("lung"), "hospital");
    std::vector<SigningKey> keys;
    std::vector<secagg::Member> list;
    for (const Site& site : sites) {
      keys.push_back(SigningKey::make());
      list.push_back({ClientId("h" + site.name), {keys.back().public_key()}});
    }
    members = std::make_shared<const secagg::Members>(list);
    for (std::size_t i = 0; i < sites.size(); ++i) {
      const ClientId id("h" + sites[i].name);
      const StatisticsSite hospital(sites[i].table, rules);
      clear.add(id, hospital.handlers<ColumnLevels, DistinctTimes, LifeTable, SiteLogRank>());
      secagg::SecureMember self{id, keys[i], members, {}, {}};
      self.rules.options = {.corrupt = 0.1, .dropout = 0};
      masked.add(id, secagg::secure_handlers<LifeTable, SiteLogRank>(
                         hospital.handlers<LifeTable, SiteLogRank>(), std::move(self)));
    }
  }
  [[nodiscard]] SecureAggregation<InProcess> secure() {
    SecureAggregationOptions options;
    options.protocol = {.corrupt = 0.1, .dropout = 0};
    return {masked, members, options};
  }
};
SurvivalPlan by_sex() {
  SurvivalPlan plan;
  plan.outcome = {"time", "dead"};
  plan.by = {"sex", {"1", "2"}};
  for (int month = 1; month <= 36; ++month) plan.times.push_back(30.4375 * month);
  return plan;
}
template <class TransportType>
PooledLifeTable pooled(TransportType& transport, const SurvivalPlan& plan) {
  Analysis<TransportType> analysis(transport);
  return analysis.over_the_same_sites([&] { return life_table(analysis, plan); });
}

}  // namespace

TEST_CASE("under secure aggregation on a public grid: the exact counts") {
  Lung lung(DisclosureRules::off());
  auto secure = lung.secure();
  const PooledLifeTable open = pooled(lung.clear, by_sex());
  const PooledLifeTable hidden = pooled(secure, by_sex());
  CHECK(hidden.patients == std::vector<std::size_t>{138, 90});
  CHECK(hidden.patients == open.patients);
  CHECK(hidden.events == open.events);
  CHECK(hidden.censored == open.censored);
  CHECK(hidden.sites == open.sites);
}

TEST_CASE("so the curves and the tests are those of the clear, bit for bit") {
  Lung lung(DisclosureRules::off());
  auto secure = lung.secure();
  const auto open = kaplan_meier(lung.clear, by_sex());
  const auto hidden = kaplan_meier(secure, by_sex());
  REQUIRE(hidden.curves.size() == 2);
  for (std::size_t c = 0; c < 2; ++c) {
    REQUIRE(hidden.curves[c].points.size() == open.curves[c].points.size());
    for (std::size_t i = 0; i < open.curves[c].points.size(); ++i) {
      CHECK(hidden.curves[c].points[i].estimate.survival == open.curves[c].points[i].estimate.survival);
      CHECK(hidden.curves[c].points[i].estimate.lower == open.curves[c].points[i].estimate.lower);
    }
  }
  CHECK(log_rank(secure, by_sex()).chi_square == log_rank(lung.clear, by_sex()).chi_square);
}

TEST_CASE("stratified by hospital nothing but rounding is lost") {
  Lung lung(DisclosureRules::off());
  auto secure = lung.secure();
  SurvivalPlan plan = by_sex();
  plan.times.clear();  // exact ones: they do not leave
  const LogRankOptions options{{}, 0, true};
  const auto open = log_rank(lung.clear, plan, options);
  const auto hidden = log_rank(secure, plan, options);
  CHECK(hidden.groups[0].patients == 138);
  CHECK(hidden.groups[1].observed == 53);
  // Ten roundings, each by less than a step of 2^-27.
  const double off = 10 * 0x1p-27;
  CHECK(std::fabs(hidden.groups[0].expected - open.groups[0].expected) <= off);
  CHECK(std::fabs(hidden.variance[0] - open.variance[0]) <= off);
  CHECK(survival_test::near(hidden.chi_square, open.chi_square, 1e-6));
}

TEST_CASE("under rules the masked counts are those that each hospital would tell") {
  DisclosureRules rules;
  rules.in_sum = true;
  rules.columns = {"time", "dead", "sex"};
  rules.levels["sex"] = {"1", "2"};
  rules.time_grid = by_sex().times;
  Lung lung(rules);
  auto secure = lung.secure();
  const PooledLifeTable open = pooled(lung.clear, by_sex());
  const PooledLifeTable hidden = pooled(secure, by_sex());
  CHECK(hidden.events == open.events);
  CHECK(hidden.censored == open.censored);
  Lung exact(DisclosureRules::off());
  CHECK(hidden.events != pooled(exact.clear, by_sex()).events);
}

TEST_CASE(
    "curves and tests of too few patients of all hospitals together are not shown unless rules are off") {
  Lung lung(DisclosureRules::off());
  auto secure = lung.secure();
  SurvivalPlan old = by_sex();
  old.cohort.filters = {parse_filter("age >= 77")};
  SurvivalPlan tested = old;
  tested.times.clear();
  const auto refused = [](auto work) { refuses(work, error::disclosure, "in all hospitals together"); };
  refused([&] { return kaplan_meier(secure, old).curves.size(); });
  refused([&] { return log_rank(secure, old).groups.size(); });
  refused([&] { return log_rank(secure, tested, {{}, 0, true}).groups.size(); });
  CHECK(kaplan_meier(secure, old, {all}).curves.size() == 2);
  CHECK(log_rank(secure, old, {all}).groups.size() == 2);
  CHECK(log_rank(secure, tested, {all, 0, true}).groups.size() == 2);
  CHECK(kaplan_meier(secure, by_sex()).curves.size() == 2);
  CHECK(kaplan_meier(lung.clear, old).curves.size() == 2);  // each hospital has held its own
  LogRankOptions events{{}, 0, true};
  events.analysis.pooled.minimum_events = 54;  // of the women 53 died
  tested = by_sex();
  tested.times.clear();
  refuses([&] { return log_rank(secure, tested, events).groups.size(); }, error::disclosure,
          "minimum_events: in all");
  KaplanMeierOptions few;
  few.analysis.pooled.minimum_events = 54;
  refuses([&] { return kaplan_meier(secure, by_sex(), few).curves.size(); }, error::disclosure,
          "minimum_events: in all");
}

TEST_CASE("levels and times must be given, for nobody can be asked") {
  Lung lung(DisclosureRules::off());
  auto secure = lung.secure();
  SurvivalPlan plan = by_sex();
  plan.times.clear();
  refuses([&] { return kaplan_meier(secure, plan).curves.size(); }, "needs a public grid of times");
  plan = by_sex();
  plan.by.levels.clear();
  refuses([&] { return kaplan_meier(secure, plan).curves.size(); },
          "the levels of column \"sex\" must be given");
}

}  // namespace statistics_secure_life_table_test
