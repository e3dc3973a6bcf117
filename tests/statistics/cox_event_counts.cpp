#include "healthai/statistics/cox_event_counts.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "healthai/secagg/segments.hpp"
#include "refusals.hpp"

namespace statistics_cox_event_counts_test {

using namespace healthai;
using refusals_test::refuses;
using Counts = std::vector<double>;

namespace {

Table eight() {
  Table table("eight");
  table.add_numeric("time", {1, 2, 2, 3, 5, 5, 8, 9}).add_numeric("dead", {1, 1, 0, 0, 1, 1, 0, 1});
  table.add_numeric("sex", {1, 2, 1, 2, 1, 1, 1, 1}).add_numeric("age", {40, 50, 60, 70, 45, 55, 65, 75});
  return table;
}
CoxEventCounts::Plan plan_on(const std::vector<double>& grid) {
  CoxEventCounts::Plan plan;
  plan.outcome = {"time", "dead"};
  plan.covariates = parse_covariates("age,sex");
  plan.ties = Ties::breslow;
  plan.stratify_by_site = false;
  plan.time_grid = plan.times = grid;
  return plan;
}
Counts events_of(const CoxEventCounts::Plan& plan, const DisclosureRules& rules) {
  const auto reply = CoxEventCounts::answer(CoxEventCounts::prepare(plan, eight()), {plan}, rules);
  const auto events = reply.vectors.at(0).values.span();
  return {events.begin(), events.end()};
}

}  // namespace

TEST_CASE("events at each time of a grid, and by stratum") {
  CoxEventCounts::Plan plan = plan_on({2, 5, 9});
  CHECK(events_of(plan, DisclosureRules::off()) == Counts{2, 2, 1});
  plan.covariates = parse_covariates("age");
  plan.strata = "sex";
  plan.strata_levels = {"1", "2"};
  CHECK(events_of(plan, DisclosureRules::off()) == Counts{1, 2, 1, 1, 0, 0});
  plan.times = {2, 5};
  refuses([&] { return CoxEventCounts::prepare(plan, eight()); }, error::invalid_data,
          "a time that was not agreed on");
}

TEST_CASE("what it tells: who leaves in each interval, with and without the event, and of which covariates") {
  CoxEventCounts::Plan plan = plan_on({2, 5, 9});
  Disclosure what = CoxEventCounts::disclosure(plan, CoxEventCounts::prepare(plan, eight()));
  const Counts leaving{0, 3, 3, 2}, with_event{2, 2, 1}, without{0, 1, 1, 1}, on_grid{3, 3, 2, 0};
  // Men and women before the first time and in each interval; with Efron's ties these without and with the event.
  Counts by_sex{0, 0, 0, 0, 2, 1, 0, 0, 2, 1, 0, 0, 2, 0, 0, 0};
  const auto joined = [&] {
    Counts all;
    for (const Counts& some : std::vector<Counts>{leaving, with_event, without, on_grid, by_sex})
      all.insert(all.end(), some.begin(), some.end());
    return all;
  };
  CHECK(what.cells == joined());
  CHECK(what.times == plan.time_grid);
  plan.ties = Ties::efron;
  what = CoxEventCounts::disclosure(plan, CoxEventCounts::prepare(plan, eight()));
  by_sex = {0, 0, 0, 0, 1, 0, 1, 1, 0, 1, 2, 0, 1, 0, 1, 0};
  CHECK(what.cells == joined());
}

TEST_CASE(
    "an interval of few patients is refused in masked sums too, where other sizes are left to the sum") {
  DisclosureRules rules;
  rules.in_sum = true;
  rules.smallest_cell = 2;
  const CoxEventCounts::Plan plan = plan_on({2, 5, 9});
  refuses([&] { return events_of(plan, rules); }, error::disclosure, "smallest_cell");
  rules.smallest_cell = 1;
  CHECK(events_of(plan, rules) == Counts{2, 2, 1});
  const auto segments = CoxEventCounts::vector_segments(CoxEventCounts::Broadcast{plan});
  REQUIRE(segments.size() == 1);
  CHECK(segments[0].layout.size() == 3);
}

}  // namespace statistics_cox_event_counts_test
