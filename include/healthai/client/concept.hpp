#pragma once

#include <concepts>
#include <stop_token>

#include "healthai/core/training.hpp"

namespace healthai {

/// A hospital's side of training: your own class around your own training code.
///
///     struct MyClient {
///       TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop);
///       EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token stop);
///       static ObjectiveParts honours() { return {.proximal = true}; }      // optional
///       template <class Archive> void serialize(Archive& a, unsigned) { a & personal_model; }  // optional
///     };
///
/// - `train` starts from `request->parameters`, minimises `request->objective` on its own data and answers with the
///   *update* (local minus global parameters), the number of rows and metrics. It is never called with an objective that has
///   a part outside `honours()`: such a request is refused in its name. Without `honours` it honours no part, which is
///   enough for FedAvg.
/// - It should look at `stop` now and then. Once stop is requested it hands in what it has, with `partial = true`, or
///   throws; a client that does neither loses its thread, not the federation.
/// - It may throw: the round goes on without it and the report names it with `what()`.
/// - It may keep state between rounds. State that must survive a restart, or be undone when a reply came too late to count,
///   is what `serialize` (Boost.Serialization's form) reads and writes.
/// - Thread safety: one call at a time for each object, on any thread.
/// - Not required: that it can be copied, a base class, or a Model.
template <class C, class Scalar>
concept Client = std::move_constructible<C> &&
    requires(C& client, const TrainRequest<Scalar>& train, const EvaluateRequest<Scalar>& evaluate,
             std::stop_token stop) {
  { client.train(train, stop) } -> std::same_as<TrainReply<Scalar>>;
  { client.evaluate(evaluate, stop) } -> std::same_as<EvaluateReply>;
};

/// Which parts of a LocalObjective `client` honours: what its `honours()` says, else none.
template <class C>
[[nodiscard]] constexpr ObjectiveParts honoured_parts(const C& client) {
  if constexpr (requires {
                  { client.honours() } -> std::convertible_to<ObjectiveParts>;
                }) {
    return client.honours();
  } else {
    static_cast<void>(client);
    return {};
  }
}

}  // namespace healthai
