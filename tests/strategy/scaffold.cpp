#include "healthai/strategy/scaffold.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "healthai/client/control_variates.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "hospitals.hpp"

namespace strategy_scaffold_test {

using namespace healthai;

static_assert(Strategy<Scaffold, double> && Strategy<Scaffold, float>);

namespace {

const auto wrap = [](auto client) { return ControlVariates{std::move(client)}; };

}  // namespace

TEST_CASE_TEMPLATE("many local steps lead to the pooled optimum, where FedAvg stops beside it", Scalar, float,
                   double) {
  const std::uint64_t steps[] = {5, 8, 3};
  const double r = 0.1;
  InProcess clients = hospitals::make<Scalar>(r, steps, wrap);
  const double precision = sizeof(Scalar) == 4 ? 1e-5 : 1e-11;
  CHECK(hospitals::end_of<Scalar>(Scaffold{}, clients, {.rounds = 600}) ==
        doctest::Approx(hospitals::optimum()).epsilon(precision));
  const double average = hospitals::end_of<Scalar>(FedAvg{}, clients, {.rounds = 600});
  CHECK(average == doctest::Approx(hospitals::fedavg_point(r, steps)).epsilon(precision));
  CHECK(std::abs(average - hospitals::optimum()) > 0.1);
}

TEST_CASE("with equal rows it is the paper's algorithm, step by step, sampling included") {
  const double r = 0.1;
  const int steps = 4;
  InProcess clients({.threads = 2});
  for (std::size_t k = 0; k < 3; ++k) {
    clients.add(
        "c" + std::to_string(k),
        ControlVariates{LocalTrainer(Quadratic<double>{{hospitals::curvature[k]}, {hospitals::target[k]}, 6},
                                     {.learning_rate = r, .local_steps = steps})});
  }
  Federation federation{Scaffold{.server_learning_rate = 0.8},
                        clients,
                        {.rounds = 12, .seed = 3, .selection = FractionOfClients{.fraction = 0.7}}};
  federation.start(hospitals::origin());
  double w = 0, c = 0;
  double own[] = {0, 0, 0};
  bool everyone_seen = false;
  bool seen[] = {false, false, false};
  for (int round = 0; round < 12; ++round) {
    const RoundReport report = federation.step();
    const auto chosen = static_cast<double>(report.participants.size());
    CHECK(chosen == 2);
    double updates = 0, changes = 0;
    for (const ClientId& id : report.participants) {
      const auto k = static_cast<std::size_t>(id.str()[1] - '0');
      seen[k] = true;
      double y = w, gradients = 0;
      for (int s = 0; s < steps; ++s) {
        const double g = hospitals::curvature[k] * (y - hospitals::target[k]);
        gradients += g;
        y -= r * (g - own[k] + c);
      }
      changes += gradients / steps - own[k];
      own[k] = gradients / steps;
      updates += y - w;
    }
    w += 0.8 * updates / chosen;
    c += chosen / 3 * (changes / chosen);
    CHECK(federation.parameters().data()[0] == doctest::Approx(w).epsilon(1e-12));
    everyone_seen = seen[0] && seen[1] && seen[2];
  }
  CHECK(everyone_seen);
}

TEST_CASE("sampled clients of unequal size reach the pooled optimum too") {
  InProcess clients = hospitals::make(0.1, {3, 3, 3}, wrap);
  CHECK(hospitals::end_of(Scaffold{.server_learning_rate = 0.5}, clients,
                          {.rounds = 3000, .seed = 5, .selection = FractionOfClients{.fraction = 0.7}}) ==
        doctest::Approx(hospitals::optimum()).epsilon(1e-9));
}

TEST_CASE("a run that is interrupted goes on with the same bits") {
  const std::string file = "/tmp/healthai_scaffold_test.ckpt";
  std::remove(file.c_str());
  const std::uint64_t steps[] = {4, 4, 4};
  const auto run = [&](std::uint64_t rounds, const std::string& checkpoint) {
    InProcess clients = hospitals::make(0.1, steps, wrap);
    FederationOptions options{.rounds = rounds, .seed = 9, .selection = FractionOfClients{.fraction = 0.7}};
    options.checkpoint = checkpoint;
    options.resume = !checkpoint.empty();
    return hospitals::end_of(Scaffold{}, clients, options);
  };
  const double through = run(11, "");
  CHECK(run(4, file) != through);
  CHECK(run(7, file) != through);
  const double resumed = run(11, file);
  CHECK(std::memcmp(&resumed, &through, sizeof(double)) == 0);
  std::remove(file.c_str());
}

TEST_CASE("a client that is not wrapped refuses, and says how to wrap it") {
  InProcess clients = hospitals::make(0.1, {1, 1, 1}, wrap);
  clients.add("plain", hospitals::trainer(0, {}));
  Federation federation{Scaffold{}, clients, {.rounds = 1}};
  const auto outcome = federation.run(hospitals::origin());
  const RoundReport& report = outcome.history.at(0);
  CHECK(report.participants.size() == 3);
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].error == "refused");
  CHECK(report.failures[0].message.find("ControlVariates{client}") != std::string::npos);
}

TEST_CASE("a client that promises control variates and sends none is rejected") {
  struct Promises {
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
      TrainReply<double> reply;
      reply.update = Parameters<double>(request->parameters.layout());
      reply.num_examples = 5;
      return reply;
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
    static ObjectiveParts honours() { return {.linear_correction = true, .control_variates = true}; }
  };
  InProcess clients;
  clients.add("promises", Promises{});
  Federation federation{Scaffold{}, clients, {.rounds = 1}};
  const auto outcome = federation.run(hospitals::origin());
  const RoundReport& report = outcome.history.at(0);
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].error == "invalid_reply");
  CHECK(report.failures[0].message.find("control_variate") != std::string::npos);
  CHECK(report.failures[0].message.find("ControlVariates") != std::string::npos);
  CHECK_FALSE(report.updated);
}

}  // namespace strategy_scaffold_test
