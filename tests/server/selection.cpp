#include "healthai/server/selection.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <string>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_selection_test {

using namespace healthai;

namespace {
std::vector<ClientId> many(int count) {
  std::vector<ClientId> clients;
  for (int i = 0; i < count; ++i) clients.push_back("c" + std::to_string(i));
  return clients;
}
}  // namespace

TEST_CASE("everyone, in the order of ids") {
  const auto chosen = select_clients(AllClients{}, {"b", "c", "a"}, 1, 1);
  CHECK(chosen == std::vector<ClientId>{"a", "b", "c"});
}

TEST_CASE("a fraction has its size, and is as likely to hold any client") {
  std::map<ClientId, int> times;
  for (std::uint64_t round = 1; round <= 2000; ++round) {
    const auto chosen = select_clients(FractionOfClients{.fraction = 0.3}, many(10), 7, round);
    CHECK(chosen.size() == 3);
    CHECK(std::is_sorted(chosen.begin(), chosen.end()));
    for (const ClientId& client : chosen) ++times[client];
  }
  REQUIRE(times.size() == 10);
  // Binomial(2000, 0.3): six standard deviations are 123.
  for (const auto& [client, count] : times) CHECK(std::abs(count - 600) < 123);
  CHECK(select_clients(FractionOfClients{.fraction = 0.01, .minimum = 2}, many(10), 1, 1).size() == 2);
  CHECK(select_clients(FractionOfClients{.fraction = 0.5, .minimum = 20}, many(10), 1, 1).size() == 10);
  CHECK(select_clients(FractionOfClients{}, {}, 1, 1).empty());
}

TEST_CASE(
    "a random order is one of all clients, and who else is there changes nobody's place among the others") {
  const auto order = in_random_order(many(30), 3, 9);
  CHECK(order != many(30));
  CHECK(order != in_random_order(many(30), 3, 10));
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  auto everyone = many(30);
  std::sort(everyone.begin(), everyone.end());
  CHECK(sorted == everyone);
  auto shorter = order;
  std::erase(shorter, ClientId("c7"));
  auto fewer = many(30);
  std::erase(fewer, ClientId("c7"));
  CHECK(in_random_order(fewer, 3, 9) == shorter);
  CHECK(in_random_order(std::vector<ClientId>{}, 3, 9).empty());
}

TEST_CASE("Poisson sampling takes each client by itself, and who else is there does not matter") {
  int total = 0;
  for (std::uint64_t round = 1; round <= 1000; ++round) {
    const auto chosen = select_clients(PoissonSampling{.probability = 0.2}, many(10), 3, round);
    const auto with_more = select_clients(PoissonSampling{.probability = 0.2}, many(20), 3, round);
    for (const ClientId& client : chosen) CHECK(std::count(with_more.begin(), with_more.end(), client) == 1);
    total += static_cast<int>(chosen.size());
  }
  CHECK(std::abs(total - 2000) < 6 * 40);  // binomial(10000, 0.2): sd 40
}

TEST_CASE("the same seed and round give the same choice, another seed another") {
  const FractionOfClients some{.fraction = 0.5};
  CHECK(select_clients(some, many(40), 1, 5) == select_clients(some, many(40), 1, 5));
  CHECK(select_clients(some, many(40), 1, 5) != select_clients(some, many(40), 2, 5));
  CHECK(select_clients(some, many(40), 1, 5) != select_clients(some, many(40), 1, 6));
}

TEST_CASE("cyclic: one after the other in the order of ids, whatever the seed") {
  std::string order;
  for (std::uint64_t round = 1; round <= 7; ++round) {
    const auto chosen = select_clients(Cyclic{}, {"c", "a", "b"}, round * 31, round);
    REQUIRE(chosen.size() == 1);
    order += chosen[0].str();
  }
  CHECK(order == "abcabca");
  CHECK(select_clients(Cyclic{}, {}, 1, 1).empty());
  CHECK_NOTHROW(validate(Cyclic{}));
}

TEST_CASE("cyclic: with FedAvg the weights pass from client to client") {
  // A step of rate 1/2 from w halves the distance to the client's target: targets 8, 4, 16 from 0.
  InProcess clients({.threads = 1});
  const auto add = [&](const char* id, double target, std::size_t rows) {
    clients.add(id, LocalTrainer(Quadratic<double>{{1.0}, {target}, rows}, {.learning_rate = 0.5}));
  };
  add("a", 8, 5);
  add("b", 4, 100);
  add("c", 16, 1);
  Federation federation{FedAvg{}, clients, {.rounds = 4, .selection = Cyclic{}}};
  const Parameters<double> origin(Quadratic<double>::layout_for(1));
  federation.start(origin);
  for (const double expected : {4.0, 4.0, 10.0, 9.0}) {
    CHECK(federation.step().participants.size() == 1);
    CHECK(federation.parameters().data()[0] == expected);
  }
}

