#include "healthai/statistics/detail/patient_cells.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace statistics_detail_patient_cells_test {

using namespace healthai;
using detail::PatientGroups;

namespace {

std::vector<double> sorted(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

TEST_CASE("cells are the cross-tables of columns with groups, and those with the outcome") {
  Table table("t");
  table.add_numeric("died", {1, 0, 0, 1, 0, 0})
      .add_numeric("age", {1, 2, 3, 4, 5, 6})
      .add_numeric("sex", {2, 1, 2, 2, 1, 1})
      .add_text("ward", {"a", "b", "a", "c", "c", "a"});
  const std::vector<Covariate> covariates{
      {"age", false, {}}, {"sex", false, {}}, {"ward", true, {"a", "b", "c"}}};
  // sex: 3, 3. ward: 3, 1, 2. died: 2, 4. sex x ward: 2 1, 0 1, 1 1. sex x died: 2 1, 0 3. ward x died: 1 2, 0 1, 1 1.
  CHECK(sorted(detail::cross_tables(table, covariates, table.numeric("died"))) ==
        sorted({3, 3, 3, 1, 2, 2, 4, 2, 1, 0, 1, 1, 1, 2, 1, 0, 3, 1, 2, 0, 1, 1, 1}));
  CHECK(detail::cross_tables(table, covariates, table.numeric("age")).size() == 2 + 3 + 6);
  CHECK(detail::levels_of(covariates).at("ward").size() == 3);
}

TEST_CASE("numbers with few values are counts to who has enough moments, by themselves") {
  const std::vector<double> three{7, 8, 9, 7, 7, 9}, two{0, 1, 1, 1, 1, 0}, one(6, 4.0);
  const auto cells = [](const std::vector<double>& values, std::size_t most) {
    PatientGroups groups;
    groups.add_if_few(values, most);
    return groups.cells();
  };
  CHECK(cells(three, 2).empty());
  CHECK(cells(three, 3) == std::vector<double>{3, 1, 2});
  CHECK(cells(two, 3) == std::vector<double>{2, 4});
  CHECK(cells(one, 3).empty());
  CHECK(cells({}, 3).empty());
  // A sum of products tells no cross-table of three values and two.
  PatientGroups both;
  both.add_if_few(three, 3);
  both.add_if_few(two, 3);
  CHECK(both.cells() == std::vector<double>{3, 1, 2, 2, 4});
}

TEST_CASE("rows of groups; in a sum not of columns with a small group") {
  PatientGroups groups;
  groups.add({0, 0, 1, 1, 1, 0}, 3);
  groups.add({0, 1, 1, 1, 1, 1}, 2);
  DisclosureRules rules;
  rules.smallest_cell = 3;
  using Rows = std::vector<std::vector<std::size_t>>;
  CHECK(groups.told(rules) == Rows{{0, 1, 5}, {2, 3, 4}, {}, {0}, {1, 2, 3, 4, 5}});
  rules.in_sum = true;
  CHECK(groups.told(rules) == Rows{{0, 1, 5}, {2, 3, 4}, {}});
  CHECK(detail::unless_few_in_sum(Rows{{0, 1, 5}, {}, {2, 3}}, rules).empty());
  CHECK(detail::unless_few_in_sum(Rows{{0, 1, 5}, {}}, rules) == Rows{{0, 1, 5}, {}});
  rules.in_sum = false;
  CHECK(detail::unless_few_in_sum(Rows{{0, 1, 5}, {2, 3}}, rules).size() == 2);
}

}  // namespace statistics_detail_patient_cells_test
