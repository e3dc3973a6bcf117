#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"
#include "healthai/strategy/detail/memory_mean.hpp"

namespace healthai {

/// FedDyn (Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama: Federated Learning Based on Dynamic Regularization, 2021,
/// algorithm 1): client k minimises f_k(w) - <g_k, w> + alpha/2 ||w - w_g||^2 and then remembers g_k <- g_k - alpha u_k, u_k
/// being its update: the gradient of f_k where it stopped. Local optima then agree with the optimum of the pooled loss. At
/// the server, with h the mean of g_k over all clients and the update averaged over the round's:
///
///     h <- h - alpha * |P| / m * mean of u_k;   w <- w + mean of u_k - h / alpha
///
/// Deviation: the paper weights all m clients alike. Here both means are weighted by num_examples, as everywhere in the
/// library, so that the optimum is that of the pooled rows; with equal numbers of rows it is the paper's algorithm.
///
/// The paper's clients solve their problem exactly. With a few gradient steps instead the fixed point is the same, but alpha times
/// the steps times their rate should not be far below 1, or g_k lags behind and the rounds oscillate.
/// Clients are wrapped: `DynamicRegularisation{client}`; others refuse. Work of clients that stopped early counts. A round that
/// fails at the server after clients have trained (below quorum) leaves h without their changes, for good: keep the quorum low.
template <class AggregatorType = WeightedMean>
struct BasicFedDyn {
  double alpha = 0.1;  ///< > 0; in units of curvature. The paper tries 0.001 to 0.1
  AggregatorType aggregator{};

  static constexpr std::string_view name = "FedDyn";
  static constexpr bool accepts_partial_work = true;
  /// h is the mean of what clients remember: a change that is discounted, or too old to be used, would be missing for good.
  static constexpr bool accepts_stale_updates = false;

  /// What it remembers: the mean of the clients' gradients.
  template <class Scalar>
  struct State {
    detail::MemoryMean<Scalar> gradient{};  ///< h
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& gradient;
    }
  };

  [[nodiscard]] std::string describe() const {
    return "FedDyn(alpha=" + number_text(alpha) + detail::aggregator_text(*this) + ")";
  }
  void validate() const {
    detail::require_positive(name, "alpha", alpha);
    detail::validate_aggregator(aggregator);
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& layout) const {
    return {{Parameters<double>(layout)}};
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const State<Scalar>& /*state*/,
                                                 std::uint64_t /*round*/) const {
    LocalObjective<Scalar> objective;
    objective.proximal_mu = alpha;
    objective.dynamic_regularisation = true;
    return objective;
  }
  template <class Scalar>
  void apply(State<Scalar>& state, Parameters<Scalar>& parameters,
             const RoundAggregate<Scalar>& round) const {
    state.gradient.add(round.update, -alpha, round);
    parameters.flat() += round.update.flat() - state.gradient.mean(1 / alpha).flat();
  }
};

/// FedDyn with the weighted mean.
using FedDyn = BasicFedDyn<WeightedMean>;

}  // namespace healthai
