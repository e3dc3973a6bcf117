// Two regions, each with a coordinator of its own that is a client of the next level, all over sockets.
#include "healthai/transport/relay.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/relays.hpp"
#include "quadratic.hpp"
#include "transport/socket/nodes.hpp"

namespace transport_socket_relay_test {

using namespace healthai;
using namespace socket_test;

namespace {

LocalTrainer<Quadratic<>> hospital(std::size_t k) {
  Quadratic<> model{{}, {}, 10 + 7 * k};
  for (std::size_t j = 0; j < 10; ++j) {
    model.curvature.push_back(0.1 + 0.013 * static_cast<double>((3 * j + 5 * k) % 11));
    model.target.push_back(0.7 * static_cast<double>((7 * j + 11 * k) % 13) - 3.1);
  }
  return LocalTrainer<Quadratic<>>(model, {.learning_rate = 0.1, .local_steps = 1 + k});
}
std::string name(std::size_t k) {
  return "site-" + std::to_string(k);
}

/// A regional coordinator with its hospitals, and its own connection upwards.
struct Region {
  SocketServer server{plaintext()};
  std::vector<std::unique_ptr<TestNode>> hospitals;
  std::unique_ptr<TestNode> upwards;

  Region(const std::string& id, std::size_t first, std::size_t count, std::uint16_t port) {
    for (std::size_t k = first; k < first + count; ++k) {
      hospitals.push_back(std::make_unique<TestNode>(
          std::make_unique<TaskService>(name(k), TaskHandlers::of(hospital(k))), to_port(server.port())));
    }
    REQUIRE(server.wait_for_clients(count, 10s));
    auto service = std::make_unique<TaskService>(id, relay_handlers(server, ReproducibleMean{}));
    service->serve_task<RegionRoster>()
        .serve_task<PartialSum<Train<double>, ReproducibleMean>>()
        .serve_task<PartialSum<Evaluate<double>, ReproducibleMean>>();
    upwards = std::make_unique<TestNode>(std::move(service), to_port(port));
  }
};

template <class TransportType>
Parameters<double> trained(TransportType& transport) {
  Federation federation{BasicFedAvg<ReproducibleMean>{},
                        transport,
                        {.rounds = 5, .seed = 3, .quorum = 5, .evaluation = {.every = 5}}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<>::layout_for(10)));
  CHECK(outcome.completed_rounds == 5);
  CHECK(outcome.message.empty());
  for (const RoundReport& report : outcome.history) CHECK(report.participants.size() == 5);
  return outcome.parameters;
}

}  // namespace

TEST_CASE("A federation of two regions over sockets has the bits of the flat one in this process") {
  SocketServer top{plaintext()};
  Region country("country", 0, 2, top.port());
  Region town("town", 2, 3, top.port());
  REQUIRE(top.wait_for_clients(2, 10s));
  Relays relays{top};
  CHECK(relays.clients().size() == 5);
  InProcess flat;
  for (std::size_t k = 0; k < 5; ++k) flat.add(name(k), hospital(k));
  const Parameters<double> expected = trained(flat);
  CHECK(expected.flat().norm() > 1);
  CHECK(trained(relays).flat() == expected.flat());
  top.finish();
  CHECK(country.upwards->ended() == "finished");
  CHECK(town.upwards->ended() == "finished");
}

}  // namespace transport_socket_relay_test
