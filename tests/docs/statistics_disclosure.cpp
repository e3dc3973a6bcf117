// The code of docs/node-policy-and-audit.md about statistics, and the numbers of docs/statistics-disclosure.md.
#include <doctest/doctest.h>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "../folders.hpp"
#include "../test_folder.hpp"
#include "healthai/client/node/node.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/statistics/suppression.hpp"

namespace docs_statistics_disclosure_test {

using namespace healthai;

TEST_CASE("A node's handlers are built from its policy") {
  const TestFolder scratch;
  const std::string folder = scratch.path;
  std::ofstream(folder + "/policy.json") << R"({"tasks": {"column_levels": {"requests_per_day": 2}},
    "statistics": {"columns": ["sex"], "levels": {"sex": [1, 2]}}})";
  Table patients("patients");
  patients.add_numeric("sex", std::vector<double>(20, 1));
  const auto audit =
      std::make_shared<AuditLog>(folder + "/audit.jsonl", SigningKey::read_or_make(folder + "/key"));
  // [node]
  NodeOptions options;
  options.policy = Policy::read(folder + "/policy.json");
  const StatisticsSite site(patients, options.policy.statistics, folder + "/answered");
  options.facts = {patients.rows(), patients.names(), {}, {}};
  options.audit = audit;
  Node node{"north", site.handlers<ColumnLevels>(), options};
  node.serve_task<ColumnLevels>();
  // [/node]
  CHECK(node.tasks() == std::vector<std::string>{"column_levels"});
  CHECK(site.rules().levels.at("sex").size() == 2);
}

TEST_CASE("The table of the page is hidden as it says") {
  const std::vector<std::size_t> counts{3, 40, 12, 50, 90, 70, 15, 60, 9};
  const auto hidden = hidden_cells(counts, 3, 5);
  REQUIRE(hidden);
  CHECK(*hidden == std::vector<bool>{true, false, true, false, false, false, true, false, true});
  CHECK(feasible_interval(counts, 3, *hidden, 0) == CellInterval{0, 15});
  std::ifstream file(source_folder() + "/docs/statistics-disclosure.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  CHECK(page.find("| ward A | 3 | 40 | 12 | → | ward A | hidden | 40 | hidden |") != std::string::npos);
  CHECK(page.find("| ward C | 15 | 60 | 9 | | ward C | hidden | 60 | hidden |") != std::string::npos);
  CHECK(page.find("the 3 is anything from 0 to 15") != std::string::npos);
  // Every rule is explained.
  for (const char* rule :
       {"minimum_rows", "minimum_events", "smallest_cell", "rows_per_parameter", "residual_degrees",
        "columns", "levels", "most_cut_points", "time_grid", "single_values", "most_steps",
        "largest_coefficient", "cohorts", "free_filters", "bounds", "most_rows"}) {
    CAPTURE(rule);
    CHECK((page.find("\n| `" + std::string(rule)) != std::string::npos ||
           page.find("`, `" + std::string(rule) + "` |") != std::string::npos));
  }
}

}  // namespace docs_statistics_disclosure_test
