#include "healthai/model/detail/partial_likelihood.hpp"

#include <doctest/doctest.h>

namespace model_detail_partial_likelihood_test {

using namespace healthai;

TEST_CASE("tie groups: by time, censored rows first") {
  const std::vector<double> time{5, 3, 3, 3, 1};
  const std::vector<int> event{0, 0, 1, 1, 1};
  std::vector<detail::TieGroup> groups;
  detail::make_tie_groups(
      5, [&](std::size_t i) { return time[i]; }, [&](std::size_t i) { return event[i] == 1; }, groups);
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].begin == 0);
  CHECK(groups[0].events == 1);
  CHECK(groups[0].end == 1);
  CHECK(groups[1].begin == 1);
  CHECK(groups[1].events == 2);
  CHECK(groups[1].end == 4);
  CHECK(groups[2].events == 4);
  detail::make_tie_groups(
      0, [](std::size_t) { return 0.0; }, [](std::size_t) { return false; }, groups);
  CHECK(groups.empty());
}

TEST_CASE("two tied events among four equal rows, by hand") {
  // Rows in descending time: one censored later, one censored at the same time, two events.
  const std::vector<detail::TieGroup> groups{{0, 1, 1}, {1, 2, 4}};
  const std::vector<double> eta(4, 0.7);
  std::vector<detail::TieHazard> hazards(2);
  std::vector<double> weights(4);
  std::vector<double> residuals(4);
  CHECK(detail::log_partial_likelihood(groups, Ties::breslow, eta.data(), weights.data(), hazards) ==
        doctest::Approx(-2 * std::log(4.0)).epsilon(1e-15));
  detail::partial_likelihood_residuals(groups, weights.data(), hazards, residuals.data());
  CHECK(residuals[0] == doctest::Approx(-0.5).epsilon(1e-15));
  CHECK(residuals[1] == doctest::Approx(-0.5).epsilon(1e-15));
  CHECK(residuals[2] == doctest::Approx(0.5).epsilon(1e-15));
  CHECK(residuals[3] == doctest::Approx(0.5).epsilon(1e-15));

  // Efron: sums 4 and 3; each event is at risk fully at the first and by half at the second.
  CHECK(detail::log_partial_likelihood(groups, Ties::efron, eta.data(), weights.data(), hazards) ==
        doctest::Approx(-std::log(4.0) - std::log(3.0)).epsilon(1e-15));
  detail::partial_likelihood_residuals(groups, weights.data(), hazards, residuals.data());
  CHECK(residuals[0] == doctest::Approx(-1.0 / 4 - 1.0 / 3).epsilon(1e-15));
  CHECK(residuals[1] == doctest::Approx(-1.0 / 4 - 1.0 / 3).epsilon(1e-15));
  CHECK(residuals[2] == doctest::Approx(1 - 1.0 / 4 - 1.0 / 6).epsilon(1e-15));
  CHECK(residuals[3] == doctest::Approx(1 - 1.0 / 4 - 1.0 / 6).epsilon(1e-15));

  // The information of +-1 features, half and half, is the number of events.
  FeatureMatrix<double> x(4, 1);
  x << 1, -1, 1, -1;
  CHECK(detail::log_partial_likelihood(groups, Ties::breslow, eta.data(), weights.data(), hazards) < 0);
  detail::partial_likelihood_residuals(groups, weights.data(), hazards, residuals.data());
  CHECK(detail::partial_likelihood_information(groups, Ties::breslow, weights.data(), hazards,
                                               residuals.data(),
                                               x)(0, 0) == doctest::Approx(2).epsilon(1e-15));
}

}  // namespace model_detail_partial_likelihood_test
