#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/socket/detail/framed_connection.hpp"
#include "healthai/transport/socket/detail/remote_request.hpp"
#include "healthai/transport/socket/peer_identity.hpp"
#include "healthai/transport/socket/protocol.hpp"

namespace healthai::detail {

/// The coordinator's end of one connection: what its frames mean is for the loop to say.
template <class Loop>
class ServerConnection final : public FramedConnection {
 public:
  ServerConnection(Loop& loop, Stream stream, Clock::time_point since, std::string peer)
      : FramedConnection(std::move(stream), largest_hello),
        loop_(loop),
        since_(since),
        peer_(std::move(peer)) {}

  [[nodiscard]] bool let_in() const noexcept { return id_.has_value(); }
  [[nodiscard]] Clock::time_point since() const noexcept { return since_; }
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }

  /// After the TLS handshake: who the certificate says it is.
  void set_identity(PeerIdentity identity) { identity_ = std::move(identity); }

  void refuse(std::string_view error, const std::string& why, bool is_final = false) {
    send_value(FrameKind::refused, 0, EntryRefusal{std::string(error), why, is_final});
    close_after_sending(why);
  }
  void cancel(const RemoteRequest& request) {
    if (!unsend(FrameKind::request, request.id)) send(FrameKind::cancel, request.id);
    if (receiving_ && receiving_->id == request.id) {
      receiving_.reset();
      skip_arrays();
    }
  }

 private:
  friend Loop;

  bool on_header(const FrameHeader& header) override {
    const auto kind = static_cast<FrameKind>(header.kind);
    if (!let_in() && kind != FrameKind::hello) {
      throw Error(error::protocol, "the first frame must be a hello");
    }
    const std::uint64_t bytes = header.head + header.arrays;
    if (bytes <= largest_unannounced_reply) return true;
    if (kind == FrameKind::reply || kind == FrameKind::failure) return loop_.has_turn(*this, header);
    throw Error(error::protocol,
                "a frame of " + std::to_string(bytes) + " bytes is neither a reply nor a failure");
  }
  std::optional<Reception> on_head(const FrameHeader& header, std::span<const std::byte> head) override {
    const auto kind = static_cast<FrameKind>(header.kind);
    if (kind == FrameKind::reply) return loop_.reply_begins(*this, header, head);
    if (header.arrays != 0) throw Error(error::protocol, "a frame that is no reply has arrays");
    head_.assign(head.begin(), head.end());
    return Reception{};
  }
  void on_frame(const FrameHeader& header, bool skipped) override {
    const std::vector<std::byte> head = std::exchange(head_, {});
    switch (static_cast<FrameKind>(header.kind)) {
      case FrameKind::hello:
        return loop_.hello(*this, header.request, head);
      case FrameKind::ping:
        return;
      case FrameKind::anchor:
        return loop_.anchored(*this, from_bytes<AuditAnchor>(head));
      case FrameKind::announce:
        return loop_.announced(*this, header.request, from_bytes<Announcement>(head).bytes);
      case FrameKind::reply:
        return loop_.reply_ends(*this, header.request, skipped);
      case FrameKind::failure:
        return skipped ? loop_.late(*this, header.request)
                       : loop_.client_failed(*this, header.request, from_bytes<Failure>(head));
      default:
        throw Error(error::protocol,
                    "a node does not send frames of the kind " + std::to_string(header.kind));
    }
  }
  void on_traffic(std::size_t sent, std::size_t received) override {
    loop_.sent_ += sent;
    loop_.received_ += received;
    if (receiving_) {
      arrived_ += received;
      loop_.turns_.received(receiving_->id, arrived_);
    }
  }
  void on_nonsense(const Error& error) override {
    refuse(error.id().name(), error.what());
    loop_.nonsense(*this, error);
  }
  void on_closing(const std::string& why) override {
    if (!let_in()) loop_.not_let_in(*this, why);
  }
  void on_closed(const std::string& why) override { loop_.closed(*this, why); }

  Loop& loop_;
  Clock::time_point since_;
  std::string peer_;
  std::optional<PeerIdentity> identity_;  // without TLS: nothing
  std::optional<ClientId> id_;            // once it has been let in
  std::uint64_t instance_ = 0;
  std::vector<std::byte> head_;               // of the frame being received, if it has no arrays
  std::shared_ptr<RemoteRequest> receiving_;  // whose reply is being received
  std::uint64_t arrived_ = 0;
};

}  // namespace healthai::detail
