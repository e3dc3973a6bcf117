#include "healthai/statistics/log_rank_moments.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace statistics_log_rank_moments_test {

using healthai::add_stratum;
using healthai::LogRankMoments;
using Counts = std::vector<std::size_t>;

namespace {

void add(LogRankMoments& moments, const Counts& patients, const Counts& events, const Counts& censored,
         double rho = 0) {
  add_stratum<std::size_t>(moments, patients, events, censored, rho);
}

}  // namespace

TEST_CASE("two groups by hand") {
  // Time 1: 2 and 2 at risk, one event in the first. Time 2: 1 and 2 at risk, one event in the second; then one more is censored.
  LogRankMoments moments(2);
  add(moments, {2, 2}, {1, 0, /**/ 0, 1}, {0, 1, /**/ 0, 0});
  CHECK(moments.patients == std::vector<double>{2, 2});
  CHECK(moments.observed == std::vector<double>{1, 1});
  CHECK(moments.expected[0] == doctest::Approx(1.0 / 2 + 1.0 / 3).epsilon(1e-15));
  CHECK(moments.expected[1] == doctest::Approx(1.0 / 2 + 2.0 / 3).epsilon(1e-15));
  const double v = 1.0 / 4 + 2.0 / 9;
  CHECK(moments.variance[0] == doctest::Approx(v).epsilon(1e-15));
  CHECK(moments.variance[1] == doctest::Approx(-v).epsilon(1e-15));
  CHECK(moments.variance[2] == doctest::Approx(-v).epsilon(1e-15));
  CHECK(moments.variance[3] == doctest::Approx(v).epsilon(1e-15));
}

TEST_CASE("tied events have the variance of draws without putting back") {
  LogRankMoments moments(2);
  add(moments, {3, 3}, {2, 1}, {0, 0});
  CHECK(moments.expected[0] == 1.5);
  CHECK(moments.variance[0] == doctest::Approx(3.0 * (6 - 3) / (6 - 1) / 4).epsilon(1e-15));
}

TEST_CASE("the weight is the survival just before, to the power rho") {
  // Survival before time 2 is 3/4, of all groups together.
  LogRankMoments moments(2);
  add(moments, {2, 2}, {1, 0, /**/ 0, 1}, {0, 1, /**/ 0, 0}, 2);
  const double w = 9.0 / 16;
  CHECK(moments.observed == std::vector<double>{1, w});
  CHECK(moments.expected[0] == doctest::Approx(1.0 / 2 + w / 3).epsilon(1e-15));
  CHECK(moments.variance[0] == doctest::Approx(1.0 / 4 + w * w * 2 / 9).epsilon(1e-15));
}

TEST_CASE("strata add up, each with its own risk sets and survival") {
  LogRankMoments once(2), twice(2);
  add(once, {2, 2}, {1, 0, 0, 1}, {0, 1, 0, 0}, 1);
  add(twice, {2, 2}, {1, 0, 0, 1}, {0, 1, 0, 0}, 1);
  add(twice, {2, 2}, {1, 0, 0, 1}, {0, 1, 0, 0}, 1);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(twice.observed[i] == 2 * once.observed[i]);
    CHECK(twice.expected[i] == 2 * once.expected[i]);
  }
  for (std::size_t i = 0; i < 4; ++i) CHECK(twice.variance[i] == 2 * once.variance[i]);
}

TEST_CASE("the last patient alone, nobody, and no event") {
  LogRankMoments moments(2);
  add(moments, {1, 0}, {1, 0}, {0, 0});
  CHECK(moments.expected == std::vector<double>{1, 0});
  CHECK(moments.variance == std::vector<double>{0, 0, 0, 0});
  add(moments, {0, 0}, {0, 0}, {0, 0});
  add(moments, {3, 2}, {0, 0}, {3, 1});
  CHECK(moments.patients == std::vector<double>{4, 2});
  CHECK(moments.observed == std::vector<double>{1, 0});
  CHECK(moments.expected == std::vector<double>{1, 0});
}

}  // namespace statistics_log_rank_moments_test
