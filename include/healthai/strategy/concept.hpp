#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/client_id.hpp"
#include "healthai/core/local_objective.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/training.hpp"
#include "healthai/strategy/round_aggregate.hpp"

namespace healthai {

/// The state of a strategy in which nothing changes from round to round.
template <class Scalar>
struct Stateless {
  template <class Archive>
  void serialize(Archive& /*archive*/, unsigned /*version*/) {}
};

/// A strategy whose next parameters follow from the aggregated update alone.
template <class S, class Scalar>
concept AppliesUpdate = requires(const S& strategy, typename S::template State<Scalar>& state,
                                 Parameters<Scalar>& parameters, const Parameters<Scalar>& update) {
  strategy.apply(state, parameters, update);
};

/// A strategy that applies the aggregated update and the number of the round, on which its rate depends (see RateSchedule).
template <class S, class Scalar>
concept AppliesUpdateOfRound = requires(const S& strategy, typename S::template State<Scalar>& state,
                                        Parameters<Scalar>& parameters, const Parameters<Scalar>& update,
                                        std::uint64_t round) {
  strategy.apply(state, parameters, update, round);
};

/// A strategy that looks at more of a round than the aggregated update: extra vectors, numbers, how many took part.
template <class S, class Scalar>
concept AppliesRound = requires(const S& strategy, typename S::template State<Scalar>& state,
                                Parameters<Scalar>& parameters, const RoundAggregate<Scalar>& round) {
  strategy.apply(state, parameters, round);
};

/// A strategy that rescales each reply before it is summed. Its `contribution(reply)` is in the place of `Train::summand`: the
/// first vector is the update, after it come the extra vectors in their order. It may throw an Error, which rejects the reply.
/// Since it needs to see each reply, such a strategy does not compile over a transport that can only sum.
template <class S, class Scalar>
concept RescalesReplies = requires(const S& strategy, TrainReply<Scalar> reply) {
  { strategy.contribution(std::move(reply)) } -> std::same_as<Summand<Scalar>>;
};

/// What makes a federated algorithm out of rounds: what clients are told, and what becomes of the aggregate. A small value
/// that holds hyperparameters only; what changes from round to round is in a nested `State<Scalar>`, which a checkpoint
/// holds (so it is default constructible and has Boost.Serialization's `serialize`).
///
/// - `S::name`: for logs, "FedProx". `strategy.describe()`: the name with all hyperparameters; a run is only
///   resumed by a strategy that describes itself the same.
/// - `strategy.validate()` throws an Error (`invalid_argument`) for hyperparameters outside their range; called once, before the
///   first round.
/// - `strategy.aggregator` is the rule that combines the clients' updates.
/// - `strategy.template init<Scalar>(layout)` makes the state of a new run.
/// - `strategy.configure(state, round)` is what the chosen clients of a round are told: one objective for all.
/// - `strategy.apply(state, parameters, update)` turns the aggregated update into the next global parameters, in place; or
///   `strategy.apply(state, parameters, update, round)`, with the round's number too, from 1; or
///   `strategy.apply(state, parameters, round)`, with the whole RoundAggregate. Called only for a round with enough usable
///   replies, so that no replies means no change.
/// - `S::accepts_partial_work`: whether an update from a client that stopped early may be aggregated.
/// - Optional: `static constexpr std::array<ExtraVector, N> S::extra_vectors`, the vectors that a reply must bring beside the
///   update, and `strategy.contribution(reply)`, what one reply adds (see RescalesReplies).
/// - Optional: `static constexpr bool S::accepts_stale_updates`: whether the updates of one aggregate may be for parameters of different
///   ages, as under the `Buffered` schedule. Not set, it is true of a strategy that applies the aggregated update and asks for nothing
///   else, and false of others: sums that must hold every change of the clients' memories, or numbers that are compared
///   between clients, come out wrong.
/// - Thread safety: none needed. Not required: virtual functions, or knowing how clients train.
template <class S, class Scalar>
concept Strategy = std::copy_constructible<S> &&
    requires(const S& strategy, typename S::template State<Scalar>& state, const Layout& layout,
             std::uint64_t round) {
  { S::name } -> std::convertible_to<std::string_view>;
  { strategy.describe() } -> std::convertible_to<std::string>;
  { S::accepts_partial_work } -> std::convertible_to<bool>;
  strategy.validate();
  requires Aggregator<std::remove_cvref_t<decltype(strategy.aggregator)>, Scalar>;
  { strategy.template init<Scalar>(layout) } -> std::same_as<typename S::template State<Scalar>>;
  { strategy.configure(state, round) } -> std::same_as<LocalObjective<Scalar>>;
  requires AppliesUpdate<S, Scalar> || AppliesUpdateOfRound<S, Scalar> || AppliesRound<S, Scalar>;
};

namespace detail {
/// A strategy that would tell each client something else: a mistake that deserves a sentence of its own.
template <class S, class Scalar>
concept ConfiguresEachClient = requires(const S& strategy, const typename S::template State<Scalar>& state,
                                        std::uint64_t round, const ClientId& client) {
  strategy.configure(state, round, client);
};
}  // namespace detail

/// The vectors that a strategy asks of clients beside the update.
template <class S>
[[nodiscard]] constexpr std::span<const ExtraVector> extra_vectors_of() noexcept {
  if constexpr (requires { S::extra_vectors.size(); }) {
    return S::extra_vectors;
  } else {
    return {};
  }
}

/// Whether a strategy may be given updates of different ages: see Strategy.
template <class S, class Scalar>
[[nodiscard]] constexpr bool takes_stale_updates() noexcept {
  if constexpr (requires { static_cast<bool>(S::accepts_stale_updates); }) {
    return S::accepts_stale_updates;
  } else {
    return !AppliesRound<S, Scalar> && !RescalesReplies<S, Scalar> && extra_vectors_of<S>().empty();
  }
}

}  // namespace healthai
