#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/core/task.hpp"

namespace healthai {

using Clock = std::chrono::steady_clock;
/// A moment by which something must have happened; `Clock::time_point::max()` means never mind how long.
using Deadline = Clock::time_point;

/// The number of one request to one client, unique in its transport.
using RequestId = std::uint64_t;

/// One client's answer to one request: a reply, or why there is none.
template <Task T>
struct Delivery {
  RequestId request = 0;
  ClientId client{};
  std::variant<typename T::Reply, Failure> result{};
};

/// Bytes that have passed since the transport was made: on the wire, or of parameters where there is no wire.
struct Traffic {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

/// Reaches clients and shows their replies.
///
/// - `clients()`: who is there now, in any order.
/// - `send<T>(ids, broadcast) -> ids of the requests`, in the order of `ids`. Returns at once. A client that is not there or
///   not free becomes a Failure delivery, not an exception.
/// - `next<T>(deadline)`: the next delivery for task T, waiting for one until the deadline; nothing when the deadline has
///   passed. Each request is delivered once, as a reply or as a Failure. The order is the transport's: that of `send`
///   in-process, of arrival over a network. Not called when nothing is outstanding.
/// - `stop<T>()`: asks clients that still work on a T request to hand in what they have; those that have not begun
///   become Failures. Returns at once.
/// - `give_up<T>()`: every T request without a reply by now becomes a Failure, and a reply that comes later is dropped;
///   `next` then delivers all that is outstanding without waiting. Returns at once.
/// - `traffic()`: bytes so far.
/// - Under the `Buffered` schedule requests stay out from round to round: `send<T>` is called while others of T, to other clients, are
///   outstanding, `next<T>` any number of times in between, and other tasks pass meanwhile, to clients that still work on
///   T too. Those must wait for their turn or fail, as the transport likes; waiting is kinder.
/// - Optional, both or none: `stop<T>(requests)` and `give_up<T>(requests)`, the same for these requests only (see
///   EndsSingleRequests). With them a deadline of one client costs nobody else's place in the order.
/// - Thread safety: none; a transport is driven by one thread.
template <class C, class T>
concept Transport = Task<T> &&
    requires(C& transport, std::span<const ClientId> ids,
             std::shared_ptr<const typename T::Broadcast> broadcast, Deadline deadline) {
  { transport.clients() } -> std::same_as<std::vector<ClientId>>;
  { transport.template send<T>(ids, broadcast) } -> std::same_as<std::vector<RequestId>>;
  { transport.template next<T>(deadline) } -> std::same_as<std::optional<Delivery<T>>>;
  transport.template stop<T>();
  transport.template give_up<T>();
  { transport.traffic() } -> std::same_as<Traffic>;
};

/// A transport that can end some requests of a task and leave the others alone.
template <class C, class T>
concept EndsSingleRequests = requires(C& transport, std::span<const RequestId> requests) {
  transport.template stop<T>(requests);
  transport.template give_up<T>(requests);
};

namespace detail {
/// Stands for any additive aggregator where a concept needs one.
struct AnyAdditiveAggregator {
  template <class Scalar>
  struct State {};
};
}  // namespace detail

/// What a sum has to heed beside its deadline.
struct SumRules {
  /// Whether a training reply of a client that stopped early may be summed.
  bool accepts_partial_work = false;
  /// After the deadline, for clients that hand in what they have.
  std::chrono::milliseconds grace{0};
  /// The vectors that each training reply brings beside the update, in order. Not set: those of the first reply.
  std::optional<std::vector<WantedVector>> extra_vectors{};
  /// Once requested, the sum is abandoned: the transport answers as soon as it can, and nobody looks at the answer.
  std::stop_token stop{};
  /// Once requested, the deadline has come.
  std::stop_token hand_in{};
};

/// Reaches clients and sums their Summands on the way: a relay, MPI, secure aggregation. It need not be able to show a single
/// reply (then it is no Transport), so only additive tasks and additive aggregators can go over it.
///
/// - `clients()`, `traffic()`: as in Transport.
/// - `sum<T>(aggregator, ids, broadcast, deadline)`: asks, waits, and answers with one PartialAggregate over all who replied in
///   time, with a Failure for everyone else. States come from `aggregator` (`begin`, then `add`, `merge` or `add_sum`).
///   Checks that a Federation makes of a visible reply (layout, finite numbers) are the transport's or the
///   clients' duty here.
/// - Optional: `sum<T>(aggregator, ids, broadcast, deadline, rules)`, which is then called in its place (see SumRules). Without it
///   a round cannot be stopped before its deadline, and clients have no time of grace after it.
/// - Optional: `settled(run, round)`, which a Federation calls when no resumption of this run can ask for a round up to this one again:
///   when it has written a checkpoint, or after every round if it writes none.
template <class C, class T>
concept SummingTransport = AdditiveTask<T> &&
    requires(C& transport, const detail::AnyAdditiveAggregator& aggregator, std::span<const ClientId> ids,
             std::shared_ptr<const typename T::Broadcast> broadcast, Deadline deadline) {
  { transport.clients() } -> std::same_as<std::vector<ClientId>>;
  { transport.traffic() } -> std::same_as<Traffic>;
  {
    transport.template sum<T>(aggregator, ids, broadcast, deadline)
    } -> std::same_as<PartialAggregate<detail::AnyAdditiveAggregator, typename T::Scalar>>;
};

namespace detail {

/// Sums over a SummingTransport, with the rules if it heeds any. \return nothing once `rules.stop` has been requested
template <AdditiveTask T, class TransportType, class Aggregator>
[[nodiscard]] std::optional<PartialAggregate<Aggregator, typename T::Scalar>> sum_over(
    TransportType& transport, const Aggregator& aggregator, std::span<const ClientId> ids,
    std::shared_ptr<const typename T::Broadcast> broadcast,
    const std::optional<std::chrono::milliseconds>& patience, const SumRules& rules) {
  const Deadline deadline = patience ? Clock::now() + *patience : Deadline::max();
  std::optional<PartialAggregate<Aggregator, typename T::Scalar>> sum;
  if constexpr (requires { transport.template sum<T>(aggregator, ids, broadcast, deadline, rules); }) {
    sum = transport.template sum<T>(aggregator, ids, std::move(broadcast), deadline, rules);
  } else {
    sum = transport.template sum<T>(aggregator, ids, std::move(broadcast), deadline);
  }
  if (rules.stop.stop_requested()) sum.reset();
  return sum;
}

}  // namespace detail

}  // namespace healthai
