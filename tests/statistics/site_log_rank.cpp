#include "healthai/statistics/site_log_rank.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"

namespace statistics_site_log_rank_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

Table patients() {
  Table table("patients");
  table.add_numeric("time", {1, 2, 3, 4})
      .add_numeric("dead", {1, 1, 0, 1})
      .add_text("g", {"a", "b", "a", "b"})
      .add_text("s", {"x", "x", "y", "y"});
  return table;
}
SiteLogRank::Plan plan(double rho = 0) {
  SiteLogRank::Plan question;
  question.survival.outcome = {"time", "dead"};
  question.survival.by = {"g", {"a", "b", "c"}};
  question.rho = rho;
  return question;
}

}  // namespace

TEST_CASE("the hospital's own moments, at its own times") {
  const auto prepared = SiteLogRank::prepare(plan(), patients());
  CHECK(prepared.moments.patients == std::vector<double>{2, 2, 0});
  CHECK(prepared.moments.observed == std::vector<double>{1, 2, 0});
  // At risk at 1: 2 and 2; at 2: 1 and 2; at 4: 0 and 1.
  CHECK(prepared.moments.expected[0] == doctest::Approx(1.0 / 2 + 1.0 / 3).epsilon(1e-15));
  CHECK(prepared.moments.expected[2] == 0);
  CHECK(prepared.events == std::vector<std::size_t>{1, 2, 0});
}

TEST_CASE("strata within the hospital") {
  SiteLogRank::Plan question = plan();
  question.survival.strata = {"s", {"y", "x", "z"}};
  const auto prepared = SiteLogRank::prepare(question, patients());
  // x: one of each, an event in the first, then the second is alone. y: the second is alone.
  CHECK(prepared.moments.expected == std::vector<double>{0.5, 2.5, 0});
  CHECK(prepared.moments.variance == std::vector<double>{0.25, -0.25, 0, -0.25, 0.25, 0, 0, 0, 0});
}

TEST_CASE("a hospital without patients adds nothing") {
  const auto prepared = SiteLogRank::prepare(plan(), patients().select(std::vector<std::size_t>{}));
  CHECK(prepared.moments.patients == std::vector<double>{0, 0, 0});
  CHECK(prepared.moments.variance == std::vector<double>(9, 0.0));
}

TEST_CASE("what an answer tells") {
  const auto prepared = SiteLogRank::prepare(plan(1), patients());
  const Disclosure what = SiteLogRank::disclosure(plan(1), prepared);
  CHECK(what.rows == 4);
  CHECK(what.events == 3);
  CHECK(what.parameters == 2);
  CHECK(what.cells == std::vector<double>{2, 1, 2, 2, 0, 0});
  CHECK(what.columns == std::vector<std::string>{"dead", "g", "time"});
  CHECK(what.levels.at("g").size() == 3);
  CHECK(what.times.empty());
  CHECK_FALSE(what.single_values);
}

TEST_CASE("the patients of each stratum are told") {
  SiteLogRank::Plan question = plan();
  question.survival.strata = {"s", {"y", "x", "z"}};
  const Table three = patients().select(std::vector<std::size_t>{0, 1, 3});
  const Disclosure what = SiteLogRank::disclosure(question, SiteLogRank::prepare(question, three));
  CHECK(what.cells == std::vector<double>{1, 1, 2, 2, 0, 0, /*strata*/ 1, 2, 0});
  CHECK(what.levels.at("s") == question.survival.strata.levels);
}

TEST_CASE("under rules: at all times of their grid, with a rho of 0 or 1") {
  DisclosureRules rules;
  rules.time_grid = {4, 2};
  const auto patients_of = [](const SiteLogRank::Plan& question, const DisclosureRules& under) {
    const Sums sums{
        SiteLogRank::answer(SiteLogRank::prepare(question, patients()), {question}, under).vectors, {}};
    const auto values = sums.vector("patients", 3);
    return std::vector<double>(values.begin(), values.end());
  };
  SiteLogRank::Plan question = plan();
  for (const std::vector<double>& times : {std::vector<double>{}, {2}, {4}, {2, 3, 4}}) {
    question.survival.times = times;
    refuses([&] { return patients_of(question, rules); }, error::disclosure, "time_grid: ");
    CHECK(patients_of(question, DisclosureRules::off()) == std::vector<double>{2, 2, 0});
  }
  question.survival.times = {2, 4};
  for (const double rho : {0.0, 1.0}) {
    question.rho = rho;
    CHECK(patients_of(question, rules) == std::vector<double>{2, 2, 0});
  }
  question.rho = 0.5;
  refuses([&] { return patients_of(question, rules); }, error::disclosure, "single_values: ");
  CHECK(patients_of(question, DisclosureRules::off()) == std::vector<double>{2, 2, 0});
  // Rules without a grid allow none.
  question.rho = 0;
  question.survival.times.clear();
  refuses([&] { return patients_of(question, DisclosureRules{}); }, error::disclosure, "time_grid: ");
}

TEST_CASE("the answer fits the ranges of a secure sum by name and size") {
  const SiteLogRank::Broadcast request{plan()};
  const auto answer =
      SiteLogRank::answer(SiteLogRank::prepare(request.plan, patients()), request, DisclosureRules::off());
  const secagg::SegmentPlan segments(SiteLogRank::vector_segments(request),
                                     SiteLogRank::scalar_segments(request), 1, 200);
  segments.require_fit(answer);
  CHECK(from_bytes<SiteLogRank::Broadcast>(to_bytes(request)).plan == request.plan);
}

TEST_CASE("questions that cannot be answered") {
  refuses([] { return SiteLogRank::prepare(plan(-0.5), patients()).events.size(); }, "got -0.5");
  SiteLogRank::Plan question = plan();
  question.survival.by.levels = {"a"};
  refuses([&] { return SiteLogRank::prepare(question, patients()).events.size(); }, error::invalid_data,
          "has a level besides");
  question.survival.by.levels.clear();
  refuses([&] { return SiteLogRank::prepare(question, patients()).events.size(); }, "needs 1 to 1000 groups");
}

}  // namespace statistics_site_log_rank_test
