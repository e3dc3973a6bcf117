#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/client_id.hpp"

namespace healthai {

/// Goes up when what is said on a connection changes; both sides speak the same one or part with a sentence.
inline constexpr std::uint64_t protocol_version = 1;
/// What each side tells the other about itself, for logs.
inline constexpr std::string_view software = "healthai 0.1";

/// The kinds of frames (see FrameHeader, and docs/wire-protocol.md for their order). To a node: ->, to the coordinator: <-.
enum class FrameKind : std::uint32_t {
  hello = 1,  ///< <- the first frame of a connection: Hello; `request` holds the protocol version
  welcome,    ///< -> the answer: Welcome
  refused,    ///< -> the answer to who may not come in: EntryRefusal; the coordinator then closes
  ping,       ///< <-> "I am here", after a silence; has no answer
  request,    ///< -> a task's name and its broadcast
  stop,       ///< -> hand in what you have
  cancel,     ///< -> nobody waits for that reply any more; what training for it has changed is undone
  announce,   ///< <- a reply is ready, and too large to be sent unasked: Announcement
  grant,      ///< -> send the reply that you announced
  reply,      ///< <- the task's reply
  failure,    ///< <- a Failure instead of a reply
  accepted,   ///< -> the reply has been counted, or the failure heard
  discarded,  ///< -> the reply came too late or is none, or nobody knows of that request: as `cancel`
  goodbye,    ///< -> the federation is over; do not come back
  anchor,     ///< <- the node's audit log stands here: AuditAnchor, before a reply
};

/// What a node says first.
struct Hello {
  std::string software{};  ///< for logs
  ClientId client{};       ///< who it says it is; with TLS that must be what its certificate says
  /// A number of its own for every start of the program, so that a node that comes back is told from a second one.
  std::uint64_t instance = 0;
  std::vector<std::string> tasks{};  ///< the names of the tasks that it offers
  /// The coordinator (see Welcome) that it was last connected to, and whose requests it works on or has replies to.
  std::uint64_t coordinator = 0;
  std::vector<std::uint64_t> holding{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& software& client& instance& tasks& coordinator& holding;
  }
};

/// What the coordinator answers.
struct Welcome {
  std::string software{};
  std::uint64_t coordinator = 0;         ///< a number of its own for every start of the coordinator
  std::uint32_t heartbeat_seconds = 0;   ///< each side sends something at least so often
  std::vector<std::uint64_t> known{};    ///< those of Hello::holding that are still waited for
  std::vector<std::uint64_t> counted{};  ///< those of Hello::holding whose replies or failures have come

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& software& coordinator& heartbeat_seconds& known& counted;
  }
};

/// Why a node may not come in.
struct EntryRefusal {
  std::string error{};    ///< the stable id, see `ErrorId`
  std::string message{};  ///< a sentence for the node's log
  bool final = false;     ///< whether it makes no sense to try again

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& error& message& final;
  }
};

/// Where an audit log stands: how many entries it has, and the hash of the last. Who keeps it can tell later that the log was cut
/// or written anew.
struct AuditAnchor {
  std::uint64_t count = 0;
  std::array<std::uint8_t, 32> hash{};
  friend bool operator==(const AuditAnchor&, const AuditAnchor&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& count& hash;
  }
};

/// How long a reply is.
struct Announcement {
  std::uint64_t bytes = 0;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& bytes;
  }
};

/// Replies up to so many bytes are sent unasked.
inline constexpr std::uint64_t largest_unannounced_reply = std::uint64_t{1} << 16U;
/// Before it has been let in, a node's frames are at most this long.
inline constexpr std::uint64_t largest_hello = std::uint64_t{1} << 16U;

}  // namespace healthai
