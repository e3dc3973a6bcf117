#include "healthai/reporting/plot.hpp"

#include <doctest/doctest.h>
#include <string>

namespace reporting_plot_test {

TEST_CASE("one header brings both kinds of plot") {
  healthai::LinePlot lines;
  lines.add("loss", {3, 2, 1});
  CHECK(lines.script("a.png").find("title 'loss'") != std::string::npos);
  healthai::ForestPlot forest;
  forest.add({.label = "site", .estimate = 2});
  CHECK(forest.script("a.png").find("'site'") != std::string::npos);
}

}  // namespace reporting_plot_test
