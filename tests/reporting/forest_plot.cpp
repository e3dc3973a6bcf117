#include "healthai/reporting/forest_plot.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <limits>
#include <string>

#include "scratch_folder.hpp"

namespace reporting_forest_plot_test {

using namespace healthai;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}
constexpr double infinity = std::numeric_limits<double>::infinity();

ForestPlot example() {
  ForestPlot plot{.title = "Sex", .label_header = "Hospital", .note_header = "n"};
  plot.heading("Alone");
  plot.add({.label = "St. Mary's", .estimate = 0.5, .lower = 0.25, .upper = 1, .weight = 100, .note = "100"});
  plot.add({.label = "small", .estimate = 0.75, .lower = 0.5, .upper = infinity, .weight = 25, .note = "25"});
  plot.add({.label = "none", .note = "3"});
  plot.heading("Together");
  plot.add({.label = "FedAvg", .estimate = 0.58, .lower = 0.41, .upper = 0.81, .emphasised = true});
  return plot;
}

}  // namespace

TEST_CASE("each row has its mark, its numbers and its place") {
  const std::string script = example().script("forest.png");
  CHECK(has(script, "set label \"St. Mary's\" at screen 0.035, first 2 left noenhanced\n"));
  CHECK(has(script, "'0.50 (0.25–1.00)' at screen"));
  CHECK(has(script, "'0.75 (0.50–Inf)' at screen"));
  CHECK(has(script, "'not estimable' at screen"));
  CHECK(has(script, "set label 'Together' at screen 0.02, first 5.5 left noenhanced font ':Bold'\n"));
  CHECK(has(script, "set label '0.58 (0.41–0.81)'"));
  CHECK(has(script, "\n0.5 2 0.25 1 2.2\n0.75 3 0.5 "));  // the biggest square; then a quarter of its area:
  CHECK(has(script, " 1.1\nEND\n"));                      // half its side
  CHECK(count(script, "set object polygon from 0.41,6.5 to 0.58,6.2 to 0.81,6.5 to 0.58,6.8") == 1);
  CHECK(count(script, " head filled ") == 1);  // the interval without an end
  CHECK(has(script, "set arrow from 1, first"));
  CHECK(has(script, "'0.5' 0.5"));
  CHECK(has(script, "set logscale x\n"));
}

TEST_CASE("the axis is chosen from the rows, or given") {
  ForestPlot plot = example();
  plot.x_min = 0.1;
  plot.x_max = 10;
  const std::string given = plot.script("forest.png");
  CHECK(has(given, "set xrange [0.1:10]\n"));
  CHECK(has(given, "('0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10)"));
  ForestPlot differences{.log_x = false, .reference = 0};
  differences.add({.label = "a", .estimate = -1, .lower = -2, .upper = 0.5});
  differences.add({.label = "no interval", .estimate = 2});
  const std::string linear = differences.script("forest.png");
  CHECK_FALSE(has(linear, "logscale"));
  CHECK(has(linear, "'-1.00 (-2.00–0.50)'"));
  CHECK(has(linear, "\n2 2 2 2 "));
  CHECK(has(linear, "set arrow from 0, first"));
}

TEST_CASE("what cannot be drawn is refused with a reason") {
  const auto refused = [](const ForestRow& row, const char* why) {
    ForestPlot plot;
    plot.add(row);
    CHECK_THROWS_WITH_AS(static_cast<void>(plot.script("a.png")), doctest::Contains(why), Error);
  };
  refused({.label = "x"}, "no row with an estimate");
  refused({.label = "x", .estimate = -1}, "a row \"x\" with the estimate -1");
  refused({.label = "x", .estimate = 2, .lower = 3, .upper = 4}, "outside of its interval 3 to 4");
  refused({.label = "x", .estimate = 2, .lower = 1}, "outside of its interval 1 to NaN");
  refused({.label = "x", .estimate = 2, .weight = std::nan("")}, "the weight NaN");
  ForestPlot plot = example();
  plot.x_max = 2;  // and x_min is 0, which has no logarithm
  CHECK_THROWS_WITH_AS(static_cast<void>(plot.script("a.png")), doctest::Contains("give x_min < x_max"),
                       Error);
}

TEST_CASE("gnuplot draws it, whatever the text holds") {
  if (!detail::run_program({"gnuplot", "--version"}).started) return;
  const ScratchFolder folder;
  const std::string canary = folder.path("canary");
  const std::string nasty = "'; system 'touch " + canary + "' `touch " + canary + "` \"é_{x}\\ ≤\n";
  ForestPlot plot = example();
  plot.title = plot.x_label = plot.label_header = plot.note_header = plot.estimate_header = nasty;
  plot.add({.label = nasty, .estimate = 1, .lower = 0, .upper = 1e9, .weight = 0, .note = nasty})
      .heading(nasty);
  plot.write(folder.path("forest.png"));
  CHECK(folder.read("forest.png").starts_with("\x89PNG\r\n\x1a\n"));
  CHECK_FALSE(std::filesystem::exists(canary));

  ForestPlot summary;  // no square at all
  summary.add({.label = "FedAvg", .estimate = 0.58, .lower = 0.41, .upper = 0.81, .emphasised = true});
  summary.write(folder.path("summary.png"));
  CHECK(folder.read("summary.png").starts_with("\x89PNG\r\n\x1a\n"));
}

}  // namespace reporting_forest_plot_test
