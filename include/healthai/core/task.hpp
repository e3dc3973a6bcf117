#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>

#include "healthai/core/client_id.hpp"
#include "healthai/core/summand.hpp"

namespace healthai {

/// What reaches a client: one immutable broadcast, shared by all clients of the request (and encoded once), and who is
/// addressed. Cheap to copy; safe to read from any thread. `request->parameters` reads the broadcast.
template <class Broadcast>
struct Request {
  std::shared_ptr<const Broadcast> broadcast;
  ClientId client{};
  [[nodiscard]] const Broadcast* operator->() const noexcept { return broadcast.get(); }
  [[nodiscard]] const Broadcast& operator*() const noexcept { return *broadcast; }
};

/// A kind of work that a coordinator asks of clients.
///
/// `T::name` identifies it on the wire and in logs, includes the scalar type ("train.f64") and belongs to one type only.
/// `T::bytes(broadcast)` and `T::bytes(reply)` tell about how large they are. `T::Broadcast` is what every client of a request gets; `T::Reply` is what one client answers. Both are default
/// constructible and serialisable by Boost.Serialization's `serialize`.
/// Transports know tasks, not training: a new kind of work is a new task and no new transport.
/// Not required: that a reply can be summed (see AdditiveTask), or that anything can be copied.
template <class T>
concept Task = requires(const typename T::Broadcast& broadcast, const typename T::Reply& reply) {
  typename T::Broadcast;
  typename T::Reply;
  { T::name } -> std::convertible_to<std::string_view>;
  { T::bytes(broadcast) } -> std::convertible_to<std::size_t>;
  { T::bytes(reply) } -> std::convertible_to<std::size_t>;
}
&&std::is_default_constructible_v<typename T::Broadcast>&& std::is_default_constructible_v<typename T::Reply>;

/// A task whose result depends on its replies only through a sum.
///
/// `T::summand(reply)` turns a reply into its Summand and gives up the reply's buffers. It loses nothing that the
/// coordinator needs: a transport that sums never shows it the reply itself.
template <class T>
concept AdditiveTask = Task<T> && requires(typename T::Reply reply) {
  typename T::Scalar;
  { T::summand(std::move(reply)) } -> std::same_as<Summand<typename T::Scalar>>;
};

}  // namespace healthai
