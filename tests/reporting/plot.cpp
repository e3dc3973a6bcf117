#include "healthai/reporting/plot.hpp"

#include <doctest/doctest.h>
#include <string>

namespace reporting_plot_test {

TEST_CASE("one header brings all kinds of plot") {
  healthai::LinePlot lines;
  lines.add("loss", {3, 2, 1});
  CHECK(lines.script("a.png").find("title 'loss'") != std::string::npos);
  healthai::ForestPlot forest;
  forest.add({.label = "site", .estimate = 2});
  CHECK(forest.script("a.png").find("'site'") != std::string::npos);
  healthai::SurvivalPlot survival;
  survival.add({.name = "women", .time = {5}, .survival = {0.5}});
  CHECK(survival.script("a.png").find("title 'women'") != std::string::npos);
  const healthai::HistogramPlot ages{.edges = {1, 2}, .counts = {3}};
  CHECK(ages.script("a.png").find("with boxes") != std::string::npos);
}

}  // namespace reporting_plot_test
