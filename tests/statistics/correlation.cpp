#include "healthai/statistics/correlation.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_correlation_test {

using namespace hospitals_test;
using refusals_test::refuses;

namespace {

void check_matrices(const Correlation& got, const nlohmann::json& correlation,
                    const nlohmann::json& covariance) {
  for (std::size_t i = 0; i < got.columns.size(); ++i) {
    for (std::size_t j = 0; j < got.columns.size(); ++j) {
      CAPTURE(i);
      CAPTURE(j);
      CHECK_CLOSE(got.correlation[i][j], correlation[i][j].get<double>(), 1e-12, 1.0);
      CHECK_CLOSE(got.covariance[i][j], covariance[i][j].get<double>(), 1e-12, got.sds[i] * got.sds[j]);
    }
  }
}

}  // namespace

TEST_CASE("correlation: of the lung cancer patients with all values, as R has it") {
  const auto& expected = reference()["lung"]["correlation_complete_cases"];
  for_splits_of_lung([&expected](InProcess& hospitals) {
    const Correlation got =
        correlation(hospitals, {{}, expected["columns"].get<std::vector<std::string>>(), {}});
    CHECK(got.n == expected["n"].get<std::size_t>());
    check_matrices(got, expected["matrix"], expected["covariance"]);
  });
}

TEST_CASE("correlation: of ten columns that are nearly collinear, as R has it") {
  const auto& expected = reference()["wdbc10"];
  for (const std::size_t sites : {std::size_t{1}, std::size_t{17}}) {
    InProcess hospitals{{.threads = 1}};
    add_split(hospitals, wdbc(), random_sites(wdbc().rows(), sites, 3));
    const Correlation got =
        correlation(hospitals, {{}, expected["columns"].get<std::vector<std::string>>(), {}});
    CHECK(got.n == 569);
    check_matrices(got, expected["correlation"], expected["covariance"]);
  }
}

TEST_CASE("correlation: p-values by Student's t") {
  // cor(1:5, c(2, 1, 4, 3, 5)) is 0.8, t = 0.8 sqrt(3 / 0.36) = 2.3094; with 3 degrees of freedom the tail has a closed form.
  InProcess hospitals{{.threads = 1}};
  Table table("five");
  table.add_numeric("a", {1, 2, 3, 4, 5})
      .add_numeric("b", {2, 1, 4, 3, 5})
      .add_numeric("c", {7, 7, 7, 7, 7})
      .add_numeric("d", {2, 4, 6, 8, 10});
  hospitals.add("one", all_handlers(table));
  const Correlation got = correlation(hospitals, {{}, {"a", "b", "c", "d"}, {}});
  CHECK(got.correlation[0][1] == doctest::Approx(0.8).epsilon(1e-14));
  const double u = 0.8 * std::sqrt(3 / 0.36) / std::sqrt(3.0);
  const double pi = 3.14159265358979323846;
  CHECK(got.p_values[0][1] == doctest::Approx(1 - 2 / pi * (u / (1 + u * u) + std::atan(u))).epsilon(1e-12));
  CHECK(std::isnan(got.correlation[0][2]));
  CHECK(std::isnan(got.correlation[2][2]));
  CHECK(std::isnan(got.p_values[1][2]));
  CHECK(got.covariance[2][2] == 0);
  CHECK(got.correlation[0][3] <= 1);
  CHECK(got.correlation[0][3] == doctest::Approx(1).epsilon(1e-15));
  CHECK(got.p_values[0][3] < 1e-20);
  CHECK(got.means == std::vector<double>{3, 3, 7, 6});
}

TEST_CASE("correlation: what cannot be asked") {
  InProcess hospitals{{.threads = 1}};
  Table table("few");
  table.add_numeric("a", {1, NAN, 3}).add_numeric("b", {NAN, 2, 3});
  hospitals.add("one", all_handlers(table));
  refuses(
      [&] {
        return correlation(hospitals, {{}, {"a", "b"}, {}});
      },
      error::invalid_data, "at least two rows");
  refuses(
      [&] {
        return correlation(hospitals, {{}, {"a", "a"}, {}});
      },
      error::invalid_argument, "named twice");
}

}  // namespace statistics_correlation_test
