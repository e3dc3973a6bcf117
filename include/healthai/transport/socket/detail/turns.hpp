#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// Who may send a large reply now, so that a coordinator holds a few of them and not one a client. Whoever makes no use of
/// its turn no longer stands in the way of others: a reply costs memory only as its bytes come.
class Turns {
 public:
  explicit Turns(std::uint64_t memory) : memory_(memory) {}

  /// `request` waits for its turn to send so many bytes.
  void announce(RequestId request, std::uint64_t bytes) {
    forget(request);
    waiting_.push_back({request, bytes});
  }
  /// Whose turn it is now, if anyone's; call again until there is none.
  [[nodiscard]] std::optional<RequestId> grant(Clock::time_point now) {
    if (waiting_.empty()) return std::nullopt;
    const Turn next{waiting_.front().request, waiting_.front().bytes, 0, 0, now, false};
    const std::uint64_t held = held_bytes();
    if (held > 0 && (held > memory_ || next.bytes > memory_ - held)) return std::nullopt;
    waiting_.pop_front();
    granted_.push_back(next);
    return next.request;
  }
  /// Whether somebody waits, and nobody who has a turn still makes use of it.
  [[nodiscard]] bool blocked() const {
    return !waiting_.empty() &&
           std::all_of(granted_.begin(), granted_.end(), [](const Turn& turn) { return turn.whole; });
  }
  /// Gives `request` its turn, if it waits for one, whatever memory is in use.
  bool grant_anyway(RequestId request, Clock::time_point now) {
    const auto waiting = std::find_if(waiting_.begin(), waiting_.end(),
                                      [request](const Waiting& other) { return other.request == request; });
    if (waiting == waiting_.end()) return false;
    granted_.push_back({request, waiting->bytes, 0, 0, now, false});
    waiting_.erase(waiting);
    return true;
  }
  /// So many bytes of the reply to `request` have come.
  void received(RequestId request, std::uint64_t bytes) {
    const auto turn = find(request);
    if (turn != granted_.end()) turn->received = bytes;
  }
  /// Looks for those who have become slow.
  void watch(Clock::time_point now) {
    for (Turn& turn : granted_) {
      if (now - turn.watched < window) continue;
      turn.slow = !turn.whole && turn.received - turn.received_before < slowest;
      turn.received_before = turn.received;
      turn.watched = now;
    }
  }
  /// The reply is there; its memory is in use until `forget`.
  void whole(RequestId request) {
    const auto turn = find(request);
    if (turn != granted_.end()) {
      turn->slow = false;
      turn->whole = true;
    }
  }
  /// The request is over, its connection too, or its reply in other hands.
  void forget(RequestId request) {
    std::erase_if(waiting_, [request](const Waiting& waiting) { return waiting.request == request; });
    std::erase_if(granted_, [request](const Turn& turn) { return turn.request == request; });
  }
  [[nodiscard]] bool granted(RequestId request) { return find(request) != granted_.end(); }

 private:
  /// Less than that in a window is slow: 64 KiB a second.
  static constexpr std::chrono::seconds window{2};
  static constexpr std::uint64_t slowest = std::uint64_t{128} << 10U;

  struct Waiting {
    RequestId request;
    std::uint64_t bytes;
  };
  struct Turn {
    RequestId request;
    std::uint64_t bytes;
    std::uint64_t received;
    std::uint64_t received_before;
    Clock::time_point watched;
    bool slow;
    bool whole = false;
  };
  std::vector<Turn>::iterator find(RequestId request) {
    return std::find_if(granted_.begin(), granted_.end(),
                        [request](const Turn& turn) { return turn.request == request; });
  }
  [[nodiscard]] std::uint64_t held_bytes() const {
    std::uint64_t sum = 0;
    for (const Turn& turn : granted_) {
      if (!turn.slow) sum += (std::min)(turn.bytes, std::numeric_limits<std::uint64_t>::max() - sum);
    }
    return sum;
  }

  std::uint64_t memory_;
  std::deque<Waiting> waiting_;
  std::vector<Turn> granted_;
};

}  // namespace healthai::detail
