#include "healthai/client/local_trainer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "../quadratic.hpp"

namespace client_local_trainer_test {

using namespace healthai;

namespace {

template <class Scalar>
TrainRequest<Scalar> request_at(const std::vector<double>& start, LocalObjective<Scalar> objective = {},
                                std::uint64_t round = 1) {
  Parameters<Scalar> parameters(Quadratic<Scalar>::layout_for(start.size()));
  for (std::size_t j = 0; j < start.size(); ++j) parameters.data()[j] = static_cast<Scalar>(start[j]);
  return {std::make_shared<const TrainBroadcast<Scalar>>(
              TrainBroadcast<Scalar>{{1, round, 0}, 42, std::move(parameters), std::move(objective)}),
          "north"};
}

/// Records which rows each step sees.
struct RowRecorder {
  using Scalar = double;
  std::size_t rows = 10;
  std::shared_ptr<std::vector<std::vector<std::size_t>>> seen =
      std::make_shared<std::vector<std::vector<std::size_t>>>();
  [[nodiscard]] Layout layout() const { return Layout{{"w", {1}}}; }
  [[nodiscard]] std::size_t num_examples() const { return rows; }
  double loss(const Parameters<double>&, std::span<const std::size_t> chosen,
              Parameters<double>& gradient) const {
    gradient.flat().setOnes();
    seen->emplace_back(chosen.begin(), chosen.end());
    return 1;
  }
  [[nodiscard]] Metrics evaluate(const Parameters<double>&) const { return {}; }
};

/// Records what it was told of the next batch, too.
struct PrefetchRecorder : RowRecorder {
  std::shared_ptr<std::vector<std::vector<std::size_t>>> told =
      std::make_shared<std::vector<std::vector<std::size_t>>>();
  void prefetch(std::span<const std::size_t> next) const noexcept {
    told->emplace_back(next.begin(), next.end());
  }
};

static_assert(Client<LocalTrainer<Quadratic<double>>, double>);
static_assert(!Client<LocalTrainer<Quadratic<double>>, float>);
static_assert(Client<LocalTrainer<Quadratic<float>>, float>);

}  // namespace

TEST_CASE_TEMPLATE("one step is one gradient step, and several contract as they should", Scalar, float,
                   double) {
  const Quadratic<Scalar> model{{2.0, 0.5}, {1.0, -3.0}, 5};
  for (const std::uint64_t steps : {1U, 7U}) {
    LocalTrainer trainer(model, {.learning_rate = 0.25, .local_steps = steps});
    const TrainReply<Scalar> reply = trainer.train(request_at<Scalar>({4.0, 2.0}), {});
    const double start[] = {4.0, 2.0};
    for (std::size_t j = 0; j < 2; ++j) {
      const double contraction = std::pow(1 - 0.25 * model.curvature[j], static_cast<double>(steps));
      const double expected = (contraction - 1) * (start[j] - model.target[j]);
      CHECK(static_cast<double>(reply.update.data()[j]) ==
            doctest::Approx(expected).epsilon(sizeof(Scalar) == 4 ? 1e-6 : 1e-14));
    }
    CHECK(reply.local_steps == steps);
    CHECK(reply.num_examples == 5);
    CHECK_FALSE(reply.partial);
  }
}

TEST_CASE("the proximal term and the linear correction are those of the formula") {
  const Quadratic<double> model{{2.0}, {1.0}, 1};
  LocalObjective<double> objective;
  objective.proximal_mu = 0.8;
  objective.linear_correction = Parameters<double>(model.layout());
  objective.linear_correction->data()[0] = 0.3;
  objective.local_steps = 6;
  objective.learning_rate = 0.2;
  LocalTrainer trainer(model, {.learning_rate = 99, .local_epochs = 3});  // overruled by the objective
  const double update = trainer.train(request_at<double>({4.0}, objective), {}).update.data()[0];
  // Steps contract by 1 - r (d + mu) towards the minimiser of d/2 (w-a)^2 + mu/2 (w-g)^2 + c w.
  const double minimiser = (2.0 * 1.0 + 0.8 * 4.0 - 0.3) / (2.0 + 0.8);
  CHECK(update == doctest::Approx((1 - std::pow(1 - 0.2 * 2.8, 6)) * (minimiser - 4.0)).epsilon(1e-14));
}

TEST_CASE("momentum and weight decay follow their recurrence") {
  const Quadratic<double> model{{1.5}, {2.0}, 1};
  LocalTrainer trainer(model,
                       {.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.05, .local_steps = 4});
  double w = -1;
  double v = 0;
  for (int i = 0; i < 4; ++i) {
    v = 0.9 * v + 1.5 * (w - 2.0) + 0.05 * w;
    w -= 0.1 * v;
  }
  for (int repeat = 0; repeat < 2; ++repeat) {  // the velocity does not leak into the next round
    CHECK(trainer.train(request_at<double>({-1.0}), {}).update.data()[0] ==
          doctest::Approx(w + 1).epsilon(1e-14));
  }
}

TEST_CASE("an epoch sees every row once, in another order each time, the same on every machine") {
  RowRecorder model;
  LocalTrainer trainer(model, {.batch_size = 4, .local_epochs = 2});
  auto rows = [&](std::uint64_t round) {
    model.seen->clear();
    static_cast<void>(trainer.train(request_at<double>({0.0}, {}, round), {}));
    return *model.seen;
  };
  const auto first = rows(1);
  REQUIRE(first.size() == 6);  // 4 + 4 + 2 rows, twice
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    std::multiset<std::size_t> all;
    for (std::size_t b = 0; b < 3; ++b) all.insert(first[3 * epoch + b].begin(), first[3 * epoch + b].end());
    CHECK(all == std::multiset<std::size_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  }
  CHECK(first[2].size() == 2);
  CHECK(first[0] != first[3]);
  CHECK(rows(1) == first);
  CHECK(rows(2) != first);
}

TEST_CASE("a model is told which rows come next, as far as that is drawn") {
  PrefetchRecorder model;
  LocalTrainer trainer(model, {.batch_size = 4, .local_epochs = 2});
  static_cast<void>(trainer.train(request_at<double>({0.0}), {}));
  const auto& seen = *model.seen;
  REQUIRE(seen.size() == 6);
  CHECK(*model.told == std::vector<std::vector<std::size_t>>{seen[1], seen[2], {}, seen[4], seen[5]});
}

TEST_CASE("full batches are not gathered") {
  RowRecorder model;
  LocalTrainer trainer(model, {.batch_size = 10});
  static_cast<void>(trainer.train(request_at<double>({0.0}), {}));
  CHECK(model.seen->at(0).empty());
}

TEST_CASE("asked to stop, it hands in what it has") {
  const Quadratic<double> model{{1.0}, {0.0}, 1};
  LocalTrainer trainer(model, {.local_steps = 1000000});
  std::stop_source stop;
  stop.request_stop();
  const auto reply = trainer.train(request_at<double>({1.0}), stop.get_token());
  CHECK(reply.partial);
  CHECK(reply.local_steps == 0);
  CHECK(reply.update.data()[0] == 0);
}

TEST_CASE("the loss of a full-batch step is that of the global parameters") {
  const Quadratic<double> model{{2.0}, {1.0}, 8};
  LocalTrainer trainer(model);
  const auto reply = trainer.train(request_at<double>({4.0}), {});
  CHECK(reply.metrics["loss"] == 9.0);
}

TEST_CASE("another model's parameters and impossible settings are refused") {
  const Quadratic<double> model{{2.0}, {1.0}, 8};
  LocalTrainer trainer(model);
  CHECK_THROWS_AS(static_cast<void>(trainer.train(request_at<double>({4.0, 4.0}), {})), Error);
  CHECK_THROWS_AS(LocalTrainer(model, {.learning_rate = 0}), Error);
  CHECK_THROWS_AS(LocalTrainer(model, {.momentum = 1}), Error);
  CHECK_THROWS_AS(LocalTrainer(model, {.weight_decay = -1}), Error);
  CHECK_THROWS_AS(LocalTrainer(model, {.local_epochs = 0}), Error);
  CHECK_THROWS_AS(LocalTrainer(model, {.local_steps = 0}), Error);
  Quadratic<double> empty{{1.0}, {0.0}, 0};
  LocalTrainer idle(empty);
  CHECK_THROWS_AS(static_cast<void>(idle.train(request_at<double>({1.0}), {})), Error);
}

TEST_CASE("effective steps are the closed forms of Wang et al. 2020, section 4") {
  const Quadratic<double> model{{2.0}, {1.0}, 8};
  const double r = 0.1;
  const auto effective = [&](double momentum, double mu, std::uint64_t steps) {
    LocalTrainer trainer(model, {.learning_rate = r, .momentum = momentum, .local_steps = steps});
    LocalObjective<double> objective;
    objective.proximal_mu = mu;
    const auto reply = trainer.train(request_at<double>({4.0}, objective), {});
    CHECK(reply.learning_rate == r);
    return reply.effective_steps;
  };
  for (const std::uint64_t steps : {1U, 2U, 9U}) {
    const auto s = static_cast<double>(steps);
    CHECK(effective(0, 0, steps) == s);
    const double m = 0.9;
    CHECK(effective(m, 0, steps) ==
          doctest::Approx((s - m * (1 - std::pow(m, s)) / (1 - m)) / (1 - m)).epsilon(1e-13));
    const double mu = 0.7;
    CHECK(effective(0, mu, steps) ==
          doctest::Approx((1 - std::pow(1 - r * mu, s)) / (r * mu)).epsilon(1e-13));
  }
  // Both at once, in two steps: a_1 = (1 - r mu) + m for the first gradient, a_2 = 1 for the second.
  CHECK(effective(0.9, 0.7, 2) == doctest::Approx(1 - r * 0.7 + 0.9 + 1).epsilon(1e-14));
}

TEST_CASE("with a constant gradient the update is -rate * effective steps * gradient") {
  RowRecorder model;  // its gradient is 1 everywhere
  LocalTrainer trainer(model, {.learning_rate = 0.25, .momentum = 0.5, .local_steps = 6});
  LocalObjective<double> objective;
  objective.proximal_mu = 0.3;
  const auto reply = trainer.train(request_at<double>({0.0}, objective), {});
  CHECK(reply.update.data()[0] == doctest::Approx(-0.25 * reply.effective_steps).epsilon(1e-14));
}

TEST_CASE("the loss before training is that of all rows at the global parameters, when asked for") {
  const Quadratic<double> model{{2.0}, {1.0}, 8};
  LocalTrainer trainer(model, {.learning_rate = 0.1, .batch_size = 3, .local_steps = 5});
  LocalObjective<double> objective;
  CHECK_FALSE(trainer.train(request_at<double>({4.0}, objective), {}).initial_loss);
  objective.initial_loss = true;
  CHECK(trainer.train(request_at<double>({4.0}, objective), {}).initial_loss == 9.0);
}

}  // namespace client_local_trainer_test
