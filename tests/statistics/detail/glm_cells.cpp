#include "healthai/statistics/detail/glm_cells.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace statistics_detail_glm_cells_test {

using namespace healthai;

TEST_CASE("cells are the cross-tables of columns with groups, and those with the response") {
  Table table("t");
  table.add_numeric("died", {1, 0, 0, 1, 0, 0})
      .add_numeric("age", {1, 2, 3, 4, 5, 6})
      .add_numeric("sex", {2, 1, 2, 2, 1, 1})
      .add_text("ward", {"a", "b", "a", "c", "c", "a"});
  GlmPlan plan;
  plan.response = "died";
  plan.family = GlmFamily::binomial;
  plan.covariates = {{"age", false, {}}, {"sex", false, {}}, {"ward", true, {"a", "b", "c"}}};
  std::vector<double> cells = detail::glm_cells(plan, table);
  std::sort(cells.begin(), cells.end());
  // sex: 3, 3. ward: 3, 1, 2. died: 2, 4. sex x ward: 2 1, 0 1, 1 1. sex x died: 2 1, 0 3. ward x died: 1 2, 0 1, 1 1.
  std::vector<double> expected{3, 3, 3, 1, 2, 2, 4, 2, 1, 0, 1, 1, 1, 2, 1, 0, 3, 1, 2, 0, 1, 1, 1};
  std::sort(expected.begin(), expected.end());
  CHECK(cells == expected);
  plan.family = GlmFamily::gaussian;
  CHECK(detail::glm_cells(plan, table).size() == 2 + 3 + 6);
  CHECK(detail::glm_levels(plan).at("ward").size() == 3);
}

}  // namespace statistics_detail_glm_cells_test
