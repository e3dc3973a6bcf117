#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/transport/socket/detail/node_loop.hpp"
#include "healthai/transport/socket/options.hpp"
#include "healthai/transport/socket/service.hpp"

namespace healthai {

/// Why `serve` came back.
enum class ServeEnd : std::uint8_t {
  finished,        ///< the coordinator said that the federation is over
  stop_requested,  ///< `stop` was
};

/// Connects a service (such as a Node) to its coordinator and does what is asked, on the calling thread, until the coordinator says that the
/// federation is over or `stop` is requested. An application with threads of its own gives it one:
///
///     std::jthread federation([&](std::stop_token stop) { serve(node, {.host = "fl.example.org", .port = 7443, .tls = files}, stop); });
///
/// A second thread keeps the connection alive while the first one works. When the connection breaks, or cannot be made, it is tried again and
/// again, ever more rarely; `on_event` hears of it. Work under way goes on, and a reply that the coordinator has not got
/// is sent again; only a reply that `stop` cuts short is not sent. Certificates are read anew for each attempt, so that renewed ones need no restart.
///
/// \throws Error (`invalid_argument`) for options that contradict each other, (`tls`) for certificates that cannot be used,
///   (`refused`) when the coordinator says that it makes no sense to try again (another version, another name than the
///   certificate's); and what the service itself throws when a reply is accepted or discarded
/// Thread safety: one service is served by one thread at a time.
inline ServeEnd serve(Service& service, SocketClientOptions options, std::stop_token stop = {}) {
  if (options.host.empty() || options.port == 0) {
    throw Error(error::invalid_argument, "serve: it needs the coordinator's host and port");
  }
  if (!options.tls && !options.plaintext) {
    throw Error(error::invalid_argument,
                "serve: give it certificates (tls), or ask for no encryption by name (plaintext = true)");
  }
  if (options.tls && options.plaintext) {
    throw Error(error::invalid_argument, "serve: tls and plaintext exclude each other");
  }
  detail::NodeLoop loop(service, std::move(options));
  return loop.work(stop) ? ServeEnd::finished : ServeEnd::stop_requested;
}

}  // namespace healthai
