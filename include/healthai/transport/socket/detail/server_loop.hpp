#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/error.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/socket/detail/framed_connection.hpp"
#include "healthai/transport/socket/detail/listener.hpp"
#include "healthai/transport/socket/detail/remote_request.hpp"
#include "healthai/transport/socket/detail/server_connection.hpp"
#include "healthai/transport/socket/detail/shared_loop.hpp"
#include "healthai/transport/socket/detail/start_number.hpp"
#include "healthai/transport/socket/detail/turns.hpp"
#include "healthai/transport/socket/options.hpp"
#include "healthai/transport/socket/protocol.hpp"
#include "healthai/transport/socket/remote_status.hpp"

namespace healthai::detail {

/// The coordinator's end of all connections. Everything but what is said to be called by the driver runs in the handlers of a
/// SharedLoop: on the driver's thread while it waits in `next`, and mostly where it asks for something; else on the loop's own.
class ServerLoop {
 public:
  explicit ServerLoop(SocketServerOptions options)
      : options_(std::move(options)), number_(start_number()), turns_(options_.reply_memory), tick_(io_) {
    if (options_.tls) tls_.emplace(server_tls(*options_.tls));
    listener_.emplace(io_, options_, [this](Tcp::socket socket, Clock::time_point since) {
      greet(std::move(socket), since);
    });
    tick();
    loop_.start();
  }
  ServerLoop(const ServerLoop&) = delete;
  ServerLoop& operator=(const ServerLoop&) = delete;
  ~ServerLoop() {
    loop_.stop();  // what still waits in io_ dies with it
  }

  // For the driver.

