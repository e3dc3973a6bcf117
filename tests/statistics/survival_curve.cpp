#include "healthai/statistics/survival_curve.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace statistics_survival_curve_test {

using namespace healthai;
using Counts = std::vector<std::size_t>;

namespace {

std::vector<CurvePoint> points(const std::vector<double>& times, const Counts& events, const Counts& censored,
                               std::size_t patients) {
  return kaplan_meier_points(times, events, censored, patients, 1.96);
}

}  // namespace

TEST_CASE("a curve by hand") {
  // 8 patients: two events at 1; nobody leaves at 2; one event and one censored at 3; the rest stays.
  const auto curve = points({1, 2, 3}, {2, 0, 1}, {0, 0, 1}, 8);
  REQUIRE(curve.size() == 2);
  CHECK(curve[0].time == 1);
  CHECK(curve[0].at_risk == 8);
  CHECK(curve[0].estimate.survival == 0.75);
  CHECK(curve[1].time == 3);
  CHECK(curve[1].at_risk == 6);
  CHECK(curve[1].events == 1);
  CHECK(curve[1].censored == 1);
  CHECK(curve[1].estimate.survival == doctest::Approx(0.625).epsilon(1e-15));
  const double error = std::sqrt(2.0 / (8 * 6) + 1.0 / (6 * 5));
  CHECK(*curve[1].estimate.standard_error == doctest::Approx(0.625 * error).epsilon(1e-14));
  CHECK(*curve[1].estimate.lower == doctest::Approx(0.625 * std::exp(-1.96 * error)).epsilon(1e-14));
  CHECK(*curve[1].estimate.upper == 1);  // 0.625 * exp(1.96 * 0.2739) is above
}

TEST_CASE("at a survival of 0 there is no error and there are no limits") {
  const auto curve = points({1, 2}, {1, 1}, {0, 0}, 2);
  CHECK(curve[1].estimate.survival == 0);
  CHECK_FALSE(curve[1].estimate.standard_error);
  CHECK_FALSE(curve[1].estimate.lower);
  CHECK_FALSE(curve[1].estimate.upper);
  CHECK(*median_survival(curve).time == 1.5);  // at exactly one half from 1 to 2
}

TEST_CASE("everyone censored; one patient; nobody who leaves") {
  const auto censored = points({1, 2}, {0, 0}, {2, 1}, 3);
  REQUIRE(censored.size() == 2);
  CHECK(censored[1].estimate.survival == 1);
  CHECK(censored[1].estimate.standard_error == 0.0);
  CHECK(censored[1].estimate.lower == 1.0);
  CHECK_FALSE(median_survival(censored).time);
  CHECK_FALSE(median_survival(censored).lower);
  CHECK(restricted_mean(censored, 2).mean == 2);
  CHECK(restricted_mean(censored, 2).standard_error == 0);

  const auto one = points({4}, {1}, {0}, 1);
  CHECK(one[0].estimate.survival == 0);
  CHECK(median_survival(one).time == 4.0);
  CHECK_FALSE(median_survival(one).lower);
  CHECK(restricted_mean(one, 4).mean == 4);

  CHECK(points({1, 2}, {0, 0}, {0, 0}, 3).empty());
  CHECK(restricted_mean({}, 5).mean == 5);
  CHECK(curve_at({}, 3, 1).at_risk == 3);
  CHECK(curve_at({}, 3, 1).estimate.survival == 1);
}

TEST_CASE("the value at a time is that of the last point, those at risk are those before") {
  const auto curve = points({1, 3}, {2, 1}, {1, 0}, 8);
  CHECK(curve_at(curve, 8, 0.5).at_risk == 8);
  CHECK(curve_at(curve, 8, 0.5).estimate.survival == 1);
  CHECK(curve_at(curve, 8, 0.5).estimate.standard_error == 0.0);
  CHECK(curve_at(curve, 8, 1).at_risk == 8);
  CHECK(curve_at(curve, 8, 1).estimate.survival == 0.75);
  CHECK(curve_at(curve, 8, 2).at_risk == 5);
  CHECK(curve_at(curve, 8, 2).estimate.survival == 0.75);
  CHECK(curve_at(curve, 8, 9).at_risk == 4);
  CHECK(curve_at(curve, 8, 9).estimate.survival == doctest::Approx(0.6).epsilon(1e-15));
}

TEST_CASE("the median of a flat half is the middle of its step, or its beginning where it never ends") {
  // 1/2 from 2 on, until an event at 6: in between an observation ends.
  CHECK(median_survival(points({1, 2, 4, 6}, {1, 1, 0, 1}, {0, 0, 1, 0}, 4)).time == 4.0);
  CHECK(median_survival(points({1, 2, 4}, {1, 1, 0}, {0, 0, 2}, 4)).time == 2.0);
  CHECK(median_survival(points({1, 2, 3}, {1, 2, 1}, {0, 0, 0}, 4)).time == 2.0);  // jumps over it
}

TEST_CASE("the restricted mean is the area up to the horizon") {
  const auto curve = points({1, 3}, {2, 1}, {0, 0}, 4);
  CHECK(restricted_mean(curve, 0.5).mean == 0.5);
  CHECK(restricted_mean(curve, 0.5).standard_error == 0);
  CHECK(restricted_mean(curve, 2).mean == 1.5);
  CHECK(restricted_mean(curve, 3).mean == 2);
  const RestrictedMean beyond = restricted_mean(curve, 5);  // flat at 1/4
  CHECK(beyond.mean == 2.5);
  CHECK(beyond.horizon == 5);
  // Areas after 1 and 3: 1.5 and 0.5.
  CHECK(beyond.standard_error ==
        doctest::Approx(std::sqrt(1.5 * 1.5 * 2 / (4 * 2.0) + 0.5 * 0.5 * 1 / (2 * 1.0))).epsilon(1e-14));
}

}  // namespace statistics_survival_curve_test
