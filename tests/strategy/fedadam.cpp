#include "healthai/strategy/fedadam.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "hospitals.hpp"

namespace strategy_fedadam_test {

using namespace healthai;

static_assert(Strategy<FedAdam, double> && Strategy<FedAdam, float>);

TEST_CASE_TEMPLATE("under a steady update the moments are geometric sums", Scalar, float, double) {
  // m_t = (1 - beta1^t) u and v_t = (1 - beta2^t) u^2
  const Layout layout{{"w", {2}}};
  const double eta = 0.3, b1 = 0.8, b2 = 0.95, tau = 0.05;
  const FedAdam strategy{.server_learning_rate = eta, .beta1 = b1, .beta2 = b2, .tau = tau};
  auto state = strategy.init<Scalar>(layout);
  Parameters<Scalar> parameters(layout);
  Parameters<Scalar> update(layout);
  const double u[] = {0.7, -20.0};
  double expected[] = {0, 0};
  for (std::size_t j = 0; j < 2; ++j) update.data()[j] = static_cast<Scalar>(u[j]);
  for (int t = 1; t <= 12; ++t) {
    strategy.apply(state, parameters, update);
    for (std::size_t j = 0; j < 2; ++j) {
      const double rate = eta * std::sqrt(1 - std::pow(b2, t + 1)) / (1 - std::pow(b1, t + 1));
      expected[j] +=
          rate * (1 - std::pow(b1, t)) * u[j] / (std::sqrt(1 - std::pow(b2, t)) * std::abs(u[j]) + tau);
      CHECK(static_cast<double>(parameters.data()[j]) ==
            doctest::Approx(expected[j]).epsilon(sizeof(Scalar) == 4 ? 1e-5 : 1e-13));
    }
  }
}

TEST_CASE("with one local step it reaches the pooled optimum") {
  // Near the optimum the second moment dies out, and the step is the linear one of rate eta / tau.
  InProcess clients = hospitals::make(0.1, {1, 1, 1});
  CHECK(hospitals::end_of(FedAdam{.server_learning_rate = 0.1, .tau = 0.1}, clients, {.rounds = 3000}) ==
        doctest::Approx(hospitals::optimum()).epsilon(1e-9));
}

TEST_CASE(
    "a server rate that decays brings it to rest at the pooled optimum, where the constant one circles "
    "around it") {
  const auto end = [](RateSchedule rate) {
    InProcess clients = hospitals::make(0.1, {1, 1, 1});
    return hospitals::end_of(FedAdam{.server_learning_rate = rate}, clients, {.rounds = 3000});
  };
  // With one local step u = -0.13 (w - optimum); Adam's step is stable where (1 - beta1) 0.13 rate / tau < 2 (1 + beta1).
  CHECK(std::abs(end(0.5) - hospitals::optimum()) > 1e-3);
  for (const RateSchedule& rate : {RateSchedule::inverse_sqrt(0.5, 10), RateSchedule::cosine(0.5, 3000),
                                   RateSchedule::exponential(0.5, 0.998).with_warm_up(10)}) {
    CHECK(end(rate) == doctest::Approx(hospitals::optimum()).epsilon(1e-12));
  }
}

TEST_CASE("hyperparameters outside their range are refused") {
  CHECK_THROWS_AS(FedAdam{.server_learning_rate = 0}.validate(), Error);
  CHECK_THROWS_AS(FedAdam{.beta1 = 1}.validate(), Error);
  CHECK_THROWS_AS(FedAdam{.beta2 = -0.1}.validate(), Error);
  CHECK_THROWS_AS(FedAdam{.tau = 0}.validate(), Error);
  CHECK_NOTHROW(FedAdam{}.validate());
  CHECK(FedAdam{}.describe().starts_with("FedAdam("));
}

}  // namespace strategy_fedadam_test
