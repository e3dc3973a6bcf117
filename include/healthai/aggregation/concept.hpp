#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"

namespace healthai {

struct CoordinateSlice;  // coordinate_slice.hpp

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
///     state.finish(std::move(last_update));                             // as add and then finish
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
/// - To go over relays its states are serialisable (`serialize`), and it has a `name` of its own. Where a state has `layout()`, and
///   `count()` (how many updates and sums are in it), these are compared with what was asked for.
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

/// An aggregator state whose sums can be brought together piece by piece: what machines need that each have some of the
/// updates of a round. Nothing is rounded to parameters in between, and nobody needs memory for all of another's sums.
///
///     // each machine, for every piece of the coordinates:      // then one of them, with what the others have written:
///     state.write_piece(last, begin, count, piece);             mean = state.begin_mean(weights_of_all_updates);
///                                                               State::add_piece(piece, piece_of_another, count);
///                                                               state.finish_piece(begin, count, piece, mean);
///
/// - A piece is `piece_bytes(count)` bytes, in memory aligned to 64, of the coordinates [begin, begin + count).
/// - `write_piece(last, ...)` counts `last` in, which have not been added; or there is `write_piece(begin, count, piece)`
///   without, and everything is added before.
/// - `add_piece` may spoil the piece that it adds. `finish_piece` may spoil its piece.
/// - `begin_mean` gets the weights of the updates of all machines, and returns memory for their mean. Like `finish` it throws an
///   Error when there is no result.
template <class State, class Scalar>
concept SumInPieces = requires(State& state, std::size_t count, std::byte* piece,
                               std::span<const double> weights, Parameters<Scalar>& mean) {
  { state.piece_bytes(count) } -> std::convertible_to<std::size_t>;
  state.add_piece(piece, piece, count);
  { state.begin_mean(weights) } -> std::same_as<Parameters<Scalar>>;
  state.finish_piece(count, count, piece, mean);
};

/// An aggregator state that can do its part of a robust rule on a slice of the coordinates, so that several machines share the
/// updates of one round and none has to hold them all. It is optional; the library's robust rules can do it.
///
/// - The state was begun with a layout of the slice's coordinates only, and so are the updates. Every machine adds the same
///   updates in the same order, with the same weights, and then calls `state.finish(slice)`, which is `finish()` for its
///   coordinates: all slices together have the bits of one `finish()` that sees everything.
/// - Whatever a machine decides, it decides on what all of them know: the weights, and numbers from `slice.exchange`. So that
///   they call it equally often, and throw the same Error, before the first exchange or after the last. Only that a
///   result does not fit (`overflow`) is seen by those alone that have its coordinates, after the last exchange.
/// - Not required: that all machines work equally long, or have any coordinates at all.
template <class State, class Scalar>
concept SlicedAggregation = requires(State& state, const CoordinateSlice& slice) {
  { state.finish(slice) } -> std::same_as<Parameters<Scalar>>;
};

/// How machines that each have some of the updates of a round share the work of an aggregator: by SumInPieces, by
/// SlicedAggregation, or not at all, so that one of them needs all updates.
enum class Sharing : std::uint8_t { none, pieces, slices };

/// As a State does it; of AnyAggregator's, ask the aggregator (`how_shared`).
template <class State, class Scalar>
inline constexpr Sharing sharing_of = SumInPieces<State, Scalar>         ? Sharing::pieces
                                      : SlicedAggregation<State, Scalar> ? Sharing::slices
                                                                         : Sharing::none;

}  // namespace healthai
