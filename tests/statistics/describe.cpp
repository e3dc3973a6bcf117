#include "healthai/statistics/describe.hpp"

#include <doctest/doctest.h>

#include "healthai/serialization/archive.hpp"
#include "healthai/statistics/spearman.hpp"
#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_describe_test {

using namespace hospitals_test;
using refusals_test::refuses;

namespace {

const std::vector<std::string> lung_columns{"time",      "age",      "ph.ecog", "ph.karno",
                                            "pat.karno", "meal.cal", "wt.loss"};

/// Sums of up to 228 numbers: their rounding is far below 1e-12.
void check_against(const ColumnDescription& got, const nlohmann::json& expected) {
  CAPTURE(got.column);
  CAPTURE(got.level);
  CHECK(got.n == expected["n"].get<std::size_t>());
  CHECK(got.sum == expected["sum"].get<double>());
  CHECK_CLOSE(*got.mean, expected["mean"].get<double>());
  CHECK_CLOSE(*got.variance, expected["var"].get<double>());
  CHECK_CLOSE(*got.sd, std::sqrt(expected["var"].get<double>()));
  CHECK_CLOSE(*got.skewness, expected["skewness_m3"].get<double>(), 1e-12, 1.0);
  CHECK_CLOSE(*got.kurtosis, expected["kurtosis_m4"].get<double>());
  CHECK(got.minimum == expected["min"].get<double>());
  CHECK(got.maximum == expected["max"].get<double>());
}

}  // namespace

TEST_CASE("describe: the lung cancer patients as R describes them, however they are split") {
  for_splits_of_lung([](InProcess& hospitals) {
    const Description all = describe(hospitals, {{}, lung_columns, "", {}, {}});
    CHECK(all.columns.size() == lung_columns.size());
    CHECK(all.left_out.empty());
    for (const std::string& column : lung_columns) {
      const ColumnDescription& got = all.at(column);
      check_against(got, reference()["lung"]["pooled"][column]);
      CHECK(got.n + got.missing == 228);
    }
    const Description by = describe(hospitals, {{}, {"age", "time", "meal.cal"}, "hospital", {}, {}});
    REQUIRE(by.columns.size() == 3 * 11);
    for (const auto& expected : reference()["lung"]["by_hospital"]) {
      const std::string level = std::to_string(expected["hospital"].get<int>());
      check_against(by.at("age", level), expected["age"]);
      check_against(by.at("time", level), expected["time"]);
      CHECK(by.at("meal.cal", level).missing == expected["missing_meal_cal"].get<std::size_t>());
    }
    check_against(by.at("age"), reference()["lung"]["pooled"]["age"]);
  });
}

TEST_CASE("describe: each hospital by itself is as R describes its patients") {
  InProcess ten{{.threads = 1}};
  for (const Site& site : partition_by(lung(), "hospital")) ten.add(site.id, all_handlers(site.table));
  const Description all = describe(ten, {{}, {"age", "time"}, "", {}, {}});
  REQUIRE(all.per_site.size() == 10);
  for (const auto& expected : reference()["lung"]["by_hospital"]) {
    const ClientId id(std::to_string(expected["hospital"].get<int>()));
    const auto found =
        std::find_if(all.per_site.begin(), all.per_site.end(), [&](const auto& s) { return s.site == id; });
    REQUIRE(found != all.per_site.end());
    check_against(found->columns.at(0), expected["age"]);
    check_against(found->columns.at(1), expected["time"]);
  }
  CHECK(describe(ten, {{}, {"age"}, "", {}, {}}, {false, {}}).per_site.empty());
}

TEST_CASE("describe: filters are those of the cohort, and rows without a group are left out") {
  InProcess hospitals{{.threads = 1}};
  Table north("north"), south("south");
  north.add_numeric("x", {1, 2, NAN}).add_text("g", {"a", "", "b"});
  south.add_numeric("x", {10, 20, 40}).add_text("g", {"a", "b", "b"});
  hospitals.add("north", all_handlers(north));
  hospitals.add("south", all_handlers(south));
  const Description by = describe(hospitals, {{}, {"x"}, "g", {}, {}});
  CHECK(by.at("x").sum == 71);
  CHECK(by.at("x").missing == 1);
  CHECK(by.at("x", "a").sum == 11);
  CHECK(by.at("x", "b").n == 2);
  CHECK(by.at("x", "b").missing == 1);
  CHECK(by.at("x", "b").minimum == 20);
  CHECK_FALSE(by.per_site.at(0).columns.at(2).mean);  // north has no value in b
  const Description some = describe(hospitals, {{"", {parse_filter("x >= 10")}}, {"x"}, "", {}, {}});
  CHECK(some.at("x").sum == 70);
  const Description two = describe(hospitals, {{}, {"x"}, "", {}, {}, 2});
  CHECK(two.at("x").variance == describe(hospitals, {{}, {"x"}, "", {}, {}}).at("x").variance);
  CHECK_FALSE(two.at("x").skewness);
  CHECK_FALSE(two.per_site.at(1).columns.at(0).kurtosis);
  CHECK(two.per_site.at(1).columns.at(0).variance);
  refuses([&] { return some.at("y"); }, error::unknown_name, "\"y\"");
  refuses(
      [&] {
        return describe(hospitals, {{}, {}, "", {}, {}});
      },
      error::invalid_argument, "at least one column");
}

