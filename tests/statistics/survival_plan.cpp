#include "healthai/statistics/survival_plan.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"
#include "statistics/survival_data.hpp"

namespace statistics_survival_plan_test {

using namespace healthai;
using refusals_test::refuses;
using survival_test::hospitals;

namespace {

Table table(std::vector<double> times, std::vector<double> dead, std::vector<std::string> group) {
  Table patients("patients");
  patients.add_numeric("time", std::move(times))
      .add_numeric("dead", std::move(dead))
      .add_text("group", std::move(group));
  return patients;
}
SurvivalPlan plan() {
  SurvivalPlan question;
  question.outcome = {"time", "dead"};
  question.by.column = "group";
  return question;
}

}  // namespace

TEST_CASE("levels and times that are left open are agreed with the hospitals") {
  // The last patient misses the group, so that its time does not count.
  InProcess three = hospitals<ColumnLevels, DistinctTimes>(
      {table({3, 1.5}, {1, 0}, {"b", "a"}), table({3, 2}, {0, 1}, {"c", "a"}), table({7}, {1}, {""})});
  Analysis<InProcess> analysis(three);
  SurvivalPlan question = plan();
  agree_on(analysis, question);
  CHECK(question.by.levels == std::vector<std::string>{"a", "b", "c"});
  CHECK(question.times == std::vector<double>{1.5, 2, 3});
  CHECK(question.by.size() == 3);
  CHECK(question.by.name(2) == "c");
  CHECK(question.strata.size() == 1);
  CHECK(question.strata.name(0).empty());
}

TEST_CASE("what is given is not asked for") {
  InProcess nobody = hospitals<>({table({1}, {1}, {"a"})});  // offers nothing
  Analysis<InProcess> analysis(nobody);
  SurvivalPlan question = plan();
  question.by.levels = {"z", "a"};
  question.times = {10, 20};
  const SurvivalPlan before = question;
  agree_on(analysis, question);
  CHECK(question == before);
}

TEST_CASE("without a level or a time there is no question") {
  InProcess empty = hospitals<ColumnLevels, DistinctTimes>({table({1}, {1}, {""})});
  Analysis<InProcess> analysis(empty);
  SurvivalPlan question = plan();
  refuses([&] { return agree_on(analysis, question), 0; }, error::invalid_data,
          "no hospital names a level of column \"group\"");
  question.by.levels = {"a"};
  refuses([&] { return agree_on(analysis, question), 0; }, error::invalid_data,
          "a value in each of the columns \"dead\", \"group\", \"time\"");
}

TEST_CASE("plans that are not sound") {
  const auto sound = [](const SurvivalPlan& question) { return question.require_sound(), 0; };
  SurvivalPlan question = plan();
  CHECK(sound(question) == 0);
  question.strata.column = "group";
  refuses([&] { return sound(question); }, "by column \"group\"");
  question = plan();
  question.by.levels = {"a", "b", "a"};
  refuses([&] { return sound(question); }, "the level \"a\" of column \"group\" twice");
  for (const std::vector<double>& times :
       {std::vector<double>{1, 1}, std::vector<double>{2, 1}, std::vector<double>{1, -1},
        std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()},
        std::vector<double>{1, std::numeric_limits<double>::infinity()}}) {
    question = plan();
    question.times = times;
    refuses([&] { return sound(question); }, "number 2 does not");
  }
  question.times = {-1};
  refuses([&] { return sound(question); }, "number 1 does not");
}

TEST_CASE("a plan travels as it is") {
  SurvivalPlan question = plan();
  question.cohort.name = "adults";
  question.by.levels = {"a", "b"};
  question.strata = {"ward", {"x"}};
  question.times = {1, 2.5};
  CHECK(from_bytes<SurvivalPlan>(to_bytes(question)) == question);
  CHECK(question.columns() == std::vector<std::string>{"dead", "group", "time", "ward"});
}

}  // namespace statistics_survival_plan_test
