#include "healthai/statistics/life_table.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <numeric>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"
#include "statistics/survival_data.hpp"

namespace statistics_life_table_test {

using namespace healthai;
using refusals_test::refuses;
using survival_test::hospitals;
using Counts = std::vector<std::size_t>;

namespace {

Table table(std::vector<double> times, std::vector<double> dead, std::vector<std::string> group = {},
            std::vector<std::string> ward = {}) {
  Table patients("patients");
  group.resize(times.size(), "a");
  ward.resize(times.size(), "w");
  patients.add_numeric("time", std::move(times))
      .add_numeric("dead", std::move(dead))
      .add_text("group", std::move(group))
      .add_text("ward", std::move(ward));
  return patients;
}
SurvivalPlan plan(std::vector<double> times = {}) {
  SurvivalPlan question;
  question.outcome = {"time", "dead"};
  question.times = std::move(times);
  return question;
}
template <class TransportType>
PooledLifeTable pooled(TransportType& transport, const SurvivalPlan& question) {
  Analysis<TransportType> analysis(transport);
  return analysis.over_the_same_sites([&] { return life_table(analysis, question); });
}
PooledLifeTable pooled(const std::vector<Table>& tables, const SurvivalPlan& question,
                       const DisclosureRules& rules = DisclosureRules::off()) {
  InProcess all = hospitals<ColumnLevels, DistinctTimes, LifeTable>(tables, rules);
  return pooled(all, question);
}
/// Rules that allow what these tests ask for, of hospitals of at least ten.
DisclosureRules strict(const std::vector<double>& grid) {
  DisclosureRules rules;
  rules.minimum_events = 1;
  rules.columns = {"time", "dead", "group", "ward"};
  rules.levels = {{"group", {"a", "b"}}, {"ward", {"w", "v"}}};
  rules.time_grid = grid;
  return rules;
}

}  // namespace

TEST_CASE("exact times: who leaves when, over two hospitals") {
  const PooledLifeTable counts =
      pooled({table({2, 1, 2}, {1, 0, 1}, {"b", "a", "a"}), table({2, 5}, {0, 1}, {"a", "b"})}, [] {
        SurvivalPlan question = plan();
        question.by.column = "group";
        return question;
      }());
  CHECK(counts.plan.times == std::vector<double>{1, 2, 5});
  CHECK(counts.plan.by.levels == std::vector<std::string>{"a", "b"});
  CHECK(counts.patients == Counts{3, 2});
  CHECK(counts.events == Counts{0, 1, 0, /**/ 0, 1, 1});
  CHECK(counts.censored == Counts{1, 1, 0, /**/ 0, 0, 0});
  CHECK(counts.sites.size() == 2);
  CHECK(counts.cell(0, 1) == 1);
  CHECK(counts.events_of(1)[2] == 1);
  CHECK(counts.censored_of(0)[0] == 1);
}

TEST_CASE("on a grid, what happened counts at the next time, and beyond it nobody leaves") {
  const PooledLifeTable counts = pooled({table({0, 1, 1.1, 2, 3, 9}, {1, 1, 0, 1, 1, 1})}, plan({1, 2, 4}));
  CHECK(counts.patients == Counts{6});
  CHECK(counts.events == Counts{2, 1, 1});
  CHECK(counts.censored == Counts{0, 1, 0});
}

TEST_CASE("strata one after the other, in each its groups, in the order of the plan") {
  SurvivalPlan question = plan({1, 2});
  question.by = {"group", {"b", "a"}};
  question.strata = {"ward", {"w", "v"}};
  const PooledLifeTable counts =
      pooled({table({1, 2, 1, 2}, {1, 1, 0, 1}, {"a", "b", "b", "a"}, {"w", "w", "v", "v"})}, question);
  CHECK(counts.patients == Counts{1, 1, 1, 1});
  CHECK(counts.events == Counts{/*w b*/ 0, 1, /*w a*/ 1, 0, /*v b*/ 0, 0, /*v a*/ 0, 1});
  CHECK(counts.censored == Counts{0, 0, 0, 0, 1, 0, 0, 0});
  CHECK(counts.cell(1, 0) == 2);
}

TEST_CASE("a hospital without patients of a group, and one without patients") {
  SurvivalPlan question = plan();
  question.by.column = "group";
  const PooledLifeTable counts =
      pooled({table({1}, {1}, {"a"}), table({2}, {0}, {"b"}), table({}, {})}, question);
  CHECK(counts.patients == Counts{1, 1});
  CHECK(counts.events == Counts{1, 0, 0, 0});
  CHECK(counts.censored == Counts{0, 0, 0, 1});
}

TEST_CASE("however rows are spread, the table is the same") {
  const Table& lung = survival_test::table_of("lung");
  SurvivalPlan question = plan();
  question.by.column = "sex";
  question.strata.column = "ph.ecog";  // one row misses it
  const PooledLifeTable whole = pooled({lung}, question);
  CHECK(std::accumulate(whole.patients.begin(), whole.patients.end(), std::size_t{0}) == 227);
  CHECK(rc::check([&] {
    const auto sites = *rc::gen::inRange<std::size_t>(1, 51);
    const PooledLifeTable split =
        pooled(survival_test::dealt(lung, sites, *rc::gen::arbitrary<unsigned>()), question);
    RC_ASSERT(split.plan == whole.plan);
    RC_ASSERT(split.patients == whole.patients);
    RC_ASSERT(split.events == whole.events);
    RC_ASSERT(split.censored == whole.censored);
  }));
}

TEST_CASE("under rules few are merged into the next interval, at each hospital by itself") {
  const std::vector<double> grid{2, 4, 6, 8, 10, 12};
  const std::vector<double> ones(12, 1);
  const Table two_each = table({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, ones);
  const Table many = table({2, 2, 2, 2, 2, 2, 12, 12, 12, 12, 12, 12}, ones);
  const PooledLifeTable exact = pooled({two_each, many}, plan(grid));
  CHECK(exact.events == Counts{8, 2, 2, 2, 2, 8});
  const PooledLifeTable merged = pooled({two_each, many}, plan(grid), strict(grid));
  // 2 in each of six are 6 in three, of which 4 are spread and 2 stand at the end: 1, 2, 3. Of the 6 after an empty time 4 are spread too.
  CHECK(merged.events == Counts{1 + 6, 2 + 1, 3 + 1, 1 + 0, 2 + 1, 3 + 3});
  CHECK(merged.patients == Counts{24});
  // The smallest number that may be told is the rules' own.
  DisclosureRules stricter = strict(grid);
  stricter.smallest_cell = 7;
  CHECK(pooled({two_each}, plan(grid), stricter).events == Counts{2, 2, 2, 2, 2, 2});
  // Also where the answers are masked.
  DisclosureRules masked = strict(grid);
  masked.in_sum = true;
  CHECK(pooled({two_each, many}, plan(grid), masked).events == merged.events);
}

TEST_CASE("two plans with other times of the grid, subtracted, do not tell of few") {
  // 5, 1 and 5 leave: on the times 2 and 3 alone they would be 6 and 5, and with those of all three the 1 would be known.
  const std::vector<double> grid{1, 2, 3};
  const Table some = table({1, 1, 1, 1, 1, 2, 3, 3, 3, 3, 3}, std::vector<double>(11, 1));
  CHECK(pooled({some}, plan({2, 3})).events == Counts{6, 5});
  CHECK(pooled({some}, plan(grid), strict(grid)).events == Counts{5, 2, 4});
  CHECK(pooled({some}, plan({2, 3}), strict(grid)).events == Counts{7, 4});
  CHECK(pooled({some}, plan({1, 2}), strict(grid)).events == Counts{5, 2});
  CHECK(pooled({some}, plan({3}), strict(grid)).events == Counts{11});
  refuses([&] { return pooled({some}, plan({2.5}), strict(grid)).events; }, error::disclosure,
          "times of the public grid only");
}

TEST_CASE("what an answer tells") {
  SurvivalPlan question = plan({1, 2});
  question.by = {"group", {"a", "b", "c"}};
  question.strata = {"ward", {"w"}};
  const Disclosure what = LifeTable::disclosure(
      question, LifeTable::prepare(question, table({1, 3, 2}, {1, 1, 0}, {"a", "a", "b"})));
  CHECK(what.rows == 3);
  CHECK(what.events == 2);  // also that beyond the grid
  CHECK(what.cells == std::vector<double>{2, 1, 0});
  CHECK(what.columns == std::vector<std::string>{"dead", "group", "time", "ward"});
  CHECK(what.levels.at("group") == std::vector<std::string>{"a", "b", "c"});
  CHECK(what.levels.at("ward") == std::vector<std::string>{"w"});
  CHECK(what.times == std::vector<double>{1, 2});
  CHECK_FALSE(what.single_values);
}

TEST_CASE("the rows of each stratum and group, to be compared with those of other answers") {
  SurvivalPlan question = plan({1, 2});
  question.by = {"group", {"b", "a"}};
  question.strata = {"ward", {"w", "v"}};
  const auto prepared = LifeTable::prepare(
      question, table({1, 2, 1, 2}, {1, 1, 0, 1}, {"a", "b", "a", "a"}, {"w", "w", "w", "v"}));
  CHECK(LifeTable::groups(question, prepared, strict({1, 2})) ==
        std::vector<std::vector<std::size_t>>{/*w b*/ {1}, /*w a*/ {0, 2}, /*v b*/ {}, /*v a*/ {3}});
}

TEST_CASE("plans that cannot be answered") {
  const Table some = table({1}, {1});
  const auto prepare = [&](const SurvivalPlan& question) {
    return LifeTable::prepare(question, some).patients.size();
  };
  refuses([&] { return prepare(plan()); }, "needs times");
  SurvivalPlan question = plan({1});
  question.by.column = "group";
  refuses([&] { return prepare(question); }, "the levels of its groups");
  question.by.levels = {"b"};
  refuses([&] { return prepare(question); }, error::invalid_data, "has a level besides the agreed \"b\"");
  question.by.levels.clear();
  for (std::size_t i = 0; i < 10000; ++i) question.by.levels.push_back(std::to_string(i));
  question.times.clear();
  for (std::size_t i = 0; i < 10000; ++i) question.times.push_back(static_cast<double>(i));
  refuses([&] { return prepare(question); }, "1 strata, 10000 groups and 10000 times");
  question = plan({2, 1});
  refuses([&] { return prepare(question); }, "must ascend");
}

namespace {

/// A hospital that answers what it likes.
InProcess liar(std::vector<double> patients, std::vector<double> events, std::vector<double> censored) {
  TaskHandlers handlers;
  handlers.offer<LifeTable>([=](const Request<LifeTable::Broadcast>&, std::stop_token) {
    return SummandBuilder().add("patients", patients).add("events", events).add("censored", censored).take();
  });
  InProcess one({.threads = 1});
  one.add(ClientId("liar"), std::move(handlers));
  return one;
}
void refused(InProcess one, std::string_view why) {
  refuses([&] { return pooled(one, plan({1, 2})).patients.size(); }, error::invalid_reply, why);
}

}  // namespace

TEST_CASE("sums that are no life table are refused") {
  refused(liar({2}, {1, 1}, {1, 0}), "more patients leave than there are");
  refused(liar({2}, {0.5, 0}, {0, 0}), "\"events\": expected numbers of patients");
  refused(liar({-1}, {0, 0}, {0, 0}), "\"patients\": expected numbers of patients");
  refused(liar({2}, {0, 0, 0}, {0, 0}), "expected 2 numbers \"events\", got 3");
  InProcess honest = liar({2}, {1, 0}, {0, 1});
  CHECK(pooled(honest, plan({1, 2})).patients == Counts{2});
}

TEST_CASE("the request travels as it is") {
  LifeTable::Broadcast request{plan({1, 2})};
  request.plan.by = {"group", {"a", "b"}};
  CHECK(from_bytes<LifeTable::Broadcast>(to_bytes(request)).plan == request.plan);
  CHECK(LifeTable::bytes(request) == 18);
}

}  // namespace statistics_life_table_test
