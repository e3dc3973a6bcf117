#include "healthai/model/linear.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "model/support.hpp"

namespace model_linear_test {

using namespace healthai;
using namespace model_test;

static_assert(BoundsCurvature<LinearModel<double>> && BoundsCurvature<LinearModel<float>>);

namespace {

template <class Scalar>
LinearModel<Scalar> random_model(Stream& stream, LinearOptions options, std::size_t rows,
                                 std::size_t columns) {
  auto x = random_features<Scalar>(stream, rows, columns);
  std::vector<Scalar> y(rows);
  for (Scalar& value : y) value = static_cast<Scalar>(symmetric(stream));
  return {std::move(x), std::move(y), options};
}

FeatureMatrix<double> two_rows() {
  FeatureMatrix<double> x(2, 2);
  x << 1, 2, 3, 4;
  return x;
}

}  // namespace

TEST_CASE("linear: a loss worked by hand") {
  // predictions 1*1 + 2*(-1) + 0.5 = -0.5 and 3 - 4 + 0.5 = -0.5; residuals -1.5 and -2.5
  LinearModel<double> model(two_rows(), {1, 2}, {.l2 = 0.1});
  CHECK(model.layout().describe() == "coefficients[2] intercept[]");
  CHECK(model.layout() == LinearModel<double>::layout_for(2));
  CHECK(model.num_examples() == 2);
  const Parameters<double> parameters(model.layout(), std::vector<double>{1, -1, 0.5});
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(parameters, {}, gradient) == doctest::Approx((2.25 + 6.25) / 4 + 0.05 * 2).epsilon(1e-15));
  CHECK(gradient.data()[0] == doctest::Approx((-1.5 - 7.5) / 2 + 0.1).epsilon(1e-15));
  CHECK(gradient.data()[1] == doctest::Approx((-3.0 - 10.0) / 2 - 0.1).epsilon(1e-15));
  CHECK(gradient.data()[2] == doctest::Approx(-2).epsilon(1e-15));
  const std::vector<std::size_t> second{1};
  CHECK(model.loss(parameters, second, gradient) == doctest::Approx(6.25 / 2 + 0.1).epsilon(1e-15));
  CHECK(gradient.data()[2] == -2.5);

  const Metrics metrics = model.evaluate(parameters);
  CHECK(metrics.size() == 2);
  CHECK(metrics["loss"] == doctest::Approx(8.5 / 4).epsilon(1e-15));
  CHECK(metrics["squared_error"] == doctest::Approx(8.5 / 2).epsilon(1e-15));
  CHECK(metrics.begin()->denominator == 2);
}

TEST_CASE_TEMPLATE("linear: gradients agree with finite differences", Scalar, float, double) {
  CHECK(rc::check("gradient", [](std::uint64_t seed, bool intercept, bool penalised) {
    Stream stream(seed, Purpose::test);
    const LinearOptions options{.l2 = penalised ? 0.3 : 0.0, .intercept = intercept};
    auto model =
        random_model<Scalar>(stream, options, 1 + uniform_index(stream, 30), 1 + uniform_index(stream, 6));
    const auto parameters = random_parameters<Scalar>(model.layout(), stream);
    RC_ASSERT(gradient_error(model, parameters) < gradient_tolerance<Scalar>);
    RC_ASSERT(gradient_error(model, parameters, random_batch(stream, model.num_examples())) <
              gradient_tolerance<Scalar>);
  }));
}

TEST_CASE("linear: at the solution of the normal equations the gradient is zero") {
  // y is exactly linear, so that the least squares solution is known; with noise orthogonal to the columns it stays.
  FeatureMatrix<double> x(4, 1);
  x << -1, -1, 1, 1;
  LinearModel<double> model(x, {1 + 0.5, 1 - 0.5, 5 + 0.25, 5 - 0.25});  // 3 + 2 x + noise
  const Parameters<double> solution(model.layout(), std::vector<double>{2, 3});
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(solution, {}, gradient) == doctest::Approx((0.25 + 0.0625) * 2 / 8).epsilon(1e-15));
  CHECK(largest(gradient) < 1e-15);

  // ridge: xᵀx/n = 1, so that the penalised slope is 2 / (1 + l2), and the intercept, not penalised, stays.
  LinearModel<double> ridge(x, {1 + 0.5, 1 - 0.5, 5 + 0.25, 5 - 0.25}, {.l2 = 0.6});
  CHECK(ridge.loss(Parameters<double>(ridge.layout(), std::vector<double>{2 / 1.6, 3}), {}, gradient) > 0);
  CHECK(largest(gradient) < 1e-15);
}

