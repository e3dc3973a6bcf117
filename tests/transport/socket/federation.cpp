// Federations over TLS: the same bits as in one process, in whatever order hospitals answer.
#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fednova.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/socket/server.hpp"
#include "quadratic.hpp"
#include "transport/socket/certificates.hpp"
#include "transport/socket/nodes.hpp"

namespace transport_socket_federation_test {

using namespace healthai;
using namespace socket_test;

namespace {

constexpr std::size_t sites = 5;

/// Hospitals that differ in everything, the number of local steps too.
LocalTrainer<Quadratic<>> hospital(std::size_t k) {
  Quadratic<> model{{}, {}, 10 + 7 * k};
  for (std::size_t j = 0; j < 40; ++j) {
    model.curvature.push_back(0.1 + 0.013 * static_cast<double>((3 * j + 5 * k) % 11));
    model.target.push_back(0.7 * static_cast<double>((7 * j + 11 * k) % 13) - 3.1);
  }
  return LocalTrainer<Quadratic<>>(model, {.learning_rate = 0.1, .local_steps = 1 + k});
}
std::string name(std::size_t k) {
  return "site-" + std::to_string(k);
}

/// Trains after a while of its own, so that replies come in an order of their own in each round.
struct Late {
  LocalTrainer<Quadratic<>> trainer;
  std::size_t seed;

  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    std::this_thread::sleep_for(std::chrono::milliseconds((seed * 7 + request->id.round * 5) % 11));
    return trainer.train(request, stop);
  }
  EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token stop) {
    return trainer.evaluate(request, stop);
  }
  static ObjectiveParts honours() { return LocalTrainer<Quadratic<>>::honours(); }
};

template <class Strategy, class TransportType>
Parameters<double> trained(const Strategy& strategy, TransportType& transport) {
  Federation federation{
      strategy, transport, {.rounds = 8, .seed = 3, .quorum = sites, .evaluation = {.every = 4}}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<>::layout_for(40)));
  CHECK(outcome.completed_rounds == 8);
  CHECK(outcome.message.empty());
  return outcome.parameters;
}

template <class Strategy>
void check_same_bits(SocketServer& server, const Strategy& strategy) {
  InProcess together;
  for (std::size_t k = 0; k < sites; ++k) together.add(name(k), hospital(k));
  const Parameters<double> expected = trained(strategy, together);
  const Parameters<double> found = trained(strategy, server);
  CHECK(expected.flat().norm() > 1);
  CHECK(expected.flat() == found.flat());
}

}  // namespace

TEST_CASE("Over TLS a federation ends with the bits of the run in one process") {
  TestCertificates certificates;
  std::vector<std::string> names;
  for (std::size_t k = 0; k < sites; ++k) names.push_back(name(k));
  SocketServerOptions options;
  options.tls = certificates.coordinator();
  options.roster = Roster::read(certificates.roster(names));
  SocketServer server{options};
  std::vector<std::unique_ptr<TestNode>> nodes;
  for (std::size_t k = 0; k < sites; ++k) {
    SocketClientOptions to = to_port(server.port());
    to.host = "localhost";
    to.plaintext = false;
    to.tls = certificates.site(name(k));
    nodes.push_back(std::make_unique<TestNode>(
        std::make_unique<TaskService>(name(k), TaskHandlers::of(Late{hospital(k), k})), to));
  }
  REQUIRE(server.wait_for_clients(sites, 20s));
  SUBCASE("a reproducible mean") {
    check_same_bits(server, BasicFedAvg<ReproducibleMean>{});
  }
  SUBCASE("with sums of numbers beside it") {
    check_same_bits(server, BasicFedNova<ReproducibleMean>{});
  }
  SUBCASE("a robust rule") {
    check_same_bits(server, BasicFedAvg<Median>{});
  }
  server.finish();
  for (const auto& node : nodes) CHECK(node->ended() == "finished");
}

}  // namespace transport_socket_federation_test
