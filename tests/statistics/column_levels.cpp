#include "healthai/statistics/column_levels.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "refusals.hpp"
#include "statistics/survival_data.hpp"

namespace statistics_column_levels_test {

using namespace healthai;
using refusals_test::refuses;
using Levels = std::vector<std::string>;

namespace {

Table texts(std::vector<std::string> values) {
  Table table("texts");
  table.add_text("c", std::move(values));
  return table;
}
Table numbers(std::vector<double> values) {
  Table table("numbers");
  table.add_numeric("c", std::move(values));
  return table;
}
Levels levels_of(const std::vector<Table>& tables, const DisclosureRules& rules = DisclosureRules::off(),
                 const Cohort& cohort = {}) {
  InProcess all = survival_test::hospitals<ColumnLevels>(tables, rules);
  Analysis<InProcess> analysis(all);
  return agree_levels(analysis, cohort, "c");
}
DisclosureRules strict() {
  DisclosureRules rules;
  rules.minimum_rows = 1;
  rules.columns = {"c"};
  rules.levels["c"] = {"x", "y"};
  rules.smallest_cell = 2;
  return rules;
}

}  // namespace

TEST_CASE("all levels that anybody has, each once, without missing ones") {
  CHECK(levels_of({texts({"y", "x", "y", ""}), texts({"z", "x"}), texts({""})}) == Levels{"x", "y", "z"});
  CHECK(levels_of({texts({""})}).empty());
}

TEST_CASE("numbers are in the order of numbers, and as a person writes them") {
  CHECK(levels_of({numbers({10, 9}), numbers({2.5, 9, -1})}) == Levels{"-1", "2.5", "9", "10"});
  // A hospital without a single value does not know that they are numbers.
  CHECK(levels_of({numbers({10, 9}), texts({""})}) == Levels{"9", "10"});
  // One with texts does: all are texts then.
  CHECK(levels_of({numbers({10, 9}), texts({"none"})}) == Levels{"10", "9", "none"});
}

TEST_CASE("only of the rows of the cohort") {
  CHECK(levels_of({numbers({1, 2, 3})}, DisclosureRules::off(), {"", {parse_filter("c >= 2")}}) ==
        Levels{"2", "3"});
}

TEST_CASE("under rules a hospital names those that are allowed and that enough patients have") {
  const Table table = texts({"x", "x", "y", "z", "z", "z"});
  CHECK(levels_of({table}, strict()) == Levels{"x"});
  CHECK(levels_of({texts({"x", "x", "y", "y"}), table}, strict()) == Levels{"x", "y"});
}

TEST_CASE("covariates get their levels, the reference in front") {
  InProcess all = survival_test::hospitals<ColumnLevels>({texts({"b", "a"}), texts({"c"})});
  Analysis<InProcess> analysis(all);
  const auto agreed = [&](const char* text) {
    std::vector<Covariate> covariates = parse_covariates(text);
    agree_levels(analysis, {}, covariates);
    return covariates;
  };
  CHECK(agreed("C(c)")[0].levels == Levels{"a", "b", "c"});
  CHECK(agreed("C(c,b)")[0].levels == Levels{"b", "a", "c"});
  CHECK(agreed("age")[0].levels.empty());
  refuses([&] { return agreed("C(c,d)"); }, "there is no level \"d\"; the levels are \"a\", \"b\", \"c\"");
  std::vector<Covariate> given{{"c", true, {"c", "a"}}};
  agree_levels(analysis, {}, given);
  CHECK(given[0].levels == Levels{"c", "a"});  // not asked for
}

}  // namespace statistics_column_levels_test
