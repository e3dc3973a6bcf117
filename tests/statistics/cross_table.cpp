#include "healthai/statistics/cross_table.hpp"

#include <doctest/doctest.h>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_cross_table_test {

using namespace hospitals_test;
using refusals_test::refuses;

TEST_CASE("cross table: sex by performance status, as R counts and tests it") {
  const auto& expected = reference()["tests"]["chisq_sex_by_ecog012"];
  for_splits_of_lung([&expected](InProcess& hospitals) {
    CrossTablePlan plan;
    plan.cohort.filters = {parse_filter("ph.ecog <= 2")};
    plan.rows = "sex";
    plan.columns = "ph.ecog";
    const CrossTable got = cross_table(hospitals, plan);
    CHECK(got.row_levels == std::vector<std::string>{"1", "2"});
    CHECK(got.column_levels == std::vector<std::string>{"0", "1", "2"});
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t j = 0; j < 3; ++j) CHECK(got.table.at(i, j) == expected["table"][i][j].get<double>());
    }
    REQUIRE(got.chi_square);
    CHECK_CLOSE(got.chi_square->statistic, expected["chisq"].get<double>());
    CHECK_CLOSE(got.chi_square->p_value, expected["p"].get<double>());
    CHECK(got.chi_square->df == expected["df"].get<double>());
    CHECK_FALSE(got.chi_square_yates);
    CHECK_FALSE(got.mantel_haenszel);
    CHECK(got.strata.empty());
    CHECK(got.hidden == std::vector<std::size_t>(6, 0));
  });
}

TEST_CASE("cross table: strata of a column and of hospitals") {
  InProcess hospitals{{.threads = 1}};
  for (const Site& site : partition_by(lung(), "hospital")) hospitals.add(site.id, all_handlers(site.table));
  CrossTablePlan plan;
  plan.rows = "sex";
  plan.columns = "dead";
  const CrossTable by_site = cross_table(hospitals, plan, {true, 0.95, {}});
  plan.strata = "hospital";
  const CrossTable by_column = cross_table(hospitals, plan);
  REQUIRE(by_site.strata.size() == 10);
  REQUIRE(by_column.strata.size() == 10);
  REQUIRE(by_site.mantel_haenszel);
  REQUIRE(by_column.mantel_haenszel);
  // The same strata in another order: the sums of ten terms differ by their rounding.
  CHECK_CLOSE(by_site.mantel_haenszel->odds_ratio, by_column.mantel_haenszel->odds_ratio, 1e-13);
  CHECK_CLOSE(by_site.mantel_haenszel->statistic, by_column.mantel_haenszel->statistic, 1e-13);
  CHECK(by_site.table.counts == by_column.table.counts);
  CHECK(by_site.table.total() == 228);
  REQUIRE(by_site.chi_square_yates);
  CHECK(by_site.chi_square_yates->statistic < by_site.chi_square->statistic);
  for (const CrossTableStratum& site : by_site.strata) {
    const auto same = std::find_if(by_column.strata.begin(), by_column.strata.end(),
                                   [&](const CrossTableStratum& s) { return s.name == site.name; });
    REQUIRE(same != by_column.strata.end());
    CHECK(same->table.counts == site.table.counts);
  }
  // The odds ratio by hand.
  double over = 0, under = 0;
  for (const CrossTableStratum& s : by_site.strata) {
    over += s.table.at(0, 0) * s.table.at(1, 1) / s.table.total();
    under += s.table.at(0, 1) * s.table.at(1, 0) / s.table.total();
  }
  CHECK_CLOSE(by_site.mantel_haenszel->odds_ratio, over / under, 1e-13);
  plan.strata = "sex";
  refuses([&] { return cross_table(hospitals, plan); }, error::invalid_argument, "\"sex\" is named twice");
}

TEST_CASE("cross table: federated equals pooled") {
  CHECK(rc::check("random tables, 1 to 50 sites", [] {
    const auto rows = *rc::gen::inRange<std::size_t>(1, 200);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000000);
    const auto site = random_sites(rows, *rc::gen::inRange<std::size_t>(1, 51), seed);
    Table table("random");
    std::vector<double> a, b;
    Stream stream(seed, Purpose::test);
    for (std::size_t i = 0; i < rows; ++i) {
      a.push_back(static_cast<double>(stream() % 3));
      b.push_back(stream() % 10 == 0 ? NAN : static_cast<double>(stream() % 2));
    }
    table.add_numeric("a", a).add_numeric("b", b);
    InProcess hospitals{{.threads = 1}};
    add_split(hospitals, table, site);
    const CrossTable got = cross_table(hospitals, {{}, "a", {"0", "1", "2"}, "b", {"0", "1"}, "", {}, 0});
    std::vector<double> expected(6);
    for (std::size_t i = 0; i < rows; ++i) {
      if (b[i] == b[i]) expected[static_cast<std::size_t>(2 * a[i] + b[i])] += 1;
    }
    RC_ASSERT(got.table.counts == expected);
  }));
}

TEST_CASE("cross table: a hospital with rules hides cells of few patients, and there are no tests then") {
  DisclosureRules rules;
  rules.columns = {"a", "b"};
  rules.levels = {{"a", {"0", "1"}}, {"b", {"0", "1"}}};
  Table table("rules");
  std::vector<double> a, b;
  const auto add = [&](double row, double column, int patients) {
    for (int i = 0; i < patients; ++i) {
      a.push_back(row);
      b.push_back(column);
    }
  };
  add(0, 0, 3);
  add(0, 1, 20);
  add(1, 0, 30);
  add(1, 1, 40);
  table.add_numeric("a", a).add_numeric("b", b);
  InProcess hospitals{{.threads = 1}};
  hospitals.add("careful", all_handlers(table, rules));
  hospitals.add("open", all_handlers(table));
  const CrossTable got = cross_table(hospitals, {{}, "a", {"0", "1"}, "b", {"0", "1"}, "", {}, 0});
  CHECK(got.left_out.empty());
  CHECK(got.hidden == std::vector<std::size_t>{1, 1, 1, 1});  // in a table of two by two one cell tells all
  CHECK(got.table.counts == std::vector<double>{3, 20, 30, 40});
  const CrossTablePlan plan{{}, "a", {"0", "1"}, "b", {"0", "1"}, "", {}, 0};
  const auto prepared = CellCounts::prepare(plan, table);
  CHECK(CellCounts::groups(plan, prepared, rules).empty());
  REQUIRE(CellCounts::groups(plan, prepared, DisclosureRules::off()).size() == 4);
  CHECK(CellCounts::groups(plan, prepared, DisclosureRules::off())[0] == std::vector<std::size_t>{0, 1, 2});
  CHECK_FALSE(got.chi_square);
  CHECK_FALSE(got.chi_square_yates);
}

}  // namespace statistics_cross_table_test
