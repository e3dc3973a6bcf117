#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/socket/detail/framed_connection.hpp"
#include "healthai/transport/socket/protocol.hpp"
#include "healthai/transport/socket/tls.hpp"

namespace socket_test {

/// Many nodes on one thread, to load a coordinator: all answer every request with the same message, and what they get goes to
/// the same memory.
class Crowd {
 public:
  struct Place {
    std::string id;
    std::optional<healthai::TlsFiles> tls{};
  };
  /// \param reply  null: they have nothing to say
  Crowd(std::uint16_t port, std::vector<Place> places, std::string task,
        std::shared_ptr<const healthai::EncodedMessage> reply)
      : port_(port), places_(std::move(places)), task_(std::move(task)), reply_(std::move(reply)) {}

  /// Connects them, a few at a time, and serves until the coordinator has said goodbye to all, or is gone.
  void run() {
    constexpr std::size_t at_a_time = 16;
    for (std::size_t i = 0; i < at_a_time; ++i) connect_next();
    io_.run();
  }

 private:
  using Frame = healthai::FrameKind;

  class Member final : public healthai::detail::FramedConnection {
   public:
    Member(Crowd& crowd, healthai::detail::Stream stream)
        : FramedConnection(std::move(stream), std::uint64_t{1} << 40U), crowd_(crowd) {}

   private:
    std::optional<Reception> on_head(const healthai::FrameHeader& header,
                                     std::span<const std::byte> /*head*/) override {
      if (header.arrays == 0) return Reception{};
      crowd_.memory_.resize(static_cast<std::size_t>(header.arrays));
      return Reception{{std::span(crowd_.memory_)}, nullptr};
    }
    void on_frame(const healthai::FrameHeader& header, bool /*skipped*/) override {
      switch (static_cast<Frame>(header.kind)) {
        case Frame::welcome:
          return crowd_.connect_next();
        case Frame::request:
          if (!crowd_.reply_) return;
          return send_value(
              Frame::announce, header.request,
              healthai::Announcement{crowd_.reply_->head.size() + crowd_.reply_->array_bytes()});
        case Frame::grant:
          return send(Frame::reply, header.request, crowd_.reply_);
        case Frame::goodbye:
          return close("the end");
        default:
          return;
      }
    }
    void on_closed(const std::string& /*why*/) override {}
    Crowd& crowd_;
  };

  void connect_next() {
    if (next_ == places_.size()) return;
    const Place& place = places_[next_++];
    healthai::detail::Tcp::socket socket(io_);
    socket.connect({boost::asio::ip::address_v4::loopback(), port_});
    socket.set_option(healthai::detail::Tcp::no_delay(true));
    if (!place.tls) return enter(place.id, healthai::detail::Stream(std::move(socket)));
    contexts_.push_back(std::make_unique<boost::asio::ssl::context>(healthai::client_tls(*place.tls)));
    auto stream = std::make_shared<healthai::detail::Stream>(std::move(socket), *contexts_.back());
    healthai::expect_coordinator(stream->ssl(), "127.0.0.1");
    stream->async_handshake(boost::asio::ssl::stream_base::client,
                            [this, stream, id = place.id](const boost::system::error_code& error) {
                              if (error) throw std::runtime_error(id + ": " + error.message());
                              enter(id, std::move(*stream));
                            });
  }
  void enter(const std::string& id, healthai::detail::Stream stream) {
    const auto member = std::make_shared<Member>(*this, std::move(stream));
    member->start();
    member->send_value(Frame::hello, healthai::protocol_version,
                       healthai::Hello{"a crowd", id, next_, {task_}, 0, {}});
  }

  boost::asio::io_context io_{1};
  std::uint16_t port_;
  std::vector<Place> places_;
  std::string task_;
  std::shared_ptr<const healthai::EncodedMessage> reply_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<boost::asio::ssl::context>> contexts_;
  std::vector<std::byte> memory_;
};

/// A crowd in a process of its own, which is told the port when there is one.
class CrowdProcess {
 public:
  /// Call it while there is one thread only. \param make  of a port: a Crowd, by pointer
  template <class Make>
  explicit CrowdProcess(Make make) {
    if (pipe(ends_) != 0) throw std::runtime_error("no pipe");
    child_ = fork();
    if (child_ != 0) return;
    close(ends_[1]);  // so that it hears when there will be no port
    std::uint16_t port = 0;
    int code = 1;
    try {
      if (read(ends_[0], &port, sizeof port) == sizeof port) {
        make(port)->run();
        code = 0;
      }
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
    }
    _exit(code);
  }
  CrowdProcess(const CrowdProcess&) = delete;
  CrowdProcess& operator=(const CrowdProcess&) = delete;
  ~CrowdProcess() {
    close(ends_[0]);
    close(ends_[1]);
    waitpid(child_, nullptr, 0);
  }
  void begin(std::uint16_t port) const {
    if (write(ends_[1], &port, sizeof port) != sizeof port) throw std::runtime_error("no crowd");
  }

 private:
  int ends_[2] = {};
  pid_t child_ = 0;
};

}  // namespace socket_test