  [[nodiscard]] std::uint16_t port() const noexcept { return listener_->port(); }
  [[nodiscard]] Traffic traffic() const noexcept { return {sent_, received_}; }
  [[nodiscard]] std::vector<ClientId> clients() {
    const std::lock_guard lock(mutex_);
    return present_;
  }
  /// Waits until `enough(clients())`. \return whether it came to that
  bool wait_for_clients(const std::function<bool(const std::vector<ClientId>&)>& enough, Deadline deadline) {
    std::unique_lock lock(mutex_);
    return wait(lock, deadline, [&] { return enough(present_); });
  }
  void send(std::vector<std::shared_ptr<RemoteRequest>> requests) {
    loop_.give([this, requests = std::move(requests)]() mutable {
      // In this order, so that a client hears in one write that its last reply counts and what to do next.
      const auto told = tell_accepted();
      for (auto& request : requests) begin(std::move(request));
      for (const auto& connection : told) connection->flush();
    });
  }
  [[nodiscard]] std::shared_ptr<RemoteRequest> next(const void* tag, Deadline deadline) {
    if (!taken_.empty()) {  // the driver is done with those
      loop_.give([this, ids = std::exchange(taken_, {})] {
        for (const RequestId id : ids) forget_turn(id);
        grant_turns();
      });
    }
    std::shared_ptr<RemoteRequest> request;
    const auto there = [&] {
      const std::lock_guard lock(mutex_);
      const auto found =
          std::find_if(done_.begin(), done_.end(), [tag](const auto& one) { return one->tag == tag; });
      if (found == done_.end()) return false;
      request = std::move(*found);
      done_.erase(found);
      return true;
    };
    if (!there()) {
      wait_for(tag);
      loop_.run_until(deadline, there);
      wait_for(nullptr);
    }
    if (!request) return nullptr;
    if (!request->failure) {
      const std::lock_guard lock(mutex_);
      accepted_.emplace_back(request->id, request->client);
    }
    if (request->announced > 0) {
      taken_.push_back(request->id);
      loop_.hand_over();
    }
    return request;
  }
  /// \param only  these requests; null: all
  void stop(const void* tag, std::shared_ptr<const std::vector<RequestId>> only) {
    loop_.give([this, tag, only] {
      for_each_request(tag, only.get(),
                       [this](Client& client, const std::shared_ptr<RemoteRequest>& request) {
                         if (request->sent) {
                           request->stopping = true;
                           if (client.connection) client.connection->send(FrameKind::stop, request->id);
                         } else {
                           fail(client, request, error::deadline.name(),
                                "had not begun when it was asked to hand in what it has" + where(client));
                         }
                       });
    });
  }
  void give_up(const void* tag, std::shared_ptr<const std::vector<RequestId>> only) {
    loop_.give([this, tag, only] {
      for_each_request(tag, only.get(),
                       [this](Client& client, const std::shared_ptr<RemoteRequest>& request) {
                         if (request->sent && client.connection) client.connection->cancel(*request);
                         fail(client, request, error::deadline.name(),
                              "did not reply before the deadline" + where(client));
                       });
    });
  }
  void set_roster(Roster roster) {
    loop_.give([this, roster = std::move(roster)]() mutable {
      options_.roster = std::move(roster);
      for (auto& [id, client] : clients_) {
        if (!client.connection) continue;
        try {
          require_listed(*client.connection, id);
        } catch (const Error& e) {
          client.connection->refuse(e.id().name(), std::string("the roster has changed: ") + e.what());
        }
      }
    });
  }
  /// Says goodbye to everyone who is there, and lets nobody in any more. Returns when that has been sent, or after `patience`.
  void finish(std::chrono::milliseconds patience) {
    loop_.give([this] {
      finished_ = true;
      tell_accepted();  // before the goodbye
      for (auto& [id, client] : clients_) {
        if (client.connection) say_goodbye(*client.connection);
      }
      const std::lock_guard lock(mutex_);
      wake_.notify_all();
    });
    std::unique_lock lock(mutex_);
    wait(lock, Clock::now() + patience, [this] { return finished_ && connected_ == 0; });
  }
  [[nodiscard]] std::vector<RemoteStatus> status() {
    auto result = std::make_shared<std::optional<std::vector<RemoteStatus>>>();
    loop_.give([this, result] {
      std::vector<RemoteStatus> all;
      const auto now = Clock::now();
      for (const auto& [id, client] : clients_) {
        RemoteStatus status{id, client.connection != nullptr, {}, {}, {}, client.audit};
        if (!client.requests.empty() && client.requests.front()->sent) {
          status.task = client.requests.front()->task;
          status.for_so_long =
              std::chrono::duration_cast<std::chrono::milliseconds>(now - client.working_since);
        }
        status.traffic = client.traffic;
        if (client.connection) {
          status.traffic.sent += client.connection->traffic().sent;
          status.traffic.received += client.connection->traffic().received;
        }
        all.push_back(std::move(status));
      }
      const std::lock_guard lock(mutex_);
      *result = std::move(all);
      wake_.notify_all();
    });
    std::unique_lock lock(mutex_);
    wait(lock, Deadline::max(), [&] { return result->has_value(); });
    return std::move(**result);
  }

 private:
  using Connection = ServerConnection<ServerLoop>;
  friend Connection;

  /// A client that was let in, and is here or was so lately.
  struct Client {
    std::shared_ptr<Connection> connection{};  // null: away
    Clock::time_point away_since{};
    std::vector<std::string> tasks{};
    std::deque<std::shared_ptr<RemoteRequest>> requests{};  // the first is sent, or will be
    Clock::time_point working_since{};
    Traffic traffic{};  // of connections that are no more
    std::optional<AuditAnchor> audit{};
  };

  template <class Condition>
  bool wait(std::unique_lock<std::mutex>& lock, Deadline deadline, Condition condition) {
    if (deadline == Deadline::max()) {
      wake_.wait(lock, condition);
      return true;
    }
    return wake_.wait_until(lock, deadline, condition);
  }

