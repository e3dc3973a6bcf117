#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/socket/detail/server_loop.hpp"
#include "healthai/transport/socket/options.hpp"
#include "healthai/transport/socket/remote_status.hpp"

namespace healthai {

/// The coordinator's end of a network of hospitals: listens on one port, to which nodes connect (see `serve`).
///
///     SocketServer hospitals{{.port = 7443, .tls = TlsFiles{...}, .roster = Roster::read("roster.json")}};
///     hospitals.wait_for_clients(3, std::chrono::minutes(10));
///     Federation federation{FedAvg{}, hospitals, {.rounds = 50, .checkpoint = "run.ckpt"}};
///
/// A model is encoded once for all clients and sent from its own memory. Large replies come one after the other, each straight into
/// its place, as `reply_memory` allows; `next` delivers those that are whole, in order of arrival. (So use `ReproducibleMean` for the
/// same bits in every run.)
///
/// A node whose connection breaks stays a client for `reconnect_within`: requests to it wait, and a reply that it had not got
/// rid of is sent again, but counted once. After that they fail. A client works on one request at a time; others wait for it.
/// A reply that comes after `give_up` is dropped, its client is told so, and `on_event` too.
///
/// Satisfies Transport for every task, and EndsSingleRequests. Thread safety: as Transport says; `set_roster`, `status` and
/// `clients` from any thread.
class SocketServer {
 public:
  static constexpr bool clients_are_other_parties = true;  ///< see Confidentiality

  /// Listens from now on. \throws Error (`invalid_argument`) for options that contradict each other, (`connection`) when
  /// the port cannot be had, (`tls`) for certificates that cannot be used
  explicit SocketServer(SocketServerOptions options)
      : loop_(std::make_unique<detail::ServerLoop>(checked(std::move(options)))) {}

  /// The port at which it listens.
  [[nodiscard]] std::uint16_t port() const noexcept { return loop_->port(); }

  /// Everyone who is connected, or was within `reconnect_within`; in the order of their ids.
  [[nodiscard]] std::vector<ClientId> clients() const { return loop_->clients(); }
  /// Waits until so many clients are there. \return whether they are
  bool wait_for_clients(std::size_t count, std::chrono::milliseconds patience) const {
    return loop_->wait_for_clients(
        [count](const std::vector<ClientId>& there) { return there.size() >= count; },
        Clock::now() + patience);
  }
  /// Waits until these clients are there. \return who is missing
  std::vector<ClientId> wait_for_clients(std::span<const ClientId> ids,
                                         std::chrono::milliseconds patience) const {
    std::vector<ClientId> missing;
    loop_->wait_for_clients(
        [&](const std::vector<ClientId>& there) {
          missing.clear();
          for (const ClientId& id : ids) {
            if (std::find(there.begin(), there.end(), id) == there.end()) missing.push_back(id);
          }
          return missing.empty();
        },
        Clock::now() + patience);
    return missing;
  }

  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    const auto message = encode(std::move(broadcast), std::string(T::name));
    std::vector<RequestId> numbers;
    std::vector<std::shared_ptr<detail::RemoteRequest>> requests;
    for (const ClientId& id : ids) {
      numbers.push_back(next_request_);
      requests.push_back(std::make_shared<detail::RemoteRequestOf<T>>(next_request_++, id, T::name,
                                                                      &detail::type_tag<T>, message));
    }
    loop_->send(std::move(requests));
    return numbers;
  }
  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    const std::shared_ptr<detail::RemoteRequest> request = loop_->next(&detail::type_tag<T>, deadline);
    if (!request) return std::nullopt;
    Delivery<T> delivery{request->id, request->client, {}};
    if (request->failure) {
      delivery.result = std::move(*request->failure);
    } else {
      delivery.result = std::move(static_cast<detail::RemoteRequestOf<T>&>(*request).reply);
    }
    return delivery;
  }
  template <Task T>
  void stop() {
    loop_->stop(&detail::type_tag<T>, nullptr);
  }
  template <Task T>
  void stop(std::span<const RequestId> requests) {
    loop_->stop(&detail::type_tag<T>,
                std::make_shared<const std::vector<RequestId>>(requests.begin(), requests.end()));
  }
  template <Task T>
  void give_up() {
    loop_->give_up(&detail::type_tag<T>, nullptr);
  }
  template <Task T>
  void give_up(std::span<const RequestId> requests) {
    loop_->give_up(&detail::type_tag<T>,
                   std::make_shared<const std::vector<RequestId>>(requests.begin(), requests.end()));
  }
  /// Bytes on the wire, without what TLS adds.
  [[nodiscard]] Traffic traffic() const noexcept { return loop_->traffic(); }

  /// What each client is doing.
  [[nodiscard]] std::vector<RemoteStatus> status() const { return loop_->status(); }
  /// Another roster from now on: who is no longer on it, or on it with another key, is disconnected.
  void set_roster(Roster roster) { loop_->set_roster(std::move(roster)); }
  /// Tells every node that the federation is over, so that none comes back; returns when they have heard it.
  void finish(std::chrono::milliseconds patience = std::chrono::seconds(5)) { loop_->finish(patience); }

 private:
  static SocketServerOptions checked(SocketServerOptions options) {
    if (!options.tls && !options.plaintext) {
      throw Error(
          error::invalid_argument,
          "SocketServer: give it certificates (tls), or ask for no encryption by name (plaintext = true)");
    }
    if (options.tls && options.plaintext) {
      throw Error(error::invalid_argument, "SocketServer: tls and plaintext exclude each other");
    }
    if (options.tls && !options.roster) {
      throw Error(error::invalid_argument,
                  "SocketServer: with tls it needs a roster of the sites that may come in");
    }
    if (options.waiting_room == 0) {
      throw Error(error::invalid_argument,
                  "SocketServerOptions::waiting_room must be at least 1: nobody could come in");
    }
    return options;
  }

  std::unique_ptr<detail::ServerLoop> loop_;
  RequestId next_request_ = 1;
};

}  // namespace healthai
