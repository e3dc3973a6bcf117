#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/socket/detail/stream.hpp"
#include "healthai/transport/socket/options.hpp"

namespace healthai::detail {

/// Where connections come in. One that has said nothing yet waits here, and costs a socket and no more; when there are too
/// many of them the oldest goes. Used in the handlers of one io_context.
class Listener {
 public:
  /// \param first_bytes  gets each connection from which something has come, and since when it is there
  /// \throws Error (`invalid_argument`) for an address that cannot be, (`connection`) when the port cannot be had
  Listener(asio::io_context& io, const SocketServerOptions& options,
           std::function<void(Tcp::socket, Clock::time_point)> first_bytes)
      : io_(io), options_(options), first_bytes_(std::move(first_bytes)) {
    open();
  }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// Sends those away who have said nothing for too long.
  void tick(Clock::time_point now) {
    while (!visitors_.empty() && now - visitors_.front()->since > options_.hello_within)
      visitors_.pop_front();
  }

 private:
  struct Visitor {
    std::optional<Tcp::socket> socket;
    Clock::time_point since;
  };

  void open() {
    const bool loopback_only = !options_.tls && !options_.plaintext_beyond_loopback;
    std::vector<asio::ip::address> addresses;
    boost::system::error_code error;
    if (!options_.address.empty()) {
      addresses.push_back(asio::ip::make_address(options_.address, error));
      if (error) {
        throw Error(
            error::invalid_argument,
            "SocketServerOptions::address must be an IPv4 or IPv6 address, not \"" + options_.address + "\"");
      }
      if (loopback_only && !addresses.front().is_loopback()) {
        throw Error(
            error::invalid_argument,
            "without TLS a coordinator listens at the loopback only, not at " + options_.address +
                ": give it certificates (SocketServerOptions::tls), or set plaintext_beyond_loopback if "
                "anyone on the way may read and change everything");
      }
    } else if (loopback_only) {
      addresses = {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
    } else {
      addresses = {asio::ip::address_v4::any(), asio::ip::address_v6::any()};
    }
    port_ = options_.port;
    for (const asio::ip::address& address : addresses) {
      Tcp::acceptor acceptor(io_);
      const Tcp::endpoint endpoint(address, port_);
      acceptor.open(endpoint.protocol(), error);
      if (!error && address.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
      if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
      if (!error) acceptor.bind(endpoint, error);
      if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
      if (error && addresses.size() > 1 && address.is_v6()) continue;  // a machine without IPv6
      if (error) {
        throw Error(error::connection, "cannot listen at " + address.to_string() + ", port " +
                                           std::to_string(port_) + ": " + error.message());
      }
      port_ = acceptor.local_endpoint().port();
      acceptors_.push_back(std::move(acceptor));
    }
    for (Tcp::acceptor& acceptor : acceptors_) accept(acceptor);
  }
  void accept(Tcp::acceptor& acceptor) {
    acceptor.async_accept([this, &acceptor](const boost::system::error_code& error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (error) {  // no file descriptor is free, say: some will be
        auto pause = std::make_shared<asio::steady_timer>(io_, std::chrono::milliseconds(100));
        pause->async_wait([this, &acceptor, pause](const boost::system::error_code& stopped) {
          if (!stopped) accept(acceptor);
        });
        return;
      }
      visit(std::move(socket));
      accept(acceptor);
    });
  }
  void visit(Tcp::socket socket) {
    if (visitors_.size() >= options_.waiting_room) visitors_.pop_front();
    auto visitor = std::make_shared<Visitor>(Visitor{std::move(socket), Clock::now()});
    visitors_.push_back(visitor);
    visitor->socket->async_wait(Tcp::socket::wait_read, [this, weak = std::weak_ptr<Visitor>(visitor)](
                                                            const boost::system::error_code& error) {
      const std::shared_ptr<Visitor> here = weak.lock();
      if (!here) return;
      visitors_.remove(here);
      if (!error) first_bytes_(std::move(*here->socket), here->since);
    });
  }

  asio::io_context& io_;
  const SocketServerOptions& options_;
  std::function<void(Tcp::socket, Clock::time_point)> first_bytes_;
  std::list<Tcp::acceptor> acceptors_;
  std::uint16_t port_ = 0;
  std::list<std::shared_ptr<Visitor>> visitors_;
};

}  // namespace healthai::detail
