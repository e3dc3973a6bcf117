#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/rate_schedule.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/detail/adaptive_step.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"

namespace healthai {

/// FedAdagrad (Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated
/// Optimization, 2021, algorithm 2): the server divides each coordinate's step by
/// the root of the sum of all its squared updates so far. With u the aggregated update, and m = v = 0 at first,
///
///     m <- beta1 m + (1 - beta1) u;   v <- v + u^2;   w <- w + server_learning_rate m / (sqrt(v) + tau)
///
/// The sum only grows, so that the rate decays by itself. The paper starts v at tau^2; here it starts at 0, as implementations do.
template <class AggregatorType = WeightedMean>
struct BasicFedAdagrad {
  RateSchedule server_learning_rate = 0.1;  ///< > 0
  double beta1 = 0;                         ///< in [0, 1)
  double tau = 1e-3;                        ///< > 0; the degree of adaptivity: smaller is more adaptive
  AggregatorType aggregator{};

  static constexpr std::string_view name = "FedAdagrad";
  static constexpr bool accepts_partial_work = false;

  template <class Scalar>
  using State = detail::AdaptiveState<Scalar>;

  [[nodiscard]] std::string describe() const {
    return "FedAdagrad(server_learning_rate=" + server_learning_rate.describe() +
           ",beta1=" + number_text(beta1) + ",tau=" + number_text(tau) + detail::aggregator_text(*this) + ")";
  }
  void validate() const {
    detail::validate_adaptive(name, server_learning_rate, beta1, 0, tau);
    detail::validate_aggregator(aggregator);
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& layout) const {
    return State<Scalar>(layout);
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const detail::AdaptiveState<Scalar>& /*state*/,
                                                 std::uint64_t /*round*/) const {
    return {};
  }
  template <class Scalar>
  void apply(detail::AdaptiveState<Scalar>& state, Parameters<Scalar>& parameters,
             const Parameters<Scalar>& update, std::uint64_t round = 1) const {
    detail::adaptive_step(state, parameters, update, server_learning_rate.at(round), beta1, tau,
                          [](double v, double squared) { return v + squared; });
  }
};

/// FedAdagrad with the weighted mean.
using FedAdagrad = BasicFedAdagrad<WeightedMean>;

}  // namespace healthai
