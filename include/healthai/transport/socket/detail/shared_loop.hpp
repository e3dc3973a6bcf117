#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "healthai/transport/concept.hpp"

namespace healthai::detail {

namespace asio = boost::asio;

/// An io_context that one thread at a time runs: whoever waits for something that comes of it, so that no thread has to be
/// woken for another; for one handler, whoever gives it while no thread is there; and a thread of its own while nobody waits.
/// Handlers never run at the same time, and each sees what those before it did.
class SharedLoop {
 public:
  /// \param failed  hears what a handler throws; the loop goes on
  explicit SharedLoop(std::function<void(const std::exception&)> failed) : failed_(std::move(failed)) {}
  SharedLoop(const SharedLoop&) = delete;
  SharedLoop& operator=(const SharedLoop&) = delete;
  ~SharedLoop() { stop(); }

  [[nodiscard]] asio::io_context& io() noexcept { return io_; }
  /// From now on somebody runs it.
  void start() {
    thread_ = std::thread([this] { run_while_nobody_waits(); });
  }
  /// Nobody runs it any more, and no handler is under way. Not while another thread is in `run_until`.
  void stop() {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_all();
    }
    io_.stop();
    thread_.join();
  }

  /// Runs handlers on the calling thread until `done()`, which is asked before the first and after each, or until the
  /// deadline. Whatever may make it true has to come through a handler; it is also asked while handlers run on the other
  /// thread. One thread at a time may wait here.
  template <class Condition>
  void run_until(Deadline deadline, Condition done) {
    if (done()) return;
    const Turn turn(*this);
    const Clock::time_point awake_until = Clock::now() + wakefulness;
    while (!done()) {
      const Clock::time_point now = Clock::now();
      if (now >= deadline) {  // who only ever looks in must not keep the loop from running
        guarded([this] { io_.poll_one(); });
        return;
      }
      guarded([&] {
        if (now < awake_until) {
          io_.poll_one();
        } else if (deadline == Deadline::max()) {
          io_.run_one();
        } else {
          io_.run_one_until(deadline);
        }
      });
    }
  }
  /// Runs `handler` as one of the loop's, in the order given: here and now, if nobody runs the loop and nothing given before
  /// waits; otherwise (as when a handler calls this) later, on the thread that runs it.
  template <class Handler>
  void give(Handler handler) {
    {
      const std::lock_guard lock(mutex_);
      if (running_ || wanted_ || waiting_handlers_ > 0) {
        ++waiting_handlers_;
        asio::post(io_, [this, given = std::move(handler)]() mutable {
          {
            const std::lock_guard done(mutex_);
            --waiting_handlers_;
          }
          given();
        });
        return;
      }
      running_ = true;
    }
    const Turn turn(*this, std::adopt_lock);
    guarded(handler);
  }
  /// The caller will be busy for some time: the thread takes over at once.
  void hand_over() {
    const std::lock_guard lock(mutex_);
    at_once_ = true;
    wake_.notify_all();
  }

 private:
  template <class Run>
  void guarded(Run&& run) {
    try {
      run();
    } catch (const std::exception& e) {
      failed_(e);
    }
  }

  /// So long a waiting thread looks again and again before it sleeps: a small model is there and back sooner than a thread is woken.
  static constexpr std::chrono::microseconds wakefulness{50};
  /// So long it may be away, between one wait and the next, before the other takes over.
  static constexpr std::chrono::milliseconds absence{1};

  /// A thread's turn to run the loop.
  class Turn {
   public:
    explicit Turn(SharedLoop& loop) : loop_(loop) {
      std::unique_lock lock(loop_.mutex_);
      loop_.wanted_ = true;
      if (loop_.running_) asio::post(loop_.io_, [] {});  // makes the thread look up
      loop_.free_.wait(lock, [this] { return !loop_.running_; });
      loop_.wanted_ = false;
      loop_.at_once_ = false;
      loop_.running_ = true;
      ++loop_.turns_;
    }
    /// One that the thread has taken already.
    Turn(SharedLoop& loop, std::adopt_lock_t /*taken*/) noexcept : loop_(loop) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      const std::lock_guard lock(loop_.mutex_);
      loop_.running_ = false;
      loop_.free_.notify_all();
      if (loop_.asleep_) loop_.wake_.notify_all();
    }

   private:
    SharedLoop& loop_;
  };

  void run_while_nobody_waits() {
    std::unique_lock lock(mutex_);
    std::uint64_t seen = 0;
    while (!stopping_) {
      if (turns_ != seen && !at_once_) {  // a waiting thread comes and goes, and may come back soon
        seen = turns_;
        wake_.wait_for(lock, absence, [this] { return stopping_ || at_once_; });
      } else if (running_ || wanted_) {  // it waits for long: until its turn is over
        asleep_ = true;
        wake_.wait(lock, [this] { return stopping_ || !(running_ || wanted_); });
        asleep_ = false;
        seen = turns_ - 1;
      } else {
        running_ = true;
        while (!stopping_ && !wanted_) {
          lock.unlock();
          guarded([this] { io_.run_one(); });
          lock.lock();
        }
        running_ = false;
        free_.notify_all();
      }
    }
  }

  std::function<void(const std::exception&)> failed_;
  asio::io_context io_{1};
  std::mutex mutex_;              // of what follows
  std::condition_variable wake_;  // of the thread
  std::condition_variable free_;  // for who waits
  bool running_ = false;          // somebody runs it
  bool wanted_ = false;           // a thread waits for its turn
  bool asleep_ = false;           // the thread, until somebody's turn is over
  bool at_once_ = false;
  std::size_t waiting_handlers_ = 0;  // given, and not begun
  bool stopping_ = false;
  std::uint64_t turns_ = 0;  // that waiting threads had
  std::thread thread_;
};

}  // namespace healthai::detail
