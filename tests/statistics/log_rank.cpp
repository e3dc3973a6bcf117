#include "healthai/statistics/log_rank.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <Eigen/Core>
#include <Eigen/LU>
#include <set>
#include <string>
#include <vector>

#include "healthai/data/partition.hpp"
#include "refusals.hpp"
#include "statistics/survival_data.hpp"

namespace statistics_log_rank_test {

using namespace healthai;
using namespace survival_test;
using nlohmann::json;
using refusals_test::refuses;

namespace {

LogRankResult test_of(const std::vector<Table>& tables, const SurvivalPlan& plan,
                      const LogRankOptions& options = {}) {
  InProcess all = hospitals<ColumnLevels, DistinctTimes, LifeTable, SiteLogRank>(tables);
  return log_rank(all, plan, options);
}
SurvivalPlan plan_of(const std::string& data, const std::string& by, const std::string& strata = {}) {
  SurvivalPlan plan;
  plan.outcome = outcome_of(data);
  plan.by.column = by;
  plan.strata.column = strata;
  return plan;
}
std::vector<Table> tables_by(const std::string& data, const std::string& column) {
  std::vector<Table> tables;
  for (const Site& site : partition_by(table_of(data), column)) tables.push_back(site.table);
  return tables;
}

/// All numbers to 1e-12 of their size.
void check_entry(const LogRankResult& result, const json& entry) {
  const std::size_t groups = entry.at("groups").size();
  REQUIRE(result.groups.size() == groups);
  std::vector<double> variance;
  for (const json& row : entry.at("var")) {
    if (row.is_array()) {
      for (const json& number : row) variance.push_back(number.get<double>());
    } else {
      variance.push_back(row.get<double>());
    }
  }
  REQUIRE(variance.size() == groups * groups);
  REQUIRE(result.variance.size() == groups * groups);
  const auto check_near = [](double value, double expected) {
    CHECK_MESSAGE(near(value, expected), value, " against ", expected);
  };
  std::vector<std::size_t> place(groups);  // in the reference, of each group here
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t i = 0; i < groups; ++i) {
      const auto name = entry.at("groups")[i].get<std::string>();
      if (name.substr(name.find('=') + 1) == result.groups[g].group) place[g] = i;
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    CAPTURE(result.groups[g].group);
    CHECK(result.groups[g].patients == entry.at("n")[place[g]].get<std::size_t>());
    check_near(result.groups[g].observed, entry.at("observed")[place[g]].get<double>());
    check_near(result.groups[g].expected, entry.at("expected")[place[g]].get<double>());
    for (std::size_t h = 0; h < groups; ++h)
      check_near(result.variance[g * groups + h], variance[place[g] * groups + place[h]]);
  }
  check_near(result.chi_square, entry.at("chisq").get<double>());
  CHECK(result.df == entry.at("df").get<std::size_t>());
  check_near(result.p_value, entry.at("p").get<double>());
}

}  // namespace

TEST_CASE("the reference tests, held by one, split by site and at random") {
  struct Entry {
    const char *data, *file, *name, *by, *strata;
    double rho;
    const char* site;
  };
  for (const auto& [data, file, name, by, strata, rho, site] :
       {Entry{"lung", "lung", "logrank_sex", "sex", "", 0, "hospital"},
        Entry{"lung", "lung", "peto_sex_rho1", "sex", "", 1, "hospital"},
        Entry{"lung", "lung", "logrank_sex_strata_hospital", "sex", "hospital", 0, "hospital"},
        Entry{"lung", "lung", "logrank_ecog", "ph.ecog", "", 0, "hospital"},
        Entry{"veteran", "veteran", "logrank_trt", "trt", "", 0, "celltype"},
        Entry{"veteran", "veteran", "logrank_celltype", "celltype", "", 0, "trt"},
        Entry{"breast", "breast", "logrank_hormon_strata_study", "hormon", "study", 0, "study"},
        Entry{"breast", "breast", "logrank_study", "study", "", 0, "study"},
        Entry{"lung", "more", "peto_ecog", "ph.ecog", "", 1, "hospital"},
        Entry{"lung", "more", "rho_half_ecog", "ph.ecog", "", 0.5, "sex"},
        Entry{"lung", "more", "peto_sex_hospital", "sex", "hospital", 1, "hospital"},
        Entry{"lung", "more", "logrank_ecog_hospital", "ph.ecog", "hospital", 0, "hospital"},
        Entry{"lung", "more", "logrank_sex_ecog", "sex", "ph.ecog", 0, "hospital"},
        Entry{"veteran", "more", "peto_celltype", "celltype", "", 1, "trt"},
        Entry{"veteran", "more", "peto_celltype_trt", "celltype", "trt", 1, "prior"},
        Entry{"icu", "more", "icu_admission", "AdmCatID", "Year", 0, "AdmCatID"}}) {
    const auto& entry_name = name;  // a binding cannot be captured
    CAPTURE(entry_name);
    const json& entry = reference(file, name);
    for (const auto& tables :
         {std::vector<Table>{table_of(data)}, tables_by(data, site), dealt(table_of(data), 9, 1)})
      check_entry(test_of(tables, plan_of(data, by, strata), {{}, rho, false}), entry);
  }
}

