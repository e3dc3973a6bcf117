#include "healthai/strategy/qfedavg.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "hospitals.hpp"

namespace strategy_qfedavg_test {

using namespace healthai;

static_assert(Strategy<QFedAvg, double> && Strategy<QFedAvg, float>);

namespace {

double loss(std::size_t k, double w) {
  return 0.5 * hospitals::curvature[k] * (w - hospitals::target[k]) * (w - hospitals::target[k]);
}

}  // namespace

TEST_CASE("one round is the step of the paper") {
  const double q = 1.7, r = 0.2, start = 0.5;
  InProcess clients = hospitals::make(99, {3, 3, 3});  // the rate is the strategy's
  Federation federation{QFedAvg{.q = q, .learning_rate = r}, clients, {.rounds = 1}};
  Parameters<double> initial = hospitals::origin();
  initial.data()[0] = start;
  double top = 0;
  double bottom = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double update = (1 - std::pow(1 - r * hospitals::curvature[k], 3)) * (hospitals::target[k] - start);
    const double f = loss(k, start) + 1e-10;
    const double g = update / r;
    top += std::pow(f, q) * g;
    bottom += q * std::pow(f, q - 1) * g * g + std::pow(f, q) / r;
  }
  const auto outcome = federation.run(initial);
  CHECK(outcome.history.at(0).num_examples == 20);
  CHECK(outcome.parameters.data()[0] == doctest::Approx(start + top / bottom).epsilon(1e-14));
}

TEST_CASE("with q = 0 it is the mean of the updates, each client counting once") {
  double top = 0;
  double bottom = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double c = 1 - std::pow(1 - 0.2 * hospitals::curvature[k], 4);
    top += c * hospitals::target[k];
    bottom += c;
  }
  InProcess clients = hospitals::make(0.1, {4, 4, 4});
  CHECK(hospitals::end_of(QFedAvg{.q = 0, .learning_rate = 0.2}, clients, {.rounds = 300}) ==
        doctest::Approx(top / bottom).epsilon(1e-13));
}

TEST_CASE("with one local step it minimises the sum of the losses to the power q + 1") {
  for (const double q : {0.5, 2.0, 8.0}) {
    InProcess clients = hospitals::make(0.1, {1, 1, 1});
    const double w = hospitals::end_of(QFedAvg{.q = q, .learning_rate = 0.1}, clients, {.rounds = 5000});
    double gradient = 0;
    double size = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const double term = std::pow(loss(k, w), q) * hospitals::curvature[k] * (w - hospitals::target[k]);
      gradient += term;
      size += std::abs(term);
    }
    CHECK(std::abs(gradient) < 1e-8 * size);
  }
}

TEST_CASE("a client that cannot report its loss refuses; one that forgets is rejected") {
  struct Plain {
    bool promises = false;
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
      TrainReply<double> reply;
      reply.update = Parameters<double>(request->parameters.layout());
      reply.num_examples = 5;
      return reply;
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
    [[nodiscard]] ObjectiveParts honours() const {
      return {.learning_rate = promises, .initial_loss = promises};
    }
  };
  InProcess clients = hospitals::make(0.1, {1, 1, 1});
  clients.add("forgets", Plain{true});
  clients.add("refuses", Plain{});
  Federation federation{QFedAvg{}, clients, {.rounds = 1}};
  const auto outcome = federation.run(hospitals::origin());
  const RoundReport& report = outcome.history.at(0);
  CHECK(report.updated);
  REQUIRE(report.failures.size() == 2);
  CHECK(report.failures[0].error == "invalid_reply");
  CHECK(report.failures[0].message.find("initial_loss") != std::string::npos);
  CHECK(report.failures[1].error == "refused");
  CHECK(report.failures[1].message.find("learning rate, initial loss") != std::string::npos);
}

TEST_CASE("hyperparameters outside their range are refused") {
  CHECK_THROWS_AS(QFedAvg{.q = -0.1}.validate(), Error);
  CHECK_THROWS_AS(QFedAvg{.learning_rate = 0}.validate(), Error);
  CHECK_NOTHROW(QFedAvg{.q = 0}.validate());
}

}  // namespace strategy_qfedavg_test
