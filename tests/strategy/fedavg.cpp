#include "healthai/strategy/fedavg.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "../quadratic.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/transport/in_process.hpp"

namespace strategy_fedavg_test {

using namespace healthai;

static_assert(Strategy<FedAvg, double> && Strategy<FedAvg, float>);

TEST_CASE("FedAvg adds the mean update, scaled by the server's rate") {
  const Layout layout{{"w", {2}}};
  Parameters<double> parameters(layout);
  parameters.flat().setConstant(1);
  Parameters<double> update(layout);
  update.flat().setConstant(4);
  Stateless<double> state;
  FedAvg{}.apply(state, parameters, update);
  CHECK(parameters.data()[1] == 5);
  FedAvg{.server_learning_rate = 0.5}.apply(state, parameters, update);
  CHECK(parameters.data()[1] == 7);
}

TEST_CASE("rates that change from round to round, of the server and of the clients") {
  // One client of curvature d: each round leaves 1 - rate(t) (1 - (1 - client_rate(t) d)) of the way.
  const auto server_rate = RateSchedule::step(0.8, 0.5, 3).with_warm_up(2);
  const auto client_rate = RateSchedule::inverse(0.4, 5);
  InProcess clients;
  clients.add("only", LocalTrainer(Quadratic<double>{{1.5}, {4.0}, 9}, {.learning_rate = 0.1}));
  FederationOptions options{.rounds = 12};
  options.training.learning_rate = client_rate;
  Federation federation{FedAvg{.server_learning_rate = server_rate}, clients, options};
  federation.start(Parameters<double>(Quadratic<double>::layout_for(1)));
  double left = 1;
  for (std::uint64_t round = 1; round <= 12; ++round) {
    CHECK(federation.step().updated);
    left *= 1 - server_rate.at(round) * client_rate.at(round) * 1.5;
    CHECK(federation.parameters().data()[0] == doctest::Approx(4 * (1 - left)).epsilon(1e-14));
  }
  options.training.learning_rate = -0.1;
  CHECK_THROWS_WITH_AS((Federation{FedAvg{}, clients, options}), "federation: learning_rate must be positive",
                       Error);
}

TEST_CASE("a checkpoint tells apart runs with other rate schedules") {
  CHECK(FedAvg{.server_learning_rate = RateSchedule::cosine(0.5, 20)}.describe() ==
        "FedAvg(server_learning_rate=0.5/cosine:20)");
}

TEST_CASE("a rate that cannot be is refused") {
  for (const double rate :
       {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(FedAvg{.server_learning_rate = rate}.validate(), Error);
  }
  CHECK(FedAvg{.server_learning_rate = 1e-9}.describe() != FedAvg{.server_learning_rate = 1e-10}.describe());
}

TEST_CASE("a rule that describes itself is named, and one that validates itself is asked") {
  struct Careful : WeightedMean {
    double setting = 3;
    [[nodiscard]] std::string describe() const { return "Careful(" + number_text(setting) + ")"; }
    void validate() const {
      if (setting < 0) throw Error(error::invalid_argument, "Careful: setting must be >= 0");
    }
  };
  CHECK(FedAvg{}.describe() == "FedAvg(server_learning_rate=1)");
  const BasicFedAvg<Careful> good{};
  CHECK(good.describe() == "FedAvg(server_learning_rate=1,aggregator=Careful(3))");
  CHECK_NOTHROW(good.validate());
  BasicFedAvg<Careful> bad{};
  bad.aggregator.setting = -1;
  CHECK_THROWS_AS(bad.validate(), Error);
  CHECK(BasicFedAvg<ReproducibleMean>{}.describe().find("ReproducibleMean") != std::string::npos);
}

TEST_CASE("FedAvg with several local steps reaches its own fixed point, not the pooled optimum") {
  // With E local steps of rate r, client k contributes c_k (a_k - w), c_k = 1 - (1 - r d_k)^E, so that
  // w* = sum n_k c_k a_k / sum n_k c_k; the pooled optimum has d_k in the place of c_k.
  const double r = 0.3;
  const int steps = 5;
  const double curvature[] = {0.2, 1.0, 3.0};
  const double target[] = {-4.0, 1.0, 2.5};
  const std::size_t rows[] = {10, 3, 7};
  InProcess clients({.threads = 2});
  double top = 0, bottom = 0, pooled_top = 0, pooled_bottom = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    clients.add("c" + std::to_string(k), LocalTrainer(Quadratic<double>{{curvature[k]}, {target[k]}, rows[k]},
                                                      {.learning_rate = r, .local_steps = steps}));
    const auto n = static_cast<double>(rows[k]);
    const double c = 1 - std::pow(1 - r * curvature[k], steps);
    top += n * c * target[k];
    bottom += n * c;
    pooled_top += n * curvature[k] * target[k];
    pooled_bottom += n * curvature[k];
  }
  Federation federation{FedAvg{}, clients, {.rounds = 500, .tolerance = 0}};
  const auto outcome = federation.run(Parameters<double>(Quadratic<double>::layout_for(1)));
  CHECK(outcome.parameters.data()[0] == doctest::Approx(top / bottom).epsilon(1e-13));
  CHECK(std::abs(top / bottom - pooled_top / pooled_bottom) > 0.1);  // the bias is real
}

}  // namespace strategy_fedavg_test
