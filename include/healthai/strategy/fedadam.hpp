#pragma once

#include <cmath>
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

/// FedAdam (Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive Federated
/// Optimization, 2021, algorithm 2): Adam at the server. With u the aggregated update of
/// round t = 1, 2, ..., and m = v = 0 at first,
///
///     m <- beta1 m + (1 - beta1) u;   v <- beta2 v + (1 - beta2) u^2
///     w <- w + server_learning_rate * sqrt(1 - beta2^(t+1)) / (1 - beta1^(t+1)) * m / (sqrt(v) + tau)
///
/// The paper has no correction for the moments' start at zero, and starts v at tau^2. The correction here is that of Kingma, Ba:
/// Adam: A Method for Stochastic Optimization, 2015, section 2, with t + 1 in the place of t, as the Flower framework has it.
template <class AggregatorType = WeightedMean>
struct BasicFedAdam {
  RateSchedule server_learning_rate = 0.1;  ///< > 0
  double beta1 = 0.9;                       ///< in [0, 1)
  double beta2 = 0.99;                      ///< in [0, 1)
  double tau = 1e-3;                        ///< > 0; the degree of adaptivity: smaller is more adaptive
  AggregatorType aggregator{};

  static constexpr std::string_view name = "FedAdam";
  static constexpr bool accepts_partial_work = false;

  template <class Scalar>
  using State = detail::AdaptiveState<Scalar>;

  [[nodiscard]] std::string describe() const {
    return "FedAdam(server_learning_rate=" + server_learning_rate.describe() +
           ",beta1=" + number_text(beta1) + ",beta2=" + number_text(beta2) + ",tau=" + number_text(tau) +
           detail::aggregator_text(*this) + ")";
  }
  void validate() const {
    detail::validate_adaptive(name, server_learning_rate, beta1, beta2, tau);
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
    const auto exponent = static_cast<double>(state.steps + 2);
    const double correction = std::sqrt(1 - std::pow(beta2, exponent)) / (1 - std::pow(beta1, exponent));
    detail::adaptive_step(state, parameters, update, server_learning_rate.at(round) * correction, beta1, tau,
                          [this](double v, double squared) { return beta2 * v + (1 - beta2) * squared; });
  }
};

/// FedAdam with the weighted mean.
using FedAdam = BasicFedAdam<WeightedMean>;

}  // namespace healthai
