#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/config.hpp"

namespace healthai::detail {

/// A few threads that run work in the order in which it was submitted. Unlike other pools it can lose a thread: work that
/// never returns (a client that ignores its stop token) keeps its thread, `replace_lost` starts another, and the destructor
/// waits a moment and then leaves the lost ones behind, so that the process still exits.
/// Work must not throw, and must own everything that it touches.
/// A template so that it is compiled only where threads are started; `Thread` is std::thread.
template <class Thread>
class BasicThreadPool {
 public:
  explicit BasicThreadPool(std::size_t threads) : shared_(std::make_shared<Shared>()) {
    for (std::size_t i = 0; i < threads; ++i) start();
  }
  BasicThreadPool(const BasicThreadPool&) = delete;
  BasicThreadPool& operator=(const BasicThreadPool&) = delete;

  ~BasicThreadPool() {
    {
      std::unique_lock lock(shared_->mutex);
      shared_->stopping = true;
      shared_->work.clear();
      shared_->wake.notify_all();
      shared_->ended.wait_for(lock, grace, [this] { return shared_->running == 0; });
    }
    for (Worker& worker : workers_) {
      if (finished(worker)) {
        worker.thread.join();
      } else {
        worker.thread.detach();
      }
    }
  }

  void submit(std::function<void()> work) {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->work.push_back(std::move(work));
    }
    shared_->wake.notify_one();
  }

  /// Starts a thread in the place of one that will not come back, unless `max_lost` have been replaced already.
  /// \return whether it did.
  bool replace_lost() {
    if (lost_ == max_lost) return false;
    ++lost_;
    start();
    return true;
  }

 private:
  static constexpr std::chrono::milliseconds grace{500};
  static constexpr std::size_t max_lost = 256;

  struct Shared {  // outlives the pool while a lost thread still holds it
    std::mutex mutex;
    std::condition_variable wake;
    std::condition_variable ended;
    std::deque<std::function<void()>> work;
    std::size_t running = 0;
    bool stopping = false;
  };
  struct Worker {
    Thread thread;
    std::shared_ptr<bool> finished;  // guarded by Shared::mutex
  };

  bool finished(const Worker& worker) {
    const std::lock_guard lock(shared_->mutex);
    return *worker.finished;
  }

  void start() {
    auto finished = std::make_shared<bool>(false);
    {
      const std::lock_guard lock(shared_->mutex);
      ++shared_->running;
    }
    workers_.push_back({Thread([shared = shared_, finished] { run(*shared, *finished); }), finished});
  }

  static void run(Shared& shared, bool& finished) {
    std::unique_lock lock(shared.mutex);
    for (;;) {
      shared.wake.wait(lock, [&shared] { return shared.stopping || !shared.work.empty(); });
      if (shared.stopping) break;
      std::function<void()> work = std::move(shared.work.front());
      shared.work.pop_front();
      lock.unlock();
      work();
      work = nullptr;  // what it owned goes before the lock is taken again
      lock.lock();
    }
    finished = true;
    --shared.running;
    shared.ended.notify_all();
  }

  std::shared_ptr<Shared> shared_;
  std::vector<Worker> workers_;
  std::size_t lost_ = 0;
};

using ThreadPool = BasicThreadPool<std::thread>;

}  // namespace healthai::detail
