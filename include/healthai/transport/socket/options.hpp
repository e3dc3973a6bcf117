#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "healthai/core/client_id.hpp"
#include "healthai/transport/socket/roster.hpp"
#include "healthai/transport/socket/tls.hpp"

namespace healthai {

/// What happened on a connection, for logs and displays.
struct SocketEvent {
  enum class Kind : std::uint8_t {
    connected,
    disconnected,
    refused,     ///< somebody was not let in, or a node was not
    late_reply,  ///< a reply came that nobody waits for
    warning,
    finished,  ///< a node heard that the federation is over
  };
  Kind kind = Kind::warning;
  std::optional<ClientId> client{};  ///< about whom, where that is known
  std::string message{};             ///< a sentence
};
/// Called by whichever thread runs the connections at that moment (one of the transport's own, the one that waits in `next` or
/// `serve`, or one that calls another function of the transport), one call at a time: it must be quick. What it throws is ignored.
using SocketObserver = std::function<void(const SocketEvent&)>;

/// How long a connection may be silent. The two sides need not agree: a node sends at least as often as its coordinator, and
/// lets it be silent for three times as long as that one says that it may be.
struct Heartbeat {
  std::chrono::seconds every{10};    ///< something is sent at least so often
  std::chrono::seconds silence{35};  ///< a connection on which nothing has come (or gone) for so long is dead
};

/// How a coordinator listens.
struct SocketServerOptions {
  std::string
      address{};  ///< one address to listen at; empty: all of the machine (with plaintext: the loopback)
  std::uint16_t port = 0;         ///< 0: any free one, see SocketServer::port
  std::optional<TlsFiles> tls{};  ///< certificates; without them `plaintext` must say so
  std::optional<Roster>
      roster{};            ///< who may come in; must be there with TLS; without, only names are compared
  bool plaintext = false;  ///< no encryption, and nobody proves who they are: for tests on the loopback
  bool plaintext_beyond_loopback = false;  ///< really
  Heartbeat heartbeat{};
  /// How long a node may be away before its requests fail and it no longer counts as a client.
  std::chrono::milliseconds reconnect_within{60'000};
  /// From the first byte of a connection to its hello; a connection that says nothing at all gets as long.
  std::chrono::milliseconds hello_within{10'000};
  std::size_t waiting_room =
      256;  ///< so many connections may be on their way in; the oldest makes room for another
  /// About how many bytes of large replies may be on their way or wait for `next`; a node with another waits for its turn.
  std::uint64_t reply_memory = std::uint64_t{128} << 20U;
  /// A longer message is refused. Not a limit of the protocol: a wall against nonsense.
  std::uint64_t largest_message = std::uint64_t{1} << 40U;
  SocketObserver on_event{};
};

/// An HTTP proxy that lets connections through by CONNECT (RFC 9110, section 9.3.6).
struct HttpProxy {
  std::string host{};
  std::uint16_t port = 3128;
  std::string credentials_file{};  ///< a file with USER:PASSWORD for Basic authentication; empty: none
};

/// How a node reaches its coordinator.
struct SocketClientOptions {
  std::string host{};
  std::uint16_t port = 0;
  std::optional<TlsFiles> tls{};  ///< certificates; without them `plaintext` must say so
  bool plaintext = false;         ///< no encryption: for tests on the loopback
  bool plaintext_beyond_loopback = false;
  std::optional<HttpProxy> proxy{};
  Heartbeat heartbeat{};
  std::chrono::milliseconds connect_within{15'000};  ///< from looking the name up to the welcome
  /// Before the second attempt; doubled after each, up to `retry_at_most`, each time shortened at random by up to a half.
  std::chrono::milliseconds retry_after{500};
  std::chrono::milliseconds retry_at_most{60'000};
  std::uint64_t largest_message = std::uint64_t{1} << 40U;
  SocketObserver on_event{};
};

}  // namespace healthai
