#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/rate_schedule.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"

namespace healthai {

/// FedNova (Wang, Liu, Liang, Joshi, Poor: Tackling the Objective Inconsistency Problem in Heterogeneous Federated Optimization, 2020,
/// eq. 6 and 8): a client that takes more local steps than others pulls the average of FedAvg towards its own optimum. FedNova
/// averages updates per step, and takes as many steps as clients do on average. With tau_k = `TrainReply::accumulation()` (||a_k||_1 in
/// the paper) and p_k the client's share of the round's examples:
///
///     w <- w + server_learning_rate * (sum of p_k tau_k) * sum of p_k u_k / tau_k
///
/// With the same tau everywhere it is FedAvg. What remains of the bias vanishes with the local learning rate, which the clients must
/// share. It needs to see each reply, so it does not compile over a transport that can only sum. Work of clients
/// that stopped early counts: that is the point. A reply that does not say how many steps were taken is rejected.
template <class AggregatorType = WeightedMean>
struct BasicFedNova {
  RateSchedule server_learning_rate = 1;  ///< > 0
  AggregatorType aggregator{};

  static constexpr std::string_view name = "FedNova";
  static constexpr bool accepts_partial_work = true;
  /// Steps are counted reply by reply, and their mean is over the same replies.
  static constexpr bool accepts_stale_updates = true;

  template <class Scalar>
  using State = Stateless<Scalar>;

  [[nodiscard]] std::string describe() const {
    return "FedNova(server_learning_rate=" + server_learning_rate.describe() +
           detail::aggregator_text(*this) + ")";
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
  /// \throws Error (`invalid_reply`) for a reply without steps.
  template <class Scalar>
  [[nodiscard]] Summand<Scalar> contribution(TrainReply<Scalar>&& reply) const {
    const double steps = reply.accumulation();
    if (!(steps > 0)) {
      throw Error(error::invalid_reply,
                  "FedNova needs the number of local steps, but the reply has local_steps = 0 and "
                  "effective_steps = 0; set one of them");
    }
    Summand<Scalar> summand = Train<Scalar>::summand(std::move(reply));
    summand.vectors.front().values.flat() *= static_cast<Scalar>(1 / steps);
    summand.scalars.push_back({std::string(weighted_steps), summand.weight * steps});
    return summand;
  }
  template <class Scalar>
  void apply(Stateless<Scalar>& /*state*/, Parameters<Scalar>& parameters,
             const RoundAggregate<Scalar>& round) const {
    const double steps = round.scalar(weighted_steps) / round.weight;
    parameters.flat() +=
        static_cast<Scalar>(server_learning_rate.at(round.round) * steps) * round.update.flat();
  }

 private:
  static constexpr std::string_view weighted_steps = "fednova/weighted_steps";
};

/// FedNova with the weighted mean.
using FedNova = BasicFedNova<WeightedMean>;

}  // namespace healthai
