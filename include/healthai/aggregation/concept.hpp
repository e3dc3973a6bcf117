#pragma once

#include <concepts>
#include <cstdint>
#include <span>
#include <utility>

#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"

namespace healthai {

/// One client's contribution, as an aggregator sees it.
template <class Scalar>
struct Update {
  Parameters<Scalar> values{};
  double weight = 0;  ///< num_examples, unless a strategy says otherwise; >= 0 and finite
};

/// A rule that makes one vector out of many updates: a small value that holds hyperparameters only. The updates of one
/// round go into a state of their own:
///
///     auto state = aggregator.template begin<Scalar>(layout);
///     state.add(std::move(update));        // in client order; takes ownership: the buffer may be kept or reused
///     Parameters<Scalar> mean = state.finish();
///
/// Optional, for speed; each gives the same bits as the plain way:
///
///     aggregator.template begin<Scalar>(layout, std::move(old_mean));   // memory for the result
///     state.add_batch(span_of_updates);                                 // as adding them one by one
///     state.finish(span_of_last_updates);                               // as add_batch and then finish
///
/// - `add` may rely on: the layout is the one of `begin`, every number is finite, the weight is finite and >= 0. Whoever
///   calls it has checked that (the Federation does).
/// - `finish` is called once, after at least one `add`. It throws an Error (`invalid_argument`) when the rule has no
///   result (all weights zero, too few updates for the rule).
/// - Thread safety: none; a state belongs to one thread.
/// - Not required: that the rule is a sum (see AdditiveAggregator).
template <class A, class Scalar>
concept Aggregator = std::copy_constructible<A> &&
    requires(const A& aggregator, const Layout& layout, Update<Scalar> update) {
  typename A::template State<Scalar>;
  { aggregator.template begin<Scalar>(layout) } -> std::same_as<typename A::template State<Scalar>>;
  requires requires(typename A::template State<Scalar> & state) {
    state.add(std::move(update));
    { state.finish() } -> std::same_as<Parameters<Scalar>>;
  };
};

/// An aggregator whose result depends on the updates only through the sums of weight * values and of weight.
///
/// - `state.merge(std::move(other))` adds another state of the same layout: a partial aggregate from a relay or an MPI
///   rank. Nothing is rounded to parameters in between.
/// - `state.add_sum(weighted_sum, weight)` adds sums that someone else has made (secure aggregation opens only these);
///   `weighted_sum` has one double a parameter.
///
/// An Aggregator that is not additive (a robust rule) needs to see each update, so it does not compile over a transport
/// that can only sum.
template <class A, class Scalar>
concept AdditiveAggregator = Aggregator<A, Scalar> &&
    requires(typename A::template State<Scalar>& state, typename A::template State<Scalar> other,
             std::span<const double> weighted_sum, double weight) {
  state.merge(std::move(other));
  state.add_sum(weighted_sum, weight);
};

/// An aggregator state that can take several updates at once, faster than one at a time.
template <class State, class Scalar>
concept BatchAggregation = requires(State& state, std::span<const Update<Scalar>> updates) {
  state.add_batch(updates);
};

}  // namespace healthai
