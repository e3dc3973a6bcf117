// The code of docs/hierarchical-federations.md.
#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../quadratic.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/healthai.hpp"
#include "healthai/transport/relay.hpp"
#include "healthai/transport/relays.hpp"

namespace docs_hierarchical_federations_test {

using namespace healthai;

namespace {

LocalTrainer<Quadratic<double>> trainer(double target) {
  return LocalTrainer(Quadratic<double>{{1, 3}, {target, 2 * target}, 7}, {.learning_rate = 0.05});
}

// [region]
/// The hospitals of a region. In earnest they are reached over a network, by a transport on the relay's machine.
std::shared_ptr<InProcess> region(const std::string& name, int hospitals) {
  auto transport = std::make_shared<InProcess>();
  for (int i = 1; i <= hospitals; ++i) transport->add(name + "-" + std::to_string(i), trainer(0.1 * i));
  return transport;
}
// [/region]

const Parameters<double> initial(Quadratic<double>::layout_for(2));

}  // namespace

TEST_CASE("the page's federation trains the model that one without relays trains") {
  // [federation]
  InProcess relays({.threads = 2});  // as many as relays, so that the regions work at the same time
  relays.add("north", relay_handlers(region("north", 3), ReproducibleMean{}, {.quorum = 2}));
  relays.add("south", relay_handlers(region("south", 5), ReproducibleMean{}, {.quorum = 2}));

  Relays world{relays};  // its clients are the eight hospitals
  Federation federation{BasicFedProx<ReproducibleMean>{.mu = 0.1}, world, {.rounds = 20, .quorum = 6}};
  const auto outcome = federation.run(initial);
  // [/federation]
  CHECK(outcome.reason == StopReason::all_rounds);
  CHECK(outcome.history.back().participants.size() == 8);

  InProcess flat;
  for (int i = 1; i <= 3; ++i) flat.add("north-" + std::to_string(i), trainer(0.1 * i));
  for (int i = 1; i <= 5; ++i) flat.add("south-" + std::to_string(i), trainer(0.1 * i));
  Federation same{BasicFedProx<ReproducibleMean>{.mu = 0.1}, flat, {.rounds = 20}};
  const auto expected = same.run(initial).parameters;
  CHECK(std::memcmp(expected.data(), outcome.parameters.data(), expected.size_bytes()) == 0);
}

TEST_CASE("a relay of relays") {
  const auto north = region("north", 3);
  // [levels]
  auto counties = std::make_shared<InProcess>();
  counties->add("county", relay_handlers(north));
  auto country = std::make_shared<Relays<InProcess>>(*counties);

  InProcess top;
  top.add("country", relay_handlers(country));  // a relay whose clients are behind relays
  Relays world{top};
  // [/levels]
  CHECK(world.clients() == std::vector<ClientId>{"north-1", "north-2", "north-3"});
  CHECK(Federation{FedAvg{}, world, {.rounds = 1}}.run(initial).history.at(0).participants.size() == 3);
}

}  // namespace docs_hierarchical_federations_test
