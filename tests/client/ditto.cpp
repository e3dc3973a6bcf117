#include "healthai/client/ditto.hpp"

#include <doctest/doctest.h>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "wrapping.hpp"

namespace client_ditto_test {

using namespace healthai;

namespace {

using Trainer = LocalTrainer<Quadratic<double>>;
static_assert(Client<Ditto<Trainer>, double> && BoundsItsCurvature<Ditto<Trainer>>);
const Layout layout = Quadratic<double>::layout_for(1);

}  // namespace

TEST_CASE("the personal models are the minima of their pulled losses, and the global one is FedAvg's") {
  const double curvature[] = {0.5, 2};
  const double target[] = {-3, 4};
  const double lambda = 0.8;
  InProcess clients;
  for (std::size_t k = 0; k < 2; ++k) {
    clients.add(k == 0 ? "a" : "b",
                Ditto{Trainer(Quadratic<double>{{curvature[k]}, {target[k]}, 1}, {.learning_rate = 0.2}),
                      {.lambda = lambda, .local_steps = 3}});
  }
  Federation federation{FedAvg{}, clients, {.rounds = 300, .evaluation = {.every = 300}}};
  const auto outcome = federation.run(Parameters<double>(layout));
  const double w = (0.5 * -3 + 2 * 4) / 2.5;  // one local step each: the pooled optimum
  CHECK(outcome.parameters.data()[0] == doctest::Approx(w).epsilon(1e-12));
  double global_loss = 0, personal_loss = 0;
  for (std::size_t k = 0; k < 2; ++k) {
    const double d = curvature[k];
    const double v = (d * target[k] + lambda * w) / (d + lambda);
    global_loss += 0.25 * d * (w - target[k]) * (w - target[k]);
    personal_loss += 0.25 * d * (v - target[k]) * (v - target[k]);
  }
  const Metrics& metrics = outcome.history.back().evaluation->clients;
  CHECK(metrics["loss"] == doctest::Approx(global_loss).epsilon(1e-12));
  CHECK(metrics["personal_loss"] == doctest::Approx(personal_loss).epsilon(1e-10));
  CHECK(outcome.history.back().metrics.find("personal_loss").has_value());
}

TEST_CASE("one round of the personal model, from where it was") {
  const double d = 1.5, a = 2, lambda = 0.4, r = 0.1;
  Ditto client{Trainer(Quadratic<double>{{d}, {a}, 7}, {.learning_rate = 99, .local_steps = 77}),
               {.lambda = lambda, .local_steps = 2, .learning_rate = r}};
  LocalObjective<double> objective;
  objective.local_steps = 1;
  objective.learning_rate = 0.5;
  double v = -1;  // begins as the first global model
  for (const double w : {-1.0, 3.0}) {
    const auto reply = client.train(wrapping::train_at(layout, {w}, objective), {});
    CHECK(reply.update.data()[0] == doctest::Approx(-0.5 * d * (w - a)).epsilon(1e-14));
    for (int s = 0; s < 2; ++s) v -= r * (d * (v - a) + lambda * (v - w));
    CHECK(client.personal_model().data()[0] == doctest::Approx(v).epsilon(1e-13));
  }
}

TEST_CASE("before training the personal model is the global one") {
  Ditto client{wrapping::MoveOnly{}};
  const auto reply = client.evaluate(wrapping::evaluate_at(layout, {5}), {});
  CHECK(reply.metrics["first"] == 5);
  CHECK(reply.metrics["personal_first"] == 5);
}

TEST_CASE("impossible settings, and clients that cannot be pulled, are refused") {
  CHECK_THROWS_AS(Ditto(wrapping::MoveOnly{}, {.lambda = -1}), Error);
  CHECK_THROWS_AS(Ditto(wrapping::MoveOnly{}, {.local_steps = 0}), Error);
  CHECK_THROWS_AS(Ditto(wrapping::MoveOnly{}, {.learning_rate = 0.1}), Error);  // it honours no rate
  struct Plain : wrapping::MoveOnly {
    static ObjectiveParts honours() { return {}; }
  };
  CHECK_THROWS_WITH_AS(Ditto{Plain{}}, doctest::Contains("proximal mu, linear correction"), Error);
}

}  // namespace client_ditto_test
