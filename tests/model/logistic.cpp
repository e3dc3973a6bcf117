#include "healthai/model/logistic.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "model/support.hpp"

namespace model_logistic_test {

using namespace healthai;
using namespace model_test;

static_assert(BoundsCurvature<LogisticModel<double>> && BoundsCurvature<LogisticModel<float>>);

namespace {

template <class Scalar>
LogisticModel<Scalar> random_model(Stream& stream, LogisticOptions options, std::size_t rows,
                                   std::size_t columns) {
  auto x = random_features<Scalar>(stream, rows, columns);
  std::vector<Scalar> y(rows);
  for (Scalar& value : y) value = static_cast<Scalar>(uniform_index(stream, 2));
  return {std::move(x), std::move(y), options};
}

const std::vector<std::string> icu_features{"Age", "ApacheIIScore", "BMI", "male", "elective", "emergency"};

}  // namespace

TEST_CASE_TEMPLATE("logistic: gradients agree with finite differences", Scalar, float, double) {
  CHECK(rc::check("gradient", [](std::uint64_t seed, bool intercept, bool penalised) {
    Stream stream(seed, Purpose::test);
    const LogisticOptions options{.l2 = penalised ? 0.3 : 0.0, .intercept = intercept};
    auto model =
        random_model<Scalar>(stream, options, 1 + uniform_index(stream, 30), 1 + uniform_index(stream, 6));
    const auto parameters = random_parameters<Scalar>(model.layout(), stream);
    RC_ASSERT(gradient_error(model, parameters) < gradient_tolerance<Scalar>);
    RC_ASSERT(gradient_error(model, parameters, random_batch(stream, model.num_examples())) <
              gradient_tolerance<Scalar>);
  }));
}

// Reference: examples/data/icu_networks.csv, all 1985 rows, fitted by R 4.2.2's glm (binomial, epsilon = 1e-15) in raw
// units.
TEST_CASE("logistic: R's maximum likelihood fit of ICU mortality is a stationary point") {
  const Table table = complete_table("icu_networks.csv", icu_features);
  REQUIRE(table.rows() == 1985);
  LogisticModel<double> model(design_matrix(table, icu_features).matrix(), column(table, "died"));
  const Parameters<double> optimum(
      model.layout(), std::vector<double>{0.02165814845696598, 0.055648927125122906, -0.012797610059922818,
                                          0.09780859454022262, -0.7412443530130491, -0.4937909874068079,
                                          -3.4718284889458833});
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(optimum, {}, gradient) * 1985 == doctest::Approx(939.9189595490911).epsilon(1e-12));
  CHECK(largest(gradient) < 1e-12);
  const Metrics metrics = model.evaluate(optimum);
  CHECK(metrics["loss"] == doctest::Approx(0.4735108108559653).epsilon(1e-12));
  CHECK(metrics["accuracy"] == doctest::Approx(0.7874055415617128).epsilon(1e-15));  // 14 + 1549 of 1985
}

// Reference: the same rows, features standardised by the population mean and standard deviation, minimum of
// sum of row losses + 10/2 ||w||^2 with the intercept left out: objective 942.1878141925799.
TEST_CASE("logistic: with l2 = lambda / rows the minimum is that of the penalised sum") {
  const Table table = complete_table("icu_networks.csv", icu_features);
  FeatureMatrix<double> x = design_matrix(table, icu_features).matrix();
  for (Eigen::Index j = 0; j < x.cols(); ++j) {
    x.col(j).array() -= x.col(j).mean();
    x.col(j) /= std::sqrt(x.col(j).squaredNorm() / static_cast<double>(x.rows()));
  }
  LogisticModel<double> model(std::move(x), column(table, "died"), {.l2 = 10.0 / 1985});
  const Parameters<double> optimum(
      model.layout(),
      std::vector<double>{0.36945948780747206, 0.43163357913651274, -0.08980087306724809, 0.04492848964411234,
                          -0.25287096787135804, -0.20397609378503428, -1.469247023970396});
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(optimum, {}, gradient) * 1985 == doctest::Approx(942.1878141925799).epsilon(1e-12));
  CHECK(largest(gradient) < 1e-13);
}