  void event(SocketEvent::Kind kind, std::optional<ClientId> client, std::string message) const noexcept {
    try {
      if (options_.on_event) options_.on_event({kind, std::move(client), std::move(message)});
    } catch (...) {  // a display that does not work is no reason to drop a connection
    }
  }

  // Coming in.

  void greet(Tcp::socket socket, Clock::time_point since) {
    boost::system::error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    const Tcp::endpoint endpoint = socket.remote_endpoint(ignored);
    std::string peer = endpoint.address().to_string(ignored) + ":" + std::to_string(endpoint.port());
    if (newcomers_.size() >= options_.waiting_room) {
      const std::shared_ptr<Connection> oldest = newcomers_.front();
      oldest->close("others wait to come in");
    }
    auto connection = std::make_shared<Connection>(
        *this, tls_ ? Stream(std::move(socket), *tls_) : Stream(std::move(socket)), since, std::move(peer));
    newcomers_.push_back(connection);
    {
      const std::lock_guard lock(mutex_);
      ++connected_;
    }
    if (!tls_) return connection->start();
    connection->stream().async_handshake(
        asio::ssl::stream_base::server, [connection](const boost::system::error_code& error) {
          if (connection->closed()) return;
          if (error) return connection->close_after_alert(tls_error(connection->stream().ssl(), error));
          try {
            connection->set_identity(peer_identity(connection->stream().ssl()));
          } catch (const Error& e) {
            connection->refuse(e.id().name(), e.what(), true);
          }
          connection->start();
        });
  }

  void hello(Connection& connection, std::uint64_t protocol, std::span<const std::byte> head) {
    if (connection.let_in()) throw Error(error::protocol, "a second hello");
    if (protocol != protocol_version) {
      return connection.refuse(error::protocol.name(),
                               "this coordinator (" + std::string(software) + ") speaks protocol " +
                                   std::to_string(protocol_version) + ", the node " +
                                   std::to_string(protocol) +
                                   ": run the same version of healthai on both sides",
                               true);
    }
    const auto said = from_bytes<Hello>(head);
    const std::string name = said.client.str();
    if (name.empty()) return connection.refuse(error::identity.name(), "the hello names no client", true);
    if (connection.identity_) {
      if (connection.identity_->id != said.client) {
        return connection.refuse(error::identity.name(),
                                 "the certificate is that of " + connection.identity_->id.str() +
                                     ", but the node says that it is " + name,
                                 true);
      }
    }
    try {
      require_listed(connection, said.client);
    } catch (const Error& e) {
      return connection.refuse(e.id().name(), e.what());
    }
    if (finished_) return say_goodbye(connection);
    const auto known = clients_.find(said.client);
    if (known != clients_.end() && known->second.connection) {
      Connection& old = *known->second.connection;
      if (old.instance_ != said.instance) {
        old.send(FrameKind::ping);  // finds out whether it is still there
        return connection.refuse(error::identity.name(), "a node called " + name +
                                                             " is connected already, from " + old.peer() +
                                                             ": is this one's name used twice?");
      }
      old.close("came back on another connection");
    }
    welcome(connection, said);
  }
  /// \throws Error (`identity`) for a client that is not on the roster, or not with the key that it has shown
  void require_listed(const Connection& connection, const ClientId& id) const {
    if (!options_.roster) return;
    if (connection.identity_) return options_.roster->require(*connection.identity_);
    if (!options_.roster->contains(id))
      throw Error(error::identity, "\"" + id.str() + "\" is not on the roster");
  }
  void welcome(Connection& connection, const Hello& said) {
    auto self = std::static_pointer_cast<Connection>(connection.shared_from_this());
    newcomers_.remove(self);
    connection.id_ = said.client;
    connection.instance_ = said.instance;
    connection.allow(options_.largest_message);
    Client& client = clients_[said.client];
    client.connection = self;
    client.tasks = said.tasks;
    Welcome answer{
        std::string(software), number_, static_cast<std::uint32_t>(options_.heartbeat.every.count()), {}, {}};
    const auto holds = [&said, this](RequestId id) {
      return said.coordinator == number_ &&
             std::find(said.holding.begin(), said.holding.end(), id) != said.holding.end();
    };
    for (const auto& request : client.requests) {
      request->sent = request->sent && holds(request->id);
      if (request->sent) answer.known.push_back(request->id);
    }
    std::deque<RequestId>& counted = counted_[said.client];
    std::erase_if(counted, [&](RequestId id) { return !holds(id); });  // it knows of the others
    answer.counted.assign(counted.begin(), counted.end());
    connection.send_value(FrameKind::welcome, 0, std::move(answer));
    event(SocketEvent::Kind::connected, said.client,
          "client " + said.client.str() + " is connected, from " + connection.peer() + " (" + said.software +
              ")");
    publish();
    for (const auto& request : std::deque(client.requests)) {
      if (!request->stopping) continue;  // it was asked to stop while the client was away
      if (request->sent) {
        connection.send(FrameKind::stop, request->id);
      } else {
        fail(client, request, error::deadline.name(),
             "had lost the request when it was asked to hand in what it has");
      }
    }
    send_first(client);
  }
  void say_goodbye(Connection& connection) {
    connection.send(FrameKind::goodbye);
    connection.close_after_sending("the federation is over");
  }