TEST_CASE("power of choice: the largest losses among the candidates, unknown ones first") {
  const auto clients = many(10);
  ClientLosses losses;
  for (int i = 9; i >= 1; --i) note_loss(losses, clients[static_cast<std::size_t>(i)], 10.0 * i);
  note_loss(losses, "c3", 95);
  CHECK(losses.size() == 9);
  CHECK(std::is_sorted(losses.begin(), losses.end()));
  const std::span<const ClientLosses::value_type> known(losses);
  using Ids = std::vector<ClientId>;
  // c0 is unknown, then c3 with 95, c9 with 90, c8 with 80.
  CHECK(select_clients(PowerOfChoice{10, 1}, clients, 1, 1, known) == Ids{"c0"});
  CHECK(select_clients(PowerOfChoice{10, 3}, clients, 1, 1, known) == Ids{"c0", "c3", "c9"});
  CHECK(select_clients(PowerOfChoice{99, 99}, clients, 1, 1, known) == clients);
  CHECK(select_clients(PowerOfChoice{}, {}, 1, 1, known) == Ids{});
  // Two candidates of ten: the second worst is taken unless it is no candidate or beside the worst: 8 of 45 pairs.
  int times = 0;
  for (std::uint64_t round = 1; round <= 4500; ++round) {
    const auto chosen = select_clients(PowerOfChoice{2, 1}, clients, 6, round, known);
    REQUIRE(chosen.size() == 1);
    times += chosen[0] == ClientId("c3") ? 1 : 0;
  }
  CHECK(std::abs(times - 800) < 6 * 26);  // binomial(4500, 8 / 45): sd 25.6
}

TEST_CASE("power of choice in a federation: everyone once, then whoever reported the largest loss") {
  // One full step of rate 1 takes the model to the client's target t, and the loss that it reports is (w - t)^2 / 2 before.
  const std::map<ClientId, double> targets{{"a", 0.0}, {"b", 1.0}, {"c", 5.0}};
  const auto run = [&](FederationOptions options) {
    InProcess clients({.threads = 1});
    for (const auto& [id, target] : targets) {
      clients.add(id, LocalTrainer(Quadratic<double>{{1.0}, {target}, 1}, {.learning_rate = 1}));
    }
    options.selection = PowerOfChoice{.candidates = 3, .clients = 1};
    Federation federation{FedAvg{}, clients, std::move(options)};
    return federation.run(Parameters<double>(Quadratic<double>::layout_for(1)));
  };
  const auto outcome = run({.rounds = 12});
  std::map<ClientId, double> latest;
  double w = 0;
  for (const RoundReport& report : outcome.history) {
    REQUIRE(report.participants.size() == 1);
    const ClientId& chosen = report.participants[0];
    if (latest.size() < 3) {
      CHECK_FALSE(latest.contains(chosen));
    } else {
      for (const auto& [id, loss] : latest) CHECK(latest[chosen] >= loss);
    }
    const double target = targets.at(chosen);
    latest[chosen] = 0.5 * (w - target) * (w - target);
    w = target;
  }
  // Losses are part of the checkpoint: a run in two parts is the same run.
  const std::string file =
      (std::filesystem::temp_directory_path() / ("healthai_power_" + std::to_string(::getpid()))).string();
  (void)run({.rounds = 5, .checkpoint = file});
  const auto resumed = run({.rounds = 12, .checkpoint = file, .resume = true});
  std::filesystem::remove(file);
  REQUIRE(resumed.history.size() == 7);
  for (std::size_t i = 0; i < 7; ++i) {
    CHECK(resumed.history[i].participants == outcome.history[i + 5].participants);
  }
}

TEST_CASE("impossible settings are refused") {
  for (const double bad : {0.0, -0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(validate(FractionOfClients{.fraction = bad}), Error);
    CHECK_THROWS_AS(validate(PoissonSampling{.probability = bad}), Error);
  }
  CHECK_THROWS_AS(validate(FractionOfClients{.fraction = 0.5, .minimum = 0}), Error);
  CHECK_NOTHROW(validate(AllClients{}));
  CHECK_THROWS_AS(validate(PowerOfChoice{.candidates = 2, .clients = 3}), Error);
  CHECK_THROWS_AS(validate(PowerOfChoice{.candidates = 2, .clients = 0}), Error);
}

}  // namespace server_selection_test
