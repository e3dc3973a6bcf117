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

/// Federated averaging with momentum at the server (Hsu, Qi, Brown: Measuring the Effects of Non-Identical Data Distribution
/// for Federated Visual Classification, 2019, section 4): with u the aggregated update,
///
///     v <- server_momentum * v + u;   w <- w + server_learning_rate * v
///
/// v starts at zero. A steady update is amplified up to 1 / (1 - server_momentum) times; without momentum it is FedAvg.
template <class AggregatorType = WeightedMean>
struct BasicFedAvgM {
  double server_momentum = 0.9;           ///< in [0, 1)
  RateSchedule server_learning_rate = 1;  ///< > 0
  AggregatorType aggregator{};

  static constexpr std::string_view name = "FedAvgM";
  static constexpr bool accepts_partial_work = false;

  /// What it remembers: v.
  template <class Scalar>
  struct State {
    Parameters<Scalar> velocity{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& velocity;
    }
  };

  [[nodiscard]] std::string describe() const {
    return "FedAvgM(server_momentum=" + number_text(server_momentum) +
           ",server_learning_rate=" + server_learning_rate.describe() + detail::aggregator_text(*this) + ")";
  }
  void validate() const {
    detail::require_hyperparameter(server_momentum >= 0 && server_momentum < 1, name,
                                   "server_momentum must be in [0, 1)", server_momentum);
    detail::require_positive(name, "server_learning_rate", server_learning_rate.initial());
    detail::validate_aggregator(aggregator);
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& layout) const {
    return {Parameters<Scalar>(layout)};
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const State<Scalar>& /*state*/,
                                                 std::uint64_t /*round*/) const {
    return {};
  }
  template <class Scalar>
  void apply(State<Scalar>& state, Parameters<Scalar>& parameters, const Parameters<Scalar>& update,
             std::uint64_t round = 1) const {
    state.velocity.flat() = static_cast<Scalar>(server_momentum) * state.velocity.flat() + update.flat();
    parameters.flat() += static_cast<Scalar>(server_learning_rate.at(round)) * state.velocity.flat();
  }
};

/// Federated averaging with server momentum and the weighted mean.
using FedAvgM = BasicFedAvgM<WeightedMean>;

}  // namespace healthai
