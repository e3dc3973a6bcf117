#include "healthai/strategy/fednova.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "healthai/strategy/fedavg.hpp"
#include "hospitals.hpp"

namespace strategy_fednova_test {

using namespace healthai;

static_assert(Strategy<FedNova, double> && Strategy<FedNova, float>);
static_assert(RescalesReplies<FedNova, double> && !RescalesReplies<FedAvg, double>);

TEST_CASE("with unequal local work it reaches its own fixed point") {
  // Client k moves by (1 - (1 - r d)^S) (a - w) in S steps; FedNova weights it by n / S.
  const std::uint64_t steps[] = {1, 6, 3};
  const double r = 0.2;
  InProcess clients = hospitals::make(r, steps);
  const double expected = hospitals::weighted_mean([&](std::size_t k) {
    const auto s = static_cast<double>(steps[k]);
    return (1 - std::pow(1 - r * hospitals::curvature[k], s)) / s;
  });
  CHECK(hospitals::end_of(FedNova{}, clients, {.rounds = 400}) == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("as the local rate goes to 0, so does its bias; that of FedAvg stays") {
  const std::uint64_t steps[] = {16, 1, 4};
  double before = 0;
  for (const double r : {0.01, 0.001}) {
    InProcess clients = hospitals::make(r, steps);
    // Fewer rounds would do with a larger step at the server, which changes no fixed point.
    const double nova =
        hospitals::end_of(FedNova{.server_learning_rate = 0.05 / r}, clients, {.rounds = 400});
    const double average =
        hospitals::end_of(FedAvg{.server_learning_rate = 0.05 / r}, clients, {.rounds = 400});
    CHECK(average == doctest::Approx(hospitals::fedavg_point(r, steps)).epsilon(1e-9));
    CHECK(std::abs(average - hospitals::optimum()) > 0.1);
    const double bias = std::abs(nova - hospitals::optimum());
    CHECK(bias < 20 * r);
    if (before != 0) CHECK(bias == doctest::Approx(before / 10).epsilon(0.1));
    before = bias;
  }
}

TEST_CASE("momentum at the clients counts as the longer way that it is") {
  // Small steps: a client with momentum m goes ||a||_1 = (S - m (1 - m^S) / (1 - m)) / (1 - m) gradients far.
  const double m = 0.9, r = 1e-4;
  InProcess clients({.threads = 1});
  clients.add("c0", hospitals::trainer(0, {.learning_rate = r, .momentum = m, .local_steps = 12}));
  clients.add("c1", hospitals::trainer(1, {.learning_rate = r, .local_steps = 2}));
  clients.add("c2", hospitals::trainer(2, {.learning_rate = r, .local_steps = 5}));
  CHECK(hospitals::end_of(FedNova{.server_learning_rate = 200}, clients, {.rounds = 500}) ==
        doctest::Approx(hospitals::optimum()).epsilon(0.01));
}

TEST_CASE("with equal local work it is FedAvg") {
  InProcess clients = hospitals::make(0.1, {4, 4, 4});
  CHECK(hospitals::end_of(FedNova{}, clients, {.rounds = 5}) ==
        doctest::Approx(hospitals::end_of(FedAvg{}, clients, {.rounds = 5})).epsilon(1e-14));
}

TEST_CASE("a client that does not say how many steps it took is rejected, and the others go on") {
  struct Silent {
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
      TrainReply<double> reply;
      reply.update = Parameters<double>(request->parameters.layout());
      reply.num_examples = 5;
      return reply;
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
  };
  InProcess clients = hospitals::make(0.1, {1, 2, 3});
  clients.add("silent", Silent{});
  Federation federation{FedNova{}, clients, {.rounds = 1}};
  const auto outcome = federation.run(hospitals::origin());
  const RoundReport& report = outcome.history.at(0);
  CHECK(report.updated);
  CHECK(report.num_examples == 20);  // rows, whatever the strategy weights by
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].client == "silent");
  CHECK(report.failures[0].error == "invalid_reply");
  CHECK(report.failures[0].message.find("local_steps") != std::string::npos);
}

}  // namespace strategy_fednova_test
