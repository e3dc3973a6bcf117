#include "healthai/simulation/simulated_time.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <thread>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/simulation/attacked.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "partitions.hpp"

namespace simulation_simulated_time_test {

using namespace healthai;

namespace {

static_assert(Transport<SimulatedTime<InProcess>, Train<double>> &&
              Transport<SimulatedTime<Attacked<InProcess>>, Train<float>> &&
              Transport<Attacked<SimulatedTime<InProcess>>, Evaluate<double>>);

const Parameters<double> origin(Quadratic<double>::layout_for(1));

void add_clients(InProcess& clients, int count) {
  for (int i = 0; i < count; ++i) {
    clients.add("c" + std::to_string(10 + i),
                LocalTrainer(Quadratic<double>{{1.0}, {1.0 * i * i}, 10}, {.learning_rate = 0.5}));
  }
}

std::shared_ptr<const TrainBroadcast<double>> request(std::uint64_t round) {
  auto broadcast = std::make_shared<TrainBroadcast<double>>();
  broadcast->id = {1, round, 0};
  broadcast->parameters = origin;
  return broadcast;
}

struct Event {
  ClientId client;
  std::string error;
  double time;
};
template <class TransportType>
std::vector<Event> round_of(TransportType& transport, std::uint64_t round,
                            const std::vector<ClientId>& clients) {
  const auto requests = transport.template send<Train<double>>(clients, request(round));
  REQUIRE(requests.size() == clients.size());
  std::vector<Event> events;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto delivery = transport.template next<Train<double>>(Deadline::max());
    REQUIRE(delivery);
    const auto place = std::find(clients.begin(), clients.end(), delivery->client) - clients.begin();
    CHECK(delivery->request == requests[static_cast<std::size_t>(place)]);
    const auto* failure = std::get_if<Failure>(&delivery->result);
    events.push_back({delivery->client, failure ? failure->error : "", transport.clock().now()});
  }
  return events;
}

}  // namespace

TEST_CASE("replies come in the order of their virtual times; the rest fails at the deadline") {
  const VirtualClock clock({.median_seconds = 10}, 3);
  for (const std::size_t threads : {1U, 3U}) {
    InProcess clients({.threads = threads});
    add_clients(clients, 30);
    const auto ids = clients.clients();
    SimulatedTime simulated(clients, clock, 12.0);
    double began = 0;
    for (std::uint64_t round = 1; round <= 3; ++round) {
      std::size_t late = 0;
      double last = began;
      for (const Event& event : round_of(simulated, round, ids)) {
        const double takes = clock.duration(event.client, round);
        CHECK(event.error == (takes > 12 ? "deadline" : ""));
        CHECK(event.time == doctest::Approx(began + std::min(takes, 12.0)).epsilon(1e-12));
        CHECK(event.time >= last);
        last = event.time;
        late += takes > 12 ? 1U : 0U;
      }
      CHECK(late > 2);
      CHECK(late < 28);
      began = simulated.clock().now();
      CHECK(began == doctest::Approx(12.0 * static_cast<double>(round)));
    }
  }
}

TEST_CASE("those who break off, are away, or go away") {
  InProcess clients({.threads = 1});
  add_clients(clients, 4);
  const VirtualClock clock({.median_seconds = 10,
                            .client_deviation = 0,
                            .round_deviation = 0,
                            .availability = {{"c10", {{0, 4}}}, {"c11", {{15, 100}}}}});
  SimulatedTime simulated(clients, clock);
  CHECK(simulated.clients() == std::vector<ClientId>{"c10", "c12", "c13"});
  const auto events = round_of(simulated, 1, clients.clients());
  CHECK(events[0].client == ClientId("c11"));
  CHECK(events[0].error == "client_failed");
  CHECK(events[0].time == 0);
  CHECK(events[1].client == ClientId("c10"));
  CHECK(events[1].error == "client_failed");
  CHECK(events[1].time == 4);
  CHECK(events[2].client == ClientId("c12"));
  CHECK(events[3].client == ClientId("c13"));
  CHECK(events[3].error.empty());
  CHECK(events[3].time == 10);
  simulated.clock().advance(5);
  CHECK(simulated.clients() == std::vector<ClientId>{"c11", "c12", "c13"});

  SimulatedTime broken(clients, VirtualClock({.median_seconds = 10, .drop_out = 1}));
  for (const Event& event : round_of(broken, 1, clients.clients())) {
    CHECK(event.error == "client_failed");
    CHECK(event.time == broken.clock().duration(event.client, 1));
  }
  CHECK_THROWS_AS(SimulatedTime(clients, VirtualClock(), -1.0), Error);
}

