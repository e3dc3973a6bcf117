#include "healthai/statistics/site.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/column_sums.hpp"
#include "healthai/statistics/describe.hpp"
#include "healthai/statistics/histogram.hpp"
#include "refusals.hpp"
#include "statistics/toy.hpp"
#include "test_folder.hpp"

namespace statistics_site_test {

using namespace healthai;
using namespace statistics_toy;
using refusals_test::refuses;

namespace {

/// Asks as a transport does.
template <class T>
typename T::Reply ask(const TaskHandlers& handlers, typename T::Broadcast broadcast) {
  const Request<typename T::Broadcast> request{
      std::make_shared<const typename T::Broadcast>(std::move(broadcast)), ClientId("north")};
  return handlers.handle<T>(request, {});
}
double sum_of(const TaskHandlers& handlers, const Total::Plan& plan) {
  const auto reply = ask<Total>(handlers, {plan});
  return reply.vectors.at(1).values.span().front();
}
Cohort where(const std::string& filter) {
  return {"", {parse_filter(filter)}};
}
template <class T>
void forbids(const TaskHandlers& handlers, typename T::Broadcast broadcast, std::string_view what) {
  refuses([&] { return ask<T>(handlers, std::move(broadcast)); }, error::disclosure, what);
}

}  // namespace

TEST_CASE("site: answers from the rows of the cohort that are complete") {
  const TaskHandlers handlers =
      StatisticsSite(patients(30, 50, 2), DisclosureRules::off()).handlers<Total, Step>();
  CHECK(sum_of(handlers, {{}, "age"}) == 30 * 50 + 29 * 15);
  CHECK(sum_of(handlers, {{}, "score"}) == 29 * 15 - 1);
  CHECK(sum_of(handlers, {where("age < 53"), "score"}) == 2);
  CHECK(ask<Step>(handlers, {{where("age < 53"), "age"}, {2}}).vectors.at(0).values.span().front() == 306);
  refuses([&] { return sum_of(handlers, {{}, "name"}); }, error::unknown_name, "name");
}

TEST_CASE("site: a column that is not allowed is not read, nor filtered by, nor named") {
  DisclosureRules rules = open_rules();
  rules.columns = {"age", "height"};
  const TaskHandlers handlers = StatisticsSite(patients(30), rules).handlers<Total>();
  CHECK(sum_of(handlers, {{}, "age"}) > 0);
  forbids<Total>(handlers, {{{}, "score"}}, "columns: the column \"score\"");
  forbids<Total>(handlers, {{where("score > 3"), "age"}}, "columns: the column \"score\"");
  forbids<Total>(handlers, {{{}, "name"}}, "columns: the column \"name\"");  // whether it is there or not
  // One that is allowed and not there: the others are not listed.
  refuses([&] { return sum_of(handlers, {{}, "height"}); }, error::unknown_name, "height");
  try {
    static_cast<void>(sum_of(handlers, {{}, "height"}));
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("score") == std::string::npos);
  }
  // A named cohort is approved, whatever column it is made by.
  rules.cohorts["low"] = {parse_filter("score < 20")};
  const TaskHandlers named = StatisticsSite(patients(30), rules).handlers<Total>();
  CHECK(sum_of(named, {{"low", {}}, "age"}) == 20 * 50 + 190);
}

