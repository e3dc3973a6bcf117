// Hospitals whose own rules forbid an analysis are left out of it.
#include "healthai/statistics/analysis.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/transport/in_process.hpp"
#include "refusals.hpp"
#include "statistics/toy.hpp"

namespace statistics_leaving_out_test {

using namespace healthai;
using namespace statistics_toy;
using refusals_test::refuses;

namespace {

void add(InProcess& hospitals, const std::string& id, const Table& table, const DisclosureRules& rules) {
  hospitals.add(id, StatisticsSite(table, rules).handlers<Total, Step, ColumnLevels>());
}

}  // namespace

TEST_CASE("leaving out: sums are over all hospitals, in the order of their ids") {
  InProcess hospitals;
  add(hospitals, "south", patients(20, 30), DisclosureRules::off());
  add(hospitals, "north", patients(1, 70), DisclosureRules::off());
  Analysis analysis(hospitals);
  const Sums sums = analysis.sum<Total>({{{}, "age"}});
  CHECK(sums.number("n") == 21);
  CHECK(sums.number("sum") == 20 * 30 + 190 + 70);
  CHECK(sums.sites == std::vector<ClientId>{"north", "south"});
  CHECK(analysis.left_out().empty());
  CHECK_THROWS_AS(static_cast<void>(sums.number("other")), Error);
  InProcess nobody;
  refuses([&] { return Analysis(nobody).sites().size(); }, error::no_clients, "at least one");
}

TEST_CASE("leaving out: a hospital whose rules forbid it is left out, and named with the rule") {
  InProcess hospitals;
  add(hospitals, "large", patients(40), open_rules());
  add(hospitals, "small", patients(9), open_rules());
  add(hospitals, "strict", patients(40), DisclosureRules{});
  Analysis analysis(hospitals);
  const Sums sums = analysis.sum<Total>({{{}, "age"}});
  CHECK(sums.number("n") == 40);
  CHECK(sums.sites == std::vector<ClientId>{"large"});
  CHECK(analysis.sites() == std::vector<ClientId>{"large"});
  REQUIRE(analysis.left_out().size() == 2);
  for (const Failure& failure : analysis.left_out()) {
    CHECK(failure.error == "disclosure");
    const std::string rule = failure.client == ClientId("small") ? "minimum_rows: " : "columns: ";
    CHECK_MESSAGE(failure.message.find(rule) != std::string::npos, failure.message);
  }
}

TEST_CASE("leaving out: a hospital with rules whose data are not as asked for is left out") {
  DisclosureRules rules = open_rules();
  rules.columns.insert("ward");
  rules.levels["ward"] = {"a"};
  InProcess hospitals;
  for (const std::string other : {"a", "b"}) {
    Table table = patients(30);
    std::vector<std::string> wards(30, "a");
    wards[3] = other;
    table.add_text("ward", wards);
    hospitals.add("other-" + other, StatisticsSite(table, rules).handlers<OnlyLevel>());
  }
  Analysis analysis(hospitals);
  CHECK(analysis.sum<OnlyLevel>({{{}, "ward", "a"}}).number("n") == 30);
  REQUIRE(analysis.left_out().size() == 1);
  CHECK(analysis.left_out()[0].client == ClientId("other-b"));
  CHECK(analysis.left_out()[0].message.find("data: there is a level") != std::string::npos);
}

TEST_CASE("leaving out: one that is left out later is left out of everything") {
  InProcess hospitals;
  add(hospitals, "large", patients(40), open_rules());
  add(hospitals, "middle", patients(12), open_rules());
  Analysis analysis(hospitals);
  int rounds = 0;
  const auto [first, second] = analysis.over_the_same_sites([&] {
    ++rounds;
    const double n = analysis.sum<Total>({{{}, "age"}}).number("n");
    const double again = analysis.sum<Total>({{{}, "age", 2}}).number("n");  // 20 rows for 2 parameters
    return std::pair(n, again);
  });
  CHECK(rounds == 2);
  CHECK(first == 40);  // not 52
  CHECK(second == 40);
  REQUIRE(analysis.left_out().size() == 1);
  CHECK(analysis.left_out()[0].client == ClientId("middle"));
  CHECK(analysis.left_out()[0].message.find("rows_per_parameter: ") != std::string::npos);
}

TEST_CASE("leaving out: answers that are no sums leave out likewise") {
  DisclosureRules rules = open_rules();
  rules.levels["score"] = {"0", "1"};
  rules.smallest_cell = 1;
  InProcess hospitals;
  add(hospitals, "large", patients(40), rules);
  add(hospitals, "strict", patients(40), DisclosureRules{});
  Analysis analysis(hospitals);
  const auto replies = analysis.each<ColumnLevels>({{{}, "score"}});
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].first == ClientId("large"));
  CHECK(replies[0].second.levels == std::vector<std::string>{"0", "1"});
  CHECK(analysis.left_out().size() == 1);
}

TEST_CASE("leaving out: where nobody may answer, all rules are named; other failures are no rules") {
  InProcess hospitals;
  add(hospitals, "small", patients(9), open_rules());
  add(hospitals, "strict", patients(40), DisclosureRules{});
  Analysis analysis(hospitals);
  refuses([&] { return analysis.sum<Total>({{{}, "age"}}); }, error::disclosure, "minimum_rows: ");
  InProcess others;
  add(others, "strict", patients(40), DisclosureRules{});
  add(others, "well", patients(40), DisclosureRules::off());
  others.add("broken", TaskHandlers().offer<Total>(
                           [](const Request<Total::Broadcast>&, std::stop_token) -> Total::Reply {
                             throw Error(error::invalid_data, "the disk is upside down");
                           }));
  Analysis failing(others);
  refuses(
      [&] {
        return failing.sum<Total>({{{}, "age"}});
      },
      error::below_quorum, "client broken: the disk is upside down");
}

}  // namespace statistics_leaving_out_test
