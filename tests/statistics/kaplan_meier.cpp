#include "healthai/statistics/kaplan_meier.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "healthai/data/partition.hpp"
#include "refusals.hpp"
#include "statistics/survival_data.hpp"

namespace statistics_kaplan_meier_test {

using namespace healthai;
using namespace survival_test;
using nlohmann::json;
using refusals_test::refuses;

namespace {

KaplanMeierResult curves_of(const std::vector<Table>& tables, const SurvivalPlan& plan,
                            const KaplanMeierOptions& options = {},
                            const DisclosureRules& rules = DisclosureRules::off()) {
  InProcess all = hospitals<ColumnLevels, DistinctTimes, LifeTable>(tables, rules);
  return kaplan_meier(all, plan, options);
}
SurvivalPlan plan_of(const std::string& data, const std::string& by = {}) {
  SurvivalPlan plan;
  plan.outcome = outcome_of(data);
  plan.by.column = by;
  return plan;
}
const SurvivalCurve& group(const KaplanMeierResult& result, const std::string& name) {
  for (const SurvivalCurve& curve : result.curves) {
    if (curve.group == name) return curve;
  }
  FAIL("no curve of group ", name);
  return result.curves.front();
}

/// Numbers to 1e-12 of their size; null where there is none.
void check_near(std::optional<double> value, const json& expected) {
  CHECK(value.has_value() == !expected.is_null());
  if (value && !expected.is_null())
    CHECK_MESSAGE(near(*value, expected.get<double>()), *value, " against ", expected.get<double>());
}
void check_estimate(const SurvivalEstimate& estimate, const json& survival, const json& error) {
  check_near(estimate.survival, survival);
  check_near(estimate.standard_error, error);
}
/// An entry km_* of the references: values at times, one line of summary a curve, and perhaps the curves.
void check_entry(const KaplanMeierResult& result, const json& entry, const std::string& by) {
  const auto level = [&by](const json& text) {
    const auto name = text.get<std::string>();
    return by.empty() ? std::string() : name.substr(by.size() + 1);  // sex=1
  };
  std::vector<std::string> names;
  std::size_t values = 0;
  for (const json& at : entry.at("at")) {
    const SurvivalCurve& curve = group(result, level(at.at("group")));
    if (names.empty() || names.back() != curve.group) names.push_back(curve.group);
    for (const CurveValue& value : curve.at) {
      if (value.time != at.at("t").get<double>()) continue;
      ++values;
      CHECK(value.at_risk == at.at("n_risk").get<std::size_t>());
      check_estimate(value.estimate, at.at("surv"), at.at("se"));
      check_near(value.estimate.lower, at.at("lower"));
      check_near(value.estimate.upper, at.at("upper"));
    }
  }
  CHECK(values == entry.at("at").size());
  const json& rows = entry.at("summary").at("rows");
  REQUIRE(rows.size() == names.size());
  CHECK(result.curves.size() == names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    CAPTURE(names[i]);
    const SurvivalCurve& curve = group(result, names[i]);
    CHECK(curve.patients == rows[i].at("records").get<std::size_t>());
    CHECK(curve.events == rows[i].at("events").get<std::size_t>());
    check_near(curve.restricted_mean.mean, rows[i].at("rmean"));
    check_near(curve.restricted_mean.standard_error, rows[i].at("se(rmean)"));
    check_near(curve.median.time, rows[i].at("median"));
    check_near(curve.median.lower, rows[i].at("0.95LCL"));
    check_near(curve.median.upper, rows[i].at("0.95UCL"));
  }
  if (!entry.contains("curve")) return;
  for (const json& expected : entry.at("curve")) {
    const SurvivalCurve& curve = group(result, level(expected.at("group")));
    REQUIRE(curve.points.size() == expected.at("time").size());
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      const CurvePoint& point = curve.points[i];
      CHECK(point.time == expected.at("time")[i].get<double>());
      CHECK(point.at_risk == expected.at("n_risk")[i].get<std::size_t>());
      CHECK(point.events == expected.at("n_event")[i].get<std::size_t>());
      CHECK(point.censored == expected.at("n_censor")[i].get<std::size_t>());
      check_estimate(point.estimate, expected.at("surv")[i], expected.at("greenwood_se")[i]);
    }
  }
}
/// Curves with their limits, of one level of confidence.
void check_curves(const KaplanMeierResult& result, const json& curves) {
  REQUIRE(result.curves.size() == curves.size());
  for (const json& expected : curves) {
    const SurvivalCurve& curve = group(result, expected.at("group").get<std::string>());
    CAPTURE(curve.group);
    REQUIRE(curve.points.size() == expected.at("time").size());
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
      const CurvePoint& point = curve.points[i];
      CHECK(point.time == expected.at("time")[i].get<double>());
      CHECK(point.at_risk == expected.at("n_risk")[i].get<std::size_t>());
      check_estimate(point.estimate, expected.at("surv")[i], expected.at("se")[i]);
      check_near(point.estimate.lower, expected.at("lower")[i]);
      check_near(point.estimate.upper, expected.at("upper")[i]);
    }
    check_near(curve.restricted_mean.mean, expected.at("rmean"));
    check_near(curve.restricted_mean.standard_error, expected.at("se_rmean"));
    check_near(curve.median.time, expected.at("median"));
    check_near(curve.median.lower, expected.at("lcl"));
    check_near(curve.median.upper, expected.at("ucl"));
  }
}
void check_same(const KaplanMeierResult& a, const KaplanMeierResult& b) {
  RC_ASSERT(a.curves.size() == b.curves.size());
  for (std::size_t c = 0; c < a.curves.size(); ++c) {
    const SurvivalCurve &x = a.curves[c], &y = b.curves[c];
    RC_ASSERT(x.group == y.group);
    RC_ASSERT(x.stratum == y.stratum);
    RC_ASSERT(x.patients == y.patients);
    RC_ASSERT(x.points.size() == y.points.size());
    for (std::size_t i = 0; i < x.points.size(); ++i) {
      RC_ASSERT(x.points[i].time == y.points[i].time);
      RC_ASSERT(x.points[i].at_risk == y.points[i].at_risk);
      RC_ASSERT(x.points[i].estimate.survival == y.points[i].estimate.survival);
      RC_ASSERT(x.points[i].estimate.standard_error == y.points[i].estimate.standard_error);
      RC_ASSERT(x.points[i].estimate.upper == y.points[i].estimate.upper);
    }
    RC_ASSERT(x.median.time == y.median.time);
    RC_ASSERT(x.restricted_mean.mean == y.restricted_mean.mean);
    RC_ASSERT(x.restricted_mean.standard_error == y.restricted_mean.standard_error);
  }
}

}  // namespace

