#include "healthai/model/detail/linear_predictor.hpp"

#include <doctest/doctest.h>

#include "model/support.hpp"

namespace model_detail_linear_predictor_test {

using namespace healthai;

namespace {

struct Products {
  double add(double z, double target) {
    total += z * target;
    return target;
  }
  [[nodiscard]] double sum() const { return total; }
  double total = 0;
};

}  // namespace

TEST_CASE("linear predictor: any row loss, worked by hand") {
  FeatureMatrix<double> x(2, 1);
  x << 2, 3;
  detail::LinearPredictor<double> predictor(x, {10, 20}, 0.5, true, "Test", "targets");
  CHECK(predictor.layout().describe() == "coefficients[1] intercept[]");
  CHECK(predictor.count() == 2);
  const Parameters<double> parameters(predictor.layout(), std::vector<double>{4, 1});  // z = 9, 13
  Parameters<double> gradient(predictor.layout());
  CHECK(predictor.loss(parameters, {}, gradient, Products{}) == (90 + 260) / 2.0 + 0.25 * 16);
  CHECK(gradient.data()[0] == (20 + 60) / 2.0 + 0.5 * 4);
  CHECK(gradient.data()[1] == 15);
  const std::vector<std::size_t> second{1};
  CHECK(predictor.loss(parameters, second, gradient, Products{}) == 260 + 4);
  double sum = 0;
  predictor.for_each_row(parameters, [&sum](double z, double target) { sum = 1000 * sum + z + target; });
  CHECK(sum == 19033);
}

}  // namespace model_detail_linear_predictor_test
