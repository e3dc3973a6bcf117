#include "healthai/strategy/fedprox.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/transport/in_process.hpp"

namespace strategy_fedprox_test {

using namespace healthai;

static_assert(Strategy<FedProx, double> && Strategy<FedProx, float>);

namespace {

const double curvature[] = {0.2, 1.0, 3.0};
const double target[] = {-4.0, 1.0, 2.5};
const std::size_t rows[] = {10, 3, 7};

template <class Scalar = double>
InProcess three_clients(double rate, std::uint64_t steps) {
  InProcess clients({.threads = 2});
  for (std::size_t k = 0; k < 3; ++k) {
    clients.add("c" + std::to_string(k), LocalTrainer(Quadratic<Scalar>{{curvature[k]}, {target[k]}, rows[k]},
                                                      {.learning_rate = rate, .local_steps = steps}));
  }
  return clients;
}

struct PlainClient {  // honours nothing
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    return {Parameters<double>(request->parameters.layout()), 1, {}, 1, false};
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
};

}  // namespace

TEST_CASE_TEMPLATE("with mu = 0 it is FedAvg, bit for bit", Scalar, float, double) {
  const Parameters<Scalar> initial(Quadratic<Scalar>::layout_for(1));
  InProcess a = three_clients<Scalar>(0.1, 4);
  InProcess b = three_clients<Scalar>(0.1, 4);
  Federation<FedAvg, InProcess, Scalar> average(FedAvg{}, a, {.rounds = 9});
  Federation<FedProx, InProcess, Scalar> proximal(FedProx{.mu = 0}, b, {.rounds = 9});
  const auto x = average.run(initial).parameters;
  const auto y = proximal.run(initial).parameters;
  CHECK(x.data()[0] != 0);
  CHECK(std::memcmp(x.data(), y.data(), x.size_bytes()) == 0);
}

TEST_CASE("solved to the end, the proximal step is the closed form") {
  // argmin of d/2 (w - a)^2 + mu/2 (w - g)^2 is (d a + mu g) / (d + mu).
  InProcess one({.threads = 1});
  one.add("only", LocalTrainer(Quadratic<double>{{3.0}, {2.5}}, {.learning_rate = 0.2, .local_steps = 300}));
  Federation federation{FedProx{.mu = 0.7}, one, {.rounds = 1}};
  Parameters<double> start(Quadratic<double>::layout_for(1));
  start.data()[0] = -1;
  CHECK(federation.run(start).parameters.data()[0] ==
        doctest::Approx((3.0 * 2.5 - 0.7) / 3.7).epsilon(1e-14));
}

TEST_CASE("it reaches its own fixed point") {
  // E steps contract by q_k = 1 - r (d_k + mu) towards (d_k a_k + mu w) / (d_k + mu), so that client k contributes
  // c_k (a_k - w) with c_k = (1 - q_k^E) d_k / (d_k + mu).
  const double r = 0.25, mu = 0.5;
  double top = 0, bottom = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double c = (1 - std::pow(1 - r * (curvature[k] + mu), 6)) * curvature[k] / (curvature[k] + mu);
    top += static_cast<double>(rows[k]) * c * target[k];
    bottom += static_cast<double>(rows[k]) * c;
  }
  InProcess clients = three_clients(r, 6);
  Federation federation{FedProx{.mu = mu}, clients, {.rounds = 2000, .tolerance = 0}};
  CHECK(federation.run(Parameters<double>(Quadratic<double>::layout_for(1))).parameters.data()[0] ==
        doctest::Approx(top / bottom).epsilon(1e-13));
}

TEST_CASE("a client that does not honour the proximal term is a reported refusal, never FedAvg") {
  InProcess clients = three_clients(0.1, 1);
  clients.add("plain", PlainClient{});
  Federation federation{FedProx{.mu = 0.1}, clients, {.rounds = 1}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<double>::layout_for(1)));
  const RoundReport& report = outcome.history.at(0);
  CHECK(report.participants.size() == 3);
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].client == "plain");
  CHECK(report.failures[0].error == "refused");
  CHECK(report.failures[0].message.find("proximal mu") != std::string::npos);
  InProcess plain_only;
  plain_only.add("plain", PlainClient{});
  Federation average{FedAvg{}, plain_only, {.rounds = 1}};
  CHECK(average.run(Parameters<double>(Quadratic<double>::layout_for(1))).history.at(0).updated);
}

TEST_CASE("a negative mu is refused") {
  CHECK_THROWS_AS(FedProx{.mu = -0.1}.validate(), Error);
}

}  // namespace strategy_fedprox_test