TEST_CASE("the reference curves, held by one, split by site and at random") {
  struct Entry {
    const char *data, *name, *by, *site;
  };
  for (const auto& [data, name, by, site] :
       {Entry{"lung", "km_overall", "", "hospital"}, Entry{"lung", "km_by_sex", "sex", "hospital"},
        Entry{"lung", "km_by_hospital", "hospital", "hospital"},
        Entry{"veteran", "km_overall", "", "celltype"}, Entry{"veteran", "km_by_celltype", "celltype", "trt"},
        Entry{"breast", "km_by_study", "study", "study"}, Entry{"icu", "km_overall", "", "AdmCatID"}}) {
    CAPTURE(data);
    CAPTURE(name);
    const Table& table = table_of(data);
    const json& entry = reference(data, name);
    KaplanMeierOptions options;
    std::set<double> at;
    for (const json& value : entry.at("at")) at.insert(value.at("t").get<double>());
    options.at.assign(at.begin(), at.end());
    std::vector<Table> by_site;
    for (const Site& one : partition_by(table, site)) by_site.push_back(one.table);
    for (const auto& tables : {std::vector<Table>{table}, by_site, dealt(table, 7, 1)})
      check_entry(curves_of(tables, plan_of(data, by), options), entry, by);
  }
}

TEST_CASE("limits at every point, other levels of confidence, flat halves, ends in events: as R has them") {
  check_curves(curves_of({table_of("lung")}, plan_of("lung", "sex")), reference("more", "lung_sex"));
  check_curves(curves_of({table_of("lung")}, plan_of("lung", "hospital")),
               reference("more", "lung_hospital"));
  check_curves(curves_of(dealt(table_of("veteran"), 3, 2), plan_of("veteran", "celltype")),
               reference("more", "veteran_celltype"));
  check_curves(curves_of({table_of("lung")}, plan_of("lung"), {{}, 0.99, {}, {}}),
               reference("more", "lung_99"));
  Table tiny("tiny");
  tiny.add_text("g", {"a", "a", "a", "a", "b", "b", "b", "c", "d", "d"})
      .add_numeric("time", {1, 2, 2, 3, 1, 1, 4, 2, 2, 5})
      .add_numeric("dead", {1, 1, 0, 1, 1, 1, 1, 1, 0, 0});
  check_curves(curves_of(dealt(tiny, 4, 3), plan_of("tiny", "g")), reference("more", "tiny_curves"));
  Table flat("flat");
  flat.add_numeric("time", {1, 2, 3, 4, 5, 6}).add_numeric("dead", {1, 1, 1, 0, 1, 0});
  check_curves(curves_of(dealt(flat, 6, 4), plan_of("flat")), reference("more", "flat"));
}

