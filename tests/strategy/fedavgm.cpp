#include "healthai/strategy/fedavgm.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "healthai/strategy/fedavg.hpp"
#include "hospitals.hpp"

namespace strategy_fedavgm_test {

using namespace healthai;

static_assert(Strategy<FedAvgM, double> && Strategy<FedAvgM, float>);

TEST_CASE("a steady update is amplified by the sum of the powers of the momentum") {
  const Layout layout{{"w", {1}}};
  const FedAvgM strategy{.server_momentum = 0.5, .server_learning_rate = 0.25};
  auto state = strategy.init<double>(layout);
  Parameters<double> parameters(layout);
  Parameters<double> update(layout);
  update.data()[0] = 8;
  double expected = 0;
  for (int t = 1; t <= 10; ++t) {
    strategy.apply(state, parameters, update);
    expected += 0.25 * 8 * (1 - std::pow(0.5, t)) / (1 - 0.5);
    CHECK(parameters.data()[0] == expected);  // powers of two: exact
  }
}

TEST_CASE("it ends where FedAvg ends, and without momentum goes the same way") {
  const std::uint64_t steps[] = {5, 5, 5};
  InProcess clients = hospitals::make(0.1, steps);
  CHECK(hospitals::end_of(FedAvgM{}, clients, {.rounds = 600}) ==
        doctest::Approx(hospitals::fedavg_point(0.1, steps)).epsilon(1e-10));
  CHECK(hospitals::end_of(FedAvgM{.server_momentum = 0}, clients, {.rounds = 3}) ==
        doctest::Approx(hospitals::end_of(FedAvg{}, clients, {.rounds = 3})).epsilon(1e-15));
}

TEST_CASE("hyperparameters outside their range are refused") {
  CHECK_THROWS_AS(FedAvgM{.server_momentum = 1}.validate(), Error);
  CHECK_THROWS_AS(FedAvgM{.server_momentum = -0.1}.validate(), Error);
  CHECK_THROWS_AS(FedAvgM{.server_learning_rate = 0}.validate(), Error);
  CHECK_NOTHROW(FedAvgM{}.validate());
}

}  // namespace strategy_fedavgm_test