  // Requests.

  void begin(std::shared_ptr<RemoteRequest> request) {
    const auto found = clients_.find(request->client);
    if (found == clients_.end()) {
      request->failure = request->failed(error::disconnected.name(), "is not connected");
      return done(std::move(request));
    }
    found->second.requests.push_back(std::move(request));
    send_first(found->second);
  }
  void send_first(Client& client) {
    while (client.connection && !client.requests.empty() && !client.requests.front()->sent) {
      const std::shared_ptr<RemoteRequest> request = client.requests.front();
      if (std::find(client.tasks.begin(), client.tasks.end(), request->task) != client.tasks.end()) {
        request->sent = true;
        client.working_since = Clock::now();
        return client.connection->send(FrameKind::request, request->id, request->message);
      }
      fail(client, request, error::unsupported_task.name(),
           "does not offer the task " + std::string(request->task) +
               "; it offers: " + task_list(client.tasks));
    }
  }
  /// Calls `use(client, request)` for requests of one task, which may end them.
  template <class Use>
  void for_each_request(const void* tag, const std::vector<RequestId>* only, Use use) {
    for (auto& [id, client] : clients_) {
      const auto requests = client.requests;
      // From the last to the first, so that the end of one does not send another that is about to end.
      for (auto at = requests.rbegin(); at != requests.rend(); ++at) {
        if ((*at)->tag != tag) continue;
        if (only && std::find(only->begin(), only->end(), (*at)->id) == only->end()) continue;
        use(client, *at);
      }
    }
  }
  [[nodiscard]] static std::string where(const Client& client) {
    return client.connection ? "" : " (it was not connected)";
  }
  /// The client's request of that number, if it is under way.
  [[nodiscard]] std::shared_ptr<RemoteRequest> under_way(const Connection& connection, RequestId id) {
    const auto client = clients_.find(*connection.id_);
    if (client == clients_.end() || client->second.requests.empty()) return nullptr;
    const auto& first = client->second.requests.front();
    return first->id == id && first->sent ? first : nullptr;
  }
  void fail(Client& client, const std::shared_ptr<RemoteRequest>& request, std::string_view error,
            const std::string& what) {
    request->failure = request->failed(error, what);
    end(client, request);
  }
  /// It has a reply or a failure.
  void end(Client& client, const std::shared_ptr<RemoteRequest>& request) {
    std::erase(client.requests, request);
    if (request->failure) forget_turn(request->id);
    done(request);
    grant_turns();
    send_first(client);
  }
  void done(std::shared_ptr<RemoteRequest> request) {
    request->message.reset();
    const std::lock_guard lock(mutex_);
    if (waited_for_ == request->tag) waited_for_ = nullptr;
    done_.push_back(std::move(request));
  }
  /// That the driver has their replies is told to clients with what they are asked to do next, or in the next tick.
  /// \return the connections to flush
  std::vector<std::shared_ptr<Connection>> tell_accepted() {
    std::vector<std::pair<RequestId, ClientId>> accepted;
    {
      const std::lock_guard lock(mutex_);
      accepted.swap(accepted_);
    }
    std::vector<std::shared_ptr<Connection>> told;
    for (const auto& [id, client] : accepted) {
      const auto found = clients_.find(client);
      if (found == clients_.end() || !found->second.connection) continue;  // it hears so when it comes back
      told.push_back(found->second.connection);
      told.back()->queue(FrameKind::accepted, id);
    }
    return told;
  }

