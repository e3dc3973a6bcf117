#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "healthai/core/rate_schedule.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"
#include "healthai/strategy/fedavg.hpp"

namespace healthai {

/// FedProx (Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith: Federated Optimization in Heterogeneous Networks, 2020,
/// algorithm 2): FedAvg in which each client minimises f_k(w) + mu/2 ||w - w_g||^2, which keeps clients with different data
/// from drifting apart, and in which the work of a client that stopped early counts. With mu = 0 and clients that finish,
/// it is FedAvg bit for bit. Clients that do not honour the proximal term refuse, which the report says.
template <class AggregatorType = WeightedMean>
struct BasicFedProx {
  double mu = 0.01;                       ///< >= 0
  RateSchedule server_learning_rate = 1;  ///< > 0
  AggregatorType aggregator{};

  static constexpr std::string_view name = "FedProx";
  static constexpr bool accepts_partial_work = true;

  template <class Scalar>
  using State = Stateless<Scalar>;

  [[nodiscard]] std::string describe() const {
    return "FedProx(mu=" + number_text(mu) + ",server_learning_rate=" + server_learning_rate.describe() +
           detail::aggregator_text(*this) + ")";
  }
  void validate() const {
    detail::require_hyperparameter(mu >= 0, name, "mu must be >= 0", mu);
    averaging().validate();
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& layout) const {
    return averaging().template init<Scalar>(layout);
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const Stateless<Scalar>& /*state*/,
                                                 std::uint64_t /*round*/) const {
    LocalObjective<Scalar> objective;
    objective.proximal_mu = mu;
    return objective;
  }
  template <class Scalar>
  void apply(Stateless<Scalar>& state, Parameters<Scalar>& parameters, const Parameters<Scalar>& update,
             std::uint64_t round = 1) const {
    averaging().apply(state, parameters, update, round);
  }

 private:
  [[nodiscard]] BasicFedAvg<AggregatorType> averaging() const { return {server_learning_rate, aggregator}; }
};

/// FedProx with the weighted mean.
using FedProx = BasicFedProx<WeightedMean>;

}  // namespace healthai
