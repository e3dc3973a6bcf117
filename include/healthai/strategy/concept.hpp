#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/local_objective.hpp"
#include "healthai/core/parameters.hpp"

namespace healthai {

/// The state of a strategy in which nothing changes from round to round.
template <class Scalar>
struct Stateless {
  template <class Archive>
  void serialize(Archive& /*archive*/, unsigned /*version*/) {}
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
/// - `strategy.apply(state, parameters, update)` turns the aggregated update into the next global parameters, in place.
///   Called only for a round with enough usable replies, so that no replies means no change.
/// - `S::accepts_partial_work`: whether an update from a client that stopped early may be aggregated.
/// - Thread safety: none needed. Not required: virtual functions, or knowing how clients train.
template <class S, class Scalar>
concept Strategy = std::copy_constructible<S> &&
    requires(const S& strategy, typename S::template State<Scalar>& state, const Layout& layout,
             std::uint64_t round, Parameters<Scalar>& parameters, const Parameters<Scalar>& update) {
  { S::name } -> std::convertible_to<std::string_view>;
  { strategy.describe() } -> std::convertible_to<std::string>;
  { S::accepts_partial_work } -> std::convertible_to<bool>;
  strategy.validate();
  requires Aggregator<std::remove_cvref_t<decltype(strategy.aggregator)>, Scalar>;
  { strategy.template init<Scalar>(layout) } -> std::same_as<typename S::template State<Scalar>>;
  { strategy.configure(state, round) } -> std::same_as<LocalObjective<Scalar>>;
  strategy.apply(state, parameters, update);
};

}  // namespace healthai
