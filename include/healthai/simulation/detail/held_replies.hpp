#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// What a transport's decorator knows about the requests of one task: in which order their deliveries shall go on,
/// and those that came before their turn.
template <Task T>
class HeldReplies {
 public:
  /// One more delivery to hand on, after those expected earlier. `inner` is the request's number in the wrapped
  /// transport.
  void expect(RequestId inner) {
    places_.emplace(inner, queue_.size());
    queue_.emplace_back();
    ++missing_;
  }
  /// One that is there already and comes from no request of the wrapped transport.
  void expect(Delivery<T> delivery) { queue_.emplace_back(std::move(delivery)); }

  /// A delivery of the wrapped transport. One that nobody expects is dropped.
  void put(Delivery<T> delivery) {
    const auto place = places_.find(delivery.request);
    if (place == places_.end()) return;
    queue_[place->second] = std::move(delivery);
    places_.erase(place);
    --missing_;
  }

  /// Whether everything has been handed on.
  [[nodiscard]] bool empty() const noexcept { return next_ == queue_.size(); }
  /// Whether nothing is missing any more.
  [[nodiscard]] bool complete() const noexcept { return missing_ == 0; }
  /// Whether the next one in order is there.
  [[nodiscard]] bool ready() const noexcept { return !empty() && queue_[next_].has_value(); }
  /// The next one in order, which must be ready.
  [[nodiscard]] Delivery<T> take() {
    Delivery<T> delivery = std::move(*queue_[next_]);
    queue_[next_++].reset();
    if (empty()) *this = {};
    return delivery;
  }

  /// Calls `use(client, reply)` for the replies that are held, in their order.
  template <class Use>
  void for_each_reply(Use use) {
    for (std::optional<Delivery<T>>& delivery : queue_) {
      if (!delivery) continue;
      if (auto* reply = std::get_if<typename T::Reply>(&delivery->result)) use(delivery->client, *reply);
    }
  }

 private:
  std::vector<std::optional<Delivery<T>>> queue_;  // from next_ on: those to hand on
  std::size_t next_ = 0;
  std::size_t missing_ = 0;
  std::map<RequestId, std::size_t> places_;
};

}  // namespace healthai::detail
