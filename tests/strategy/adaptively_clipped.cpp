#include "healthai/strategy/adaptively_clipped.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "healthai/client/clipped.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedadam.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/feddyn.hpp"
#include "healthai/transport/in_process.hpp"
#include "refusals.hpp"

namespace strategy_adaptively_clipped_test {

using namespace healthai;
using refusals_test::refuses;

static_assert(Strategy<AdaptivelyClipped<FedAvg>, double> && Strategy<AdaptivelyClipped<FedAvg>, float>);
static_assert(Strategy<AdaptivelyClipped<FedAdam>, double> && Strategy<AdaptivelyClipped<FedDyn>, double>);
static_assert(!takes_stale_updates<AdaptivelyClipped<FedAvg>, double>() &&
              takes_stale_updates<FedAvg, double>());

namespace {

const Layout layout{{"w", {2}}};

/// Sends an update of this length.
struct Sends {
  using Scalar = double;
  double length = 1;
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = Parameters<double>(layout, std::vector<double>{0.6 * length, -0.8 * length});
    reply.num_examples = 1;
    return reply;
  }
  static EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
};

/// Clients whose updates have the lengths 1, 2, ..., n.
InProcess clients_of(std::size_t n) {
  InProcess clients({.threads = 1});
  for (std::size_t i = 1; i <= n; ++i)
    clients.add(ClientId("c" + std::to_string(i)), Clipped{Sends{static_cast<double>(i)}, {.bound = 1000}});
  return clients;
}

/// The bounds of the rounds, as they can be seen from outside: whoever is longest sends a step of exactly this length.
std::vector<double> bounds(double initial, double quantile, double rate, std::uint64_t rounds) {
  InProcess clients = clients_of(20);
  AdaptivelyClipped strategy{FedAvg{}, initial, {.quantile = quantile, .learning_rate = rate}};
  Federation federation{strategy, clients, {.rounds = rounds}};
  federation.start(Parameters<double>(layout));
  std::vector<double> seen;
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    const RoundReport report = federation.step();
    INFO(report.error);
    REQUIRE(report.updated);
    // The mean of min(i, C) over i = 1..20 grows strictly with C up to 20, so that it tells C.
    double low = 0, high = 20;
    for (int i = 0; i < 100; ++i) {
      const double middle = (low + high) / 2;
      double mean = 0;
      for (int k = 1; k <= 20; ++k) mean += std::fmin(k, middle) / 20;
      (mean < report.update_norm ? low : high) = middle;
    }
    seen.push_back(high);
  }
  return seen;
}

}  // namespace

TEST_CASE("the bound moves towards the quantile, by the paper's step, and stays there") {
  // From far below nobody is within: each step is exp(rate quantile).
  const auto up = bounds(0.01, 0.5, 1, 40);
  for (std::size_t round = 1; round < 6; ++round)
    CHECK(up[round] / up[round - 1] == doctest::Approx(std::exp(0.5)).epsilon(1e-9));
  // Near the longest all but few are.
  const auto down = bounds(19.5, 0.5, 1, 40);
  CHECK(down[1] / down[0] == doctest::Approx(std::exp(0.5 - 0.95)).epsilon(1e-9));
  // Half of the clients send at most 10, so every bound in [10, 11) is one that stays; nothing oversteps it, since the last step is by a
  // factor of at most exp(1/20) < 11/10.
  for (const auto* seen : {&up, &down}) {
    CHECK(seen->back() >= 10);
    CHECK(seen->back() < 11);
    CHECK(seen->at(38) == doctest::Approx(seen->back()).epsilon(1e-9));
  }
  const auto high = bounds(2, 0.9, 1, 60);
  CHECK(high.back() >= 18);
  CHECK(high.back() < 19);
}

TEST_CASE("it is its strategy but for the bound, and its state has both") {
  const AdaptivelyClipped strategy{FedAvg{.server_learning_rate = 0.5}, 3, {.quantile = 0.8}};
  CHECK(strategy.describe() == "AdaptivelyClipped(" + FedAvg{.server_learning_rate = 0.5}.describe() +
                                   ",initial_bound=3,quantile=0.8,learning_rate=0.2)");
  auto state = strategy.init<double>(layout);
  CHECK(strategy.configure(state, 1).update_clip == 3.0);
  RoundAggregate<double> round;
  round.update = Parameters<double>(layout, std::vector<double>{4, 2});
  round.clients = 5;
  round.scalars = {{std::string(within_clip), 1.5}};  // four of five
  Parameters<double> parameters(layout);
  strategy.apply(state, parameters, round);
  CHECK(parameters.data()[0] == 2);
  CHECK(state.bound == doctest::Approx(3).epsilon(1e-15));
  round.scalars[0].value = -2.5;
  strategy.apply(state, parameters, round);
  CHECK(state.bound == doctest::Approx(3 * std::exp(0.2 * 0.8)).epsilon(1e-15));
  const auto copy = from_bytes<AdaptivelyClipped<FedAvg>::State<double>>(to_bytes(state));
  CHECK(copy.bound == state.bound);
  // What the strategy inside asks for is still asked for.
  const AdaptivelyClipped remembering{FedDyn{.alpha = 0.3}, 1};
  const auto objective = remembering.configure(remembering.init<double>(layout), 1);
  CHECK(objective.dynamic_regularisation);
  CHECK(objective.proximal_mu == 0.3);
  CHECK(objective.update_clip == 1.0);
}

TEST_CASE("a round of which nobody says who was within, and hyperparameters outside their range") {
  const AdaptivelyClipped strategy{FedAvg{}, 1};
  auto state = strategy.init<double>(layout);
  Parameters<double> parameters(layout);
  RoundAggregate<double> round;
  round.update = parameters;
  round.clients = 5;
  refuses([&] { return strategy.apply(state, parameters, round), 0; }, error::invalid_reply, "clip/within");
  refuses([] { return AdaptivelyClipped(FedAvg{}, 0).validate(), 0; }, "initial_bound must be positive");
  refuses([] { return AdaptivelyClipped(FedAvg{}, 1, {.quantile = 2}).validate(), 0; }, "quantile");
  refuses([] { return AdaptivelyClipped(FedAvg{.server_learning_rate = -1}, 1).validate(), 0; },
          "server_learning_rate");
  // A client that does not clip refuses, and says what is missing.
  InProcess clients({.threads = 1});
  clients.add("north", Sends{});
  const auto outcome = Federation{strategy, clients, {.rounds = 1}}.run(parameters);
  REQUIRE(outcome.history.at(0).failures.size() == 1);
  CHECK(outcome.history[0].failures[0].error == "refused");
  CHECK(outcome.history[0].failures[0].message.find("update clip") != std::string::npos);
  CHECK(outcome.history[0].failures[0].message.find("Clipped{client}") != std::string::npos);
}

}  // namespace strategy_adaptively_clipped_test
