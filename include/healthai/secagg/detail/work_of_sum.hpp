#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/training.hpp"
#include "healthai/secagg/ring_vector.hpp"
#include "healthai/secagg/segments.hpp"
#include "healthai/serialization/encoded_message.hpp"

namespace healthai::secagg::detail {

/// A member's work for a sum: what was asked, the rounded vector that came of it, and the client's state before. A sum that is begun anew, as
/// after a restart of the coordinator, brings the same request again: then the same vector is masked with new keys, without a
/// second training, a second noise or a second rounding. If it brings another, the client's state is as if the first had not been.
/// The vector never leaves this object unmasked but to be masked.
class WorkOfSum {
 public:
  /// A new sum, whose keys replace those of the one before.
  void begin(std::string_view task, const RoundId& id, std::shared_ptr<const EncodedMessage> message,
             const SegmentPlan& plan, const TaskHandlers& client) {
    const bool same = vector_ && id.run != 0 && id == id_ && task == task_ && plan == plan_ &&
                      same_bytes(*message, *message_);
    if (!same) {
      if (state_before_) client.restore(*state_before_);
      state_before_.reset();
      end();
    }
    task_ = task;
    id_ = id;
    plan_ = plan;
    message_ = std::move(message);
  }
  /// The vector, made now unless it is there. \throws what `make` throws; the client's state is then what it was
  template <class Make>
  [[nodiscard]] RingVector vector(const TaskHandlers& client, bool keep, const Make& make) {
    if (vector_) {
      client.restore(state_after_);  // whoever thought that nothing came of it may have put it back
      return *vector_;
    }
    std::vector<std::byte> before = client.state();
    try {
      RingVector made = make();
      state_before_ = std::move(before);
      if (keep) {
        state_after_ = client.state();
        vector_ = made;
      }
      return made;
    } catch (...) {
      client.restore(before);
      throw;
    }
  }
  /// It is in a sum: the client's state stays what it was after the work, also if somebody has put it back since.
  void counts(const TaskHandlers& client) {
    if (state_before_ && vector_) client.restore(state_after_);
    state_before_.reset();
  }
  /// The sum can be opened, and this round has no other: the vector is not needed any more.
  void end() noexcept {
    if (vector_) vector_->wipe();
    vector_.reset();
    state_after_ = {};
  }

 private:
  [[nodiscard]] static bool same_bytes(const EncodedMessage& a, const EncodedMessage& b) {
    return a.head == b.head &&
           std::equal(a.arrays.begin(), a.arrays.end(), b.arrays.begin(), b.arrays.end(),
                      [](const auto& one, const auto& other) { return std::ranges::equal(one, other); });
  }

  std::string task_{};
  RoundId id_{};
  SegmentPlan plan_{};
  std::shared_ptr<const EncodedMessage> message_{};
  std::optional<RingVector> vector_{};
  std::optional<std::vector<std::byte>> state_before_{};
  std::vector<std::byte> state_after_{};  // where there is a vector
};

}  // namespace healthai::secagg::detail
