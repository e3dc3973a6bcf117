#include "healthai/model/features.hpp"

#include <doctest/doctest.h>

#include "model/support.hpp"

namespace model_features_test {

using namespace healthai;

TEST_CASE("features_from_columns puts columns side by side, row-major") {
  const std::vector<double> age{50, 60, 70};
  const std::vector<double> sex{1, 2, 1};
  const auto x = features_from_columns<float>({age, sex});
  REQUIRE(x.rows() == 3);
  REQUIRE(x.cols() == 2);
  CHECK(x.data()[0] == 50);
  CHECK(x.data()[1] == 1);
  CHECK(x.data()[5] == 1);
  CHECK(x(1, 0) == 60);
  CHECK(features_from_columns<double>({}).size() == 0);
}

TEST_CASE("features_from_columns refuses columns of different lengths") {
  const std::vector<double> age{50, 60, 70};
  const std::vector<double> sex{1, 2};
  const auto e = model_test::thrown([&] { (void)features_from_columns<double>({age, sex}); });
  CHECK(e.id == "invalid_data");
  CHECK(model_test::contains(e.message, "column 0 has 3 values, but column 1 has 2"));
}

}  // namespace model_features_test