TEST_CASE("stratified by hospital: as with the hospitals' column as strata") {
  const std::vector<Table> lung = tables_by("lung", "hospital");
  const LogRankOptions by_site{{}, 0, true};
  check_entry(test_of(lung, plan_of("lung", "sex"), by_site),
              reference("lung", "logrank_sex_strata_hospital"));
  check_entry(test_of(lung, plan_of("lung", "sex"), {{}, 1, true}), reference("more", "peto_sex_hospital"));
  check_entry(test_of(lung, plan_of("lung", "ph.ecog"), by_site), reference("more", "logrank_ecog_hospital"));
  check_entry(test_of(lung, plan_of("lung", "sex", "ph.ecog"), by_site),
              reference("more", "logrank_sex_ecog_hospital"));
  check_entry(test_of(tables_by("breast", "study"), plan_of("breast", "hormon"), by_site),
              reference("breast", "logrank_hormon_strata_study"));
  CHECK(test_of(lung, plan_of("lung", "sex"), by_site).stratified_by_site);
}

TEST_CASE("only the part of the German study: Peto's test of hormonal therapy") {
  SurvivalPlan plan = plan_of("breast", "hormon");
  plan.cohort.filters = {parse_filter("study == gbsg")};
  check_entry(test_of(dealt(table_of("breast"), 5, 2), plan, {{}, 1, false}),
              reference("more", "peto_hormon"));
}

TEST_CASE("few patients, many ties, a group that nobody of is left") {
  Table tiny("tiny");
  tiny.add_text("g", {"a", "a", "a", "a", "b", "b", "b", "c", "d", "d"})
      .add_numeric("time", {1, 2, 2, 3, 1, 1, 4, 2, 2, 5})
      .add_numeric("dead", {1, 1, 0, 1, 1, 1, 1, 1, 0, 0});
  check_entry(test_of(dealt(tiny, 4, 3), plan_of("tiny", "g")), reference("more", "tiny"));
}

namespace {

struct Rows {
  std::vector<double> times{}, dead{};
  std::vector<std::string> groups{}, strata{};
};
/// From the definition, one time and stratum after the other, with the last group left out.
struct Defined {
  Eigen::VectorXd observed, expected;
  Eigen::MatrixXd variance;
};
Defined defined(const Rows& rows, const std::vector<std::string>& groups, double rho) {
  const auto size = static_cast<Eigen::Index>(groups.size());
  Defined sum{Eigen::VectorXd::Zero(size), Eigen::VectorXd::Zero(size), Eigen::MatrixXd::Zero(size, size)};
  for (const std::string& stratum : std::set<std::string>(rows.strata.begin(), rows.strata.end())) {
    double survival = 1;
    for (const double t : std::set<double>(rows.times.begin(), rows.times.end())) {
      Eigen::VectorXd risk = Eigen::VectorXd::Zero(size), died = risk;
      for (std::size_t i = 0; i < rows.times.size(); ++i) {
        if (rows.strata[i] != stratum || rows.times[i] < t) continue;
        for (Eigen::Index g = 0; g < size; ++g) {
          if (rows.groups[i] != groups[static_cast<std::size_t>(g)]) continue;
          risk[g] += 1;
          if (rows.times[i] == t) died[g] += rows.dead[i];
        }
      }
      const double r = risk.sum(), d = died.sum();
      if (d == 0) continue;
      const double w = std::pow(survival, rho);
      sum.observed += w * died;
      sum.expected += w * d * risk / r;
      if (r > 1) {
        const Eigen::MatrixXd share = risk / r;
        sum.variance += w * w * d * (r - d) / (r - 1) *
                        (Eigen::MatrixXd(share.col(0).asDiagonal()) - share * share.transpose());
      }
      survival *= 1 - d / r;
    }
  }
  return sum;
}

}  // namespace