TEST_CASE("any data, dealt to 1 to 50 hospitals: the bits of the pool, and what the definition says") {
  CHECK(rc::check([] {
    const auto rows = *rc::gen::inRange<std::size_t>(1, 40);
    const int many_times = *rc::gen::inRange(1, 30);  // few: ties everywhere
    const int event_rate = *rc::gen::inRange(0, 5);   // 0: everyone is censored
    const auto numbers = *rc::gen::container<std::vector<unsigned>>(rows, rc::gen::arbitrary<unsigned>());
    std::vector<double> times, dead;
    std::vector<std::string> groups;
    for (const unsigned n : numbers) {
      times.push_back(n % static_cast<unsigned>(many_times) * 0.1);  // not whole
      dead.push_back(n / 64 % 4 < static_cast<unsigned>(event_rate) ? 1 : 0);
      groups.push_back(std::string(1, static_cast<char>('a' + n / 1024 % 3)));
    }
    Table table("any");
    table.add_numeric("time", times).add_numeric("dead", dead).add_text("g", groups);
    const auto sites = *rc::gen::inRange<std::size_t>(1, 51);
    const SurvivalPlan plan = plan_of("any", "g");
    const KaplanMeierResult split = curves_of(dealt(table, sites, numbers[0]), plan);
    check_same(split, curves_of({table}, plan));
    for (const SurvivalCurve& curve : split.curves) {
      for (const CurvePoint& point : curve.points) {
        double log_survival = 0, sum = 0;
        bool over = false;
        std::size_t at_risk = 0;
        for (const double t : std::set<double>(times.begin(), times.end())) {
          double risk = 0, died = 0;
          for (std::size_t i = 0; i < rows; ++i) {
            if (groups[i] != curve.group) continue;
            risk += times[i] >= t ? 1 : 0;
            died += times[i] == t ? dead[i] : 0;
          }
          if (t == point.time) at_risk = static_cast<std::size_t>(risk);
          if (t > point.time || died == 0) continue;
          over = over || died == risk;
          log_survival += over ? 0 : std::log1p(-died / risk);
          sum += over ? 0 : died / (risk * (risk - died));
        }
        RC_ASSERT(point.at_risk == at_risk);
        if (over) {
          RC_ASSERT(point.estimate.survival == 0);
          RC_ASSERT(!point.estimate.standard_error);
        } else {
          RC_ASSERT(near(point.estimate.survival, std::exp(log_survival)));
          RC_ASSERT(near(*point.estimate.standard_error, std::exp(log_survival) * std::sqrt(sum)));
        }
      }
    }
  }));
}

TEST_CASE("a curve for each group in each stratum that has patients") {
  SurvivalPlan plan = plan_of("lung", "sex");
  plan.strata.column = "ph.ecog";
  plan.by.levels = {"2", "1"};
  const KaplanMeierResult result = curves_of(dealt(table_of("lung"), 5, 5), plan);
  REQUIRE(result.curves.size() == 7);  // one man alone has 3
  CHECK(result.curves[0].stratum == "0");
  CHECK(result.curves[0].group == "2");
  CHECK(result.curves[1].group == "1");
  CHECK(result.curves[6].stratum == "3");
  CHECK(result.curves[6].group == "1");
  CHECK(result.curves[6].patients == 1);
  CHECK(result.plan.strata.levels == std::vector<std::string>{"0", "1", "2", "3"});
  std::size_t patients = 0;
  for (const SurvivalCurve& curve : result.curves) patients += curve.patients;
  CHECK(patients == 227);
}

TEST_CASE("a horizon of one's own") {
  const auto result = curves_of({table_of("lung")}, plan_of("lung", "sex"), {{}, 0.95, {}, 365.25});
  for (const SurvivalCurve& curve : result.curves) {
    CHECK(curve.restricted_mean.horizon == 365.25);
    CHECK(curve.restricted_mean.mean < 365.25);
  }
}

TEST_CASE("on a grid the curve is that of times rounded up") {
  const Table& lung = table_of("lung");
  std::vector<double> rounded(lung.numeric("time").begin(), lung.numeric("time").end());
  for (double& time : rounded) time = 100 * std::ceil(time / 100);
  Table coarse("rounded");
  coarse.add_numeric("time", rounded)
      .add_numeric("dead", {lung.numeric("dead").begin(), lung.numeric("dead").end()});
  SurvivalPlan grid = plan_of("lung");
  for (int i = 1; i <= 11; ++i) grid.times.push_back(100 * i);
  const auto on_grid = curves_of(dealt(lung, 4, 6), grid);
  const auto exact = curves_of({coarse}, plan_of("lung"));
  REQUIRE(on_grid.curves[0].points.size() == exact.curves[0].points.size());
  for (std::size_t i = 0; i < exact.curves[0].points.size(); ++i)
    CHECK(on_grid.curves[0].points[i].estimate.survival == exact.curves[0].points[i].estimate.survival);
}

