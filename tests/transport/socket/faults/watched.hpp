#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "transport/socket/nodes.hpp"

namespace socket_test {

/// What has become of a node's work.
struct Tally {
  std::atomic<int> trained = 0;
  std::atomic<int> accepted = 0;
  std::atomic<int> discarded = 0;
};

/// Does Scale, and counts.
class WatchedService final : public healthai::TaskService {
 public:
  template <class Handler>
  WatchedService(const std::string& id, Tally& tally, Handler handler)
      : TaskService(id, handlers(tally, std::move(handler))), tally_(tally) {
    serve_task<Scale>();
  }

 private:
  template <class Handler>
  static healthai::TaskHandlers handlers(Tally& tally, Handler handler) {
    healthai::TaskHandlers made;
    made.offer<Scale>([&tally, handler](const ScaleRequest& request, std::stop_token stop) {
      ++tally.trained;
      return handler(request, std::move(stop));
    });
    return made;
  }
  void accepted(Exchange& exchange) override {
    ++tally_.accepted;
    TaskService::accepted(exchange);
  }
  void discarded(Exchange& exchange) override {
    ++tally_.discarded;
    TaskService::discarded(exchange);
  }
  Tally& tally_;
};
template <class Handler>
std::unique_ptr<healthai::Service> watched(const std::string& id, Tally& tally, Handler handler) {
  return std::make_unique<WatchedService>(id, tally, std::move(handler));
}

/// A node through whatever is at that port, which tries again at once.
inline healthai::SocketClientOptions eager(std::uint16_t port) {
  healthai::SocketClientOptions options = to_port(port);
  options.retry_after = 2ms;
  options.retry_at_most = 20ms;
  return options;
}

/// One delivery as text: "north: 6" (the sum of what came), "north failed (deadline): MESSAGE", "nothing".
inline std::string next_text(healthai::SocketServer& server, std::chrono::milliseconds patience = 20s) {
  const auto delivery = server.next<Scale>(healthai::Clock::now() + patience);
  if (!delivery) return "nothing";
  if (const auto* failure = std::get_if<healthai::Failure>(&delivery->result))
    return failure->client.str() + " failed (" + failure->error + "): " + failure->message;
  const auto& reply = std::get<Scale::Reply>(delivery->result);
  return delivery->client.str() + ": " + std::to_string(static_cast<long>(reply.values.flat().sum()));
}

/// Waits until something holds. \return whether it does
template <class Condition>
bool eventually(Condition holds, std::chrono::milliseconds patience = 10s) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

}  // namespace socket_test
