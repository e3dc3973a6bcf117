#include "healthai/reporting/histogram_plot.hpp"

#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "scratch_folder.hpp"

namespace reporting_histogram_plot_test {

using namespace healthai;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("a bar a bin, and a word where the count is not told") {
  const HistogramPlot plot{.title = "Age", .edges = {30, 40, 50, 70}, .counts = {nan, 18, 60}};
  const std::string script = plot.script("a.png");
  CHECK(has(script, "$bins << END\n45 18 10\n60 60 20\nEND\n"));
  CHECK(has(script, "set label 'hidden' at first 35, graph 0.02"));
  CHECK(has(script, "set xrange [30:70]\nset yrange [0:63]\n"));
  const HistogramPlot nothing{.edges = {0, 1}, .counts = {nan}};
  CHECK(has(nothing.script("a.png"), "plot NaN"));
}

TEST_CASE("what cannot be drawn is refused with a reason") {
  const auto refused = [](std::vector<double> edges, std::vector<double> counts, const char* why) {
    const HistogramPlot plot{.title = "T", .edges = std::move(edges), .counts = std::move(counts)};
    CHECK_THROWS_WITH_AS(static_cast<void>(plot.script("a.png")), doctest::Contains(why), Error);
  };
  refused({}, {}, "the histogram \"T\" has 0 counts and 0 edges");
  refused({1, 2}, {1, 2}, "2 counts and 2 edges");
  refused({1, 1}, {1}, "do not ascend");
  refused({1, nan}, {1}, "do not ascend");
  refused({1, 2}, {-1}, "the count -1");
  CHECK_THROWS_AS(static_cast<void>(HistogramPlot{.edges = {1, 2}, .counts = {1}}.script("a.pdf")), Error);
}

TEST_CASE("gnuplot draws it") {
  const ScratchFolder folder;
  HistogramPlot{.title = "Age", .edges = {30, 40, 50}, .counts = {nan, 18}}.write(folder.path("age.png"));
  CHECK(folder.read("age.png").substr(1, 3) == "PNG");
  CHECK(has(folder.read("age.gp"), "with boxes"));
}

}  // namespace reporting_histogram_plot_test