TEST_CASE("exact times are not for hospitals with rules, a public grid is") {
  const Table& lung = table_of("lung");
  SurvivalPlan plan = plan_of("lung", "sex");
  for (int i = 1; i <= 11; ++i) plan.times.push_back(100 * i);
  plan.by.levels = {"1", "2"};
  DisclosureRules rules;
  rules.columns = {"time", "dead", "sex"};
  rules.levels["sex"] = {"1", "2"};
  rules.time_grid = plan.times;
  const auto open = curves_of({lung, lung}, plan);
  const auto merged = curves_of({lung, lung}, plan, {}, rules);
  REQUIRE(merged.curves.size() == 2);
  for (std::size_t c = 0; c < 2; ++c) {
    CHECK(merged.curves[c].patients == open.curves[c].patients);
    // At most 4 patients of each of the two hospitals are counted on another side of a time, but in the last merged interval: one event more of r at
    // risk makes the curve smaller by 1 / r of itself.
    for (const CurvePoint& point : open.curves[c].points) {
      if (point.time > 600) break;
      CHECK(std::abs(
                curve_at(merged.curves[c].points, merged.curves[c].patients, point.time).estimate.survival -
                point.estimate.survival) < 8.0 / static_cast<double>(point.at_risk));
    }
  }
}

TEST_CASE("merged intervals of small hospitals do not shift a curve") {
  const Table& lung = table_of("lung");
  SurvivalPlan plan = plan_of("lung");
  for (int i = 1; i <= 21; ++i) plan.times.push_back(50 * i);
  DisclosureRules rules;
  rules.columns = {"time", "dead"};
  rules.time_grid = plan.times;
  rules.minimum_events = 1;                         // all of them take part
  for (const std::size_t sites : {8U, 16U, 22U}) {  // of 10 to 29 patients
    std::vector<std::vector<std::size_t>> rows(sites);
    for (std::size_t row = 0; row < lung.rows(); ++row) rows[row % sites].push_back(row);
    std::vector<Table> small;
    for (const std::vector<std::size_t>& some : rows) small.push_back(lung.select(some));
    const SurvivalCurve open = curves_of(small, plan).curves[0];
    const SurvivalCurve merged = curves_of(small, plan, {}, rules).curves[0];
    REQUIRE(merged.patients == open.patients);
    REQUIRE(open.median.time == 350);
    REQUIRE(merged.median.time.has_value());
    CHECK(std::abs(*merged.median.time - *open.median.time) <= 50);
    double difference = 0;
    for (const CurvePoint& point : open.points)
      difference +=
          curve_at(merged.points, merged.patients, point.time).estimate.survival - point.estimate.survival;
    CHECK(std::abs(difference / static_cast<double>(open.points.size())) < 0.05);
  }
}

TEST_CASE("a hospital whose rules forbid it is left out and named") {
  const Table& lung = table_of("lung");
  InProcess two = hospitals<ColumnLevels, DistinctTimes, LifeTable>({lung});
  two.add(ClientId("strict"),
          StatisticsSite(lung, DisclosureRules{}).handlers<ColumnLevels, DistinctTimes, LifeTable>());
  const auto result = kaplan_meier(two, plan_of("lung", "sex"));
  CHECK(result.sites == std::vector<ClientId>{ClientId("s00")});
  REQUIRE(result.left_out.size() == 1);
  CHECK(result.left_out[0].client == ClientId("strict"));
  CHECK(result.curves[0].patients == 138);
}

TEST_CASE("options that make no sense") {
  const std::vector<Table> lung{table_of("lung")};
  for (const double level : {0.0, 1.0, 95.0, std::nan("")}) {
    refuses(
        [&] {
          return curves_of(lung, plan_of("lung"), {{}, level, {}, {}}).curves.size();
        },
        "a confidence level in (0, 1)");
  }
  for (const double horizon : {0.0, -1.0, HUGE_VAL}) {
    refuses(
        [&] {
          return curves_of(lung, plan_of("lung"), {{}, 0.95, {}, horizon}).curves.size();
        },
        "a positive horizon");
  }
  refuses(
      [&] {
        return curves_of(lung, plan_of("lung"), {{}, 0.95, {HUGE_VAL}, {}}).curves.size();
      },
      "is not finite");
}

}  // namespace statistics_kaplan_meier_test
