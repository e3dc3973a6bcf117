#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/rate_schedule.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"

namespace healthai {

/// Federated averaging (McMahan, Moore, Ramage, Hampson, Aguera y Arcas: Communication-Efficient Learning of Deep Networks
/// from Decentralized Data, 2017, algorithm 1): clients train on their own data, and the new global parameters are the
/// mean of theirs, weighted by examples. Written with updates, w <- w + server_learning_rate * aggregate of (w_k - w), which
/// is the same at a rate of 1, leaves room for a damped step, and lets any rule take the place of the mean:
/// `BasicFedAvg<TrimmedMean>`.
///
/// With one full-batch local step of rate r it is gradient descent of rate r on the pooled loss.
template <class AggregatorType = WeightedMean>
struct BasicFedAvg {
  RateSchedule server_learning_rate = 1;  ///< > 0
  AggregatorType aggregator{};

  static constexpr std::string_view name = "FedAvg";
  /// A client that did not finish is left out, as in the paper.
  static constexpr bool accepts_partial_work = false;

  template <class Scalar>
  using State = Stateless<Scalar>;

  [[nodiscard]] std::string describe() const {
    return "FedAvg(server_learning_rate=" + server_learning_rate.describe() + detail::aggregator_text(*this) +
           ")";
  }
  void validate() const {
    detail::require_positive(name, "server_learning_rate", server_learning_rate.initial());
    detail::validate_aggregator(aggregator);
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& /*layout*/) const {
    return {};
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const Stateless<Scalar>& /*state*/,
                                                 std::uint64_t /*round*/) const {
    return {};
  }
  template <class Scalar>
  void apply(Stateless<Scalar>& /*state*/, Parameters<Scalar>& parameters, const Parameters<Scalar>& update,
             std::uint64_t round = 1) const {
    const double rate = server_learning_rate.at(round);
    if (rate == 1) {
      parameters.flat() += update.flat();
    } else {
      parameters.flat() += static_cast<Scalar>(rate) * update.flat();
    }
  }
};

/// Federated averaging with the weighted mean.
using FedAvg = BasicFedAvg<WeightedMean>;

}  // namespace healthai