  // Replies.

  void announced(Connection& connection, RequestId id, std::uint64_t bytes) {
    const auto request = under_way(connection, id);
    if (!request) return late(connection, id);
    if (bytes > options_.largest_message) {
      connection.send(FrameKind::discarded, id);
      return fail(clients_.at(*connection.id_), request, error::archive_limit.name(),
                  "has a reply of " + std::to_string(bytes) + " bytes, more than the " +
                      std::to_string(options_.largest_message) + " of SocketServerOptions::largest_message");
    }
    request->announced = (std::max)(bytes, std::uint64_t{1});
    turns_.announce(id, request->announced);
    announcers_.insert_or_assign(id, *connection.id_);
    grant_turns();
  }
  /// For whose replies the driver waits now; null: for none's.
  void wait_for(const void* tag) {
    {
      const std::lock_guard lock(mutex_);
      waited_for_ = tag;
    }
    if (tag != nullptr && blocked_) loop_.give([this] { grant_turns(); });
  }
  void grant_turns() {
    while (const auto id = turns_.grant(Clock::now())) tell_turn(*id);
    // The driver may wait for one task while whole replies to another fill the memory: then its own come all the same.
    blocked_ = turns_.blocked();
    const void* waited_for = nullptr;
    {
      const std::lock_guard lock(mutex_);
      waited_for = waited_for_;
    }
    if (waited_for == nullptr || !blocked_) return;
    for (const auto& [name, client] : clients_) {
      const bool awaited = std::any_of(client.requests.begin(), client.requests.end(),
                                       [&](const auto& request) { return request->tag == waited_for; });
      if (!awaited) continue;
      const RequestId id = client.requests.front()->id;
      if (turns_.grant_anyway(id, Clock::now())) return tell_turn(id);
    }
  }
  void tell_turn(RequestId id) {
    const auto announcer = announcers_.extract(id);
    const auto client = announcer ? clients_.find(announcer.mapped()) : clients_.end();
    if (client == clients_.end() || !client->second.connection) return;
    const auto& requests = client->second.requests;
    if (!requests.empty() && requests.front()->id == id)
      client->second.connection->send(FrameKind::grant, id);
  }
  void forget_turn(RequestId id) {
    turns_.forget(id);
    announcers_.erase(id);
  }
  /// A reply, or failure, too large to be sent unasked begins. \return whether it is waited for
  bool has_turn(Connection& connection, const FrameHeader& header) {
    const auto request = under_way(connection, header.request);
    if (!request) return false;
    if (!turns_.granted(header.request)) {
      throw Error(error::protocol, "a reply of " + std::to_string(header.head + header.arrays) +
                                       " bytes came without its turn");
    }
    connection.receiving_ = request;
    connection.arrived_ = 0;
    return true;
  }
  std::optional<FramedConnection::Reception> reply_begins(Connection& connection, const FrameHeader& header,
                                                          std::span<const std::byte> head) {
    const auto request = under_way(connection, header.request);
    if (!request) return std::nullopt;
    request->failure.reset();  // of an attempt that broke off
    connection.receiving_ = request;
    try {
      RemoteRequest::Reception reception = request->take_head(head, header.arrays);
      return FramedConnection::Reception{std::move(reception.places), std::move(reception.reply)};
    } catch (const Error& e) {
      request->failure =
          request->failed(e.id().name(), std::string("sent a reply that is none: ") + e.what());
    } catch (const std::length_error& e) {
      request->failure =
          request->failed(error::archive_limit.name(), std::string("sent a reply that is none: ") + e.what());
    } catch (const std::bad_alloc&) {
      request->failure = request->failed(
          error::archive_limit.name(),
          "promised a reply of " + std::to_string(header.arrays) + " bytes, for which there is no memory");
    }
    return std::nullopt;
  }
  void reply_ends(Connection& connection, RequestId id, bool skipped) {
    connection.receiving_.reset();
    const auto request = under_way(connection, id);
    if (!request) return late(connection, id);
    if (!request->failure) {
      if (skipped) throw Error(error::protocol, "a reply's arrays were skipped");  // cannot be
      request->take_reply();
    }
    turns_.whole(id);
    if (request->failure) {
      connection.send(FrameKind::discarded, id);  // so that the client undoes what it has changed
    } else {
      count(connection, id);
    }
    end(clients_.at(*connection.id_), request);
  }
  /// The client need not keep its reply or failure any longer, and hears so even if it is away now.
  void count(const Connection& connection, RequestId id) {
    std::deque<RequestId>& counted = counted_[*connection.id_];
    counted.push_back(id);
    if (counted.size() > most_counted) counted.pop_front();
  }
  void client_failed(Connection& connection, RequestId id, Failure failure) {
    connection.receiving_.reset();
    const auto request = under_way(connection, id);
    if (!request) return late(connection, id);
    failure.client = request->client;
    request->failure = std::move(failure);
    Client& client = clients_.at(*connection.id_);
    count(connection, id);
    connection.send(FrameKind::accepted, id);  // there is nothing to undo, and the node may forget it
    end(client, request);
  }
  void anchored(const Connection& connection, const AuditAnchor& anchor) {
    const auto client = clients_.find(*connection.id_);
    if (client != clients_.end()) client->second.audit = anchor;
  }
  /// A client has sent what nobody can read: it would do so again, so the request that it works on is over.
  void nonsense(Connection& connection, const Error& what) {
    if (!connection.let_in()) return;
    connection.receiving_.reset();
    const auto client = clients_.find(*connection.id_);
    if (client == clients_.end() || client->second.requests.empty()) return;
    const std::shared_ptr<RemoteRequest> first = client->second.requests.front();
    if (first->sent)
      fail(client->second, first, what.id().name(), std::string("broke the protocol: ") + what.what());
  }
  void late(Connection& connection, RequestId id) {
    event(SocketEvent::Kind::late_reply, connection.id_,
          "the reply of client " + connection.id_->str() + " to request " + std::to_string(id) +
              " came when nobody waited for it any more, and was dropped");
    connection.send(FrameKind::discarded, id);
  }

