#include "healthai/statistics/group_tests.hpp"

#include <doctest/doctest.h>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_group_tests_test {

using namespace hospitals_test;
using refusals_test::refuses;

TEST_CASE("group tests: age by sex and by hospital, as R tests it") {
  for_splits_of_lung([](InProcess& hospitals) {
    const TTest t = t_test(hospitals, {{}, "age", "sex", {}, {}});
    const auto& welch = reference()["tests"]["welch_t_age_by_sex"];
    CHECK_CLOSE(t.welch.t, welch["t"].get<double>());
    CHECK_CLOSE(t.welch.df, welch["df"].get<double>());
    CHECK_CLOSE(t.welch.p_value, welch["p"].get<double>());
    CHECK_CLOSE(t.groups.at(0).mean, welch["means"][0].get<double>());
    CHECK_CLOSE(t.groups.at(1).mean, welch["means"][1].get<double>());
    CHECK_CLOSE(t.difference, welch["means"][0].get<double>() - welch["means"][1].get<double>());
    CHECK(t.groups[0].n == 138);
    const auto& student = reference()["tests"]["student_t_age_by_sex"];
    CHECK_CLOSE(t.student.t, student["t"].get<double>());
    CHECK(t.student.df == student["df"].get<double>());
    CHECK_CLOSE(t.student.p_value, student["p"].get<double>());

    const Anova f = anova(hospitals, {{}, "age", "hospital", {}, {}});
    const auto& expected = reference()["tests"]["anova_age_by_hospital"];
    CHECK_CLOSE(f.f, expected["F"].get<double>());
    CHECK_CLOSE(f.p_value, expected["p"].get<double>());
    CHECK(f.df_between == expected["df"][0].get<double>());
    CHECK(f.df_within == expected["df"][1].get<double>());
    CHECK_CLOSE(f.squares_between, expected["ss"][0].get<double>());
    CHECK_CLOSE(f.squares_within, expected["ss"][1].get<double>());
    CHECK(f.groups.size() == 10);
    // Of two groups F is the square of Student's t, with the same p.
    const Anova two = anova(hospitals, {{}, "age", "sex", {}, {}});
    CHECK_CLOSE(two.f, t.student.t * t.student.t);
    CHECK_CLOSE(two.p_value, t.student.p_value, 1e-11);
  });
}

TEST_CASE("group tests: the interval of the difference is where p is one minus its confidence") {
  InProcess hospitals{{.threads = 1}};
  hospitals.add("all", all_handlers(lung()));
  const GroupTestPlan plan{{}, "age", "sex", {}, {}};
  const TTest t = t_test(hospitals, plan);
  CHECK_CLOSE(t.welch.upper + t.welch.lower, 2 * t.difference);
  // 0 is an end of the interval with confidence 1 - p.
  const TTest at_zero = t_test(hospitals, plan, {1 - t.welch.p_value, {}});
  CHECK(std::fabs(at_zero.welch.lower) < 1e-9);
  CHECK(t.welch.lower < 0);
  CHECK(t_test(hospitals, plan, {0.99, {}}).student.lower < t.student.lower);
}

TEST_CASE("group tests: federated equals pooled, also of numbers around 1e9") {
  CHECK(rc::check("random tables, 1 to 50 sites", [] {
    const auto rows = *rc::gen::inRange<std::size_t>(40, 300);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000000);
    const auto site = random_sites(rows, *rc::gen::inRange<std::size_t>(1, 51), seed);
    const Table table = random_table(rows, seed, site);
    InProcess hospitals{{.threads = 1}};
    add_split(hospitals, table, site);
    const LongMoments a(values_of(table, "y", "group", "a"));
    const LongMoments b(values_of(table, "y", "group", "b"));
    const LongMoments c(values_of(table, "y", "group", "c"));
    RC_PRE(a.n > 1 && b.n > 1 && c.n > 1);
    const GroupTestPlan plan{{}, "y", "group", {"a", "b", "c"}, {}};
    const Anova f = anova(hospitals, plan);
    const long double mean = (a.n * a.mean + b.n * b.mean + c.n * c.mean) / (a.n + b.n + c.n);
    long double between = 0, within = 0;
    for (const LongMoments& g : {a, b, c}) {
      between += g.n * (g.mean - mean) * (g.mean - mean);
      within += g.s2;
    }
    // Means of 1e9 in long double are good to 1e-10 of the spread: so are their differences, which are about 0.1.
    RC_ASSERT(close(f.squares_within, static_cast<double>(within), 1e-10));
    RC_ASSERT(close(f.squares_between, static_cast<double>(between), 1e-8, 1));
    GroupTestPlan two = plan;
    two.cohort.filters = {parse_filter("group != c")};
    two.levels = {"a", "b"};
    const TTest t = t_test(hospitals, two);
    const long double error = std::sqrt(a.s2 / (a.n - 1) / a.n + b.s2 / (b.n - 1) / b.n);
    RC_ASSERT(close(t.welch.t, static_cast<double>((a.mean - b.mean) / error), 1e-8, 1));
  }));
}

TEST_CASE("group tests: what cannot be compared") {
  InProcess hospitals{{.threads = 1}};
  Table table("few");
  table.add_numeric("x", {1, 1, 2, 2, 5})
      .add_text("g", {"a", "a", "b", "b", "c"})
      .add_text("h", {"a", "b", "b", "b", ""});
  hospitals.add("one", all_handlers(table));
  refuses([&] { return t_test(hospitals, {{}, "x", "g", {}, {}}); }, error::invalid_argument, "got 3 levels");
  refuses(
      [&] {
        return t_test(hospitals, {{}, "x", "h", {}, {}});
      },
      error::invalid_argument, "at least two values each");
  refuses(
      [&] {
        return anova(hospitals, {{}, "x", "g", {}, {}});
      },
      error::invalid_data, "do not vary within");
  GroupTestPlan two{{"", {parse_filter("g != c")}}, "x", "g", {}, {}};
  refuses([&] { return t_test(hospitals, two); }, error::invalid_data, "do not vary within");
  refuses(
      [&] {
        return t_test(hospitals, {{}, "x", "", {}, {}});
      },
      error::invalid_argument, "a column to group by");
  refuses([&] { return t_test(hospitals, two, {1, {}}); }, error::invalid_argument, "between 0 and 1");
}

}  // namespace statistics_group_tests_test
