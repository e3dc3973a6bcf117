#include "healthai/client/private_trainer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "client/wrapping.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/core/norm.hpp"
#include "healthai/model/logistic.hpp"
#include "healthai/model/mlp.hpp"
#include "model/support.hpp"

namespace client_private_trainer_test {

using namespace healthai;

namespace {

/// No noise: what is left can be computed by hand. Samples are random.
struct NoNoise {
  Stream stream{1, Purpose::test};
  std::shared_ptr<std::vector<double>> asked = std::make_shared<std::vector<double>>();  ///< variances
  NoNoise() = default;
  NoNoise(NoNoise&&) = default;
  NoNoise& operator=(NoNoise&&) = default;
  void add_gaussian(std::span<std::int64_t>, double variance) { asked->push_back(variance); }
  [[nodiscard]] Stream& generator() { return stream; }
};

/// Rows with given gradients, whatever the parameters; remembers who was asked for.
struct Fixed {
  using Scalar = double;
  std::vector<double> gradients;
  std::shared_ptr<std::vector<std::vector<std::size_t>>> seen =
      std::make_shared<std::vector<std::vector<std::size_t>>>();
  [[nodiscard]] static Layout layout() { return Layout{{"w", {1}}}; }
  [[nodiscard]] std::size_t num_examples() const { return gradients.size(); }
  static double loss(const Parameters<double>&, std::span<const std::size_t>, Parameters<double>&) {
    return 0;
  }
  static Metrics evaluate(const Parameters<double>& at) {
    Metrics metrics;
    metrics.add("w", at.data()[0], 1);
    return metrics;
  }
  template <class Visit>
  void for_each_gradient(const Parameters<double>&, std::span<const std::size_t> rows, Visit&& visit) {
    seen->emplace_back(rows.begin(), rows.end());
    for (const std::size_t row : rows) visit(std::span<const double>(&gradients[row], 1));
  }
  static void add_penalty(const Parameters<double>&, Parameters<double>&) {}
};

const Layout layout = Fixed::layout();
TrainRequest<double> request_at(double w, LocalObjective<double> objective = {}) {
  return wrapping::train_at(layout, {w}, std::move(objective));
}

static_assert(Client<PrivateTrainer<LogisticModel<double>, TestNoise>, double>);
static_assert(Client<PrivateTrainer<MlpModel<float>, ExactNoise<Stream>>, float>);
static_assert(!std::is_copy_constructible_v<PrivateTrainer<Fixed, ExactNoise<Stream>>>);

}  // namespace

TEST_CASE("with all rows, no noise and no row clipped it is the LocalTrainer, but for the grid") {
  Stream stream(1, Purpose::test);
  const std::size_t rows = 30;
  const auto x = model_test::random_features<double>(stream, rows, 4);
  std::vector<double> y(rows);
  for (double& label : y) label = static_cast<double>(uniform_index(stream, 2));
  const LogisticModel<double> model(x, y, {.l2 = 0.1});
  LocalObjective<double> objective;
  objective.proximal_mu = 0.3;
  objective.linear_correction = model_test::random_parameters<double>(model.layout(), stream, 0.1);
  const std::uint64_t steps = 7;
  const double rate = 0.5, clip = 10;  // rows are at most 2 sqrt(5) long
  LocalTrainer usual(model, {.learning_rate = rate, .local_steps = steps});
  PrivateTrainer trainer(
      model, {.clip = clip, .sampling_rate = 1, .steps = steps, .learning_rate = 99, .grid_bits = 30},
      NoNoise());
  auto as_prescribed = objective;
  as_prescribed.learning_rate = rate;
  const std::vector<double> start{0.1, -0.2, 0.3, 0, 1};
  const auto expected = usual.train(wrapping::train_at(model.layout(), start, objective), {});
  const auto reply = trainer.train(wrapping::train_at(model.layout(), start, as_prescribed), {});
  // Each step adds rate * half a grid step to each coordinate, and contracts what was there.
  const double tolerance = static_cast<double>(steps) * rate * clip * 0x1p-31 * std::sqrt(5) + 1e-14;
  CHECK(distance(reply.update, expected.update) <= tolerance);
  CHECK(norm(expected.update) > 0.1);
  CHECK(reply.num_examples == 30);
  CHECK(reply.local_steps == steps);
  CHECK(reply.learning_rate == rate);
  CHECK(reply.effective_steps == doctest::Approx(expected.effective_steps).epsilon(1e-14));
  CHECK_FALSE(reply.partial);
  CHECK(reply.metrics.empty());  // a loss would be another answer about the data
  CHECK_FALSE(reply.initial_loss);
}

TEST_CASE("rows are sampled independently, and the sum is divided by the size that is expected") {
  const std::size_t rows = 50;
  const double rate = 0.2;
  Fixed model{std::vector<double>(rows, 0.5)};
  const auto seen = model.seen;
  const std::uint64_t steps = 4000;
  PrivateTrainer trainer(model, {.clip = 1, .sampling_rate = rate, .steps = 1, .learning_rate = 1},
                         NoNoise());
  std::vector<double> of_row(rows);
  double pairs = 0, sizes = 0;
  for (std::uint64_t i = 0; i < steps; ++i) {
    const double update = trainer.train(request_at(0), {}).update.data()[0];
    const auto& batch = seen->back();
    CHECK(std::is_sorted(batch.begin(), batch.end()));
    CHECK(update == doctest::Approx(-0.5 * static_cast<double>(batch.size()) / 10).epsilon(1e-12));
    for (const std::size_t row : batch) ++of_row[row];
    const auto b = static_cast<double>(batch.size());
    sizes += b;
    pairs += b * b;
  }
  const auto n = static_cast<double>(steps);
  for (const double count : of_row) {
    CHECK(std::fabs(count - n * rate) <
          5.5 * std::sqrt(n * rate * (1 - rate)));  // one in a million for 50 rows
  }
  // The size of a batch is binomial: of variance 50 * 0.2 * 0.8 = 8, and not of 0, as a shuffled batch's is.
  const double variance = pairs / n - sizes / n * sizes / n;
  CHECK(std::fabs(variance / 8 - 1) < 4.9 * std::sqrt(2.1 / n));
  // Every row, if the rate is 1.
  PrivateTrainer all(model, {.clip = 1, .sampling_rate = 1, .learning_rate = 1}, NoNoise());
  static_cast<void>(all.train(request_at(0), {}));
  CHECK(seen->back().size() == rows);
}

TEST_CASE("no row moves the model by more than its clip, whatever is in it") {
  const double most = 1.0 / (0.5 * 2);  // rate * clip / (sampling_rate * rows)
  for (const double gradient : {0.25, 1.0, 3.0, 1e300, -1e300, std::nan(""), HUGE_VAL}) {
    PrivateTrainer trainer(Fixed{{gradient, 0}}, {.clip = 1, .sampling_rate = 0.5, .learning_rate = 1},
                           NoNoise());
    double furthest = 0;
    for (int i = 0; i < 50; ++i) {
      const double update = trainer.train(request_at(0), {}).update.data()[0];
      CHECK(std::fabs(update) <= most);
      furthest = std::fabs(update) > std::fabs(furthest) ? update : furthest;
    }
    const double clipped = is_finite(gradient) ? std::fmax(-1, std::fmin(gradient, 1)) : 0;
    CHECK(furthest == doctest::Approx(-clipped).epsilon(1e-5));
  }
}

TEST_CASE("rows of one patient are drawn together, and their gradients are clipped as one") {
  // Patients: rows 0, 2, 4 with a sum of 0.9; row 1 with 5; rows 3, 5 that cancel.
  Fixed model{{0.5, 5, 0.6, 7, -0.2, -7}};
  const auto seen = model.seen;
  const std::vector<std::vector<std::size_t>> patients{{0, 2, 4}, {1}, {3, 5}};
  PrivateTrainer all(model, {.clip = 1, .sampling_rate = 1, .learning_rate = 1, .grid_bits = 30}, NoNoise(),
                     nullptr, patients);
  const auto reply = all.train(request_at(0), {});
  CHECK(reply.update.data()[0] == doctest::Approx(-(0.9 + 1 + 0) / 3).epsilon(1e-8));
  CHECK(reply.num_examples == 3);  // how many rows they have shows nowhere
  CHECK(*seen == patients);
  // In a sample a patient has all of his rows or none, and the patients are independent.
  seen->clear();
  PrivateTrainer sampled(model, {.clip = 1, .sampling_rate = 0.3, .learning_rate = 1}, NoNoise(), nullptr,
                         patients);
  const int n = 6000;
  std::vector<double> drawn(3);
  double first_two = 0;
  for (int i = 0; i < n; ++i) {
    seen->clear();
    static_cast<void>(sampled.train(request_at(0), {}));
    std::vector<bool> in(3);
    for (const auto& rows : *seen) {
      const auto patient = std::find(patients.begin(), patients.end(), rows);
      REQUIRE(patient != patients.end());
      const auto number = static_cast<std::size_t>(patient - patients.begin());
      CHECK_FALSE(in[number]);
      in[number] = true;
      ++drawn[number];
    }
    first_two += in[0] && in[1] ? 1 : 0;
  }
  for (const double count : drawn) CHECK(std::fabs(count - n * 0.3) < 5 * std::sqrt(n * 0.3 * 0.7));
  CHECK(std::fabs(first_two - n * 0.09) < 5 * std::sqrt(n * 0.09 * 0.91));
  // One patient a row is the usual training, bit for bit.
  const std::vector<std::vector<std::size_t>> rows{{0}, {1}, {2}, {3}, {4}, {5}};
  const auto trained = [&](std::vector<std::vector<std::size_t>> units) {
    PrivateTrainer trainer(model, {.clip = 1, .noise_multiplier = 0.5, .sampling_rate = 0.5, .steps = 9},
                           ExactNoise(Stream(4, Purpose::test)), nullptr, std::move(units));
    return trainer.train(request_at(1), {}).update.data()[0];
  };
  CHECK(trained(rows) == trained({}));
  // A row that has something that is no number takes its patient with it, and says nothing.
  PrivateTrainer broken(Fixed{{0.5, std::nan(""), 0.25}},
                        {.clip = 1, .sampling_rate = 1, .learning_rate = 1, .grid_bits = 30}, NoNoise(),
                        nullptr, {{0, 1}, {2}});
  CHECK(broken.train(request_at(0), {}).update.data()[0] == doctest::Approx(-0.25 / 2).epsilon(1e-8));

  for (const std::vector<std::vector<std::size_t>>& bad :
       {std::vector<std::vector<std::size_t>>{{0, 1}, {2, 3}, {4}},  // a row that is nobody's
        {{0, 1, 2}, {2, 3, 4, 5}},
        {{0, 1, 2, 3, 4, 5}, {}},
        {{0, 1, 2, 3, 4, 5, 6}}}) {
    CHECK(model_test::thrown([&] { PrivateTrainer(model, {}, NoNoise(), nullptr, bad); }).id ==
          "invalid_data");
  }
}

TEST_CASE_TEMPLATE("the noise has the standard deviation that is claimed, on empty batches too", Noise,
                   TestNoise, ExactNoise<Stream>) {
  const auto noise = [] {
    if constexpr (std::is_same_v<Noise, TestNoise>) return TestNoise(3);
    if constexpr (!std::is_same_v<Noise, TestNoise>) return Noise(Stream(3, Purpose::test));
  };
  // Of 5 rows with a rate of 1e-9 none is ever sampled.
  Fixed model{std::vector<double>(5, 1.0)};
  const auto seen = model.seen;
  PrivateTrainer trainer(
      model, {.clip = 2, .noise_multiplier = 1.5, .sampling_rate = 1e-9, .steps = 3, .learning_rate = 1e-9},
      noise());
  const int n = 5000;
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double update = trainer.train(request_at(0), {}).update.data()[0];
    sum += update;
    squares += update * update;
  }
  CHECK(seen->size() == 3 * n);
  for (const auto& batch : *seen) CHECK(batch.empty());
  const double variance =
      3 * std::pow(1.5 * 2 / 5, 2);  // three steps of (multiplier * clip / (rate * rows))^2
  CHECK(std::fabs(sum / n) < 4.9 * std::sqrt(variance / n));
  CHECK(std::fabs(squares / n / variance - 1) < 4.9 * std::sqrt(2.0 / n));
}

