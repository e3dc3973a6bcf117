#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"

namespace healthai {

/// q-FedAvg (Li, Sanjabi, Beirami, Smith: Fair Resource Allocation in Federated Learning, 2020, algorithm 2): minimises the sum of
/// F_k^(q+1) / (q+1) over clients, so that clients with a large loss F_k count for more, the more the larger q. With u_k
/// the client's update, L = 1 / learning_rate, and F_k its loss at the global parameters:
///
///     D_k = F_k^q * L u_k;   h_k = q F_k^(q-1) ||L u_k||^2 + L F_k^q;   w <- w + sum of D_k / sum of h_k
///
/// which is here the mean of D_k / h_k, weighted by h_k. Numbers of examples do not enter: fairness is between clients, of which
/// each counts once. With q = 0 it is the plain mean of the updates. 1e-10 is added to each loss, so that a loss of 0 does no harm.
///
/// The clients' loss must not be negative. They train at `learning_rate`, whatever they would choose, and report their loss
/// before training; those that do not honour that refuse. It needs to see each reply, so it does not compile over a
/// transport that can only sum.
template <class AggregatorType = WeightedMean>
struct BasicQFedAvg {
  double q = 0.2;              ///< >= 0
  double learning_rate = 0.1;  ///< > 0; of the clients' local steps
  AggregatorType aggregator{};

  static constexpr std::string_view name = "QFedAvg";
  static constexpr bool accepts_partial_work = false;
  /// Losses are compared between clients, at the same parameters.
  static constexpr bool accepts_stale_updates = false;

  template <class Scalar>
  using State = Stateless<Scalar>;

  [[nodiscard]] std::string describe() const {
    return "QFedAvg(q=" + number_text(q) + ",learning_rate=" + number_text(learning_rate) +
           detail::aggregator_text(*this) + ")";
  }
  void validate() const {
    detail::require_hyperparameter(q >= 0, name, "q must be >= 0", q);
    detail::require_positive(name, "learning_rate", learning_rate);
    detail::validate_aggregator(aggregator);
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& /*layout*/) const {
    return {};
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const Stateless<Scalar>& /*state*/,
                                                 std::uint64_t /*round*/) const {
    LocalObjective<Scalar> objective;
    objective.initial_loss = true;
    objective.learning_rate = learning_rate;
    return objective;
  }
  /// \throws Error (`invalid_reply`) without the loss before training, or when it is negative.
  template <class Scalar>
  [[nodiscard]] Summand<Scalar> contribution(TrainReply<Scalar>&& reply) const {
    if (!reply.initial_loss || !(*reply.initial_loss >= 0)) {
      throw Error(error::invalid_reply,
                  std::string("QFedAvg needs the loss at the global parameters, before training, which must "
                              "not be negative, but the reply ") +
                      (reply.initial_loss ? "says " + number_text(*reply.initial_loss)
                                          : std::string("has none; set TrainReply::initial_loss")));
    }
    const double loss = *reply.initial_loss + 1e-10;
    const double lipschitz = 1 / learning_rate;
    const double gradient_norm = lipschitz * reply.update.flat().template cast<double>().stableNorm();
    const double bend = q * gradient_norm * gradient_norm / loss + lipschitz;  // h_k / F_k^q
    Summand<Scalar> summand = Train<Scalar>::summand(std::move(reply));
    summand.vectors.front().values.flat() *= static_cast<Scalar>(lipschitz / bend);
    summand.weight = std::pow(loss, q) * bend;
    return summand;
  }
  template <class Scalar>
  void apply(Stateless<Scalar>& /*state*/, Parameters<Scalar>& parameters,
             const Parameters<Scalar>& update) const {
    parameters.flat() += update.flat();
  }
};

/// q-FedAvg with the weighted mean.
using QFedAvg = BasicQFedAvg<WeightedMean>;

}  // namespace healthai
