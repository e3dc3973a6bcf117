#include "healthai/statistics/pca.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_pca_test {

using namespace hospitals_test;
using refusals_test::refuses;

TEST_CASE("pca: of ten and thirty columns, as R has it, however rows are split") {
  for (const bool ten : {true, false}) {
    CAPTURE(ten);
    const nlohmann::json& expected = ten ? reference()["wdbc10"]["pca"] : reference()["wdbc30_pca"];
    const auto columns = expected["columns"].get<std::vector<std::string>>();
    for (const std::size_t sites : {std::size_t{1}, std::size_t{17}}) {
      InProcess hospitals{{.threads = 1}};
      add_split(hospitals, wdbc(), random_sites(wdbc().rows(), sites, 3));
      const PrincipalComponents got = pca(hospitals, {{}, columns, {}});
      CHECK(got.n == expected["n"].get<std::size_t>());
      REQUIRE(got.eigenvalues.size() == columns.size());
      for (std::size_t i = 0; i < columns.size(); ++i) {
        // Eigenvalues of a correlation matrix are good to the rounding of the largest, which is 13.
        CHECK_CLOSE(got.eigenvalues[i], expected["eigenvalues"][i].get<double>(), 1e-12, 1.0);
        CHECK_CLOSE(got.explained_ratio[i], expected["explained_ratio"][i].get<double>(), 1e-12, 1.0);
        CHECK_CLOSE(got.loadings[0][i], expected["loadings_pc1"][i].get<double>(), 1e-12, 1.0);
        CHECK_CLOSE(got.loadings[1][i], expected["loadings_pc2"][i].get<double>(), 1e-12, 1.0);
      }
      for (std::size_t row = 0; row < 5; ++row) {
        double first = 0, second = 0;
        for (std::size_t i = 0; i < columns.size(); ++i) {
          const double z = (wdbc().numeric(columns[i])[row] - got.means[i]) / got.sds[i];
          first += got.loadings[0][i] * z;
          second += got.loadings[1][i] * z;
        }
        CHECK_CLOSE(first, expected["scores_first5_pc1"][row].get<double>(), 1e-11, 1.0);
        CHECK_CLOSE(second, expected["scores_first5_pc2"][row].get<double>(), 1e-11, 1.0);
      }
    }
  }
}

TEST_CASE("pca: of covariances by hand") {
  InProcess hospitals{{.threads = 1}};
  Table table("line");
  // Along (3, 4): all variance is in one component.
  table.add_numeric("x", {-3, 0, 3}).add_numeric("y", {-4, 0, 4});
  hospitals.add("one", all_handlers(table));
  const PrincipalComponents got = pca(hospitals, {{}, {"x", "y"}, {}}, {false, {}});
  CHECK(got.eigenvalues[0] == doctest::Approx(25));
  CHECK(std::fabs(got.eigenvalues[1]) < 1e-14);
  CHECK(got.loadings[0][0] == doctest::Approx(0.6));
  CHECK(got.loadings[0][1] == doctest::Approx(0.8));
  CHECK(got.explained_ratio[0] == doctest::Approx(1));
  CHECK(got.sds == std::vector<double>{1, 1});
}

TEST_CASE("pca: a constant column is named") {
  InProcess hospitals{{.threads = 1}};
  Table table("constant");
  table.add_numeric("x", {1, 2, 3}).add_numeric("y", {5, 5, 5});
  hospitals.add("one", all_handlers(table));
  refuses(
      [&] {
        return pca(hospitals, {{}, {"x", "y"}, {}});
      },
      error::invalid_data, "column \"y\" is constant");
  CHECK(pca(hospitals, {{}, {"x", "y"}, {}}, {false, {}}).eigenvalues[1] == 0);
}

}  // namespace statistics_pca_test
