#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/detail/thread_pool.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

struct InProcessJobBase;
using ClientState = std::shared_ptr<const std::vector<std::byte>>;

/// A client in this process, and what its replies left it in. All but `handlers` is guarded by the queue's mutex.
struct HostedClient {
  /// Lost: at work for a request that was given up, or in a state that never was.
  enum class Work { none, busy, lost };

  explicit HostedClient(TaskHandlers offered)
      : handlers(std::move(offered)),
        replied(std::make_shared<const std::vector<std::byte>>(handlers.state())),
        delivered(replied) {}
  void restore(std::span<const std::byte> state) {
    handlers.restore(state);
    delivered = replied = std::make_shared<const std::vector<std::byte>>(state.begin(), state.end());
  }

  TaskHandlers handlers;
  ClientState replied;    // the state after its last reply: it is put back into this one
  ClientState delivered;  // the state after its last reply that was delivered: what a checkpoint keeps
  Work work = Work::none;
  std::vector<std::shared_ptr<InProcessJobBase>> parked{};  // until the request before them is done
};

/// Which task: `&type_tag<T>`.
using TaskTag = const void*;

/// One request to one client, without its types.
struct InProcessJobBase {
  /// Parked: begun, but its client is busy with an earlier request.
  enum class Stage { waiting, parked, running, done, abandoned };
  InProcessJobBase(RequestId number, std::shared_ptr<HostedClient> to, TaskTag what, ClientId name)
      : id(number), client(std::move(to)), task(what), client_id(std::move(name)) {}
  virtual ~InProcessJobBase() = default;
  virtual void call(std::stop_token stop) = 0;

  RequestId id;
  std::shared_ptr<HostedClient> client;  // null: there is none of that name
  TaskTag task;
  ClientId client_id;
  std::optional<Failure> failure;
  ClientState new_state;             // of a stateful client, after the call
  Stage stage = Stage::waiting;      // guarded by the queue's mutex
  std::stop_source* stop = nullptr;  // its thread's, while it runs; guarded by the queue's mutex
  bool asked_to_stop = false;        // guarded by the queue's mutex
  bool known_to_others = true;       // once it has been handed out; else it may serve another request

 protected:
  InProcessJobBase(const InProcessJobBase&) = default;
  InProcessJobBase& operator=(const InProcessJobBase&) = default;
};

template <Task T>
struct InProcessJob final : InProcessJobBase {
  InProcessJob(RequestId number, std::shared_ptr<HostedClient> to, Request<typename T::Broadcast> what)
      : InProcessJobBase(number, std::move(to), &type_tag<T>, what.client), request(std::move(what)) {}
  void call(std::stop_token token) override {
    reply = client->handlers.template handle<T>(request, std::move(token));
  }
  Request<typename T::Broadcast> request;
  typename T::Reply reply{};
};

/// Requests in the order in which they were sent, worked on by several threads, and handed out again in that same order.
///
/// Memory: threads run ahead of the first unfinished request by a window only, so that few replies wait; when that first
/// one is slow they run on rather than idle. Cost: one lock to begin and one to end a request; the reading side is woken for a
/// batch, not for each reply.
/// A template so that it is compiled only where something is sent; `Mutex` is std::mutex.
template <class Mutex>
class BasicInProcessQueue {
 public:
  explicit BasicInProcessQueue(std::size_t reply_memory) : reply_memory_(reply_memory) {}

  /// Says how large the replies to the next requests will be.
  void begin_batch(std::size_t reply_bytes) {
    const std::lock_guard lock(mutex_);
    window_ = std::clamp<std::size_t>(reply_memory_ / (std::max<std::size_t>)(reply_bytes, 1), 2, 128);
  }

  void push(std::shared_ptr<InProcessJobBase> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }

  /// How many more workers to start so that `threads` are at work, but no more than requests wait; they are counted from now on.
  /// Those at work already may be held up by their clients, so they are not taken to see to what waits.
  [[nodiscard]] std::size_t reserve_workers(std::size_t threads) {
    const std::lock_guard lock(mutex_);
    const std::size_t more = (std::min)(threads > workers_ ? threads - workers_ : 0, jobs_.size() - claimed_);
    workers_ += more;
    return more;
  }

