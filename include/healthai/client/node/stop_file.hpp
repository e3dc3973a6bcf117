#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "healthai/serialization/detail/os_file.hpp"

namespace healthai {

/// Ends participation at once when a file of that name appears: requests a stop, for `serve`. Looks four times a second.
///
///     StopFile stop{"/etc/healthai/stop"};
///     serve(node, options, stop.token());
class StopFile {
 public:
  explicit StopFile(std::string path)
      : watcher_([this, path = std::move(path)](std::stop_token ended) {
          std::unique_lock lock(mutex_);
          while (!ended.stop_requested() && !stop_.stop_requested()) {
            if (detail::file_exists(path)) stop_.request_stop();
            wake_.wait_for(lock, ended, std::chrono::milliseconds(250), [] { return false; });
          }
        }) {}

  [[nodiscard]] std::stop_token token() const noexcept { return stop_.get_token(); }
  /// For other reasons, such as a signal.
  void request_stop() noexcept { stop_.request_stop(); }

 private:
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread watcher_;
};

}  // namespace healthai
