#include "healthai/reporting/survival_plot.hpp"

#include <doctest/doctest.h>
#include <string>

#include "scratch_folder.hpp"

namespace reporting_survival_plot_test {

using namespace healthai;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

SurvivalPlot example() {
  SurvivalPlot plot{.title = "By sex", .x_label = "Days"};
  plot.add({.name = "men",
            .time = {2, 4, 10},
            .survival = {0.75, 0.75, 0},
            .lower = {0.5, 0.5, 0},
            .upper = {1, 1, 0},
            .at_risk = {4, 3, 1},
            .censored = {0, 1, 0}});
  plot.add({.name = "women", .time = {3}, .survival = {0.5}, .at_risk = {2}});
  return plot;
}

}  // namespace

TEST_CASE("a curve is a stair that begins at 1, with its band and the marks of those censored") {
  const std::string script = example().script("a.png");
  CHECK(has(script,
            "$curve1 << END\n0 1 1 1\n2 1 1 1\n2 0.75 0.5 1\n4 0.75 0.5 1\n4 0.75 0.5 1\n10 0.75 0.5 1\n10 0 "
            "0 0\nEND\n"));
  CHECK(has(script, "$censored1 << END\n4 0.75\nEND\n"));
  CHECK(has(script, "$curve1 using 1:3:4 with filledcurves"));
  CHECK(has(script, "$curve2 << END\n0 1\n3 1\n3 0.5\n10 0.5\nEND\n"));  // somebody is still followed
  CHECK_FALSE(has(script, "$censored2"));
  CHECK_FALSE(has(script, "$curve2 using 1:3:4"));
  CHECK(has(script, "title 'men'"));
}

TEST_CASE("numbers at risk stand below the ticks") {
  const std::string script = example().script("a.png");
  CHECK(has(script, "set xtics 1\n"));
  const SurvivalSeries men = example().series[0];
  CHECK(SurvivalPlot::at_risk(men, 0) == 4);
  CHECK(SurvivalPlot::at_risk(men, 2) == 4);  // at a time of death: just before it
  CHECK(SurvivalPlot::at_risk(men, 2.5) == 3);
  CHECK(SurvivalPlot::at_risk(men, 10) == 1);
  CHECK(SurvivalPlot::at_risk(men, 11) == 0);
  CHECK(has(script, "set label '4' at first 0, screen"));
  CHECK(has(script, "set label '3' at first 3, screen"));
  CHECK(has(script, "set label '0' at first 4, screen"));  // of women
  SurvivalPlot without = example();
  for (SurvivalSeries& curve : without.series) curve.at_risk.clear();
  CHECK_FALSE(has(without.script("a.png"), "At risk"));
}

TEST_CASE("what cannot be drawn is refused with a reason") {
  const auto refused = [](const SurvivalSeries& curve, const char* why) {
    SurvivalPlot plot;
    plot.add(curve);
    CHECK_THROWS_WITH_AS(static_cast<void>(plot.script("a.png")), doctest::Contains(why), Error);
  };
  refused({}, "no curve with a time");
  refused({.name = "x", .time = {1, 2}, .survival = {1}},
          "a curve \"x\" whose vectors are not as long as its 2 times");
  refused({.time = {1}, .survival = {1}, .lower = {1}}, "not as long");
  refused({.time = {1}, .survival = {1}, .at_risk = {1, 2}}, "not as long");
  refused({.time = {2, 1}, .survival = {1, 1}}, "do not ascend");
  refused({.time = {-1}, .survival = {1}}, "do not ascend");
  SurvivalPlot endless = example();
  endless.x_max = -1;
  CHECK_THROWS_WITH_AS(static_cast<void>(endless.script("a.png")), doctest::Contains("an axis to -1"), Error);
  CHECK_THROWS_AS(static_cast<void>(example().script("a.pdf")), Error);
}

TEST_CASE("gnuplot draws it") {
  const ScratchFolder folder;
  example().write(folder.path("survival.png"));
  CHECK(folder.read("survival.png").substr(1, 3) == "PNG");
  CHECK(folder.read("survival.png").size() > 5000);
  CHECK(has(folder.read("survival.gp"), "$curve2"));
}

}  // namespace reporting_survival_plot_test
