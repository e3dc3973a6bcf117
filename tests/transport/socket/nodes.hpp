#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/core/parameters.hpp"
#include "healthai/transport/socket/client.hpp"
#include "healthai/transport/socket/server.hpp"
#include "healthai/transport/socket/task_service.hpp"

/// Nodes in threads of the test, on the loopback.
namespace socket_test {

using namespace std::chrono_literals;

/// A task that shows what a transport does with a number, and with an array of any length.
struct Scale {
  struct Broadcast {
    double factor = 0;
    healthai::Parameters<double> values{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& factor& values;
    }
  };
  struct Reply {
    healthai::Parameters<double> values{};
    std::string text{};
    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& values& text;
    }
  };
  static constexpr std::string_view name = "scale";
  static std::size_t bytes(const Broadcast& broadcast) { return broadcast.values.size_bytes(); }
  static std::size_t bytes(const Reply& reply) { return reply.values.size_bytes(); }
};
using ScaleRequest = healthai::Request<Scale::Broadcast>;

/// A broadcast of the numbers 0, 1, 2, ...
inline std::shared_ptr<const Scale::Broadcast> counted(double factor, std::size_t size) {
  Scale::Broadcast broadcast{factor, healthai::Parameters<double>(healthai::Layout{{"x", {size}}})};
  for (std::size_t i = 0; i < size; ++i) broadcast.values.data()[i] = static_cast<double>(i);
  return std::make_shared<const Scale::Broadcast>(std::move(broadcast));
}
inline Scale::Reply scaled(const ScaleRequest& request) {
  Scale::Reply reply{request->values, request.client.str()};
  reply.values.flat() *= request->factor;
  return reply;
}

/// What an `on_event` has heard.
class Heard {
 public:
  [[nodiscard]] healthai::SocketObserver observer() {
    return [this](const healthai::SocketEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
      wake_.notify_all();
    };
  }
  /// Waits for an event whose message contains `text`. \return its message, or all messages if it does not come
  [[nodiscard]] std::string wait_for(std::string_view text, std::chrono::milliseconds patience = 10s) {
    std::unique_lock lock(mutex_);
    std::string found;
    wake_.wait_for(lock, patience, [&] {
      for (const auto& event : events_) {
        if (event.message.find(text) != std::string::npos) {
          found = event.message;
          return true;
        }
      }
      return false;
    });
    if (!found.empty()) return found;
    for (const auto& event : events_) found += "[" + event.message + "] ";
    return found;
  }
  [[nodiscard]] std::size_t count(healthai::SocketEvent::Kind kind) {
    const std::lock_guard lock(mutex_);
    std::size_t n = 0;
    for (const auto& event : events_) n += event.kind == kind ? 1 : 0;
    return n;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<healthai::SocketEvent> events_;
};

/// How nodes of tests connect: quickly, and without encryption.
inline healthai::SocketClientOptions to_port(std::uint16_t port) {
  healthai::SocketClientOptions options;
  options.host = "127.0.0.1";
  options.port = port;
  options.plaintext = true;
  options.retry_after = 10ms;
  options.retry_at_most = 100ms;
  return options;
}
inline healthai::SocketServerOptions plaintext() {
  healthai::SocketServerOptions options;
  options.plaintext = true;
  return options;
}

/// A node on a thread of its own. How serving it ended is what `ended` says: "finished", "stopped" or what was thrown.
class TestNode {
 public:
  TestNode(std::unique_ptr<healthai::Service> service, healthai::SocketClientOptions options)
      : service_(std::move(service)) {
    if (!options.on_event) options.on_event = heard_.observer();
    thread_ = std::jthread([this, options](std::stop_token stop) {
      try {
        end_ = healthai::serve(*service_, options, std::move(stop)) == healthai::ServeEnd::finished
                   ? "finished"
                   : "stopped";
      } catch (const healthai::Error& e) {
        end_ = e.what();
      }
    });
  }
  /// A node that does Scale in its own way.
  template <class Handler>
  TestNode(const std::string& id, Handler handler, healthai::SocketClientOptions options)
      : TestNode(scaler(id, std::move(handler)), std::move(options)) {}

  [[nodiscard]] Heard& heard() { return heard_; }
  void stop() { thread_.request_stop(); }
  [[nodiscard]] std::string ended() {
    if (thread_.joinable()) thread_.join();
    return end_;
  }

 private:
  template <class Handler>
  static std::unique_ptr<healthai::Service> scaler(const std::string& id, Handler handler) {
    healthai::TaskHandlers handlers;
    handlers.offer<Scale>(std::move(handler));
    auto service = std::make_unique<healthai::TaskService>(id, std::move(handlers));
    service->serve_task<Scale>();
    return service;
  }
  std::unique_ptr<healthai::Service> service_;
  Heard heard_;
  std::string end_;
  std::jthread thread_;
};

/// The handler of a well-behaved node.
inline auto scales() {
  return [](const ScaleRequest& request, std::stop_token) { return scaled(request); };
}

}  // namespace socket_test
