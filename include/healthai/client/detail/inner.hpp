#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "healthai/client/concept.hpp"
#include "healthai/client/task_handlers.hpp"
#include "healthai/core/client_memory.hpp"
#include "healthai/core/training.hpp"

// What the wrappers of clients have in common.
namespace healthai::detail {

/// The scalar that a wrapped client trains with: its `Scalar` if it says so, else double if it can, else float.
template <class C>
struct ScalarOf {
  using type = std::conditional_t<Client<C, double>, double, float>;
};
template <class C>
requires requires {
  typename C::Scalar;
}
struct ScalarOf<C> {
  using type = typename C::Scalar;
};

/// A request that `change(broadcast)` has made different. Copies the parameters.
template <class Broadcast, class Change>
[[nodiscard]] Request<Broadcast> changed(const Request<Broadcast>& request, Change change) {
  auto broadcast = std::make_shared<Broadcast>(*request);
  change(*broadcast);
  return {std::move(broadcast), request.client};
}

/// The number of examples with which a client's memory stands in the server's sum.
struct MemoryWeight {
  double num_examples = 0;  ///< 0: not yet in it

  /// By what the memory must be multiplied before it is changed, so that a change in the number of examples leaves its product
  /// with the memory, which is what the server has, as it is.
  [[nodiscard]] double rescale(double now) const noexcept {
    return num_examples > 0 && now > 0 ? num_examples / now : 1;
  }
  /// Tells the server what it must know, and takes the reply's number of examples over.
  template <class Scalar>
  void announce(TrainReply<Scalar>& reply) {
    reply.extra_scalars.push_back({std::string(client_memory::new_clients), num_examples > 0 ? 0.0 : 1.0});
    reply.extra_scalars.push_back(
        {std::string(client_memory::new_examples), reply.num_examples - num_examples});
    num_examples = reply.num_examples;
  }
};

/// Serialises a client that has state; nothing for one that has none.
template <class Archive, class C>
void serialize_inner(Archive& archive, C& client) {
  if constexpr (HasState<C>) archive& client;
}

}  // namespace healthai::detail
