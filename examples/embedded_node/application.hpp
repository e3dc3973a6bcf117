#pragma once

#include <condition_variable>
#include <cstdio>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/core/training.hpp"

/// What stands for the hospital's application in this example: an event loop with a window, threads of its own, and training
/// code.
namespace application {

/// The event loop of a user interface. Any thread may post; what was posted runs on the thread that called `run`.
class EventLoop {
 public:
  void post(std::function<void()> event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    wake_.notify_all();
  }
  /// Until `quit`, and until what was posted before that is done.
  void run() {
    for (std::unique_lock lock(mutex_);;) {
      wake_.wait(lock, [this] { return quitting_ || !events_.empty(); });
      if (events_.empty()) return;
      const std::function<void()> event = std::move(events_.front());
      events_.pop_front();
      lock.unlock();
      event();
      lock.lock();
    }
  }
  void quit() {
    const std::lock_guard lock(mutex_);
    quitting_ = true;
    wake_.notify_all();
  }
  /// Only on the loop's own thread, as with any user interface.
  static void show(const std::string& line) { std::printf("[window] %s\n", line.c_str()); }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> events_;
  bool quitting_ = false;
};

/// Threads that the application has anyway.
class Pool {
 public:
  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    threads_.emplace_back(std::move(work));
  }

 private:
  std::mutex mutex_;
  std::vector<std::jthread> threads_;
};

/// The mean of one number over all patients of all hospitals.
struct MeanDose {
  std::vector<double> doses;  // Gy, one a patient

  healthai::TrainReply<double> train(const healthai::TrainRequest<double>& request, std::stop_token) {
    const double global = request->parameters.data()[0];
    double sum = 0;
    for (const double dose : doses) sum += dose;
    healthai::TrainReply<double> reply;
    reply.num_examples = static_cast<double>(doses.size());
    reply.update = healthai::Parameters<double>(request->parameters.layout());
    reply.update.data()[0] = sum / reply.num_examples - global;
    reply.local_steps = 1;
    return reply;
  }
  healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>&, std::stop_token) {
    return {static_cast<double>(doses.size()), {}};
  }
};

}  // namespace application
