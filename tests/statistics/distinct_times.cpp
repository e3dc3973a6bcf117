#include "healthai/statistics/distinct_times.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "healthai/statistics/site.hpp"
#include "healthai/transport/in_process.hpp"
#include "refusals.hpp"

namespace statistics_distinct_times_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

Table table_of(std::vector<double> time, std::vector<double> event, std::vector<double> age) {
  Table table("patients");
  table.add_numeric("days", std::move(time)).add_numeric("status", std::move(event));
  table.add_numeric("age", std::move(age));
  return table;
}
const double missing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("times of events, each once, of rows that miss nothing") {
  InProcess hospitals;
  hospitals.add("north",
                StatisticsSite(table_of({9, 3, 3, 5}, {1, 1, 1, 0}, {1, 1, 1, 1}), DisclosureRules::off())
                    .handlers<DistinctTimes>());
  hospitals.add("south",
                StatisticsSite(table_of({4, 3, 8}, {1, 1, 1}, {1, 1, missing}), DisclosureRules::off())
                    .handlers<DistinctTimes>());
  Analysis analysis(hospitals);
  DistinctTimes::Plan plan{{}, {"days", "status"}, {"age"}, false};
  CHECK(agree_times(analysis, plan) == std::vector<double>{3, 4, 9});
  plan.with_censored = true;
  CHECK(agree_times(analysis, plan) == std::vector<double>{3, 4, 5, 9});
  plan.complete.clear();
  CHECK(agree_times(analysis, plan) == std::vector<double>{3, 4, 5, 8, 9});
}

TEST_CASE("they are values of single patients") {
  const DistinctTimes::Plan plan{{}, {"days", "status"}, {"age"}, false};
  const auto prepared = DistinctTimes::prepare(plan, table_of({9, 3}, {1, 0}, {1, 2}));
  const Disclosure what = DistinctTimes::disclosure(plan, prepared);
  CHECK(what.single_values);
  CHECK(what.rows == 2);
  CHECK(what.events == 1u);
  CHECK(what.times == std::vector<double>{9});
  CHECK(what.columns == std::vector<std::string>{"age", "days", "status"});
}

TEST_CASE("a hospital that makes up times is named") {
  InProcess hospitals;
  TaskHandlers liar;
  liar.offer<DistinctTimes>([](const Request<DistinctTimes::Broadcast>&, std::stop_token) {
    return DistinctTimes::Reply{{3, std::numeric_limits<double>::infinity()}};
  });
  hospitals.add("north", liar);
  Analysis analysis(hospitals);
  refuses([&] { return agree_times(analysis, {}); }, error::invalid_reply,
          "client north sent a time that is negative or not finite");
}

}  // namespace statistics_distinct_times_test
