#include "healthai/strategy/fedyogi.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hospitals.hpp"

namespace strategy_fedyogi_test {

using namespace healthai;

static_assert(Strategy<FedYogi, double> && Strategy<FedYogi, float>);

TEST_CASE("the second moment moves by a fixed part of the new square, up and down") {
  // From 0, updates of size u raise v by (1 - beta2) u^2 each, linearly as long as v < u^2; smaller ones lower it as linearly.
  const Layout layout{{"w", {1}}};
  const FedYogi strategy{.server_learning_rate = 0.3, .beta1 = 0, .beta2 = 0.75, .tau = 0.5};
  auto state = strategy.init<double>(layout);
  Parameters<double> parameters(layout);
  Parameters<double> update(layout);
  double w = 0;
  double v = 0;
  const auto step = [&](double u, double change) {
    update.data()[0] = u;
    strategy.apply(state, parameters, update);
    v += change;
    w += 0.3 * u / (std::sqrt(v) + 0.5);
    CHECK(parameters.data()[0] == doctest::Approx(w).epsilon(1e-14));
  };
  for (int t = 0; t < 4; ++t) step(-2, 0.25 * 4);
  for (int t = 0; t < 8; ++t) step(1, -0.25 * 1);
  CHECK(state.second_moment.data()[0] == 2);
}

TEST_CASE("with one local step it reaches the pooled optimum") {
  InProcess clients = hospitals::make(0.1, {1, 1, 1});
  CHECK(hospitals::end_of(FedYogi{.server_learning_rate = 0.1, .tau = 0.1}, clients, {.rounds = 3000}) ==
        doctest::Approx(hospitals::optimum()).epsilon(1e-6));
}

TEST_CASE("a server rate that decays brings it to the pooled optimum") {
  for (const RateSchedule& rate : {RateSchedule::inverse_sqrt(0.5, 10), RateSchedule::cosine(0.5, 3000)}) {
    InProcess clients = hospitals::make(0.1, {1, 1, 1});
    CHECK(hospitals::end_of(FedYogi{.server_learning_rate = rate}, clients, {.rounds = 3000}) ==
          doctest::Approx(hospitals::optimum()).epsilon(1e-12));
  }
}

TEST_CASE("hyperparameters outside their range are refused") {
  CHECK_THROWS_AS(FedYogi{.server_learning_rate = -1}.validate(), Error);
  CHECK_THROWS_AS(FedYogi{.beta2 = 1}.validate(), Error);
  CHECK_NOTHROW(FedYogi{}.validate());
}

}  // namespace strategy_fedyogi_test
