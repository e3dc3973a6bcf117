#include "healthai/model/softmax.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "healthai/model/logistic.hpp"
#include "model/support.hpp"

namespace model_softmax_test {

using namespace healthai;
using namespace model_test;

static_assert(BoundsCurvature<SoftmaxModel<double>> && BoundsCurvature<SoftmaxModel<float>>);

namespace {

template <class Scalar>
SoftmaxModel<Scalar> random_model(Stream& stream, SoftmaxOptions options, std::size_t rows,
                                  std::size_t columns, std::size_t classes) {
  auto x = random_features<Scalar>(stream, rows, columns);
  std::vector<std::size_t> y(rows);
  for (std::size_t& value : y) value = uniform_index(stream, classes);
  return {std::move(x), std::move(y), classes, options};
}

}  // namespace

TEST_CASE("softmax: equal logits give log K, and the layout is as documented") {
  SoftmaxModel<double> model(FeatureMatrix<double>::Ones(3, 2), {0, 1, 3}, 4);
  CHECK(model.layout().describe() == "weight[4,2] bias[4]");
  CHECK(model.num_examples() == 3);
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(Parameters<double>(model.layout()), {}, gradient) ==
        doctest::Approx(std::log(4.0)).epsilon(1e-15));
  CHECK(gradient["bias"](0) == doctest::Approx(0.25 - 1.0 / 3).epsilon(1e-15));
  CHECK(gradient["bias"](2) == doctest::Approx(0.25).epsilon(1e-15));
  CHECK(gradient["weight"](3, 1) == doctest::Approx(0.25 - 1.0 / 3).epsilon(1e-15));
  const Metrics metrics = model.evaluate(Parameters<double>(model.layout()));
  CHECK(metrics["loss"] == doctest::Approx(std::log(4.0)).epsilon(1e-15));
  CHECK(metrics["accuracy"] == doctest::Approx(1.0 / 3).epsilon(1e-15));  // the first class wins ties
}

TEST_CASE_TEMPLATE("softmax: gradients agree with finite differences", Scalar, float, double) {
  CHECK(rc::check("gradient", [](std::uint64_t seed, bool penalised) {
    Stream stream(seed, Purpose::test);
    auto model = random_model<Scalar>(stream, {.l2 = penalised ? 0.3 : 0.0}, 1 + uniform_index(stream, 30),
                                      1 + uniform_index(stream, 5), 2 + uniform_index(stream, 4));
    const auto parameters = random_parameters<Scalar>(model.layout(), stream);
    RC_ASSERT(gradient_error(model, parameters) < gradient_tolerance<Scalar>);
    RC_ASSERT(gradient_error(model, parameters, random_batch(stream, model.num_examples())) <
              gradient_tolerance<Scalar>);
  }));
}

TEST_CASE("softmax with two classes is logistic regression") {
  CHECK(rc::check("K = 2", [](std::uint64_t seed) {
    Stream stream(seed, Purpose::test);
    const std::size_t rows = 1 + uniform_index(stream, 20);
    const std::size_t columns = 1 + uniform_index(stream, 5);
    const auto x = random_features<double>(stream, rows, columns);
    std::vector<std::size_t> classes(rows);
    std::vector<double> labels(rows);
    for (std::size_t i = 0; i < rows; ++i) {
      classes[i] = uniform_index(stream, 2);
      labels[i] = static_cast<double>(classes[i]);
    }
    SoftmaxModel<double> softmax(x, classes, 2);
    LogisticModel<double> logistic(x, labels);
    const auto both = random_parameters<double>(softmax.layout(), stream, 5);
    Parameters<double> difference(logistic.layout());
    const auto p = static_cast<Eigen::Index>(columns);
    difference.flat().head(p) = both.flat().segment(p, p) - both.flat().head(p);
    difference.data()[columns] = both["bias"](1) - both["bias"](0);
    Parameters<double> of_both(softmax.layout());
    Parameters<double> of_difference(logistic.layout());
    const double a = softmax.loss(both, {}, of_both);
    const double b = logistic.loss(difference, {}, of_difference);
    RC_ASSERT(std::fabs(a - b) <= 1e-13 * (1 + b));
    RC_ASSERT((of_both.flat().segment(p, p) - of_difference.flat().head(p)).norm() < 1e-13);
    RC_ASSERT((of_both.flat().head(p) + of_difference.flat().head(p)).norm() < 1e-13);
    RC_ASSERT(std::fabs(of_both["bias"](1) - of_difference.data()[columns]) < 1e-13);
    RC_ASSERT(softmax.evaluate(both)["accuracy"] == logistic.evaluate(difference)["accuracy"]);
  }));
}

TEST_CASE("softmax: logits of +-700 lose nothing") {
  SoftmaxModel<double> model(FeatureMatrix<double>::Ones(1, 1), {0}, 3);
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(Parameters<double>(model.layout(), std::vector<double>{-700, 700, 0, 0, 0, 0}), {},
                   gradient) == 1400);
  CHECK(gradient["bias"](0) == -1);
  CHECK(gradient["bias"](1) == 1);
  CHECK(model.loss(Parameters<double>(model.layout(), std::vector<double>{700, -700, 0, 0, 0, 0}), {},
                   gradient) < 1e-300);
  CHECK(largest(gradient) < 1e-300);
}

TEST_CASE("softmax: the curvature bound holds") {
  CHECK(rc::check("bound", [](std::uint64_t seed, bool penalised) {
    Stream stream(seed, Purpose::test);
    auto model = random_model<double>(stream, {.l2 = penalised ? 0.3 : 0.0}, 1 + uniform_index(stream, 20),
                                      1 + uniform_index(stream, 5), 2 + uniform_index(stream, 4));
    const auto parameters = random_parameters<double>(model.layout(), stream, symmetric(stream, 3));
    RC_ASSERT(largest_curvature(model, parameters) <= model.curvature_bound() * (1 + 1e-7));
  }));
  // With two classes and all parameters zero it is reached.
  Stream stream(1, Purpose::test);
  auto model = random_model<double>(stream, {}, 20, 3, 2);
  CHECK(largest_curvature(model, Parameters<double>(model.layout())) >= 0.9 * model.curvature_bound());
}

TEST_CASE("softmax: a class out of range is refused, with its row") {
  const auto e = thrown([] { SoftmaxModel<double>(FeatureMatrix<double>::Ones(2, 1), {0, 3}, 3); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "SoftmaxModel: row 1 (counted from 0) has class 3"));
  CHECK(thrown([] {
          SoftmaxModel<double>(FeatureMatrix<double>::Ones(2, 1), {0, 0}, 1);
        }).id == "invalid_argument");
  CHECK(thrown([] { SoftmaxModel<double>(FeatureMatrix<double>::Ones(2, 1), {0}, 2); }).id == "invalid_data");
  CHECK(thrown([] {
          SoftmaxModel<double>(FeatureMatrix<double>::Ones(2, 1), {0, 1}, 2, {.l2 = -0.1});
        }).id == "invalid_argument");
  SoftmaxModel<double> model(FeatureMatrix<double>::Ones(2, 1), {0, 1}, 2);
  Parameters<double> other(Layout{{"weight", {1, 2}}, {"bias", {2}}});
  CHECK(thrown([&] { model.loss(other, {}, other); }).id == "layout_mismatch");
}

}  // namespace model_softmax_test
