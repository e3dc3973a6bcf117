#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <utility>

namespace healthai::detail {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;

/// A TCP connection, with TLS or without.
class Stream {
 public:
  explicit Stream(Tcp::socket socket) : plain_(std::make_unique<Tcp::socket>(std::move(socket))) {}
  Stream(Tcp::socket socket, asio::ssl::context& tls)
      : tls_(std::make_unique<TlsStream>(std::move(socket), tls)) {}

  template <class Buffer, class Handler>
  void async_read_some(const Buffer& buffer, Handler&& handler) {
    tls_ ? tls_->async_read_some(buffer, std::forward<Handler>(handler))
         : plain_->async_read_some(buffer, std::forward<Handler>(handler));
  }
  template <class Buffer, class Handler>
  void async_write_some(const Buffer& buffer, Handler&& handler) {
    tls_ ? tls_->async_write_some(buffer, std::forward<Handler>(handler))
         : plain_->async_write_some(buffer, std::forward<Handler>(handler));
  }
  /// Sends what goes without waiting (nothing with TLS). What is wrong with the connection is for
  /// `async_write_some` to say. \return how much has gone
  template <class Buffer>
  [[nodiscard]] std::size_t write_now(const Buffer& buffer) {
    if (tls_) return 0;
    boost::system::error_code error;
    if (!plain_->non_blocking()) plain_->non_blocking(true, error);
    const std::size_t count = error ? 0 : plain_->write_some(buffer, error);
    return error ? 0 : count;
  }
  /// \pre `ssl()` is not null
  template <class Handler>
  void async_handshake(asio::ssl::stream_base::handshake_type side, Handler&& handler) {
    tls_->async_handshake(side, std::forward<Handler>(handler));
  }

  [[nodiscard]] Tcp::socket& socket() noexcept { return tls_ ? tls_->next_layer() : *plain_; }
  /// Null without TLS.
  [[nodiscard]] SSL* ssl() noexcept { return tls_ ? tls_->native_handle() : nullptr; }

 private:
  using TlsStream = asio::ssl::stream<Tcp::socket>;
  std::unique_ptr<Tcp::socket> plain_;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace healthai::detail
