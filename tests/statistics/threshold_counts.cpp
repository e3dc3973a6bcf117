#include "healthai/statistics/threshold_counts.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>

#include "refusals.hpp"

namespace statistics_threshold_counts_test {

using namespace healthai;
using refusals_test::refuses;
using Numbers = std::vector<double>;

namespace {

Numbers counts_of(const QuantilePlan& plan, const Table& table, const DisclosureRules& rules,
                  std::vector<std::vector<double>> thresholds = {}) {
  const auto reply =
      ThresholdCounts::answer(ThresholdCounts::prepare(plan, table), {plan, std::move(thresholds)}, rules);
  const auto span = reply.vectors.at(0).values.span();
  return {span.begin(), span.end()};
}

}  // namespace

TEST_CASE("threshold counts: by hand") {
  Table table("five");
  table.add_numeric("x", {3, 1, 2, 2, NAN}).add_text("g", {"a", "b", "b", "", "a"});
  QuantilePlan plan{{}, {"x"}, "", {}, {}, 0};
  CHECK(counts_of(plan, table, DisclosureRules::off(), {{0, 1, 2, 2.5, 9}}) == Numbers{0, 1, 3, 3, 4, 4});
  refuses([&] { return counts_of(plan, table, DisclosureRules::off()); }, error::invalid_argument,
          "each of 1 groups, got 0");
  plan.grids = {{"x", 1, 3, 3}};
  CHECK(counts_of(plan, table, DisclosureRules::off()) == Numbers{1, 3, 4});
  CHECK(ThresholdCounts::disclosure(plan, ThresholdCounts::prepare(plan, table)).cut_points.at("x") == 3);
  CHECK_FALSE(ThresholdCounts::disclosure(plan, ThresholdCounts::prepare(plan, table)).single_values);
  QuantilePlan twice = plan;
  twice.columns = {"x", "x"};
  twice.grids = {{"x", 1, 3, 3}, {"x", 1, 3, 4}};
  refuses([&] { return ThresholdCounts::prepare(twice, table); }, error::invalid_argument, "named twice");
  // Grids of one column add up, however they have come here.
  CHECK(ThresholdCounts::disclosure(twice, ThresholdCounts::prepare(plan, table)).cut_points.at("x") == 7);
  plan.grids = {{"y", 1, 3, 3}};
  refuses([&] { return counts_of(plan, table, DisclosureRules::off()); }, error::invalid_argument,
          "a grid for each");
  plan.grids = {{"x", 1, 3, 1}};
  refuses([&] { return counts_of(plan, table, DisclosureRules::off()); }, error::invalid_argument,
          "at least two points");
  plan.grids.clear();
  CHECK(ThresholdCounts::disclosure(plan, ThresholdCounts::prepare(plan, table)).single_values);
}

TEST_CASE(
    "threshold counts: under rules each step is of enough patients, and counts are off by fewer than that") {
  CHECK(rc::check("random values", [] {
    const auto values = *rc::gen::container<std::vector<double>>(
        rc::gen::map(rc::gen::inRange(0, 1000), [](int v) { return v * 0.01; }));
    const auto points = *rc::gen::inRange<std::size_t>(2, 40);
    DisclosureRules rules;
    Table table("random");
    table.add_numeric("x", values);
    const QuantilePlan plan{{}, {"x"}, "", {}, {{"x", 0, 10, points}}, 0};
    const Numbers exact = counts_of(plan, table, DisclosureRules::off());
    const Numbers told = counts_of(plan, table, rules);
    RC_ASSERT(exact.back() == static_cast<double>(values.size()));
    RC_ASSERT(told.back() == exact.back());
    // Each step that is told exactly is a set of rows, and of enough of them.
    for (const auto& rows : ThresholdCounts::groups(plan, ThresholdCounts::prepare(plan, table), rules)) {
      RC_ASSERT(rows.size() >= (std::min)(rules.smallest_cell, values.size()));
      double largest = 0;
      for (const std::size_t row : rows) largest = (std::max)(largest, values[row]);
      for (std::size_t row = 0; row < values.size(); ++row)
        RC_ASSERT(std::binary_search(rows.begin(), rows.end(), row) == (values[row] <= largest));
    }
    double before = 0;
    for (std::size_t i = 0; i < told.size(); ++i) {
      RC_ASSERT(std::fabs(told[i] - exact[i]) < static_cast<double>(rules.smallest_cell));
      const double step = told[i] - before;
      RC_ASSERT(step == 0 || step >= static_cast<double>((std::min)(rules.smallest_cell, values.size())));
      before = told[i];
    }
  }));
}

}  // namespace statistics_threshold_counts_test
