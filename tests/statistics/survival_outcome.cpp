#include "healthai/statistics/survival_outcome.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "refusals.hpp"

namespace statistics_survival_outcome_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

Table table_of(std::vector<double> time, std::vector<double> event) {
  Table table("patients");
  table.add_numeric("days", std::move(time)).add_numeric("status", std::move(event));
  return table;
}

}  // namespace

TEST_CASE("the value that means the event, and the other") {
  const SurvivalOutcomes zero_one = survival_outcomes(table_of({5, 0, 7.5}, {1, 0, 1}), {"days", "status"});
  CHECK(zero_one.times == std::vector<double>{5, 0, 7.5});
  CHECK(zero_one.events == std::vector<double>{1, 0, 1});
  CHECK(zero_one.rows() == 3);
  CHECK(zero_one.num_events() == 2);
  CHECK(survival_outcomes(table_of({5, 6}, {2, 1}), {"days", "status", 2}).events ==
        std::vector<double>{1, 0});
  CHECK(survival_outcomes(table_of({5, 6}, {1, 0}), {"days", "status", 0}).events ==
        std::vector<double>{0, 1});
}

TEST_CASE("what is no outcome is refused without a value of anybody") {
  refuses(
      [] {
        return survival_outcomes(table_of({5, 6}, {2, 1}), {"days", "status"});
      },
      error::invalid_data,
      "column \"status\" has a value that is neither 1, which means the event, nor 0 or 1");
  refuses(
      [] {
        return survival_outcomes(table_of({5, -6}, {1, 1}), {"days", "status"});
      },
      error::invalid_data, "column \"days\" has a time that is missing or negative");
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refuses(
      [nan] {
        return survival_outcomes(table_of({nan, 6}, {1, 1}), {"days", "status"});
      },
      error::invalid_data, "missing or negative");
  refuses(
      [nan] {
        return survival_outcomes(table_of({5, 6}, {1, nan}), {"days", "status"});
      },
      error::invalid_data, "neither");
  refuses(
      [nan] {
        return survival_outcomes(table_of({5, 6}, {1, 1}), {"days", "status", nan});
      },
      error::invalid_data, "not a finite number");
}

TEST_CASE("times are rounded up to a grid; who is followed beyond it is at risk all along") {
  SurvivalOutcomes outcomes{{0, 30, 30.5, 60, 61}, {1, 1, 0, 1, 1}};
  round_up_to_grid(outcomes, {30, 60});
  CHECK(outcomes.times == std::vector<double>{30, 30, 60, 60, std::numeric_limits<double>::infinity()});
  CHECK(outcomes.events == std::vector<double>{1, 1, 0, 1, 0});
  const auto on = [&outcomes](const std::vector<double>& grid) {
    return [&outcomes, grid] {
      round_up_to_grid(outcomes, grid);
      return 0;
    };
  };
  refuses(on({}), "must ascend");
  refuses(on({30, 30}), "must ascend");
  refuses(on({30, std::numeric_limits<double>::infinity()}), "must ascend");
  refuses(on({30, std::numeric_limits<double>::quiet_NaN()}), "must ascend");
}

}  // namespace statistics_survival_outcome_test
