#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "healthai/core/error.hpp"

namespace healthai {

/// What a monitoring system hears.
struct Health {
  bool healthy = false;
  nlohmann::ordered_json report = nlohmann::ordered_json::object();
};

/// Answers GET /health over HTTP with a report in JSON: status 200 if all is well, 503 if not. For a hospital's monitoring; listens at
/// the loopback unless told otherwise, and says nothing that a stranger may not know only if the report does not.
///
///     HealthEndpoint health{9100, [&] { return Health{connected, {{"connected", connected}}}; }};
///
/// On a thread of its own, which calls `ask`: that must be quick and safe from any thread; if it throws, the answer is 503.
class HealthEndpoint {
 public:
  /// \param port  0: any free one, see `port`
  /// \throws Error (`invalid_argument`) for what is no address, (`connection`) when the port cannot be had
  explicit HealthEndpoint(std::uint16_t port, std::function<Health()> ask,
                          const std::string& address = "127.0.0.1")
      : ask_(std::move(ask)), acceptor_(io_) {
    boost::system::error_code error;
    const auto at = boost::asio::ip::make_address(address, error);
    if (error) {
      throw Error(error::invalid_argument,
                  "the health endpoint needs an IPv4 or IPv6 address, not \"" + address + "\"");
    }
    const Tcp::endpoint endpoint(at, port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(16, error);
    if (error) {
      throw Error(error::connection, "the health endpoint cannot listen at " + address + ", port " +
                                         std::to_string(port) + ": " + error.message());
    }
    port_ = acceptor_.local_endpoint().port();
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  HealthEndpoint(const HealthEndpoint&) = delete;
  HealthEndpoint& operator=(const HealthEndpoint&) = delete;
  ~HealthEndpoint() {
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  using Tcp = boost::asio::ip::tcp;
  /// One request and its answer; more on the same connection are not taken.
  struct Visit {
    explicit Visit(Tcp::socket socket) : stream(std::move(socket)) {}
    boost::beast::tcp_stream stream;
    boost::beast::flat_buffer buffer{8192};  // a longer request is not heard to its end
    boost::beast::http::request<boost::beast::http::empty_body> request{};
    boost::beast::http::response<boost::beast::http::string_body> response{};
  };

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
      if (error == boost::asio::error::operation_aborted) return;
      if (!error) hear(std::make_shared<Visit>(std::move(socket)));
      accept();
    });
  }
  void hear(const std::shared_ptr<Visit>& visit) {
    visit->stream.expires_after(std::chrono::seconds(5));
    boost::beast::http::async_read(visit->stream, visit->buffer, visit->request,
                                   [this, visit](const boost::system::error_code& error, std::size_t) {
                                     if (!error) answer(visit);
                                   });
  }
  void answer(const std::shared_ptr<Visit>& visit) {
    namespace http = boost::beast::http;
    auto& response = visit->response;
    response.version(visit->request.version());
    response.keep_alive(false);
    response.set(http::field::content_type, "application/json");
    if (visit->request.method() != http::verb::get || visit->request.target() != "/health") {
      response.result(http::status::not_found);
      response.body() = "{\"error\": \"there is only GET /health\"}\n";
    } else {
      Health health;
      try {
        health = ask_();
      } catch (...) {
        health = {false, {{"error", "the state is not known"}}};
      }
      response.result(health.healthy ? http::status::ok : http::status::service_unavailable);
      response.body() = health.report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    }
    response.prepare_payload();
    visit->stream.expires_after(std::chrono::seconds(5));
    http::async_write(visit->stream, response, [visit](const boost::system::error_code&, std::size_t) {
      boost::system::error_code ignored;
      visit->stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    });
  }

  std::function<Health()> ask_;
  boost::asio::io_context io_{1};
  Tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace healthai