  /// A thread's share: requests one after another until none is left.
  void work() {
    // One a thread: threads that shared one would wait for each other at its reference count.
    std::stop_source source;
    std::unique_lock lock(mutex_);
    while (std::shared_ptr<InProcessJobBase> job = claim(lock)) {
      while (job) {
        job->stop = &source;
        lock.unlock();
        run(*job, source.get_token());
        lock.lock();
        finish(*job);
        job->stop = nullptr;
        if (job->stage == Stage::abandoned) return;           // another worker has taken this one's place
        if (job->asked_to_stop) source = std::stop_source();  // whether or not the request has come yet
        job = unpark(*job);
      }
    }
    --workers_;
  }

  /// The first outstanding job of `task` once it is done, or null at the deadline. Rather than wait, the calling thread
  /// works itself while fewer than `help_up_to` threads do.
  [[nodiscard]] std::shared_ptr<InProcessJobBase> next(TaskTag task, Deadline deadline,
                                                       std::size_t help_up_to) {
    std::unique_lock lock(mutex_);
    const auto first = [this, task] {
      return std::find_if(jobs_.begin(), jobs_.end(), [task](const auto& job) { return job->task == task; });
    };
    auto found = first();
    if (found == jobs_.end()) return nullptr;
    while (!done(**found) && workers_ < help_up_to && may_begin(found->get())) {
      ++workers_;
      for (std::shared_ptr<InProcessJobBase> job = begin(); job; job = unpark(*job)) {
        lock.unlock();
        run(*job, std::stop_token{});  // nobody can ask it to stop: that would be this thread
        lock.lock();
        finish(*job);
      }
      --workers_;
      found = first();
    }
    if (!done(**found)) {
      awaited_ = found->get();
      if (window_waiters_ > 0) claimable_.notify_all();  // the first is slow: run on
      const auto ready = [&] { return done(**first()); };
      if (deadline == Deadline::max()) {
        readable_.wait(lock, ready);
      } else {
        readable_.wait_until(lock, deadline, ready);
      }
      awaited_ = nullptr;
      found = first();
      if (!done(**found)) return nullptr;
    }
    std::shared_ptr<InProcessJobBase> job = std::move(*found);
    const auto position = static_cast<std::size_t>(found - jobs_.begin());
    jobs_.erase(found);
    if (claimed_ > position) --claimed_;
    if (window_waiters_ > 0 && 2 * claimed_ <= window_) claimable_.notify_all();
    job->known_to_others = job.use_count() > 1;  // for good if not: threads drop a job under the lock
    if (job->stage == Stage::done && !job->failure && job->new_state) {
      job->client->delivered = job->new_state;  // of an abandoned one the rest belongs to its thread
    }
    return job;
  }

  /// \param only  these requests; none: all
  void stop(TaskTag task, std::optional<std::span<const RequestId>> only = {}) {
    std::vector<std::stop_source> sources;
    {
      const std::lock_guard lock(mutex_);
      sources = end_waiting(task, only);
    }
    request_stop(sources);
  }

  /// Makes every outstanding job of `task`, or those in `only`, readable. \return how many threads still work for one that
  /// nobody waits for.
  [[nodiscard]] std::size_t give_up(TaskTag task, std::optional<std::span<const RequestId>> only = {}) {
    std::vector<std::stop_source> sources;
    std::size_t lost = 0;
    {
      const std::lock_guard lock(mutex_);
      sources = end_waiting(task, only);
      for (const auto& job : jobs_) {
        if (job->stage != Stage::running || !meant(*job, task, only)) continue;
        job->stage = Stage::abandoned;
        if (job->client) lose(*job->client);  // else it is failing, on its way to be done
        ++lost;
        --workers_;
      }
    }
    // Only now: what a client hands in because it is asked to stop comes too late, however quick it is.
    request_stop(sources);
    return lost;
  }

  /// The state after the client's last reply that was delivered.
  [[nodiscard]] std::vector<std::byte> delivered_state(const HostedClient& client) {
    const std::lock_guard lock(mutex_);
    return *client.delivered;
  }

