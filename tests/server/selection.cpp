#include "healthai/server/selection.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"

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

TEST_CASE("impossible settings are refused") {
  for (const double bad : {0.0, -0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(validate(FractionOfClients{.fraction = bad}), Error);
    CHECK_THROWS_AS(validate(PoissonSampling{.probability = bad}), Error);
  }
  CHECK_THROWS_AS(validate(FractionOfClients{.fraction = 0.5, .minimum = 0}), Error);
  CHECK_NOTHROW(validate(AllClients{}));
}
