#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/privacy/adaptive_clipping.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"

namespace healthai {

/// Any strategy, over updates whose bound follows a quantile of their lengths (AdaptiveClipping, with the paper): clients shorten their updates
/// to the round's bound and say whether they were longer, and the share of those who were not moves the bound for the next round.
///
///     hospitals.add("north", Clipped{LocalTrainer{model}, {.bound = 10}});    // 10: the most that it ever sends
///     Federation federation{AdaptivelyClipped{FedAvg{}, 0.1, {.quantile = 0.5}}, hospitals};
///
/// The bound begins at `initial_bound`, is the same for all clients of a round and a part of the checkpoint. Clients who are not Clipped
/// refuse. Each client's part of that count is one more number about its data. Under secure aggregation with noise (SumNoise) the bound is that
/// of the update's segment and the count a segment of its own, clipped and noised like every other, so that all of it is one release of the
/// noise multiplier, of which the count gets the small part that the paper gives it, whatever else is summed beside the update
/// (`adaptive_clipping_share`). There it is refused unless the noise multiplier is below a tenth of the members (`adaptive_clipping_noise`). Over other transports
/// there is no noise, and the bound keeps outliers short without any promise of privacy.
///
/// It asks for nothing in a round that is not applied: without enough replies the bound stays as it was.
/// \tparam S  a Strategy that does not rescale replies, whose numbers it would lose
template <class S>
struct AdaptivelyClipped : S {
  static_assert(
      !RescalesReplies<S, double> && !RescalesReplies<S, float>,
      "healthai: AdaptivelyClipped needs the clients' numbers as they are, and this strategy rescales "
      "replies (FedNova, QFedAvg): take another strategy, or Clipped with a fixed bound");

  double initial_bound = 1;  ///< > 0
  AdaptiveClipping clipping{};

  /// \param strategy  what is done with the updates
  explicit AdaptivelyClipped(S strategy, double bound_at_first = 1, AdaptiveClipping how = {})
      : S(std::move(strategy)), initial_bound(bound_at_first), clipping(how) {}

  static constexpr std::string_view name = "AdaptivelyClipped";
  /// The share is of those who were told this round's bound.
  static constexpr bool accepts_stale_updates = false;

  /// The strategy's own, and the bound of the next round.
  template <class Scalar>
  struct State {
    typename S::template State<Scalar> inner{};
    double bound = 0;
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& inner& bound;
    }
  };

  [[nodiscard]] std::string describe() const {
    return "AdaptivelyClipped(" + S::describe() + ",initial_bound=" + number_text(initial_bound) +
           ",quantile=" + number_text(clipping.quantile) +
           ",learning_rate=" + number_text(clipping.learning_rate) + ")";
  }
  void validate() const {
    S::validate();
    detail::require_positive(name, "initial_bound", initial_bound);
    clipping.validate();
  }
  template <class Scalar>
  [[nodiscard]] State<Scalar> init(const Layout& layout) const {
    return {S::template init<Scalar>(layout), initial_bound};
  }
  template <class Scalar>
  [[nodiscard]] LocalObjective<Scalar> configure(const State<Scalar>& state, std::uint64_t round) const {
    LocalObjective<Scalar> objective = S::configure(state.inner, round);
    objective.update_clip = state.bound;
    return objective;
  }
  /// \throws Error (`invalid_reply`) for a round without the count; as the strategy does, and as AdaptiveClipping::next_bound
  template <class Scalar>
  void apply(State<Scalar>& state, Parameters<Scalar>& parameters,
             const RoundAggregate<Scalar>& round) const {
    const bool counted = std::any_of(round.scalars.begin(), round.scalars.end(),
                                     [](const SummandScalar& one) { return one.name == within_clip; });
    if (!counted || round.clients == 0) {
      throw Error(error::invalid_reply,
                  "AdaptivelyClipped: nobody said whether its update was within the bound (" +
                      std::string(within_clip) + ")");
    }
    if constexpr (AppliesRound<S, Scalar>) {
      S::apply(state.inner, parameters, round);
    } else if constexpr (AppliesUpdateOfRound<S, Scalar>) {
      S::apply(state.inner, parameters, round.update, round.round);
    } else {
      S::apply(state.inner, parameters, round.update);
    }
    // No client, and no noise, moves the bound further than all or none within it would.
    const double share = share_within_clip(round.scalar(within_clip), static_cast<double>(round.clients));
    state.bound = clipping.next_bound(state.bound, is_finite(share) ? std::clamp(share, 0.0, 1.0) : share);
  }
};

}  // namespace healthai