TEST_CASE("any data, dealt to 1 to 50 hospitals: the bits of the pool, and what the definition says") {
  CHECK(rc::check([] {
    const auto count = *rc::gen::inRange<std::size_t>(1, 40);
    const int many_times = *rc::gen::inRange(1, 30);
    const int event_rate = *rc::gen::inRange(0, 5);
    const double rho = *rc::gen::element(0.0, 0.5, 1.0);
    const auto numbers = *rc::gen::container<std::vector<unsigned>>(count, rc::gen::arbitrary<unsigned>());
    Rows rows;
    for (const unsigned n : numbers) {
      rows.times.push_back(n % static_cast<unsigned>(many_times) * 0.1);
      rows.dead.push_back(n / 64 % 4 < static_cast<unsigned>(event_rate) ? 1 : 0);
      rows.groups.push_back(std::string(1, static_cast<char>('a' + n / 1024 % 3)));
      rows.strata.push_back(std::string(1, static_cast<char>('x' + n / 8192 % 2)));
    }
    Table table("any");
    table.add_numeric("time", rows.times)
        .add_numeric("dead", rows.dead)
        .add_text("g", rows.groups)
        .add_text("s", rows.strata);
    const SurvivalPlan plan = plan_of("any", "g", *rc::gen::element<std::string>("", "s"));
    const auto sites = *rc::gen::inRange<std::size_t>(1, 51);
    const std::vector<Table> parts = dealt(table, sites, numbers[0]);
    const LogRankResult pool = test_of({table}, plan, {{}, rho, false});
    const LogRankResult split = test_of(parts, plan, {{}, rho, false});
    RC_ASSERT(split.chi_square == pool.chi_square);
    RC_ASSERT(split.variance == pool.variance);
    RC_ASSERT(split.df == pool.df);
    RC_ASSERT(split.p_value == pool.p_value);

    const auto check = [&](const LogRankResult& result, Rows used) {
      std::vector<std::string> groups;
      for (const LogRankGroup& group : result.groups) groups.push_back(group.group);
      const Defined sum = defined(used, groups, rho);
      const double size = static_cast<double>(count);  // no number is larger; sums of 40 lose less than 1e-14
      for (std::size_t g = 0; g < groups.size(); ++g) {
        const auto i = static_cast<Eigen::Index>(g);
        RC_ASSERT(std::fabs(result.groups[g].observed - sum.observed[i]) <= 1e-14 * size);
        RC_ASSERT(std::fabs(result.groups[g].expected - sum.expected[i]) <= 1e-14 * size);
        for (std::size_t h = 0; h < groups.size(); ++h) {
          RC_ASSERT(std::fabs(result.variance[g * groups.size() + h] -
                              sum.variance(i, static_cast<Eigen::Index>(h))) <= 1e-14 * size);
        }
      }
      // Another route to the same value, where the variance has its full rank. Its condition takes digits.
      const auto k = static_cast<Eigen::Index>(groups.size()) - 1;
      if (k < 1 || result.df != static_cast<std::size_t>(k)) return;
      const Eigen::MatrixXd part = sum.variance.topLeftCorner(k, k);
      const Eigen::VectorXd d = (sum.observed - sum.expected).head(k);
      const double value = d.dot(part.fullPivLu().solve(d));
      RC_ASSERT(std::fabs(result.chi_square - value) <=
                1e-12 * (1 + value) * (1 + part.norm() * part.inverse().norm()));
    };
    Rows used = rows;
    if (plan.strata.column.empty()) used.strata.assign(count, "");
    check(pool, used);
    // Within hospitals: their number as a further stratum.
    std::mt19937 random(numbers[0]);
    for (std::string& stratum : used.strata) stratum += "/" + std::to_string(random() % sites);
    check(test_of(parts, plan, {{}, rho, true}), used);
  }));
}

TEST_CASE("nothing to compare: one group, no events, a single patient") {
  Table table("few");
  table.add_numeric("time", {1, 2}).add_numeric("dead", {0, 0}).add_text("g", {"a", "b"});
  for (const bool by_site : {false, true}) {
    const LogRankResult none = test_of({table}, plan_of("few", "g"), {{}, 0, by_site});
    CHECK(none.groups.size() == 2);
    CHECK(none.chi_square == 0);
    CHECK(none.df == 0);
    CHECK(none.p_value == 1);
    SurvivalPlan plan = plan_of("few", "g");
    plan.by.levels = {"a", "b", "c"};
    plan.cohort.filters = {parse_filter("g == a")};
    const LogRankResult one = test_of({table}, plan, {{}, 0, by_site});
    REQUIRE(one.groups.size() == 1);
    CHECK(one.groups[0].group == "a");
    CHECK(one.variance.size() == 1);
    CHECK(one.df == 0);
  }
}

TEST_CASE("groups that are never at risk together take a degree of freedom away") {
  Table table("apart");
  table.add_numeric("time", {1, 2, 3, 4, 1, 2, 3, 4})
      .add_numeric("dead", {1, 1, 1, 1, 1, 1, 1, 1})
      .add_text("g", {"a", "a", "b", "b", "c", "d", "c", "d"})
      .add_text("s", {"1", "1", "1", "1", "2", "2", "2", "2"});
  const LogRankResult both = test_of({table}, plan_of("apart", "g", "s"));
  CHECK(both.df == 2);
  double sum = 0;  // that of the two pairs alone
  for (const char* stratum : {"s == 1", "s == 2"}) {
    SurvivalPlan plan = plan_of("apart", "g");
    plan.cohort.filters = {parse_filter(stratum)};
    const LogRankResult one = test_of({table}, plan);
    CHECK(one.df == 1);
    sum += one.chi_square;
  }
  CHECK(near(both.chi_square, sum));
}

TEST_CASE("questions that make no sense") {
  const std::vector<Table> lung{table_of("lung")};
  refuses([&] { return test_of(lung, plan_of("lung", "")).chi_square; }, "needs a column of groups");
  refuses(
      [&] {
        return test_of(lung, plan_of("lung", "sex"), {{}, -1, false}).chi_square;
      },
      "a rho of 0 or more");
  refuses([&] { return test_of(lung, plan_of("lung", "sex", "sex")).chi_square; }, "by column \"sex\"");
}

}  // namespace statistics_log_rank_test
