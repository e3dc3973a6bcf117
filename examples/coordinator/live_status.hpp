#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "healthai/reporting/detail/terminal.hpp"
#include "healthai/server/observer.hpp"
#include "healthai/transport/socket/server.hpp"
#include "over_network/listening.hpp"

namespace coordinator {

/// An observer that shows, on a terminal twice a second, the round, who is connected, who is late, bytes and seconds:
///
///     round 12/50  north: here  south: train.f64 for 3 s  west: AWAY  1.2 MB sent, 0.4 MB received  31 s
///
/// and keeps where each hospital's audit log stands, a line a round.
class LiveStatus {
 public:
  LiveStatus(const healthai::SocketServer& hospitals, std::uint64_t rounds, const std::string& anchors)
      : hospitals_(hospitals),
        rounds_(rounds),
        anchors_(anchors.empty() ? nullptr : std::fopen(anchors.c_str(), "a")) {
    if (!anchors.empty() && anchors_ == nullptr) {
      throw healthai::Error(healthai::error::file, anchors + ": cannot be written to");
    }
    if (healthai::detail::is_terminal(stderr)) {
      painter_ = std::jthread([this](std::stop_token stop) { paint(stop); });
    }
  }
  LiveStatus(const LiveStatus&) = delete;
  LiveStatus& operator=(const LiveStatus&) = delete;
  ~LiveStatus() {
    if (painter_.joinable()) {
      painter_.request_stop();
      painter_.join();
      std::fprintf(stderr, "\n");
    }
    if (anchors_ != nullptr) std::fclose(anchors_);
  }

  void on_start(const healthai::RunStart& start) { begin(start.completed_rounds); }
  void on_round(const healthai::RoundReport& report) {
    begin(report.round);
    for (const healthai::Failure& failure : report.failures) {
      std::fprintf(stderr, "\r\033[Kround %llu: %s\n", static_cast<unsigned long long>(report.round),
                   failure.message.c_str());
    }
    if (!report.error.empty()) std::fprintf(stderr, "\r\033[K%s\n", report.error.c_str());
    if (anchors_ == nullptr) return;
    over_network::write_anchors(anchors_, std::to_string(report.round), hospitals_);
  }

 private:
  void begin(std::uint64_t completed) {
    const std::lock_guard lock(mutex_);
    completed_ = completed;
  }
  void paint(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const std::uint64_t completed = completed_;
      lock.unlock();
      std::string line = "round " + std::to_string(completed) + "/" + std::to_string(rounds_);
      for (const healthai::RemoteStatus& status : hospitals_.status()) {
        line += "  " + status.client.str() + ": ";
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(status.for_so_long).count();
        line += !status.connected ? "AWAY"
                : status.task.empty() || seconds == 0
                    ? "here"
                    : status.task + " for " + std::to_string(seconds) + " s";
      }
      const healthai::Traffic traffic = hospitals_.traffic();
      std::fprintf(stderr, "\r\033[K%s  %.1f MB sent, %.1f MB received  %lld s", line.c_str(),
                   static_cast<double>(traffic.sent) * 1e-6, static_cast<double>(traffic.received) * 1e-6,
                   static_cast<long long>(std::chrono::duration_cast<std::chrono::seconds>(
                                              std::chrono::steady_clock::now() - began_)
                                              .count()));
      std::fflush(stderr);
      lock.lock();
      wake_.wait_for(lock, stop, std::chrono::milliseconds(500), [] { return false; });
    }
  }

  const healthai::SocketServer& hospitals_;
  std::uint64_t rounds_;
  std::FILE* anchors_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::uint64_t completed_ = 0;
  std::jthread painter_;
};

}  // namespace coordinator
