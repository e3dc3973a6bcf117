#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "folders.hpp"
#include "run_example.hpp"

namespace examples_robustness_test {

namespace {

/// The lines of the table that begins with `| rule | no attack |`, in cells.
std::vector<std::vector<std::string>> table_of(const std::string& text) {
  std::istringstream lines(text.substr((std::min)(text.find("| rule | no attack"), text.size())));
  std::vector<std::vector<std::string>> table;
  for (std::string line; std::getline(lines, line) && !line.empty() && line[0] == '|';) {
    std::istringstream cells(line);
    table.emplace_back();
    for (std::string cell; std::getline(cells, cell, '|');) table.back().push_back(cell);
  }
  return table;
}

}  // namespace

TEST_CASE("the page about robustness shows what the program measures") {
  const ProgramResult result = run_example("robustness");
  CHECK(result.status == 0);
  std::ifstream page(source_folder() + "/docs/robustness.md");
  const auto measured = table_of(result.output);
  const auto shown = table_of({std::istreambuf_iterator<char>(page), {}});
  REQUIRE(measured.size() == 12);
  REQUIRE(shown.size() == measured.size());
  for (std::size_t row = 0; row < shown.size(); ++row) {
    CAPTURE(shown[row][1]);
    REQUIRE(shown[row].size() == measured[row].size());
    for (std::size_t cell = 0; cell < shown[row].size(); ++cell) {
      // Sums differ in their last digits between processors, and what is rounded to two decimals in the second of them.
      const double a = std::strtod(shown[row][cell].c_str(), nullptr);
      const double b = std::strtod(measured[row][cell].c_str(), nullptr);
      if (a == 0 || b == 0) {
        CHECK(shown[row][cell] == measured[row][cell]);
      } else {
        CHECK(std::abs(a - b) < 0.0101 + 1e-3 * a);
      }
    }
  }
}

}  // namespace examples_robustness_test
