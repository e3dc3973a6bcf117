#include "healthai/statistics/meta_analysis.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>
#include <vector>

#include "refusals.hpp"

namespace statistics_meta_analysis_test {

using healthai::meta_analysis;
using healthai::MetaAnalysis;
using refusals_test::refuses;

namespace {

/// Ten digits more than any published example has; sums of 13 numbers lose less than 1e-14.
constexpr double relative = 1e-12;
void check_near(double value, double expected) {
  CHECK_MESSAGE(std::fabs(value - expected) <= relative * std::fabs(expected), value, " against ", expected);
}

}  // namespace

TEST_CASE("13 trials of BCG against tuberculosis: what R computes from the same formulas") {
  // Log risk ratios and their variances (Colditz et al., Journal of the American Medical Association 271, 1994).
  const std::vector<double> estimates{-0.8893113339202054,  -1.5853886572014306,  -1.3480731482996933,
                                      -1.4415511900213054,  -0.21754732221129558, -0.786115585818864,
                                      -1.6208982235983918,  0.011952333523840508, -0.4694176487381494,
                                      -1.3713448034727844,  -0.3393588283383906,  0.44591340057137874,
                                      -0.017313948216879815};
  std::vector<double> errors{0.32558476500396133,  0.19458112139814385,   0.4153679653679654,
                             0.020010031902247573, 0.05121017216963086,   0.0069056184559087574,
                             0.22301724757231517,  0.0039615792978177295, 0.056434210463248966,
                             0.07302479361302891,  0.01241221397155972,   0.5325058452001528,
                             0.0714046596839863};
  for (double& error : errors) error = std::sqrt(error);
  const MetaAnalysis result = meta_analysis(estimates, errors);
  CHECK(result.studies == 13);
  check_near(result.fixed, -0.43028516365409103);
  check_near(result.fixed_standard_error, 0.04049875171086381);
  check_near(result.q, 152.23300808237326);
  check_near(result.i_squared, 0.9211734685456205);
  check_near(result.tau_squared, 0.3087602628623762);
  check_near(result.random, -0.7141172220732273);
  check_near(result.random_standard_error, 0.1787420895354031);
}

TEST_CASE("by hand: two studies") {
  // Weights 1 and 1: mean 2, Q = 2 (of 1 degree), tau^2 = (2 - 1) / (2 - 2 / 2) = 1, I^2 = 1 / 2; then weights 1/2.
  const MetaAnalysis apart = meta_analysis(std::vector<double>{1, 3}, std::vector<double>{1, 1});
  CHECK(apart.fixed == 2);
  CHECK(apart.fixed_standard_error == 1 / std::sqrt(2.0));
  CHECK(apart.q == 2);
  CHECK(apart.i_squared == 0.5);
  CHECK(apart.tau_squared == 1);
  CHECK(apart.random == 2);
  CHECK(apart.random_standard_error == 1);
  // Closer than chance: random effects are fixed ones.
  const MetaAnalysis near = meta_analysis(std::vector<double>{1, 1.5}, std::vector<double>{1, 0.5});
  CHECK(near.fixed == doctest::Approx(1.4).epsilon(1e-15));
  CHECK(near.q < 1);
  CHECK(near.tau_squared == 0);
  CHECK(near.i_squared == 0);
  CHECK(near.random == near.fixed);
  CHECK(near.random_standard_error == near.fixed_standard_error);
}

TEST_CASE("a single study is what it is") {
  const MetaAnalysis one = meta_analysis(std::vector<double>{-0.3}, std::vector<double>{0.5});
  CHECK(one.studies == 1);
  CHECK(one.fixed == -0.3);
  CHECK(one.random_standard_error == 0.5);
  CHECK(one.q == 0);
  CHECK(one.i_squared == 0);
}

TEST_CASE("units do not matter, nor does a common shift") {
  CHECK(rc::check([](const std::vector<int>& raw) {
    RC_PRE(raw.size() >= 2);
    std::vector<double> estimates, errors, scaled, scaled_errors;
    for (const int number : raw) {
      estimates.push_back(number % 1000 / 64.0);
      errors.push_back(1 + std::abs(number % 37) / 8.0);
      scaled.push_back(4 * estimates.back() + 16);  // exact
      scaled_errors.push_back(4 * errors.back());
    }
    const MetaAnalysis a = meta_analysis(estimates, errors);
    const MetaAnalysis b = meta_analysis(scaled, scaled_errors);
    // Estimates are up to 16, of which fewer than 200 are summed.
    RC_ASSERT(std::fabs(b.random - (4 * a.random + 16)) <= 1e-12 * 100);
    RC_ASSERT(std::fabs(b.q - a.q) <= 1e-12 * (1 + a.q) * 100);
    RC_ASSERT(std::fabs(b.random_standard_error - 4 * a.random_standard_error) <=
              1e-9 * b.random_standard_error);
  }));
}

TEST_CASE("what cannot be combined") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  refuses([] { return meta_analysis({}, {}); }, "got 0 estimates and 0 standard errors");
  refuses(
      [] {
        return meta_analysis(std::vector<double>{1, 2}, std::vector<double>{1});
      },
      "got 2 estimates and 1 standard errors");
  refuses([&] { return meta_analysis(std::vector<double>{1, nan}, std::vector<double>{1, 1}); }, "study 2");
  for (const double error : {0.0, nan, 1e-200, std::numeric_limits<double>::infinity()})
    refuses([&] { return meta_analysis(std::vector<double>{1}, std::vector<double>{error}); }, "study 1");
}

}  // namespace statistics_meta_analysis_test
