#pragma once

#include <openssl/evp.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/transport/socket/detail/stream.hpp"
#include "healthai/transport/socket/options.hpp"
#include "healthai/transport/socket/tls.hpp"

namespace healthai::detail {

/// One attempt to reach a coordinator: its name's addresses one after the other, through the proxy if there is one, then TLS.
/// Used on the thread of its io_context only.
class Connector : public std::enable_shared_from_this<Connector> {
 public:
  /// Called once, with a stream, or with the reason why there is none.
  using Done = std::function<void(std::optional<Stream> stream, const std::string& why)>;

  Connector(asio::io_context& io, const SocketClientOptions& options, asio::ssl::context* tls, Done done)
      : options_(options), tls_(tls), done_(std::move(done)), resolver_(io), socket_(io), deadline_(io) {}

  void start() {
    deadline_.expires_after(options_.connect_within);
    deadline_.async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
      if (!stopped)
        self->fail("there was no answer within " + std::to_string(self->options_.connect_within.count()) +
                   " ms");
    });
    const std::string host = options_.proxy ? options_.proxy->host : options_.host;
    const std::uint16_t port = options_.proxy ? options_.proxy->port : options_.port;
    resolver_.async_resolve(host, std::to_string(port),
                            [self = shared_from_this(), host](const boost::system::error_code& error,
                                                              const Tcp::resolver::results_type& addresses) {
                              if (error)
                                return self->fail("the name " + host + " has no address: " + error.message());
                              self->connect(addresses);
                            });
  }
  void cancel() { fail("it was called off"); }

 private:
  void fail(const std::string& why) {
    if (!done_) return;
    const Done done = std::exchange(done_, nullptr);
    resolver_.cancel();
    deadline_.cancel();
    boost::system::error_code ignored;
    (stream_ ? stream_->socket() : socket_).close(ignored);
    done(std::nullopt, why);
  }
  void succeed() {
    if (!done_) return;
    const Done done = std::exchange(done_, nullptr);
    deadline_.cancel();
    done(std::move(*stream_), {});
  }

  void connect(const Tcp::resolver::results_type& addresses) {
    if (!options_.tls && !options_.plaintext_beyond_loopback) {
      for (const auto& address : addresses) {
        if (!address.endpoint().address().is_loopback()) {
          return fail(
              "without TLS a node connects to the loopback only: give it certificates "
              "(SocketClientOptions::tls)");
        }
      }
    }
    asio::async_connect(
        socket_, addresses,
        [self = shared_from_this()](const boost::system::error_code& error, const Tcp::endpoint&) {
          if (error) return self->fail(error.message());
          boost::system::error_code ignored;
          self->socket_.set_option(Tcp::no_delay(true), ignored);
          self->options_.proxy ? self->ask_proxy() : self->encrypt();
        });
  }

  void ask_proxy() {
    const bool is_ipv6 = options_.host.find(':') != std::string::npos;
    const std::string there =
        (is_ipv6 ? '[' + options_.host + ']' : options_.host) + ":" + std::to_string(options_.port);
    text_ = "CONNECT " + there + " HTTP/1.1\r\nHost: " + there + "\r\n";
    if (!options_.proxy->credentials_file.empty()) {
      std::ifstream file(options_.proxy->credentials_file);
      std::string credentials;
      if (!std::getline(file, credentials) || credentials.find(':') == std::string::npos) {
        return fail("the file " + options_.proxy->credentials_file +
                    " should hold USER:PASSWORD for the proxy");
      }
      std::string encoded(4 * ((credentials.size() + 2) / 3) + 1, '\0');
      const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                         reinterpret_cast<const unsigned char*>(credentials.data()),
                                         static_cast<int>(credentials.size()));
      text_ += "Proxy-Authorization: Basic " + encoded.substr(0, static_cast<std::size_t>(length)) + "\r\n";
    }
    text_ += "\r\n";
    asio::async_write(socket_, asio::buffer(text_),
                      [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                        if (error) return self->fail("the proxy hung up: " + error.message());
                        self->hear_proxy();
                      });
  }
  void hear_proxy() {
    constexpr std::size_t longest_answer = 8192;
    text_.clear();
    asio::async_read_until(socket_, asio::dynamic_buffer(text_, longest_answer), "\r\n\r\n",
                           [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                             if (error == asio::error::not_found) {
                               return self->fail("the proxy gave no answer to CONNECT: it is longer than " +
                                                 std::to_string(longest_answer) + " bytes");
                             }
                             if (error)
                               return self->fail("the proxy gave no answer to CONNECT: " + error.message());
                             const std::string status = self->text_.substr(0, self->text_.find("\r\n"));
                             const std::size_t space = status.find(' ');
                             if (!status.starts_with("HTTP/1.") || space == std::string::npos ||
                                 (status + ' ').substr(space + 1, 4) != "200 ") {
                               return self->fail("the proxy answered \"" + shown(status) + "\" to CONNECT");
                             }
                             self->encrypt();
                           });
  }

  /// For a log: short, and without control characters.
  static std::string shown(std::string text) {
    constexpr std::size_t longest = 100;
    for (char& c : text) {
      if (c < ' ' || c > '~') c = '?';
    }
    return text.size() > longest ? text.substr(0, longest) + "..." : text;
  }

  void encrypt() {
    if (tls_ == nullptr) {
      stream_.emplace(std::move(socket_));
      return succeed();
    }
    stream_.emplace(std::move(socket_), *tls_);
    try {
      expect_coordinator(stream_->ssl(), options_.host);
    } catch (const Error& e) {
      return fail(e.what());
    }
    stream_->async_handshake(asio::ssl::stream_base::client,
                             [self = shared_from_this()](const boost::system::error_code& error) {
                               if (error) return self->fail(tls_error(self->stream_->ssl(), error));
                               self->succeed();
                             });
  }

  const SocketClientOptions& options_;
  asio::ssl::context* tls_;
  Done done_;
  Tcp::resolver resolver_;
  Tcp::socket socket_;
  asio::steady_timer deadline_;
  std::optional<Stream> stream_;
  std::string text_;
};

}  // namespace healthai::detail