  /// Nobody will read any more: drop what has not begun, ask what has to stop.
  void close() {
    std::vector<std::stop_source> sources;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& job : jobs_) {
        if (job->stage == Stage::running) sources.push_back(*job->stop);
        if (job->client) job->client->parked.clear();  // these know the client, which knew them
      }
      closed_ = true;
      claimable_.notify_all();
    }
    request_stop(sources);
  }

  /// The failure of a job that a deadline has overtaken.
  [[nodiscard]] static Failure late(const InProcessJobBase& job, const char* what) {
    return {job.client_id, std::string(error::deadline.name()), "client " + job.client_id.str() + " " + what};
  }

 private:
  using Stage = InProcessJobBase::Stage;

  [[nodiscard]] static bool done(const InProcessJobBase& job) noexcept {
    return job.stage == Stage::done || job.stage == Stage::abandoned;
  }

  [[nodiscard]] static bool meant(const InProcessJobBase& job, TaskTag task,
                                  const std::optional<std::span<const RequestId>>& only) {
    return job.task == task && (!only || std::find(only->begin(), only->end(), job.id) != only->end());
  }

  /// Under the lock: what has not begun has failed. \return the stop sources of what runs
  [[nodiscard]] std::vector<std::stop_source> end_waiting(
      TaskTag task, const std::optional<std::span<const RequestId>>& only) {
    std::vector<std::stop_source> running;
    for (const auto& job : jobs_) {
      if (!meant(*job, task, only)) continue;
      if (job->stage == Stage::waiting || job->stage == Stage::parked) {
        job->failure = late(*job, "was not begun before the deadline: there are fewer threads than clients");
        job->stage = Stage::done;
      } else if (job->stage == Stage::running) {
        running.push_back(*job->stop);
        job->asked_to_stop = true;
      }
    }
    skip_begun(claimed_);
    readable_.notify_all();
    claimable_.notify_all();
    return running;
  }

  /// Not under the lock: runs the clients' stop callbacks.
  static void request_stop(std::vector<std::stop_source>& sources) {
    for (std::stop_source& source : sources) source.request_stop();
  }

  /// Moves claimed_ to the first job from `from` on that has not begun.
  void skip_begun(std::size_t from) {
    claimed_ = from;
    while (claimed_ < jobs_.size() && jobs_[claimed_]->stage != Stage::waiting) ++claimed_;
  }

  /// Whether there is a request to begin, and the window allows it. While a reader awaits a job that is not done it does: that
  /// job may come after many replies of another task that nobody has read yet.
  bool may_begin(const InProcessJobBase* awaited) {
    skip_begun(claimed_);
    return claimed_ < jobs_.size() && (claimed_ < window_ || jobs_.front()->stage == Stage::running ||
                                       (awaited != nullptr && !done(*awaited)));
  }

  /// The next job to run, once the window allows it, or null when there is none.
  std::shared_ptr<InProcessJobBase> claim(std::unique_lock<Mutex>& lock) {
    while (!closed_) {
      if (may_begin(awaited_)) {
        if (std::shared_ptr<InProcessJobBase> job = begin()) return job;
        continue;
      }
      if (claimed_ >= jobs_.size()) return nullptr;
      if (awaited_ != nullptr) readable_.notify_one();
      ++window_waiters_;
      claimable_.wait(lock);
      --window_waiters_;
    }
    return nullptr;
  }

  /// The next job, to run; or null if it has to wait for its client.
  std::shared_ptr<InProcessJobBase> begin() {
    std::shared_ptr<InProcessJobBase> job = jobs_[claimed_++];
    if (claimed_ == jobs_.size() && awaited_ != nullptr)
      readable_.notify_one();  // what is done already need not wait for this one
    if (job->client && job->client->work == HostedClient::Work::busy) {
      job->stage = Stage::parked;
      job->client->parked.push_back(std::move(job));
      return nullptr;
    }
    job->stage = Stage::running;
    if (!job->client) {
      job->failure = Failure{job->client_id, std::string(error::no_clients.name()),
                             "there is no client " + job->client_id.str()};
    } else if (job->client->work == HostedClient::Work::lost) {
      job->client = nullptr;  // not this job's to release
      job->failure = late(*job, "is still busy with an earlier request");
    } else {
      job->client->work = HostedClient::Work::busy;
    }
    return job;
  }

  /// The job that waited for this one to be done with its client, to run; or null.
  std::shared_ptr<InProcessJobBase> unpark(const InProcessJobBase& finished) {
    if (!finished.client || finished.client->work != HostedClient::Work::none || closed_) return nullptr;
    HostedClient& client = *finished.client;
    while (!client.parked.empty()) {
      std::shared_ptr<InProcessJobBase> job = std::move(client.parked.front());
      client.parked.erase(client.parked.begin());
      if (job->stage != Stage::parked) continue;  // given up meanwhile
      job->stage = Stage::running;
      client.work = HostedClient::Work::busy;
      return job;
    }
    return nullptr;
  }

  /// Whoever waits for this client need not.
  void lose(HostedClient& client) {
    client.work = HostedClient::Work::lost;
    for (const auto& job : client.parked) {
      if (job->stage != Stage::parked) continue;
      job->client = nullptr;
      job->failure = late(*job, "is still busy with an earlier request");
      job->stage = Stage::done;
    }
    client.parked.clear();
  }

  static void run(InProcessJobBase& job, std::stop_token stop) {
    if (job.failure) return;
    const auto failed = [&job](std::string_view id, std::string message) {
      job.failure = Failure{job.client_id, std::string(id), std::move(message)};
    };
    try {
      job.call(std::move(stop));
      if (job.client->handlers.stateful()) {
        job.new_state = std::make_shared<const std::vector<std::byte>>(job.client->handlers.state());
      }
    } catch (const Error& e) {
      failed(e.id().name(), e.what());
    } catch (const std::exception& e) {
      failed(error::client_failed.name(), "client " + job.client_id.str() + " threw: " + e.what());
    } catch (...) {
      failed(error::client_failed.name(),
             "client " + job.client_id.str() + " threw something that is not a std::exception");
    }
  }

  /// Under the lock, after run: commits or puts back the client's state and makes the job readable.
  void finish(InProcessJobBase& job) {
    if (job.client) {
      bool put_back = true;
      if (job.stage == Stage::running && !job.failure) {
        if (job.new_state) job.client->replied = job.new_state;
      } else if (job.client->handlers.stateful()) {
        try {
          job.client->handlers.restore(*job.client->replied);
        } catch (const std::exception& e) {
          put_back = false;
          job.failure = Failure{
              job.client_id, std::string(error::client_failed.name()),
              "client " + job.client_id.str() +
                  " could not be put back into the state of its last reply that counted, and is asked "
                  "no more: " +
                  e.what()};
        }
      }
      if (put_back) {
        job.client->work = HostedClient::Work::none;
      } else {
        lose(*job.client);  // better no reply than one from a state that never was
      }
    }
    if (job.stage != Stage::running) return;
    job.stage = Stage::done;
    if (awaited_ == nullptr || !done(*awaited_)) return;
    if (awaited_ != jobs_.front().get()) return readable_.notify_one();
    // Waking the reader costs as much as a small client's work, so it is woken for a good batch, or when no more will begin.
    std::size_t ready = 0;
    while (2 * ready < window_ && ready < jobs_.size() && jobs_[ready]->stage == Stage::done) ++ready;
    if (claimed_ >= jobs_.size() || 2 * ready >= window_) readable_.notify_one();
  }

  const std::size_t reply_memory_;
  Mutex mutex_;
  std::condition_variable readable_;
  std::condition_variable claimable_;
  std::deque<std::shared_ptr<InProcessJobBase>> jobs_;  // outstanding, in order
  std::size_t claimed_ = 0;                             // jobs_[0 .. claimed_) have begun
  std::size_t window_ = 2;
  std::size_t workers_ = 0;
  std::size_t window_waiters_ = 0;
  const InProcessJobBase* awaited_ = nullptr;  // what the reader waits for
  bool closed_ = false;
};

using InProcessQueue = BasicInProcessQueue<std::mutex>;

}  // namespace healthai::detail