TEST_CASE("logistic: linear predictors of +-700 and far beyond lose nothing") {
  FeatureMatrix<double> x(2, 1);
  x << 1, -1;
  Parameters<double> gradient;
  for (const double z : {700.0, 1e5, 1e300}) {
    LogisticModel<double> right(x, {1, 0}, {.intercept = false});
    LogisticModel<double> wrong(x, {0, 1}, {.intercept = false});
    const Parameters<double> parameters(right.layout(), std::vector<double>{z});
    gradient = Parameters<double>(right.layout());
    CHECK(right.loss(parameters, {}, gradient) == doctest::Approx(std::exp(-z)).epsilon(1e-14));
    CHECK(gradient.data()[0] == doctest::Approx(-std::exp(-z)).epsilon(1e-14));
    CHECK(wrong.loss(parameters, {}, gradient) == z);
    CHECK(gradient.data()[0] == 1);
    CHECK(right.evaluate(parameters)["accuracy"] == 1);
    CHECK(wrong.evaluate(parameters)["accuracy"] == 0);
  }
  // A relative, not an absolute test: doctest's Approx compares small numbers against 1.
  LogisticModel<double> right(x, {1, 0}, {.intercept = false});
  const Parameters<double> parameters(right.layout(), std::vector<double>{700});
  gradient = Parameters<double>(right.layout());
  CHECK(right.loss(parameters, {}, gradient) / std::exp(-700.0) == doctest::Approx(1).epsilon(1e-14));
  CHECK(gradient.data()[0] / std::exp(-700.0) == doctest::Approx(-1).epsilon(1e-14));
}

TEST_CASE("logistic: the loss of many rows, likely and unlikely, is the sum of their logarithms") {
  constexpr std::size_t rows = 5000;
  FeatureMatrix<double> x(static_cast<Eigen::Index>(rows), 1);
  std::vector<double> labels(rows);
  Stream stream(1, Purpose::test);
  for (const double scale : {1e-3, 1.0, 50.0}) {
    long double expected = 0;
    for (std::size_t i = 0; i < rows; ++i) {
      const double z = scale * (2 * uniform(stream) - 1);
      x(static_cast<Eigen::Index>(i), 0) = z;
      labels[i] = uniform(stream) < 0.5 ? 0 : 1;
      expected += std::log1p(std::exp(-std::fabs(static_cast<long double>(z)))) +
                  (labels[i] == (z > 0 ? 0 : 1) ? std::fabs(z) : 0);
    }
    LogisticModel<double> model(x, labels, {.intercept = false});
    const Parameters<double> one(model.layout(), std::vector<double>{1});
    Parameters<double> gradient(model.layout());
    const auto mean = static_cast<double>(expected / rows);
    // Two roundings a row, of terms that are all positive.
    CHECK(model.loss(one, {}, gradient) / mean == doctest::Approx(1).epsilon(2 * rows * 0x1p-53));
    CHECK(model.evaluate(one)["loss"] / mean == doctest::Approx(1).epsilon(2 * rows * 0x1p-53));
  }
}

TEST_CASE("logistic: the curvature bound holds everywhere, and nearly is reached at zero") {
  CHECK(rc::check("bound", [](std::uint64_t seed, bool intercept, bool penalised) {
    Stream stream(seed, Purpose::test);
    const LogisticOptions options{.l2 = penalised ? 0.3 : 0.0, .intercept = intercept};
    auto model =
        random_model<double>(stream, options, 1 + uniform_index(stream, 20), 1 + uniform_index(stream, 8));
    const double range = symmetric(stream, 3);
    RC_ASSERT(largest_curvature(model, random_parameters<double>(model.layout(), stream, range)) <=
              model.curvature_bound() * (1 + 1e-7));
    // The bound adds l2 to every eigenvalue, but an intercept is not penalised.
    RC_ASSERT(largest_curvature(model, Parameters<double>(model.layout())) >=
              0.95 * (model.curvature_bound() - (intercept ? options.l2 : 0)));
  }));
}

TEST_CASE("logistic: labels other than 0 and 1 are refused, with their row") {
  for (const double label : {2.0, -1.0, 0.5, std::numeric_limits<double>::quiet_NaN()}) {
    const auto e = thrown([&] { LogisticModel<double>(FeatureMatrix<double>::Ones(3, 1), {0, 1, label}); });
    CHECK(e.id == "invalid_data");
    CHECK(contains(e.message, "LogisticModel: row 2 (counted from 0) has label "));
  }
  const auto e = thrown([] { LogisticModel<double>(FeatureMatrix<double>::Ones(3, 1), {0, 1}); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "3 rows, but there are 2 labels"));
  CHECK(LogisticModel<float>::layout_for(4, {.intercept = false}).describe() == "coefficients[4]");
}

}  // namespace model_logistic_test
