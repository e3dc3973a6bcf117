#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/client_memory.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/rate_schedule.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"
#include "healthai/strategy/detail/memory_mean.hpp"

namespace healthai {

/// SCAFFOLD (Karimireddy, Kale, Mohri, Reddi, Stich, Suresh: SCAFFOLD: Stochastic Controlled Averaging for Federated Learning,
/// 2020, algorithm 1, option II): client i remembers a control variate c_i, an estimate of its own gradient, and takes the
/// server's estimate c of everyone's gradient in its place: each local step goes along g_i - c_i + c. That removes the drift
/// of clients whose data differ, so that any number of local steps leads to the optimum of the pooled loss, where FedAvg
/// stops beside it. At the server, with means over the round's clients:
///
///     w <- w + server_learning_rate * mean of the updates;   c <- c + |S| / N * mean of the changes of c_i
///
/// Deviation: the paper weights all N clients alike. Here both means are weighted by num_examples, as everywhere in the
/// library, so that the optimum is that of the pooled rows; with equal numbers of rows it is the paper's algorithm.
///
/// Clients are wrapped: `ControlVariates{client}`; others refuse. Work of clients that stopped early counts: the control variate is
/// a mean over the steps that were taken. A round that fails at the server after clients have trained (below quorum)
/// leaves c without their changes, for good: keep the quorum low.
template <class AggregatorType = WeightedMean>
struct BasicScaffold {
  RateSchedule server_learning_rate = 1;  ///< > 0
  AggregatorType aggregator{};

  static constexpr std::string_view name = "Scaffold";
  static constexpr bool accepts_partial_work = true;
  /// c is the mean of what clients remember: a change that is discounted, or too old to be used, would be missing for good.
  static constexpr bool accepts_stale_updates = false;
  static constexpr std::array extra_vectors{ExtraVector{client_memory::control_variate, true}};

  /// What it remembers: the mean of the clients' control variates.
  template <class Scalar>
  struct State {
    detail::MemoryMean<Scalar> control{};  ///< c
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& control;
    }
  };

  [[nodiscard]] std::string describe() const {
    return "Scaffold(server_learning_rate=" + server_learning_rate.describe() +
           detail::aggregator_text(*this) + ")";
  }
  void validate() const {
    detail::require_positive(name, "server_learning_rate", server_learning_rate.initial());
    detail::validate_aggregator(aggregator);
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& layout) const {
    return {{Parameters<double>(layout)}};
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const State<Scalar>& state, std::uint64_t /*round*/) const {
    LocalObjective<Scalar> objective;
    objective.linear_correction = state.control.mean();
    objective.control_variates = true;
    return objective;
  }
  template <class Scalar>
  void apply(State<Scalar>& state, Parameters<Scalar>& parameters,
             const RoundAggregate<Scalar>& round) const {
    parameters.flat() += static_cast<Scalar>(server_learning_rate.at(round.round)) * round.update.flat();
    state.control.add(round.extra.front(), 1, round);
  }
};

/// SCAFFOLD with the weighted mean.
using Scaffold = BasicScaffold<WeightedMean>;

}  // namespace healthai