TEST_CASE("site: no value is quoted in what leaves") {
  Table table = patients(30);
  table.add_text("diagnosis", std::vector<std::string>(30, "secret"));
  DisclosureRules rules = open_rules();
  rules.columns.insert("diagnosis");
  const auto message = [&](const DisclosureRules& of) {
    try {
      static_cast<void>(sum_of(StatisticsSite(table, of).handlers<Total>(), {{}, "diagnosis"}));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(message(rules) == "data: a column is of text where numbers are needed, or of numbers where text is");
  CHECK(message(DisclosureRules::off()).find("secret") != std::string::npos);
}

TEST_CASE("site: what may not be asked is refused whatever the rows are, and unfit rows are a refusal") {
  DisclosureRules rules = open_rules();
  rules.columns.insert("ward");
  rules.levels["ward"] = {"a", "b"};
  const auto with = [](const std::string& other) {
    Table table = patients(30);
    std::vector<std::string> wards(30, "a");
    wards[7] = other;
    table.add_text("ward", wards);
    return table;
  };
  for (const std::string other : {"a", "b", "secret"}) {
    const TaskHandlers handlers = StatisticsSite(with(other), rules).handlers<OnlyLevel>();
    forbids<OnlyLevel>(handlers, {{{}, "ward", "secret"}}, "levels: of the column \"ward\"");
    forbids<OnlyLevel>(StatisticsSite(with(other), rules).in_sum().handlers<OnlyLevel>(),
                       {{{}, "ward", "secret"}}, "levels: of the column \"ward\"");
    if (other == "a") {
      CHECK(ask<OnlyLevel>(handlers, {{{}, "ward", "a"}}).vectors.at(0).values.span().front() == 30);
    } else {
      // One hospital is left out of the analysis: it does not end.
      forbids<OnlyLevel>(handlers, {{{}, "ward", "a"}}, "data: there is a level that was not agreed");
    }
  }
  refuses(
      [&] {
        return ask<OnlyLevel>(StatisticsSite(with("b"), DisclosureRules::off()).handlers<OnlyLevel>(),
                              {{{}, "ward", "a"}});
      },
      error::invalid_data, "there is a level that was not agreed");
}

TEST_CASE("site: bounds that a request names are judged by the policy's, and tell nothing of the data") {
  DisclosureRules rules = open_rules();
  rules.bounds["age"] = {18, 120};
  rules.most_rows = 100;
  const auto with = [](double lower, double upper, std::uint64_t most) {
    DescribePlan plan;
    plan.columns = {"age"};
    plan.bounds = {{{"age", lower, upper}}, most};
    return plan;
  };
  // Ages from 50 to 109, and from 20 to 79: whatever is asked, the same is refused.
  for (const double youngest : {50.0, 20.0}) {
    const StatisticsSite site(patients(60, youngest), rules);
    const TaskHandlers handlers = site.in_sum().handlers<ColumnSums, BinCounts>();
    for (const double upper : {60.0, 79.0, 80.0, 109.0, 110.0, 119.9})
      forbids<ColumnSums>(handlers, {with(18, upper, 100), {}}, "bounds: the column \"age\"");
    for (const double lower : {18.1, 20.0, 50.0})
      forbids<ColumnSums>(handlers, {with(lower, 120, 100), {}}, "bounds: the column \"age\"");
    for (const std::uint64_t most : {1U, 59U, 60U, 99U}) {
      forbids<ColumnSums>(handlers, {with(18, 120, most), {}}, "most_rows: the policy says");
      forbids<BinCounts>(handlers, {{{}, "age", {0, 60, 120}, most}}, "most_cut_points");
    }
    CHECK_NOTHROW(ask<ColumnSums>(handlers, {with(18, 120, 100), {}}));
    CHECK_NOTHROW(ask<ColumnSums>(handlers, {with(0, 1000, 1000000), {}}));
    DescribePlan other = with(18, 120, 100);
    other.columns = {"score"};
    other.bounds.columns = {{"score", -1e6, 1e6}};
    forbids<ColumnSums>(handlers, {other, {}}, "bounds: the column \"score\" has no public bounds here");
  }
}

TEST_CASE("site: a hospital beyond its own bounds says so once, whichever cohort is asked for") {
  DisclosureRules rules = open_rules();
  rules.bounds["age"] = {18, 105};  // of 50 to 109
  rules.bounds["score"] = {0, 59};
  rules.most_rows = 60;
  DescribePlan plan;
  plan.columns = {"age"};
  plan.moments = 2;
  plan.bounds = {{{"age", 0, 1000}}, 60};
  for (const char* cohort : {"age < 200", "age < 80", "age > 106"}) {
    plan.cohort = where(cohort);
    forbids<ColumnSums>(
        StatisticsSite(patients(60), rules).in_sum().handlers<ColumnSums>(), {plan, {}},
        "bounds: the column \"age\" has a value outside of the bounds of this hospital's policy");
  }
  plan.columns = {"score"};
  plan.bounds = {{{"score", 0, 59}}, 60};
  plan.cohort = where("age < 80");
  CHECK_NOTHROW(ask<ColumnSums>(StatisticsSite(patients(60), rules).handlers<ColumnSums>(), {plan, {}}));
  rules.most_rows = 59;
  forbids<ColumnSums>(StatisticsSite(patients(60), rules).handlers<ColumnSums>(), {plan, {}},
                      "most_rows: there are more rows here than the policy says");
  plan.bounds = {};  // without bounds nobody minds
  CHECK_NOTHROW(ask<ColumnSums>(StatisticsSite(patients(60), rules).handlers<ColumnSums>(), {plan, {}}));
}

TEST_CASE("site: moments of a column of few values tell how many have each, and are held to smallest_cell") {
  const auto described = [](const std::vector<double>& counts, std::uint64_t moments, bool in_sum = false) {
    Table table("few");
    std::vector<double> stages;
    for (std::size_t value = 0; value < counts.size(); ++value)
      stages.insert(stages.end(), static_cast<std::size_t>(counts[value]), static_cast<double>(value));
    table.add_numeric("age", stages);
    DescribePlan plan;
    plan.columns = {"age"};
    plan.moments = moments;
    const StatisticsSite site(table, open_rules());
    const TaskHandlers handlers = (in_sum ? site.in_sum() : site).handlers<ColumnSums>();
    try {
      static_cast<void>(ask<ColumnSums>(handlers, {plan, {}}));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("told");
  };
  const std::string small = "smallest_cell: here is a number that stands for fewer than 5 patients";
  CHECK(described({40, 20, 4}, 4) == small);
  CHECK(described({40, 20, 9, 4}, 4) == small);
  CHECK(described({40, 20, 9, 9, 4}, 4) == small);
  CHECK(described({40, 20, 9, 9, 9, 4}, 4) == "told");  // five equations do not tell six counts
  CHECK(described({40, 20, 9, 9, 5}, 4) == "told");
  CHECK(described({40, 20, 4}, 2) == small);
  CHECK(described({40, 20, 9, 4}, 2) == "told");
  CHECK(described({40, 20, 4}, 4, true) == "told");  // of the sum alone
}

TEST_CASE("site: filters of an approved cohort are not quoted") {
  DisclosureRules rules = open_rules();
  rules.cohorts["text"] = {parse_filter("age == secret")};
  rules.cohorts["column"] = {parse_filter("secret == 3")};
  const TaskHandlers handlers = StatisticsSite(patients(30), rules).handlers<Total>();
  for (const std::string cohort : {"text", "column"}) {
    try {
      static_cast<void>(sum_of(handlers, {{cohort, {}}, "age"}));
      FAIL("not refused");
    } catch (const Error& e) {
      CHECK(e.id() == error::disclosure);
      CHECK(std::string(e.what()) ==
            "cohorts: a filter of the cohort \"" + cohort + "\" does not fit the column that it is of");
    }
  }
  // The asker's own is the asker's to see.
  refuses([&] { return sum_of(handlers, {where("age == mine"), "age"}); }, "mine");
}

TEST_CASE("site: a description is given again, after others, after a restart, and in its other form") {
  const TestFolder folder;
  const auto all = [&] {
    return StatisticsSite(patients(60, 50, 2), open_rules(), folder.file("answered"))
        .handlers<SiteColumns, ColumnSums, Total>();
  };
  DescribePlan scores;
  scores.columns = {"age", "score"};  // of all, and of those who have a score: two fewer
  DescribePlan ages;
  ages.columns = {"age"};
  const auto n = [](const TaskHandlers& handlers, const DescribePlan& plan) {
    const auto reply = ask<ColumnSums>(handlers, {plan, {}});
    const auto values = reply.vectors.at(0).values.span();
    return std::vector<double>(values.begin(), values.end());
  };
  {
    const TaskHandlers handlers = all();
    CHECK(n(handlers, scores) == std::vector<double>{60, 58});
    CHECK(n(handlers, scores) == std::vector<double>{60, 58});
    CHECK_NOTHROW(ask<SiteColumns>(handlers, {scores}));
    forbids<ColumnSums>(handlers, {ages, {}}, "smallest_cell: an earlier answer");  // differs from the 58
    CHECK(n(handlers, scores) == std::vector<double>{60, 58});
  }
  const TaskHandlers handlers = all();
  CHECK_NOTHROW(ask<SiteColumns>(handlers, {scores}));
  CHECK(n(handlers, scores) == std::vector<double>{60, 58});
  forbids<Total>(handlers, {{{}, "score"}}, "smallest_cell: an earlier answer");
}

TEST_CASE("site: groups are those that the hospital's own rules tell") {
  DisclosureRules rules = open_rules();
  rules.most_cut_points["score"] = 1;
  rules.smallest_cell = 15;
  const StatisticsSite site(patients(60), rules);
  const TaskHandlers handlers = site.handlers<HidingHalves, Halves, Total>();
  CHECK_NOTHROW(ask<HidingHalves>(handlers, {{{}, "score", 48}}));
  // The other half, of 12, was hidden, and so is not compared with one patient fewer; by the rule's default it would have been told.
  CHECK(sum_of(handlers, {where("score >= 49"), "age"}) > 0);
  forbids<Total>(handlers, {{where("score < 47"), "age"}}, "smallest_cell: an earlier answer");
  // The same question may tell of the same rows again (all, and 48 of them), another may not.
  CHECK_NOTHROW(ask<HidingHalves>(site.handlers<HidingHalves>(), {{{}, "score", 48}}));
  forbids<HidingHalves>(handlers, {{{}, "score", 20}}, "smallest_cell: an earlier answer");  // all, less 48
  // A half of one is nothing to refuse in a sum.
  forbids<HidingHalves>(StatisticsSite(patients(60), rules).handlers<HidingHalves>(), {{{}, "score", 1}},
                        "nothing hides");
  CHECK_NOTHROW(ask<HidingHalves>(StatisticsSite(patients(60), rules).in_sum().handlers<HidingHalves>(),
                                  {{{}, "score", 1}}));
}

TEST_CASE("site: size rules and what is asked") {
  const TaskHandlers handlers = StatisticsSite(patients(30), open_rules()).handlers<Total>();
  CHECK(sum_of(handlers, {where("age < 60"), "age"}) == 545);
  forbids<Total>(handlers, {{where("age < 59"), "age"}}, "minimum_rows: ");
  forbids<Total>(handlers, {{where("age < 0"), "age"}}, "minimum_rows: ");
  forbids<Total>(handlers, {{{}, "age", 4}}, "rows_per_parameter: ");
  forbids<Total>(handlers, {{{}, "age", 1, true}}, "single_values: ");
  // A refusal is no state: what is allowed is answered as before.
  CHECK(sum_of(handlers, {where("age < 60"), "age"}) == 545);
}

TEST_CASE("site: in a sum, small hospitals take part, and the questions stay bounded") {
  const StatisticsSite site(patients(7), open_rules());
  const TaskHandlers plain = site.handlers<Total>();
  const TaskHandlers masked = site.in_sum().handlers<Total>();
  forbids<Total>(plain, {{{}, "age"}}, "minimum_rows: ");
  CHECK(sum_of(masked, {{}, "age", 3}) == 7 * 53);
  forbids<Total>(masked, {{{}, "name"}}, "columns: ");
  forbids<Total>(masked, {{{}, "age", 1, true}}, "single_values: ");
  // Sums of two cohorts can be subtracted as well as answers can.
  forbids<Total>(masked, {{where("age > 50"), "age"}}, "smallest_cell: ");
  CHECK(site.rules().in_sum == false);
  CHECK(site.in_sum().rules().in_sum);
}

TEST_CASE("site: two cohorts that differ by three patients are not both answered") {
  const StatisticsSite site(patients(60), open_rules());
  const TaskHandlers handlers = site.handlers<Total, Step>();
  const double all = sum_of(handlers, {{}, "age"});
  forbids<Total>(handlers, {{where("age >= 53"), "age"}}, "smallest_cell: an earlier answer");
  // By no other statistic either, nor by other handlers of the same hospital.
  forbids<Step>(handlers, {{where("age >= 53"), "age"}, {1}}, "smallest_cell: an earlier answer");
  forbids<Total>(site.handlers<Total>(), {{where("age >= 53"), "age"}}, "smallest_cell: an earlier answer");
  CHECK(all - sum_of(handlers, {where("age >= 55"), "age"}) == 50 + 51 + 52 + 53 + 54);
  // With rules off the attack works, which is why there are rules.
  const TaskHandlers open = StatisticsSite(patients(60), DisclosureRules::off()).handlers<Total>();
  CHECK(sum_of(open, {{}, "age"}) - sum_of(open, {where("age >= 51"), "age"}) == 50);
}

TEST_CASE("site: incomplete rows make a difference too") {
  const TaskHandlers few = StatisticsSite(patients(60, 50, 3), open_rules()).handlers<Total>();
  CHECK(sum_of(few, {{}, "age"}) > 0);
  forbids<Total>(few, {{{}, "score"}}, "smallest_cell: an earlier answer");
  // In a cohort of complete rows both are answered.
  CHECK(sum_of(few, {where("score >= 10"), "age"}) > 0);
  CHECK(sum_of(few, {where("score >= 10"), "score"}) > 0);
  const TaskHandlers many = StatisticsSite(patients(60, 50, 5), open_rules()).handlers<Total>();
  CHECK(sum_of(many, {{}, "age"}) > 0);
  CHECK(sum_of(many, {{}, "score"}) > 0);
}

TEST_CASE("site: what was answered is known after a restart") {
  const TestFolder folder;
  const auto handlers = [&](DisclosureRules rules) {
    return StatisticsSite(patients(60), std::move(rules), folder.file("answered")).handlers<Total>();
  };
  CHECK(sum_of(handlers(open_rules()), {{}, "age"}) > 0);
  {
    const TaskHandlers restarted = handlers(open_rules());
    forbids<Total>(restarted, {{where("age >= 53"), "age"}}, "smallest_cell: an earlier answer");
    CHECK(sum_of(restarted, {{}, "age"}) > 0);
  }
  // What was only refused is not held against anybody.
  CHECK(sum_of(handlers(open_rules()), {where("age >= 55"), "age"}) > 0);
  forbids<Total>(handlers(open_rules()), {{where("age >= 53"), "age"}}, "smallest_cell: an earlier answer");
}

TEST_CASE("site: an answer without numbers is not compared") {
  Table table = patients(60, 50, 3);
  std::vector<std::string> wards(60, "a");
  for (std::size_t row = 30; row < 60; ++row) wards[row] = "b";
  wards[0].clear();
  wards[59] = "c";
  table.add_text("ward", wards);
  DisclosureRules rules = open_rules();
  rules.columns.insert("ward");
  rules.levels["ward"] = {"a", "b", "c"};
  const TaskHandlers handlers = StatisticsSite(table, rules).handlers<Total, ColumnLevels>();
  CHECK(sum_of(handlers, {{}, "age"}) > 0);
  CHECK(ask<ColumnLevels>(handlers, {{{}, "ward"}}).levels ==
        std::vector<std::string>{"a", "b"});  // c is one patient
  CHECK(sum_of(handlers, {{}, "age"}) > 0);
  // Its rows were not noted: these differ in one from them.
  CHECK(sum_of(handlers, {where("age >= 55"), "age"}) > 0);
}

TEST_CASE("site: two histograms whose cut points lie side by side are not both answered") {
  DisclosureRules rules = open_rules();
  rules.most_cut_points["score"] = 1;
  const TaskHandlers handlers = StatisticsSite(patients(90, 50, 10), rules).handlers<Halves, Total>();
  const auto below = [&](double limit, const Cohort& cohort = {}) {
    return ask<Halves>(handlers, {{cohort, "score", limit}}).vectors.at(0).values.span().front();
  };
  CHECK(below(40) == 30);
  CHECK(below(40) == 30);
  forbids<Halves>(handlers, {{{}, "score", 41}}, "smallest_cell: an earlier answer");
  forbids<Halves>(handlers, {{{}, "score", 36}}, "smallest_cell: an earlier answer");
  CHECK(below(45) == 35);
  // Nor a cohort that is nearly one of the bins: scores of 10 to 40 against those below 40.
  forbids<Total>(handlers, {{where("score <= 40"), "score"}}, "smallest_cell: an earlier answer");
  CHECK(sum_of(handlers, {where("score < 40"), "score"}) > 0);
  // A bin of few is refused by itself.
  forbids<Halves>(handlers, {{{}, "score", 13}}, "smallest_cell: here");
  forbids<Halves>(handlers, {{{}, "age", 60}}, "most_cut_points: ");
}

TEST_CASE("site: the steps of a fit are few, and near what a fit needs") {
  DisclosureRules rules = open_rules();
  rules.most_steps = 3;
  const TaskHandlers handlers = StatisticsSite(patients(60), rules).handlers<Step>();
  const Total::Plan plan{{}, "age"};
  const auto step = [&](double beta, const Total::Plan& of) { return ask<Step>(handlers, {of, {beta}}); };
  for (const double beta :
       {20.1, -20.1, std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()})
    forbids<Step>(handlers, {plan, {beta}}, "largest_coefficient: ");
  CHECK_NOTHROW(step(0, plan));
  CHECK_NOTHROW(step(20, plan));
  CHECK_NOTHROW(step(-20, plan));
  forbids<Step>(handlers, {plan, {1}}, "most_steps: ");
  CHECK_NOTHROW(step(20, plan));  // was told before: the same fit may be made again
  // Another question has steps of its own, and gives this one none back.
  const Total::Plan other{{}, "age", 1};
  CHECK_NOTHROW(step(1, other));
  forbids<Step>(handlers, {plan, {1}}, "most_steps: ");
  // Nor do scales that are not true make a coefficient small.
  const auto scaled = [](double beta, double scale) {
    ScaledStep::Broadcast broadcast;
    broadcast.plan.column = "age";
    broadcast.plan.scale = scale;
    broadcast.beta = {beta};
    return broadcast;
  };
  const double age = 80;  // of 50 to 109 the root mean square is 81.4
  const TaskHandlers fits = StatisticsSite(patients(60), open_rules()).handlers<ScaledStep>();
  CHECK_NOTHROW(ask<ScaledStep>(fits, scaled(20, age)));
  CHECK_NOTHROW(ask<ScaledStep>(fits, scaled(20, 1000 * age)));  // a scale too large makes none larger
  forbids<ScaledStep>(fits, scaled(20.1, 1000 * age), "largest_coefficient: ");
  CHECK_NOTHROW(ask<ScaledStep>(fits, scaled(5, age / 4)));
  forbids<ScaledStep>(fits, scaled(5.1, age / 4), "largest_coefficient: ");
  forbids<ScaledStep>(fits, scaled(-5.1, age / 4), "largest_coefficient: ");
  forbids<ScaledStep>(fits, scaled(1, age / 1000), "largest_coefficient: ");
  CHECK_NOTHROW(ask<ScaledStep>(fits, scaled(0, age / 1000)));
  forbids<ScaledStep>(fits, scaled(0, 0), "largest_coefficient: ");  // a spread without end
  ScaledStep::Broadcast two = scaled(1, age);
  two.beta = {1, 1};
  refuses([&] { return ask<ScaledStep>(fits, two); }, "expected at most 1 coefficients, got 2");
  // Rules that are off count nothing.
  const TaskHandlers open = StatisticsSite(patients(60), DisclosureRules::off()).handlers<Step>();
  for (int i = 0; i < 100; ++i) CHECK_NOTHROW(ask<Step>(open, {plan, {i + 21.0}}));
}

}  // namespace statistics_site_test
