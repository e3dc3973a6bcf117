// A Federation whose clients are behind relays.
#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../quadratic.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/client/control_variates.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedprox.hpp"
#include "healthai/strategy/scaffold.hpp"
#include "regions.hpp"

namespace transport_federation_over_relays_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

using Prox = BasicFedProx<ReproducibleMean>;
const Parameters<double> origin(Quadratic<double>::layout_for(2));

auto trainer(int i) {
  return LocalTrainer(
      Quadratic<double>{{1.0 + 0.3 * i, 2.0}, {0.1 * i, -1.7 * i}, 3U + static_cast<std::size_t>(i)},
      {.learning_rate = 0.2, .local_steps = 3});
}

/// Nine clients, `make(i)` each, flat or in a tree: three regions, two of them behind a relay of their own.
template <class Make>
void host(InProcess& flat, Level& tree, Make make) {
  const auto region = [&](int first, int count) {
    auto hosts = std::make_shared<InProcess>(InProcessOptions{.threads = 1});
    for (int i = first; i < first + count; ++i) hosts->add("c" + std::to_string(i), make(i));
    return relay_handlers(hosts, ReproducibleMean{});
  };
  for (int i = 0; i < 9; ++i) flat.add("c" + std::to_string(i), make(i));
  auto inner = std::make_shared<Level>();
  inner->hosts.add("z", region(0, 2)).add("y", region(2, 4));
  tree.hosts.add("x", relay_handlers(region_of(inner), ReproducibleMean{}));
  tree.hosts.add("w", region(6, 3));
}

bool same_bits(const Parameters<double>& a, const Parameters<double>& b) {
  return a.layout() == b.layout() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

template <class StrategyType>
void same_as_flat(InProcess& flat, Level& tree) {
  FederationOptions options{.rounds = 6, .seed = 3};
  options.selection = FractionOfClients{.fraction = 0.7};
  options.evaluation.every = 2;
  Federation<StrategyType, InProcess> a{StrategyType{}, flat, options};
  Federation<StrategyType, decltype(tree.world)> b{StrategyType{}, tree.world, options};
  const auto x = a.run(origin);
  const auto y = b.run(origin);
  CHECK(x.parameters.data()[1] != 0);
  CHECK(same_bits(x.parameters, y.parameters));
  for (std::size_t r = 0; r < 6; ++r) {
    CHECK(y.history[r].selected == x.history[r].selected);
    CHECK(y.history[r].participants == x.history[r].participants);
    CHECK(y.history[r].failures.empty());
    CHECK(y.history[r].num_examples == x.history[r].num_examples);
    CHECK(y.history[r].metrics["loss"] == doctest::Approx(x.history[r].metrics["loss"]).epsilon(1e-14));
    if (r % 2 == 0) continue;
    const auto& evaluation = *y.history[r].evaluation;
    CHECK(evaluation.participants.size() == 9);
    CHECK(evaluation.clients["loss"] ==
          doctest::Approx(x.history[r].evaluation->clients["loss"]).epsilon(1e-14));
  }
}

}  // namespace

TEST_CASE("three levels give the model of one, bit for bit") {
  InProcess flat({.threads = 1});
  Level tree;
  host(flat, tree, [](int i) { return trainer(i); });
  same_as_flat<Prox>(flat, tree);
}

TEST_CASE("so does a strategy with vectors beside the update") {
  InProcess flat({.threads = 1});
  Level tree;
  host(flat, tree, [](int i) { return ControlVariates{trainer(i)}; });
  same_as_flat<BasicScaffold<ReproducibleMean>>(flat, tree);
}

TEST_CASE("the quorum counts the clients of the regions, and the report names who failed and where") {
  Level tree;
  for (const char* region : {"north", "south"}) {
    auto hosts = std::make_shared<InProcess>(InProcessOptions{.threads = 1});
    const std::string first(region, 1);
    hosts->add(first + "1", trainer(1)).add(first + "2", trainer(2));
    if (first == "s") {
      hosts->add("s3", Scripted{[](const auto&, std::stop_token) -> TrainReply<double> {
                   throw std::runtime_error("no GPU");
                 }});
    }
    tree.hosts.add(region, relay_handlers(hosts, ReproducibleMean{}));
  }
  const auto run = [&tree](std::size_t quorum) {
    FederationOptions options{.rounds = 1};
    options.quorum = quorum;
    options.max_failed_rounds = 1;
    return Federation<Prox, decltype(tree.world)>{Prox{}, tree.world, options}.run(origin);
  };
  CHECK(run(4).reason == StopReason::all_rounds);
  const auto outcome = run(5);
  CHECK(outcome.reason == StopReason::below_quorum);
  CHECK(outcome.message ==
        "round 1: 4 of 5 clients gave a usable update, but the quorum is 5; the model is unchanged; relay "
        "south: client s3 threw: no GPU");
  CHECK(same_bits(outcome.parameters, origin));
}

TEST_CASE("a client that does not honour the objective is a refusal with its relay's name") {
  Level tree;
  auto hosts = std::make_shared<InProcess>(InProcessOptions{.threads = 1});
  hosts->add("able", ControlVariates{trainer(1)}).add("unable", trainer(2));
  tree.hosts.add("north", relay_handlers(hosts, ReproducibleMean{}));
  using Scaffolded = BasicScaffold<ReproducibleMean>;
  const auto outcome =
      Federation<Scaffolded, decltype(tree.world)>{Scaffolded{}, tree.world, {.rounds = 1}}.run(origin);
  const RoundReport& report = outcome.history.at(0);
  CHECK(report.participants == std::vector<ClientId>{"able"});
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].error == "refused");
  CHECK(report.failures[0].message.find("relay north: client unable does not honour: ") == 0);
}

TEST_CASE("a step that is stopped ends at once, and leaves no trace") {
  Level tree;
  auto hosts = std::make_shared<InProcess>(InProcessOptions{.threads = 1});
  hosts->add("slow", Scripted{[](const auto& request, std::stop_token stop) {
               while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
               return TrainReply<double>{request->parameters, 1, {}, 1, true};
             }});
  tree.hosts.add("north", relay_handlers(hosts, ReproducibleMean{}));
  Federation<Prox, decltype(tree.world)> federation{Prox{}, tree.world, {.rounds = 1}};
  federation.start(origin);
  std::stop_source stop;
  const std::jthread stopper([&stop] {
    std::this_thread::sleep_for(50ms);
    stop.request_stop();
  });
  const RoundReport report = federation.step(stop.get_token());
  CHECK(report.error == "stopped by the caller");
  CHECK_FALSE(report.updated);
  CHECK(federation.completed_rounds() == 0);
}

}  // namespace transport_federation_over_relays_test
