#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

// The threads that an application has anyway: here the simplest queue of work.
class WorkerThreads {
 public:
  explicit WorkerThreads(int count) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this](std::stop_token stop) {
        std::unique_lock lock(mutex_);
        while (wake_.wait(lock, stop, [this] { return !queue_.empty(); })) {
          const auto work = std::move(queue_.front());
          queue_.pop_front();
          lock.unlock();
          work();
          lock.lock();
        }
      });
    }
  }
  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    wake_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::jthread> threads_;  // last: they end before what they use
};
