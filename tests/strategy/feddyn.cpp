#include "healthai/strategy/feddyn.hpp"

#include <doctest/doctest.h>

#include <string>

#include "healthai/client/dynamic_regularisation.hpp"
#include "hospitals.hpp"

namespace strategy_feddyn_test {

using namespace healthai;

static_assert(Strategy<FedDyn, double> && Strategy<FedDyn, float>);

namespace {

const auto wrap = [](auto client) { return DynamicRegularisation{std::move(client)}; };

}  // namespace

TEST_CASE("with exact local solutions and equal rows it is the paper's algorithm, sampling included") {
  const double alpha = 0.5;
  InProcess clients({.threads = 2});
  for (std::size_t k = 0; k < 3; ++k) {
    clients.add("c" + std::to_string(k),
                DynamicRegularisation{
                    LocalTrainer(Quadratic<double>{{hospitals::curvature[k]}, {hospitals::target[k]}, 6},
                                 {.learning_rate = 0.25, .local_steps = 400})});
  }
  Federation federation{FedDyn{.alpha = alpha},
                        clients,
                        {.rounds = 10, .seed = 3, .selection = FractionOfClients{.fraction = 0.7}}};
  federation.start(hospitals::origin());
  double w = 0, h = 0;
  double gradient[] = {0, 0, 0};
  for (int round = 0; round < 10; ++round) {
    const RoundReport report = federation.step();
    double local = 0, moved = 0;
    for (const ClientId& id : report.participants) {
      const auto k = static_cast<std::size_t>(id.str()[1] - '0');
      const double d = hospitals::curvature[k];
      // argmin of d/2 (x - a)^2 - g x + alpha/2 (x - w)^2
      const double x = (d * hospitals::target[k] + gradient[k] + alpha * w) / (d + alpha);
      gradient[k] -= alpha * (x - w);
      local += x;
      moved += x - w;
    }
    h -= alpha / 3 * moved;
    w = local / static_cast<double>(report.participants.size()) - h / alpha;
    CHECK(federation.parameters().data()[0] == doctest::Approx(w).epsilon(1e-11));
  }
}

TEST_CASE_TEMPLATE("it reaches the pooled optimum, with unequal rows and local steps", Scalar, float,
                   double) {
  InProcess clients = hospitals::make<Scalar>(0.1, {15, 20, 12}, wrap);
  CHECK(hospitals::end_of<Scalar>(FedDyn{.alpha = 0.7}, clients, {.rounds = 1500}) ==
        doctest::Approx(hospitals::optimum()).epsilon(sizeof(Scalar) == 4 ? 1e-5 : 1e-10));
}

TEST_CASE("a client that is not wrapped refuses, and says how to wrap it") {
  InProcess clients = hospitals::make(0.1, {1, 1, 1});
  Federation federation{FedDyn{}, clients, {.rounds = 1}};
  const auto outcome = federation.run(hospitals::origin());
  REQUIRE(outcome.history.at(0).failures.size() == 3);
  CHECK(outcome.history.at(0).failures[0].error == "refused");
  CHECK(outcome.history.at(0).failures[0].message.find("DynamicRegularisation{client}") != std::string::npos);
}

TEST_CASE("alpha must be positive") {
  CHECK_THROWS_AS(FedDyn{.alpha = 0}.validate(), Error);
  CHECK_NOTHROW(FedDyn{}.validate());
}

}  // namespace strategy_feddyn_test
