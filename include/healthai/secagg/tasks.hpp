#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/task.hpp"
#include "healthai/secagg/messages.hpp"
#include "healthai/secagg/ring_vector.hpp"
#include "healthai/secagg/terms.hpp"
#include "healthai/serialization/archive.hpp"

/// \file
/// The five steps of a secure sum as tasks, so that they go over every transport. Only the first knows which work is summed.

namespace healthai::secagg {

namespace detail {
/// "secagg.TASK", made by the compiler.
template <class T>
struct SecureTaskName {
  static constexpr std::string_view prefix = "secagg.";
  static constexpr std::string_view task = T::name;
  static constexpr auto text = [] {
    std::array<char, prefix.size() + task.size()> all{};
    std::size_t at = 0;
    for (const std::string_view part : {prefix, task}) {
      for (const char c : part) all[at++] = c;
    }
    return all;
  }();
};
}  // namespace detail

/// Step 1: "take part in a secure sum of T". The client keeps the work until step 3.
template <AdditiveTask T>
struct Advertise {
  /// What every member gets.
  struct Broadcast {
    Terms terms{};
    std::shared_ptr<const typename T::Broadcast>
        work{};    ///< shared where coordinator and client are one process
    RoundId id{};  ///< that of the terms

    /// \throws Error (`invalid_argument`) when written without work
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& terms& id;
      if constexpr (Archive::is_loading::value) {
        auto read = std::make_shared<typename T::Broadcast>();
        archive&* read;
        work = std::move(read);
      } else {
        if (!work) throw Error(error::invalid_argument, "a secure sum was asked for without any work");
        archive&* work;
      }
    }
  };
  using Reply = AdvertisedKeys;
  using Work = T;  ///< what is summed
  static constexpr unsigned secure_step = 1;
  static constexpr std::string_view name{detail::SecureTaskName<T>::text.data(),
                                         detail::SecureTaskName<T>::text.size()};
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) {
    return broadcast.work ? T::bytes(*broadcast.work) : 0;
  }
  [[nodiscard]] static std::size_t bytes(const Reply& /*reply*/) noexcept { return sizeof(Reply); }
};

/// What a later step says to members.
template <class Message>
struct StepBroadcast {
  RoundId id{};
  Digest request{};  ///< of which secure sum it is: see `request_digest`
  Message message{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& id& request& message;
  }
};

/// Step 2: "share your secrets with those who have these keys".
struct ShareSecrets {
  using Broadcast = StepBroadcast<KeyList>;
  /// A member's shares for its neighbours.
  struct Reply {
    std::vector<SealedShares> shares{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& shares;
    }
  };
  static constexpr std::string_view name = "secagg.share";
  static constexpr unsigned secure_step = 2;
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.message.size() * sizeof(KeysOfMember);
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t sum = 0;
    for (const SealedShares& one : reply.shares) sum += sizeof one.other + one.sealed.size();
    return sum;
  }
};

/// Step 3: "do the work, and hand in its vector masked". The message is each member's own.
struct HandIn {
  using Broadcast = StepBroadcast<std::vector<SealedShares>>;
  using Reply = RingVector;
  static constexpr std::string_view name = "secagg.hand_in";
  static constexpr unsigned secure_step = 3;
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    std::size_t sum = 0;
    for (const SealedShares& one : broadcast.message) sum += sizeof one.other + one.sealed.size();
    return sum;
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept { return reply.size_bytes(); }
};

/// Step 4: "these are in the sum; confirm it".
struct Confirm {
  using Broadcast = StepBroadcast<std::vector<Index>>;
  /// A member's signature on the list.
  struct Reply {
    Signature signature{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& signature;
    }
  };
  static constexpr std::string_view name = "secagg.confirm";
  static constexpr unsigned secure_step = 4;
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.message.size() * sizeof(Index);
  }
  [[nodiscard]] static std::size_t bytes(const Reply& /*reply*/) noexcept { return sizeof(Signature); }
};

/// Step 5: "these have confirmed it; release what opens the sum".
struct Release {
  using Broadcast = StepBroadcast<std::vector<Confirmation>>;
  using Reply = ReleasedShares;
  static constexpr std::string_view name = "secagg.release";
  static constexpr unsigned secure_step = 5;
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.message.size() * sizeof(Confirmation);
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t sum = 0;
    for (const auto* list : {&reply.self_masks, &reply.mask_keys}) {
      for (const ReleasedShare& one : *list) sum += sizeof one.of + one.share.size();
    }
    return sum;
  }
};

}  // namespace healthai::secagg