TEST_CASE("linear: the batch of all rows is the whole, and the mean of disjoint batches too") {
  Stream stream(5, Purpose::test);
  auto model = random_model<double>(stream, {.l2 = 0.2}, 12, 3);
  const auto parameters = random_parameters<double>(model.layout(), stream);
  Parameters<double> whole(model.layout());
  Parameters<double> part(model.layout());
  const double loss = model.loss(parameters, {}, whole);
  const std::vector<std::size_t> all{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
  CHECK(model.loss(parameters, all, part) == doctest::Approx(loss).epsilon(1e-14));
  CHECK((whole.flat() - part.flat()).norm() < 1e-14);
  double sum = 0;
  for (std::size_t begin = 0; begin < 12; begin += 4) {
    sum += model.loss(parameters, std::span<const std::size_t>(all).subspan(begin, 4), part);
  }
  CHECK(sum / 3 == doctest::Approx(loss).epsilon(1e-14));
}

TEST_CASE("linear: the curvature bound is one, and tight") {
  CHECK(rc::check("bound", [](std::uint64_t seed, bool intercept, bool penalised) {
    Stream stream(seed, Purpose::test);
    const LinearOptions options{.l2 = penalised ? 0.3 : 0.0, .intercept = intercept};
    auto model =
        random_model<double>(stream, options, 1 + uniform_index(stream, 20), 1 + uniform_index(stream, 8));
    const double curvature = largest_curvature(model, random_parameters<double>(model.layout(), stream));
    RC_ASSERT(curvature <= model.curvature_bound() * (1 + 1e-7));
    // The bound adds l2 to every eigenvalue, but an intercept is not penalised.
    RC_ASSERT(curvature >= 0.95 * (model.curvature_bound() - (intercept ? options.l2 : 0)));
  }));
}

TEST_CASE("linear: what it cannot use, it refuses, saying which row") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  auto e = thrown([] { LinearModel<double>(two_rows(), {1, 2, 3}); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "LinearModel: the features have 2 rows, but there are 3 targets"));
  e = thrown([&] { LinearModel<double>(two_rows(), {1, nan}); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "row 1 (counted from 0) has target nan"));
  auto x = two_rows();
  x(1, 1) = std::numeric_limits<double>::infinity();
  e = thrown([&] { LinearModel<double>(x, {1, 2}); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "row 1 (counted from 0) has in feature column 1 the value inf"));
  CHECK(thrown([] { LinearModel<double>(FeatureMatrix<double>(0, 3), {}); }).id == "invalid_data");
  CHECK(thrown([] { LinearModel<double>(FeatureMatrix<double>(1, 0), {1}); }).id == "invalid_data");
  CHECK(thrown([] { LinearModel<double>(two_rows(), {1, 2}, {.l2 = -1}); }).id == "invalid_argument");
  CHECK(thrown([&] { LinearModel<double>(two_rows(), {1, 2}, {.l2 = nan}); }).id == "invalid_argument");

  LinearModel<double> model(two_rows(), {1, 2});
  Parameters<double> parameters(model.layout());
  Parameters<double> other(Layout{{"coefficients", {3}}});  // as many numbers, another layout
  CHECK(thrown([&] { model.loss(other, {}, parameters); }).id == "layout_mismatch");
  CHECK(thrown([&] { model.loss(parameters, {}, other); }).id == "layout_mismatch");
  CHECK(thrown([&] { (void)model.evaluate(other); }).id == "layout_mismatch");
  const std::vector<std::size_t> beyond{0, 2};
  e = thrown([&] { model.loss(parameters, beyond, parameters); });
  CHECK(e.id == "invalid_argument");
  CHECK(contains(e.message, "names row 2"));
}

TEST_CASE("linear: parameters that are not finite give a loss that is not") {
  LinearModel<double> model(two_rows(), {1, 2});
  Parameters<double> parameters(model.layout());
  Parameters<double> gradient(model.layout());
  parameters.data()[1] = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(is_finite(model.loss(parameters, {}, gradient)));
}

}  // namespace model_linear_test