TEST_CASE("what an accountant needs can be read, and is what is done") {
  NoNoise noise;
  const auto asked = noise.asked;
  PrivateTrainer trainer(Fixed{{1, 1}},
                         {.clip = 3, .noise_multiplier = 0.7, .sampling_rate = 0.25, .steps = 6},
                         std::move(noise));
  CHECK(trainer.mechanism() == Mechanism{NoiseKind::gaussian, 0.7, 0.25, 6});
  static_cast<void>(trainer.train(request_at(0), {}));
  REQUIRE(asked->size() == 6);
  for (const double variance : *asked) CHECK(variance == doctest::Approx(0.49 * 0x1p40).epsilon(1e-12));
}

TEST_CASE("the expense is noted before the data are touched, or nothing happens") {
  Fixed model{{1, 1}};
  const auto seen = model.seen;
  std::vector<Mechanism> spent;
  PrivateTrainer trainer(model, {.steps = 2}, TestNoise(1), [&](const Mechanism& mechanism) {
    CHECK(seen->size() == 2 * spent.size());
    if (spent.size() == 3) throw Error(error::refused, "the budget is spent");
    spent.push_back(mechanism);
  });
  for (int i = 0; i < 3; ++i) static_cast<void>(trainer.train(request_at(0), {}));
  CHECK_THROWS_WITH_AS(static_cast<void>(trainer.train(request_at(0), {})), "the budget is spent", Error);
  CHECK(seen->size() == 6);
  CHECK(spent == std::vector<Mechanism>(3, trainer.mechanism()));
  // What would be refused anyway costs nothing.
  LocalObjective<double> objective;
  objective.local_steps = 5;
  CHECK_THROWS_AS(static_cast<void>(trainer.train(request_at(0, objective), {})), Error);
  CHECK(spent.size() == 3);
}

