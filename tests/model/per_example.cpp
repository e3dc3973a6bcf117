#include "healthai/model/per_example.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <span>
#include <vector>

#include "healthai/model/cox.hpp"
#include "healthai/model/linear.hpp"
#include "healthai/model/logistic.hpp"
#include "healthai/model/mlp.hpp"
#include "healthai/model/softmax.hpp"
#include "model/support.hpp"

namespace model_per_example_test {

using namespace healthai;
using namespace model_test;

static_assert(PerExampleModel<LinearModel<double>> && PerExampleModel<LinearModel<float>>);
static_assert(PerExampleModel<LogisticModel<double>> && PerExampleModel<LogisticModel<float>>);
static_assert(PerExampleModel<SoftmaxModel<double>> && PerExampleModel<SoftmaxModel<float>>);
static_assert(PerExampleModel<MlpModel<double>> && PerExampleModel<MlpModel<float>>);
static_assert(Model<CoxModel<double>> && !PerExampleModel<CoxModel<double>>);

namespace {

/// Near misses.
struct Smallest {
  using Scalar = double;
  [[nodiscard]] static Layout layout() { return Layout{{"w", {1}}}; }
  [[nodiscard]] static std::size_t num_examples() { return 1; }
  static double loss(const Parameters<double>&, std::span<const std::size_t>, Parameters<double>&) {
    return 0;
  }
  static Metrics evaluate(const Parameters<double>&) { return {}; }
  template <class Visit>
  static void for_each_gradient(const Parameters<double>&, std::span<const std::size_t>, Visit) {}
  static void add_penalty(const Parameters<double>&, Parameters<double>&) {}
};
struct WithoutPenalty : Smallest {
  static void add_penalty() {}
};
struct WithoutGradients : Smallest {
  static void for_each_gradient() {}
};
static_assert(PerExampleModel<Smallest> && !PerExampleModel<WithoutPenalty> &&
              !PerExampleModel<WithoutGradients>);

using Gradients = std::vector<std::vector<double>>;
template <class M>
Gradients gradients_of(M& model, const Parameters<typename M::Scalar>& parameters,
                       std::span<const std::size_t> rows) {
  Gradients all;
  model.for_each_gradient(parameters, rows,
                          [&all](std::span<const double> g) { all.emplace_back(g.begin(), g.end()); });
  return all;
}

/// Calls `check(model, seed)` for one random model of each kind.
template <class Scalar, class Check>
void each_model(Stream& stream, const Check& check) {
  const std::size_t rows = 1 + uniform_index(stream, 20), columns = 1 + uniform_index(stream, 9);
  const double l2 = uniform_index(stream, 2) == 0 ? 0 : 0.3;
  const bool intercept = uniform_index(stream, 2) == 0;
  const auto x = random_features<Scalar>(stream, rows, columns);
  std::vector<Scalar> targets(rows), labels(rows);
  std::vector<std::size_t> classes(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    targets[i] = static_cast<Scalar>(symmetric(stream));
    labels[i] = static_cast<Scalar>(uniform_index(stream, 2));
    classes[i] = uniform_index(stream, 3);
  }
  LinearModel<Scalar> linear(x, targets, {.l2 = l2, .intercept = intercept});
  check(linear);
  LogisticModel<Scalar> logistic(x, labels, {.l2 = l2, .intercept = intercept});
  check(logistic);
  SoftmaxModel<Scalar> softmax(x, classes, 3, {.l2 = l2});
  check(softmax);
  MlpModel<Scalar> network(x, classes, 3, {.hidden = {5, 4}, .activation = Activation::tanh, .l2 = l2});
  check(network);
  MlpModel<Scalar> regression(x, random_features<Scalar>(stream, rows, 2), {.hidden = {}, .l2 = l2});
  check(regression);
}

}  // namespace

TEST_CASE_TEMPLATE("the mean of the rows' gradients and the penalty are the gradient of the loss", Scalar,
                   float, double) {
  CHECK(rc::check([](std::uint64_t seed) {
    Stream stream(seed, Purpose::test);
    each_model<Scalar>(stream, [&](auto& model) {
      const auto parameters = random_parameters<Scalar>(model.layout(), stream);
      const auto rows = random_batch(stream, model.num_examples());
      const Gradients each = gradients_of(model, parameters, rows);
      RC_ASSERT(each.size() == rows.size());
      Parameters<Scalar> expected(model.layout()), penalty(model.layout());
      model.loss(parameters, rows, expected);
      model.add_penalty(parameters, penalty);
      for (std::size_t j = 0; j < expected.size(); ++j) {
        double mean = 0;
        for (const auto& gradient : each) mean += gradient[j] / static_cast<double>(rows.size());
        // Sums of at most 20 rows of 9 columns, of terms of a magnitude of a few tens.
        const double tolerance = sizeof(Scalar) == 4 ? 1e-4 : 1e-12;
        RC_ASSERT(std::fabs(mean + static_cast<double>(penalty.data()[j]) -
                            static_cast<double>(expected.data()[j])) <= tolerance);
      }
    });
  }));
}

TEST_CASE_TEMPLATE("a row's gradient has the same bits whoever else is asked for, and no rows are none",
                   Scalar, float, double) {
  CHECK(rc::check([](std::uint64_t seed) {
    Stream stream(seed, Purpose::test);
    each_model<Scalar>(stream, [&](auto& model) {
      const auto parameters = random_parameters<Scalar>(model.layout(), stream);
      const auto rows = random_batch(stream, model.num_examples());
      const Gradients together = gradients_of(model, parameters, rows);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::size_t alone[] = {rows[i]};
        RC_ASSERT(gradients_of(model, parameters, alone).front() == together[i]);
      }
      RC_ASSERT(gradients_of(model, parameters, {}).empty());
      const std::size_t beyond[] = {model.num_examples()};
      RC_ASSERT(thrown([&] { gradients_of(model, parameters, beyond); }).id == "invalid_argument");
      const Parameters<Scalar> other(Layout{{"other", {1}}});
      RC_ASSERT(thrown([&] { gradients_of(model, other, {}); }).id == "layout_mismatch");
    });
  }));
}

TEST_CASE("the norm of a row's gradient is that of the closed form") {
  LogisticModel<double> model(FeatureMatrix<double>::Constant(1, 3, 2), {1});
  const Parameters<double> zero(model.layout());
  const std::size_t first[] = {0};
  const auto gradient = gradients_of(model, zero, first).front();
  double squares = 0;
  for (const double g : gradient) squares += g * g;
  CHECK(std::sqrt(squares) == doctest::Approx(0.5 * std::sqrt(13.0)).epsilon(1e-15));  // |p - y| ||(x, 1)||
}

}  // namespace model_per_example_test
