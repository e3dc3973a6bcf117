#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/serialization/encoded_message.hpp"
#include "healthai/serialization/frame.hpp"
#include "healthai/transport/socket/protocol.hpp"

/// Peers that speak bytes by hand, with the system's sockets: what no well-behaved end would say.
namespace socket_test {

using namespace std::chrono_literals;

/// Owns a file descriptor.
class Handle {
 public:
  explicit Handle(int fd = -1) noexcept : fd_(fd) {}
  Handle(Handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Handle() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

[[nodiscard]] inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}
/// Small pieces go at once.
inline void hurry(const Handle& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
/// \throws std::runtime_error
[[nodiscard]] inline Handle connect_to(std::uint16_t port) {
  Handle made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error(std::string("no connection: ") + std::strerror(errno));
  hurry(made);
  return made;
}
/// Whether there is something to read (or the end) before the time is over.
[[nodiscard]] inline bool readable(int fd, std::chrono::milliseconds patience) {
  pollfd what{fd, POLLIN, 0};
  return ::poll(&what, 1, static_cast<int>(patience.count())) > 0;
}

/// A socket that listens on a free port of the loopback, or on `port`.
class Listener {
 public:
  explicit Listener(std::uint16_t port = 0) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(fd_.get(), 128) != 0 ||
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("cannot listen");
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] int get() const noexcept { return fd_.get(); }
  /// An invalid one if nobody comes in time.
  [[nodiscard]] Handle accept(std::chrono::milliseconds patience = 10s) const {
    Handle made(readable(fd_.get(), patience) ? ::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC) : -1);
    hurry(made);
    return made;
  }

 private:
  Handle fd_;
  std::uint16_t port_ = 0;
};

using Bytes = std::vector<std::byte>;

/// What a frame looks like on the wire.
inline Bytes frame_bytes(healthai::FrameKind kind, std::uint64_t request, const Bytes& head = {},
                         const Bytes& arrays = {}) {
  const auto header = healthai::to_frame_header_bytes(
      {static_cast<std::uint32_t>(kind), request, head.size(), arrays.size()});
  Bytes bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), head.begin(), head.end());
  bytes.insert(bytes.end(), arrays.begin(), arrays.end());
  return bytes;
}
template <class T>
Bytes frame_of(healthai::FrameKind kind, std::uint64_t request, T value) {
  const auto message = healthai::encode(std::make_shared<const T>(std::move(value)));
  Bytes arrays;
  for (const auto& array : message->arrays) arrays.insert(arrays.end(), array.begin(), array.end());
  return frame_bytes(kind, request, message->head, arrays);
}

/// One end of a connection, in the test's hands.
class RawPeer {
 public:
  explicit RawPeer(Handle socket) : socket_(std::move(socket)) {}
  explicit RawPeer(std::uint16_t port) : RawPeer(connect_to(port)) {}

  struct Frame {
    healthai::FrameHeader header{};
    Bytes head{};
    Bytes arrays{};
    [[nodiscard]] healthai::FrameKind kind() const { return static_cast<healthai::FrameKind>(header.kind); }
  };

  /// \return whether the other side still takes bytes
  bool send(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return true;
  }
  bool send(std::string_view text) { return send(std::as_bytes(std::span(text))); }
  /// As many bytes as come at once, up to `most`; none at the end, or if nothing comes in time.
  Bytes receive(std::size_t most, std::chrono::milliseconds patience = 10s) {
    Bytes bytes(most);
    if (!readable(socket_.get(), patience)) return {};
    const auto came = ::recv(socket_.get(), bytes.data(), most, 0);
    bytes.resize(came > 0 ? static_cast<std::size_t>(came) : 0);
    return bytes;
  }
  /// The next frame that is no ping; nothing if the connection ends, or nothing comes in time.
  std::optional<Frame> frame(std::chrono::milliseconds patience = 10s) {
    for (;;) {
      Frame frame;
      healthai::FrameHeaderBytes header{};
      if (!exactly(header, patience)) return std::nullopt;
      frame.header = healthai::frame_header(header, std::uint64_t{1} << 30U);
      frame.head.resize(static_cast<std::size_t>(frame.header.head));
      frame.arrays.resize(static_cast<std::size_t>(frame.header.arrays));
      if (!exactly(frame.head, patience) || !exactly(frame.arrays, patience)) return std::nullopt;
      if (frame.kind() != healthai::FrameKind::ping) return frame;
    }
  }
  /// The next frame's kind and, if it is a refusal, its sentence; "the end" or "nothing".
  std::string hears(std::chrono::milliseconds patience = 10s) {
    const auto next = frame(patience);
    if (!next) return ended_ ? "the end" : "nothing";
    if (next->kind() == healthai::FrameKind::refused) {
      const auto refusal = healthai::from_bytes<healthai::EntryRefusal>(next->head);
      return std::string(refusal.final ? "refused for good: " : "refused: ") + refusal.message;
    }
    return std::to_string(next->header.kind);
  }
  /// Whether the other side closes the connection in time; what it still says is ignored.
  bool is_closed(std::chrono::milliseconds patience = 10s) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (!ended_ && std::chrono::steady_clock::now() < until) receive_some(100ms);
    return ended_;
  }

  /// Says hello and hears the welcome. \return whether it was let in
  bool come_in(const std::string& id, std::vector<std::string> tasks = {"scale"},
               std::uint64_t instance = 1) {
    send(frame_of(healthai::FrameKind::hello, healthai::protocol_version,
                  healthai::Hello{"by hand", id, instance, std::move(tasks), 0, {}}));
    const auto answer = frame();
    return answer && answer->kind() == healthai::FrameKind::welcome;
  }
  /// As a coordinator: hears the hello and welcomes.
  healthai::Hello welcome(healthai::Welcome answer = {"by hand", 77, 10, {}, {}}) {
    const auto hello = frame();
    if (!hello || hello->kind() != healthai::FrameKind::hello) throw std::runtime_error("no hello came");
    send(frame_of(healthai::FrameKind::welcome, 0, std::move(answer)));
    return healthai::from_bytes<healthai::Hello>(hello->head);
  }
  void close() { socket_.close(); }
  [[nodiscard]] int get() const noexcept { return socket_.get(); }

 private:
  void receive_some(std::chrono::milliseconds patience) {
    std::byte nowhere[4096];
    if (readable(socket_.get(), patience) && ::recv(socket_.get(), nowhere, sizeof nowhere, 0) <= 0)
      ended_ = true;
  }
  bool exactly(std::span<std::byte> place, std::chrono::milliseconds patience) {
    while (!place.empty()) {
      if (!readable(socket_.get(), patience)) return false;
      const auto came = ::recv(socket_.get(), place.data(), place.size(), 0);
      if (came <= 0) {
        ended_ = true;
        return false;
      }
      place = place.subspan(static_cast<std::size_t>(came));
    }
    return true;
  }
  Handle socket_;
  bool ended_ = false;
};

}  // namespace socket_test