TEST_CASE("what would cost more than was calculated, or cannot be used, is refused") {
  Fixed model{{1, 1}};
  PrivateTrainer trainer(model, {}, TestNoise(1));
  const auto refused = [&](auto change) {
    LocalObjective<double> objective;
    change(objective);
    const auto e =
        model_test::thrown([&] { static_cast<void>(trainer.train(request_at(0, objective), {})); });
    CHECK(model.seen->empty());
    return e.id + ": " + e.message;
  };
  using model_test::contains;
  CHECK(contains(refused([](auto& o) { o.local_steps = 1; }),
                 "refused: client north trains with differential"));
  CHECK(contains(refused([](auto& o) { o.local_steps = 1; }), "do not prescribe local_steps"));
  CHECK(contains(refused([](auto& o) { o.initial_loss = true; }), "initial loss"));
  CHECK(contains(refused([](auto& o) { o.control_variates = true; }), "control variates"));
  CHECK(contains(refused([](auto& o) { o.learning_rate = -1; }), "learning rate > 0"));
  CHECK(contains(refused([](auto& o) { o.proximal_mu = std::nan(""); }), "proximal mu >= 0"));
  CHECK(contains(refused([](auto& o) {
                   o.linear_correction = Parameters<double>(Layout{{"v", {1}}});
                 }),
                 "layout"));
  CHECK_FALSE(trainer.honours().local_steps);
  CHECK_FALSE(trainer.honours().initial_loss);
  CHECK(model_test::thrown([&] { static_cast<void>(trainer.train(request_at(std::nan("")), {})); }).id ==
        "not_finite");
  CHECK(model_test::thrown([&] {
          static_cast<void>(trainer.train(wrapping::train_at(Layout{{"v", {2}}}, {0, 0}), {}));
        }).id == "layout_mismatch");
  // An evaluation is a query too.
  const auto evaluation = wrapping::evaluate_at(layout, {4});
  CHECK(model_test::thrown([&] { static_cast<void>(trainer.evaluate(evaluation, {})); }).id == "refused");
  PrivateTrainer open(model, {.answers_evaluation = true}, TestNoise(1));
  CHECK(open.evaluate(evaluation, {}).metrics["w"] == 4);
  CHECK(open.evaluate(evaluation, {}).num_examples == 2);
}