  // Going.

  void not_let_in(const Connection& connection, const std::string& why) const {
    event(SocketEvent::Kind::refused, std::nullopt,
          "a connection from " + connection.peer() + " was not let in: " + why);
  }
  void closed(Connection& connection, const std::string& why) {
    auto self = std::static_pointer_cast<Connection>(connection.shared_from_this());
    newcomers_.remove(self);
    connection.receiving_.reset();
    {
      const std::lock_guard lock(mutex_);
      --connected_;
      wake_.notify_all();
    }
    if (!connection.let_in()) {
      if (!connection.closing()) not_let_in(connection, why);
      return;
    }
    const auto found = clients_.find(*connection.id_);
    if (found != clients_.end() && found->second.connection == self) {
      found->second.connection.reset();
      found->second.away_since = Clock::now();
      found->second.traffic.sent += connection.traffic().sent;
      found->second.traffic.received += connection.traffic().received;
      for (const auto& request : found->second.requests) forget_turn(request->id);
      grant_turns();
    }
    event(SocketEvent::Kind::disconnected, connection.id_,
          "client " + connection.id_->str() + " is disconnected: " + why);
  }
  void publish() {
    const std::lock_guard lock(mutex_);
    present_.clear();
    for (const auto& [id, client] : clients_) present_.push_back(id);
    wake_.notify_all();
  }
  /// What has to be looked at now and then.
  void tick() {
    const auto shortest =
        (std::min)({std::chrono::milliseconds(500), options_.hello_within / 4, options_.reconnect_within / 4,
                    std::chrono::milliseconds(options_.heartbeat.every) / 4});
    tick_.expires_after((std::max)(shortest, std::chrono::milliseconds(1)));
    tick_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) tick();
    });
    const auto now = Clock::now();
    listener_->tick(now);
    const auto newcomers = newcomers_;
    for (const auto& connection : newcomers) {
      if (now - connection->since() > options_.hello_within)
        connection->close("no hello came within the time for it");
    }
    bool gone = false;
    for (auto entry = clients_.begin(); entry != clients_.end();) {
      Client& client = entry->second;
      if (client.connection) {
        client.connection->keep_alive(now, options_.heartbeat.every, options_.heartbeat.silence);
        ++entry;
      } else if (now - client.away_since > options_.reconnect_within) {
        const auto requests = std::exchange(client.requests, {});
        for (const auto& request : requests) {
          fail(client, request, error::disconnected.name(),
               "was away for more than " + std::to_string(options_.reconnect_within.count()) +
                   " ms while its reply to " + std::string(request->task) + " was waited for");
        }
        gone = true;
        entry = clients_.erase(entry);
      } else {
        ++entry;
      }
    }
    if (gone) publish();
    for (const auto& connection : tell_accepted()) connection->flush();
    turns_.watch(now);
    grant_turns();
  }

  SocketServerOptions options_;
  std::uint64_t number_;
  SharedLoop loop_{
      [this](const std::exception& e) {  // no memory, say: whoever it concerned falls silent, and is dropped
        event(SocketEvent::Kind::warning, std::nullopt, std::string("in the network's loop: ") + e.what());
      }};
  asio::io_context& io_ = loop_.io();
  std::optional<asio::ssl::context> tls_;
  Turns turns_;
  asio::steady_timer tick_;
  std::optional<Listener> listener_;
  std::list<std::shared_ptr<Connection>> newcomers_;
  std::map<ClientId, Client> clients_;
  /// Of each client that ever was here, the requests whose replies have come and of which it may not know so: the last ones.
  std::map<ClientId, std::deque<RequestId>> counted_;
  static constexpr std::size_t most_counted = 256;
  std::map<RequestId, ClientId> announcers_;  // who waits for a turn
  std::atomic<bool> blocked_ =
      false;  // `turns_.blocked()`, for the driver; set before it is asked what the driver waits for
  std::atomic<bool> finished_ = false;
  std::atomic<std::uint64_t> sent_ = 0;  // bytes
  std::atomic<std::uint64_t> received_ = 0;

  std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  std::deque<std::shared_ptr<RemoteRequest>> done_;
  std::vector<std::pair<RequestId, ClientId>>
      accepted_;                      // whose replies the driver has, and that do not know so yet
  const void* waited_for_ = nullptr;  // the task for whose replies the driver waits, if none is there
  std::vector<ClientId> present_;
  std::size_t connected_ = 0;  // connections, let in or not

  std::vector<RequestId>
      taken_;  // replies that the driver works on and that count against reply_memory; the driver's
};

}  // namespace healthai::detail
