#include "healthai/reporting/line_plot.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "scratch_folder.hpp"

namespace reporting_line_plot_test {

using namespace healthai;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
bool have_gnuplot() {
  return detail::run_program({"gnuplot", "--version"}).started;
}

}  // namespace

TEST_CASE("the script holds the data, the names and the choices") {
  LinePlot plot{.title = "Loss of St. Mary's", .x_label = "Round", .y_label = "a_b", .log_y = true};
  plot.add("FedAvg", {1, 0.1, -1, std::numeric_limits<double>::quiet_NaN(), 1e-300})
      .add("", {10, 20}, {1, 2});
  const std::string script = plot.script("out/loss.png");
  CHECK(has(script, "$series1 << END\n1 1\n2 0.1\nNaN NaN\nNaN NaN\n5 1e-300\nEND\n"));
  CHECK(has(script, "$series2 << END\n10 1\n20 2\nEND\n"));
  CHECK(has(script, "set title \"Loss of St. Mary's\" noenhanced"));
  CHECK(has(script, "set ylabel 'a_b' noenhanced"));
  CHECK(has(script, "set logscale y\n"));
  CHECK_FALSE(has(script, "set logscale x"));
  CHECK(has(script, "title 'FedAvg'"));
  CHECK(has(script, "notitle"));
  CHECK(has(script, "set output 'loss.png'\n"));
  CHECK(has(script, "size 1000,700"));
}

TEST_CASE("what cannot be drawn is refused with a reason") {
  const auto refused = [](const LinePlot& plot, const char* why) {
    CHECK_THROWS_WITH_AS(static_cast<void>(plot.script("a.png")), doctest::Contains(why), Error);
  };
  refused({}, "no point to draw");
  refused({.log_y = true, .series = {{"x", {1}, {-1}}}}, "no point to draw");
  refused({.series = {{"short", {1, 2}, {1}}}}, "\"short\" of the plot \"\" has 2 x and 1 y");
  refused({.width = 10, .series = {{"x", {1}, {1}}}}, "pixels");
  CHECK_THROWS_AS(static_cast<void>(LinePlot{.series = {{"x", {1}, {1}}}}.script("a.pdf")), Error);
}

TEST_CASE("gnuplot draws it, whatever the text holds, and runs none of it") {
  if (!have_gnuplot()) return;
  const ScratchFolder folder;
  const std::string canary = folder.path("canary");
  const std::string nasty = "'; system 'touch " + canary + "'; ' `touch " + canary +
                            "` \" \\ @x {/Bold b}_c^d % %s é ≤ µ\nend $1 #";
  for (const bool log : {false, true}) {
    LinePlot plot{.title = nasty, .x_label = nasty, .y_label = nasty, .log_x = log, .log_y = log};
    plot.add(nasty, {1, std::nan(""), 1e-12}).add("many", std::vector<double>(1000, 0.5)).add("one", {3});
    plot.write(folder.path("it's a (folder)/-plot $x.png"));
    const std::string picture = folder.read("it's a (folder)/-plot $x.png");
    CHECK(picture.starts_with("\x89PNG\r\n\x1a\n"));
    CHECK(picture.size() > 5000);
    CHECK_FALSE(std::filesystem::exists(canary));
    CHECK(std::filesystem::exists(folder.path("it's a (folder)/-plot $x.gp")));
  }
}

}  // namespace reporting_line_plot_test