TEST_CASE("asked to stop, it hands in what it has") {
  PrivateTrainer trainer(Fixed{{1, 1}}, {.steps = 5}, TestNoise(1));
  std::stop_source stop;
  stop.request_stop();
  const auto reply = trainer.train(request_at(1), stop.get_token());
  CHECK(reply.partial);
  CHECK(reply.local_steps == 0);
  CHECK(reply.update.data()[0] == 0);
}

TEST_CASE("settings outside their ranges are refused") {
  const auto refuses = [](PrivateTraining training) {
    return !model_test::thrown([&] { PrivateTrainer(Fixed{{1}}, training, TestNoise(1)); }).id.empty();
  };
  CHECK_FALSE(refuses({}));
  for (const double bad : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    CHECK(refuses({.clip = bad}));
    CHECK(refuses({.noise_multiplier = bad}));
    CHECK(refuses({.sampling_rate = bad}));
    CHECK(refuses({.learning_rate = bad}));
  }
  CHECK(refuses({.sampling_rate = 1.01}));
  CHECK(refuses({.steps = 0}));
  CHECK(refuses({.grid_bits = 0}));
  CHECK(refuses({.grid_bits = 31}));
  CHECK(refuses({.noise_multiplier = 3, .grid_bits = 30}));
  CHECK(model_test::thrown([] { PrivateTrainer(Fixed{}, {}, TestNoise(1)); }).id == "invalid_data");
}

}  // namespace client_private_trainer_test
