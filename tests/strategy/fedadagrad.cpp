#include "healthai/strategy/fedadagrad.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hospitals.hpp"

namespace strategy_fedadagrad_test {

using namespace healthai;

static_assert(Strategy<FedAdagrad, double> && Strategy<FedAdagrad, float>);

TEST_CASE("under a steady update the rate decays with the root of the round") {
  const Layout layout{{"w", {1}}};
  const FedAdagrad strategy{.server_learning_rate = 0.3, .tau = 0.05};
  auto state = strategy.init<double>(layout);
  Parameters<double> parameters(layout);
  Parameters<double> update(layout);
  update.data()[0] = -0.7;
  double expected = 0;
  for (int t = 1; t <= 12; ++t) {
    strategy.apply(state, parameters, update);
    expected -= 0.3 * 0.7 / (std::sqrt(t) * 0.7 + 0.05);
    CHECK(parameters.data()[0] == doctest::Approx(expected).epsilon(1e-13));
  }
}

TEST_CASE("its rate decays, and it reaches the pooled optimum with one local step") {
  InProcess clients = hospitals::make(0.1, {1, 1, 1});
  CHECK(hospitals::end_of(FedAdagrad{.server_learning_rate = 0.5}, clients, {.rounds = 3000}) ==
        doctest::Approx(hospitals::optimum()).epsilon(1e-9));
}

TEST_CASE("a server rate that decays as well brings it to the pooled optimum") {
  InProcess clients = hospitals::make(0.1, {1, 1, 1});
  const FedAdagrad strategy{.server_learning_rate = RateSchedule::inverse_sqrt(0.5, 10)};
  CHECK(hospitals::end_of(strategy, clients, {.rounds = 3000}) ==
        doctest::Approx(hospitals::optimum()).epsilon(1e-12));
}

TEST_CASE("hyperparameters outside their range are refused") {
  CHECK_THROWS_AS(FedAdagrad{.server_learning_rate = 0}.validate(), Error);
  CHECK_THROWS_AS(FedAdagrad{.tau = -1}.validate(), Error);
  CHECK_NOTHROW(FedAdagrad{}.validate());
}

}  // namespace strategy_fedadagrad_test
