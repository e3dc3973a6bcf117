#pragma once

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "transport/socket/faults/raw_peer.hpp"

namespace socket_test {

/// What stands between a node and its coordinator and carries bytes both ways; it can cut, freeze, slow and crumble them. On a
/// thread of its own.
class BadWire {
 public:
  enum class Way : std::uint8_t { up, down };  ///< to the coordinator, to the node

  explicit BadWire(std::uint16_t coordinator) : coordinator_(coordinator) {
    thread_ = std::thread([this] { work(); });
  }
  BadWire(const BadWire&) = delete;
  BadWire& operator=(const BadWire&) = delete;
  ~BadWire() {
    over_ = true;
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const noexcept { return listener_.port(); }

  /// Ends what is connected, and the next connection after it has carried so many bytes that way.
  void cut_next(Way way, std::size_t after) {
    const std::lock_guard lock(mutex_);
    cut_ = Cut{way, after};
    drop_ = true;
  }
  /// Ends what is connected.
  void drop() {
    const std::lock_guard lock(mutex_);
    drop_ = true;
  }
  /// Whether a cut that was asked for has still to come.
  [[nodiscard]] bool cut_is_due() {
    const std::lock_guard lock(mutex_);
    return cut_.has_value();
  }
  /// From now on nothing passes on the connections that there are; new ones work.
  void freeze() {
    const std::lock_guard lock(mutex_);
    freeze_ = true;
  }
  /// So many bytes at a time, each after a pause.
  void crumble(std::size_t piece, std::chrono::microseconds pause) {
    const std::lock_guard lock(mutex_);
    piece_ = piece;
    pause_ = pause;
  }
  /// Bytes carried on the last connection.
  [[nodiscard]] std::size_t carried(Way way) const { return carried_[static_cast<std::size_t>(way)]; }
  [[nodiscard]] unsigned connections() const noexcept { return connections_; }

 private:
  struct Cut {
    Way way;
    std::size_t after;
  };
  struct Link {
    std::array<Handle, 2> ends;            // the node's, the coordinator's
    std::array<std::size_t, 2> carried{};  // from the node's, from the coordinator's
    std::optional<Cut> cut{};
    bool frozen = false;
    bool over = false;
  };

  void work() {
    std::vector<char> buffer(std::size_t{1} << 16U);
    while (!over_) {
      std::vector<pollfd> waits{{listener_.get(), POLLIN, 0}};
      for (Link& link : links_) {
        for (const Handle& end : link.ends) waits.push_back({link.frozen ? -1 : end.get(), POLLIN, 0});
      }
      ::poll(waits.data(), waits.size(), 1);
      std::size_t piece = 0;
      std::chrono::microseconds pause{};
      {
        const std::lock_guard lock(mutex_);
        piece = piece_;
        pause = pause_;
        if (std::exchange(drop_, false)) links_.clear();
        if (std::exchange(freeze_, false)) {
          for (Link& link : links_) link.frozen = true;
        }
      }
      std::size_t at = 1;
      for (Link& link : links_) {
        for (std::size_t from = 0; from < 2; ++from, ++at) {
          if (at < waits.size() && waits[at].revents != 0 && waits[at].fd == link.ends[from].get() &&
              !link.over)
            carry(link, from, buffer, piece, pause);
        }
      }
      links_.remove_if([](const Link& link) { return link.over; });
      if (waits[0].revents != 0) take_in();
    }
  }
  void take_in() {
    Link link;
    link.ends[0] = listener_.accept(0ms);
    if (link.ends[0].get() < 0) return;
    try {
      link.ends[1] = connect_to(coordinator_);
    } catch (const std::runtime_error&) {  // it is not there: nor are we
      return;
    }
    const std::lock_guard lock(mutex_);
    link.cut = cut_;
    if (link.cut && link.cut->after == 0) {
      cut_.reset();
      return;
    }
    for (auto& bytes : carried_) bytes = 0;
    ++connections_;
    links_.push_back(std::move(link));
  }
  void carry(Link& link, std::size_t from, std::vector<char>& buffer, std::size_t piece,
             std::chrono::microseconds pause) {
    std::size_t most = (std::min)(piece, buffer.size());
    const bool cuts = link.cut && static_cast<std::size_t>(link.cut->way) == from;
    if (cuts) most = (std::min)(most, link.cut->after - link.carried[from]);
    const auto came = ::recv(link.ends[from].get(), buffer.data(), most, 0);
    link.over = came <= 0;
    const auto count = static_cast<std::size_t>((std::max)(came, decltype(came){0}));
    for (std::size_t sent = 0; sent < count && !link.over;) {
      const auto part = ::send(link.ends[1 - from].get(), buffer.data() + sent, count - sent, MSG_NOSIGNAL);
      link.over = part <= 0;
      sent += static_cast<std::size_t>((std::max)(part, decltype(part){0}));
    }
    link.carried[from] += count;
    carried_[from] = link.carried[from];
    if (cuts && link.carried[from] == link.cut->after) {
      const std::lock_guard lock(mutex_);
      cut_.reset();
      link.over = true;
    }
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
  }

  std::uint16_t coordinator_;
  Listener listener_;
  std::list<Link> links_;
  std::array<std::atomic<std::size_t>, 2> carried_{};
  std::atomic<unsigned> connections_ = 0;
  std::atomic<bool> over_ = false;

  std::mutex mutex_;  // of what follows
  std::optional<Cut> cut_;
  bool drop_ = false;
  bool freeze_ = false;
  std::size_t piece_ = std::size_t{1} << 16U;
  std::chrono::microseconds pause_{0};

  std::thread thread_;
};

}  // namespace socket_test
