#include "healthai/statistics/histogram.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_histogram_test {

using namespace hospitals_test;
using refusals_test::refuses;
using Counts = std::vector<std::size_t>;

TEST_CASE("histogram: the lung cancer patients as R counts them") {
  for_splits_of_lung([](InProcess& hospitals) {
    for (const auto& [column, key] : {std::pair{"age", "hist_age"}, std::pair{"time", "hist_time"}}) {
      const auto& expected = reference()["lung"][key];
      const Histogram got =
          histogram(hospitals, {{}, column, expected["edges"].get<std::vector<double>>(), 0});
      CHECK(got.counts == expected["counts"].get<Counts>());
      CHECK(got.below + got.above + got.missing == 0);
    }
    const Histogram calories = histogram(hospitals, {{}, "meal.cal", {500, 1000}, 0});
    CHECK(calories.missing == 47);
    CHECK(calories.below + calories.counts[0] + calories.above == 181);
    const Histogram made = histogram(hospitals, {{}, "age", {}, 0}, {4, {}, {}});
    CHECK(made.edges == std::vector<double>{39, 49.75, 60.5, 71.25, 82});
    CHECK(std::accumulate(made.counts.begin(), made.counts.end(), std::size_t{0}) == 228);
  });
}

TEST_CASE("histogram: a bin holds its lower edge, the last one its upper edge too") {
  InProcess hospitals{{.threads = 1}};
  Table table("edges");
  table.add_numeric("x", {-1, 0, 1, 1, 2, 3, 3.5, NAN});
  hospitals.add("one", all_handlers(table));
  const Histogram got = histogram(hospitals, {{}, "x", {0, 1, 2, 3}, 0});
  CHECK(got.counts == Counts{1, 2, 2});
  CHECK(got.below == 1);
  CHECK(got.above == 1);
  CHECK(got.missing == 1);
  const HistogramPlan plan{{}, "x", {0, 1, 2, 3}, 0};
  CHECK(BinCounts::groups(plan, BinCounts::prepare(plan, table), DisclosureRules::off()) ==
        std::vector<Counts>{{0}, {1}, {2, 3}, {4, 5}, {6}, {7}});
  CHECK(histogram(hospitals, {{}, "x", {}, 0}, {3, ColumnBounds{"x", 0, 3}, {}}).counts == got.counts);
}

TEST_CASE("histogram: edges must ascend, and there must be something to count") {
  CHECK(even_edges(0, 1, 4) == std::vector<double>{0, 0.25, 0.5, 0.75, 1});
  CHECK(even_edges(-1e308, 1e308, 2)[1] == 0);  // no overflow
  refuses([] { return even_edges(1, 1, 4); }, error::invalid_argument, "got 4 from 1 to 1");
  InProcess hospitals{{.threads = 1}};
  Table table("same");
  table.add_numeric("x", {3, 3});
  hospitals.add("one", all_handlers(table));
  refuses(
      [&] {
        return histogram(hospitals, {{}, "x", {1, 1}, 0});
      },
      error::invalid_argument, "each larger than the last");
  refuses(
      [&] {
        return histogram(hospitals, {{}, "x", {1}, 0});
      },
      error::invalid_argument, "at least two numbers");
  refuses(
      [&] {
        return histogram(hospitals, {{}, "x", {}, 0});
      },
      error::invalid_data, "no two different values");
}

TEST_CASE("histogram: a hospital with rules hides bins of few patients, and says so") {
  DisclosureRules rules;
  rules.columns = {"x"};
  rules.most_cut_points["x"] = 10;
  rules.minimum_rows = 5;
  Table table("rules");
  std::vector<double> x(40, 0.5);
  x[0] = 1.5;
  std::fill(x.begin() + 1, x.begin() + 13, 2.5);
  for (std::size_t i = 13; i < 40; ++i) x[i] = 0.01 * static_cast<double>(i);
  table.add_numeric("x", x);
  InProcess hospitals{{.threads = 1}};
  hospitals.add("careful", all_handlers(table, rules));
  hospitals.add("open", all_handlers(table));
  const Histogram got = histogram(hospitals, {{}, "x", {0, 1, 2, 3}, 0});
  CHECK(got.counts == Counts{54, 1, 12});
  CHECK(got.hidden == Counts{0, 1, 1});
  const HistogramPlan plan{{}, "x", {0, 1, 2, 3}, 0};
  const auto told = BinCounts::groups(plan, BinCounts::prepare(plan, table), rules);
  REQUIRE(told.size() == 1);  // the one bin that is not hidden
  CHECK(told[0].size() == 27);
  CHECK(got.hidden_outside == 0);
  refuses(
      [&] {
        return histogram(hospitals, {{}, "x", {}, 0});
      },
      error::disclosure, "not every hospital tells its extremes");
}

}  // namespace statistics_histogram_test
