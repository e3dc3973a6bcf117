#include "healthai/model/detail/newton_ascent.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace model_detail_newton_ascent_test {

using namespace healthai;
using detail::Ascent;
using detail::AscentPoint;

TEST_CASE("a quadratic takes one step, and one more to see that there is none") {
  Eigen::MatrixXd hessian(2, 2);
  hessian << 4, 1, 1, 3;
  const Eigen::Vector2d top(0.5, -2);
  const Ascent ascent = detail::newton_ascent(2, [&](const Eigen::VectorXd& at) {
    const Eigen::VectorXd off = at - top;
    return AscentPoint{-0.5 * off.dot(hessian * off), -hessian * off, hessian};
  });
  CHECK(ascent.converged);
  CHECK(ascent.iterations == 2);
  CHECK((ascent.coefficients - top).norm() < 1e-14);
  CHECK(ascent.start.log_likelihood < -1);
  CHECK(std::fabs(ascent.end.log_likelihood) < 1e-28);
}

TEST_CASE("a step that goes too far, or to where nothing can be computed, is halved") {
  // -sqrt(1 + x^2) from x = -10 (the coefficient is x + 10): Newton's own step goes to x = 1000.
  const Ascent ascent = detail::newton_ascent(1, [&](const Eigen::VectorXd& at) {
    const double x = at[0] - 10;
    const double root = std::sqrt(1 + x * x);
    AscentPoint point{-root, Eigen::VectorXd::Constant(1, -x / root),
                      FeatureMatrix<double>::Constant(1, 1, 1 / (root * root * root))};
    if (x > 20) point.log_likelihood = std::numeric_limits<double>::quiet_NaN();
    return point;
  });
  CHECK(ascent.problem == Ascent::Problem::none);
  CHECK(ascent.converged);
  CHECK(std::fabs(ascent.coefficients[0] - 10) < 1e-6);
}

TEST_CASE("what has no single maximum is said, with the column") {
  const auto problem = [](double a, double b, double both, detail::AscentOptions options = {}) {
    return detail::newton_ascent(
        2,
        [=](const Eigen::VectorXd&) {
          FeatureMatrix<double> information(2, 2);
          information << a, both, both, b;
          return AscentPoint{0, Eigen::VectorXd::Zero(2), information};
        },
        options);
  };
  CHECK(problem(1, 0, 0).problem == Ascent::Problem::constant);
  CHECK(problem(1, 0, 0).problem_column == 1);
  CHECK(problem(1, 1e-9, 0).problem == Ascent::Problem::none);
  CHECK(problem(1, 1e-9, 0, {.noise = 1e-8}).problem == Ascent::Problem::constant);
  CHECK(problem(1, 4, 2).problem == Ascent::Problem::dependent);
  CHECK(problem(1, 4, 2 - 1e-6).problem == Ascent::Problem::none);
  CHECK(problem(1, 4, 2 - 1e-6, {.rest = 1e-5}).problem == Ascent::Problem::dependent);
  // -exp(-x): the second coefficient grows for ever.
  const Ascent ascent = detail::newton_ascent(2, [](const Eigen::VectorXd& at) {
    FeatureMatrix<double> information(2, 2);
    information << 1, 0, 0, std::exp(-at[1]);
    return AscentPoint{-std::exp(-at[1]) - 0.5 * at[0] * at[0], Eigen::Vector2d(-at[0], std::exp(-at[1])),
                       information};
  });
  CHECK(ascent.problem == Ascent::Problem::no_maximum);
  CHECK(ascent.problem_column == 1);
  CHECK(ascent.coefficients[1] > 15);
}

}  // namespace model_detail_newton_ascent_test