TEST_CASE("describe: federated equals pooled, in long double") {
  CHECK(rc::check("random tables, 1 to 50 sites", [] {
    const auto rows = *rc::gen::inRange<std::size_t>(2, 300);
    const auto sites = *rc::gen::inRange<std::size_t>(1, 51);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000000);
    const auto site = random_sites(rows, sites, seed);
    const Table table = random_table(rows, seed, site);
    InProcess hospitals{{.threads = 1}};
    add_split(hospitals, table, site);
    const Description got = describe(hospitals, {{}, {"x", "y", "z", "k"}, "group", {"a", "b", "c"}, {}});
    for (const ColumnDescription& c : got.columns) {
      const LongMoments m(values_of(table, c.column, "group", c.level));
      RC_ASSERT(c.n == static_cast<std::size_t>(m.n));
      RC_ASSERT(c.mean.has_value() == (c.n > 0));
      if (c.n == 0) continue;
      RC_ASSERT(close(*c.mean, static_cast<double>(m.mean), 1e-14, 1));
      RC_ASSERT(c.variance.has_value() == (c.n > 1));
      if (c.n < 2) continue;
      RC_ASSERT(close(*c.variance, static_cast<double>(m.s2 / (m.n - 1)), 1e-10));
      // Of values that are (nearly) the same, neither says anything.
      if (!(m.s2 > 1e-6L)) continue;
      const long double v = m.s2 / m.n;
      RC_ASSERT(close(*c.skewness, static_cast<double>(m.s3 / m.n / (v * std::sqrt(v))), 1e-9, 1));
      RC_ASSERT(close(*c.kurtosis, static_cast<double>(m.s4 / m.n / (v * v)), 1e-9, 1));
    }
  }));
}

TEST_CASE("describe: rules keep extremes and small groups at home") {
  DisclosureRules rules;
  rules.columns = {"x", "g"};
  rules.levels["g"] = {"a", "b", "c"};
  rules.rows_per_parameter = 1;
  Table table("rules");
  std::vector<double> x;
  std::vector<std::string> g;
  for (int i = 0; i < 60; ++i) {
    x.push_back(i);
    g.push_back(i < 3 ? "a" : i < 30 ? "b" : "c");
  }
  table.add_numeric("x", x).add_text("g", g);
  InProcess hospitals{{.threads = 1}};
  hospitals.add("careful", all_handlers(table, rules));
  hospitals.add("open", all_handlers(table));
  const Description by = describe(hospitals, {{}, {"x"}, "g", {"a", "b", "c"}, {}});
  CHECK(by.left_out.empty());
  CHECK(by.at("x").n == 120);
  CHECK_FALSE(by.at("x").minimum);
  CHECK(by.at("x", "a").n == 3);  // of the open one
  CHECK(by.at("x", "a").hidden == 1);
  CHECK(by.at("x", "b").hidden == 1);  // or the total would tell how many are in a
  CHECK(by.at("x", "c").n == 60);
  CHECK(by.at("x", "c").hidden == 0);
  REQUIRE(by.per_site.size() == 2);
  CHECK(by.per_site[0].columns[1].n == 0);
  CHECK_FALSE(by.per_site[0].columns[0].maximum);
  CHECK(by.per_site[1].columns[0].maximum == 59);
  hospitals.add("closed", all_handlers(table, DisclosureRules{}));
  const Description without = describe(hospitals, {{}, {"x"}, "g", {"a", "b", "c"}, {}});
  REQUIRE(without.left_out.size() == 1);
  CHECK(without.left_out[0].client == ClientId("closed"));
  CHECK(without.sites == std::vector<ClientId>{"careful", "open"});
  CHECK(without.at("x").n == 120);
}

TEST_CASE("describe, and what is like it: questions and answers come back from their bytes") {
  const auto same = [](const auto& value) {
    const auto bytes = to_bytes(value);
    return to_bytes(from_bytes<std::remove_cvref_t<decltype(value)>>(bytes)) == bytes;
  };
  const PublicBounds bounds{{{"age", 0, 120}}, 500};
  const DescribePlan plan{{"adults", {parse_filter("age >= 18")}}, {"age"}, "sex", {"1", "2"}, bounds, 2};
  CHECK(from_bytes<DescribePlan>(to_bytes(plan)) == plan);
  CHECK(same(ColumnSums::Broadcast{plan, {1, 2, 3}}));
  CHECK(same(SiteColumns::Broadcast{plan}));
  CHECK(same(SiteColumns::Reply{{1, 2}}));
  const QuantilePlan quantile{{}, {"age"}, "sex", {"1"}, {{"age", 0, 100, 11}}, 500};
  CHECK(from_bytes<QuantilePlan>(to_bytes(quantile)) == quantile);
  CHECK(same(ThresholdCounts::Broadcast{quantile, {{1, 2}, {}}}));
  const HistogramPlan bins{{}, "age", {1, 2}, 500};
  CHECK(from_bytes<HistogramPlan>(to_bytes(bins)) == bins);
  const CrossTablePlan table{{}, "sex", {"1"}, "dead", {"0"}, "ward", {"a"}, 500};
  CHECK(from_bytes<CrossTablePlan>(to_bytes(table)) == table);
  const CorrelationPlan pair{{}, {"age", "time"}, bounds};
  CHECK(from_bytes<CorrelationPlan>(to_bytes(pair)) == pair);
  CHECK(same(CrossProducts::Broadcast{pair, {1, 2}}));
  CHECK(same(DistinctValues::Reply{{{1, 2}}, {{3, 4}}}));
  CHECK(same(RankProducts::Broadcast{pair, {{1}}, {{0}}}));
}

}  // namespace statistics_describe_test