TEST_CASE("requests sent while others are under way come in between") {
  InProcess clients({.threads = 2});
  add_clients(clients, 6);
  const auto ids = clients.clients();
  const VirtualClock clock({.median_seconds = 10}, 5);
  SimulatedTime simulated(clients, clock);
  (void)simulated.send<Train<double>>(std::span(ids).first(5), request(1));
  const auto first = simulated.next<Train<double>>(Deadline::max());
  const double then = simulated.clock().now();
  (void)simulated.send<Train<double>>(std::span(ids).last(1), request(2));
  std::vector<std::pair<double, ClientId>> expected{{then + clock.duration(ids[5], 2), ids[5]}};
  for (std::size_t i = 0; i < 5; ++i) {
    if (ids[i] != first->client) expected.emplace_back(clock.duration(ids[i], 1), ids[i]);
  }
  std::sort(expected.begin(), expected.end());
  for (const auto& [time, client] : expected) {
    CHECK(simulated.next<Train<double>>(Deadline::max())->client == client);
    CHECK(simulated.clock().now() == time);
  }
}

TEST_CASE(
    "a federation in virtual time: who took part is who was fast, with the same bits for any number of "
    "threads") {
  std::vector<double> bits;
  for (const std::size_t threads : {1U, 3U}) {
    InProcess clients({.threads = threads});
    add_clients(clients, 12);
    const VirtualClock clock({.median_seconds = 10, .drop_out = 0.2}, 8);
    SimulatedTime simulated(clients, clock, 15.0);
    Attacked attacked(simulated, ALittleIsEnough{0.3}, {"c10", "c13", "c17"});
    Federation federation{FedAvg{}, attacked, {.rounds = 5}};
    const auto began = std::chrono::steady_clock::now();
    const auto outcome = federation.run(origin);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(30));
    REQUIRE(outcome.history.size() == 5);
    for (const RoundReport& report : outcome.history) {
      std::size_t fast = 0;
      for (const ClientId& client : clients.clients()) {
        fast +=
            clock.duration(client, report.round) <= 15 && !clock.drops_out(client, report.round) ? 1U : 0U;
      }
      CHECK(report.participants.size() == fast);
      CHECK(report.participants.size() + report.failures.size() == 12);
    }
    bits.push_back(outcome.parameters.data()[0]);
  }
  CHECK(std::memcmp(&bits[0], &bits[1], sizeof(double)) == 0);
}

TEST_CASE("what is given up is delivered, all of it, and takes no virtual time") {
  InProcess clients({.threads = 2});
  add_clients(clients, 5);
  SimulatedTime simulated(clients, VirtualClock({.median_seconds = 10}, 3));
  const auto ids = clients.clients();
  const auto requests = simulated.send<Train<double>>(ids, request(1));
  REQUIRE(simulated.next<Train<double>>(Deadline::max()));
  const double now = simulated.clock().now();
  CHECK(now > 0);
  simulated.give_up<Train<double>>();
  for (std::size_t i = 1; i < requests.size(); ++i) REQUIRE(simulated.next<Train<double>>(Deadline::max()));
  CHECK(simulated.clock().now() == now);
  CHECK(round_of(simulated, 2, ids).size() == 5);  // and it goes on
  CHECK(simulated.clock().now() > now);
}

TEST_CASE("requests of several rounds may be out: replies come in the order of their times") {
  const VirtualClock clock({.median_seconds = 10}, 3);
  InProcess clients({.threads = 2});
  add_clients(clients, 8);
  SimulatedTime simulated(clients, clock);
  const auto ids = clients.clients();
  std::map<double, ClientId> expected;
  for (std::size_t i = 0; i < 4; ++i) expected.emplace(clock.duration(ids[i], 1), ids[i]);
  simulated.send<Train<double>>(std::span(ids).first(4), request(1));
  const auto check_next = [&] {
    const auto delivery = simulated.next<Train<double>>(Deadline::max());
    REQUIRE(delivery);
    CHECK(delivery->client == expected.begin()->second);
    CHECK(simulated.clock().now() == doctest::Approx(expected.begin()->first));
    expected.erase(expected.begin());
  };
  check_next();
  const double now = simulated.clock().now();
  for (std::size_t i = 4; i < 8; ++i) expected.emplace(now + clock.duration(ids[i], 2), ids[i]);
  simulated.send<Train<double>>(std::span(ids).last(4), request(2));
  while (!expected.empty()) check_next();
}

}  // namespace simulation_simulated_time_test
