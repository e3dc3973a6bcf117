#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/detail/in_process_queue.hpp"
#include "healthai/transport/executor.hpp"

namespace healthai {

/// How an InProcess transport works.
struct InProcessOptions {
  /// How many clients work at once; 0 means one for each processor. With an `executor`, how many pieces of work it is lent.
  std::size_t threads = 0;
  /// The application's own threads instead of the library's. Under the Buffered schedule one may wait between rounds, when as
  /// many replies are ready as `reply_memory` allows.
  Executor executor{};
  /// About how many bytes of replies may wait for their turn. More are kept only while an earlier client is slow.
  std::size_t reply_memory = std::size_t{256} << 20U;
};

/// Clients in this process, of any mixture of types, on a few threads: for simulation, for tests, and as the engine of
/// whatever hosts many clients at one place.
///
///     InProcess hospitals;
///     hospitals.add("north", LocalTrainer{model, {.learning_rate = 0.1}});
///     hospitals.add("south", MyClient{...});
///
/// Replies are delivered in the order in which the requests were sent, whatever the threads do, so that folding them in gives the same bits
/// for any number of threads. One request at a time for each client, in the order in which they were sent: a further one
/// waits until the one before it is done, and fails if that one was given up and the client is still at it.
///
/// A thread that waits for replies without a deadline works too, as one of the `threads`, unless there is an executor: waking
/// it for each small reply would cost more than the reply. Give a deadline to be sure that the thread comes back.
///
/// A client that throws becomes a Failure. One that ignores its stop token keeps its thread; another takes its place
/// (256 times at most; never for threads that an executor lent), and the process still exits. A client's serialised state
/// changes only together with a reply that counts: it is put back when the client throws or its reply comes too late.
///
/// Satisfies Transport for every task. Thread safety: as Transport says.
class InProcess {
 public:
  explicit InProcess(InProcessOptions options = {})
      : queue_(std::make_shared<detail::InProcessQueue>(options.reply_memory)), options_(std::move(options)) {
    if (options_.threads == 0) options_.threads = (std::max)(1U, std::thread::hardware_concurrency());
  }

  /// From clients with their ids: `InProcess{make_clients(...)}`. \throws as `add`.
  template <class C>
  explicit InProcess(std::vector<std::pair<ClientId, C>> clients, InProcessOptions options = {})
      : InProcess(std::move(options)) {
    for (auto& [id, client] : clients) add(std::move(id), std::move(client));
  }

  InProcess(InProcess&&) noexcept = default;
  InProcess& operator=(InProcess&&) = delete;
  InProcess(const InProcess&) = delete;
  InProcess& operator=(const InProcess&) = delete;
  ~InProcess() {
    if (queue_) queue_->close();
  }

  /// Adds a client. \throws Error (`invalid_id`) if there is one of that id already.
  template <class C>
  InProcess& add(ClientId id, C client) {
    if (hosted_.contains(id)) throw Error(error::invalid_id, "two clients are called " + id.str());
    TaskHandlers handlers;
    if constexpr (std::same_as<C, TaskHandlers>) {
      handlers = std::move(client);
    } else {
      handlers = TaskHandlers::of(std::move(client));
    }
    hosted_.emplace(std::move(id), std::make_shared<detail::HostedClient>(std::move(handlers)));
    return *this;
  }

  /// All clients, in the order of their ids.
  [[nodiscard]] std::vector<ClientId> clients() const {
    std::vector<ClientId> ids;
    ids.reserve(hosted_.size());
    for (const auto& [id, client] : hosted_) ids.push_back(id);
    return ids;
  }

  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    std::vector<RequestId> requests;
    requests.reserve(ids.size());
    const std::size_t bytes = T::bytes(*broadcast);
    queue_->begin_batch(bytes);
    for (const ClientId& id : ids) {
      traffic_.sent += bytes;
      const auto found = hosted_.find(id);
      requests.push_back(next_request_);
      queue_->push(job_for<T>(next_request_++, found == hosted_.end() ? nullptr : found->second,
                              Request<typename T::Broadcast>{broadcast, id}));
      // The pool's threads need not wait for the rest; an executor is asked once a batch.
      if (!options_.executor && requests.size() == options_.threads) lend_threads(helpers());
    }
    lend_threads(helpers());
    all_lent_ = false;
    return requests;
  }

  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    const bool helps = !options_.executor && deadline == Deadline::max();
    if (!helps && !std::exchange(all_lent_, true)) lend_threads(options_.threads);
    std::shared_ptr<detail::InProcessJobBase> job =
        queue_->next(&detail::type_tag<T>, deadline, helps ? options_.threads : 0);
    if (!job) return std::nullopt;
    auto& typed = static_cast<detail::InProcessJob<T>&>(*job);
    Delivery<T> delivery{typed.id, typed.client_id, {}};
    if (typed.stage ==
        detail::InProcessJobBase::Stage::abandoned) {  // the rest of it still belongs to its thread
      delivery.result = detail::InProcessQueue::late(typed, "did not reply before the deadline");
    } else if (typed.failure) {
      delivery.result = std::move(*typed.failure);
    } else {
      traffic_.received += T::bytes(typed.reply);
      delivery.result = std::move(typed.reply);
    }
    if (!job->known_to_others) {
      typed = {0, nullptr, {}};
      if (!over_.empty() && over_.back()->task != job->task) over_.clear();
      over_.push_back(std::move(job));
    }
    return delivery;
  }

  template <Task T>
  void stop() {
    queue_->stop(&detail::type_tag<T>);
  }

  /// The same for some requests only.
  template <Task T>
  void stop(std::span<const RequestId> requests) {
    queue_->stop(&detail::type_tag<T>, requests);
  }

  template <Task T>
  void give_up() {
    replace(queue_->give_up(&detail::type_tag<T>));
  }
  /// The same for some requests only.
  template <Task T>
  void give_up(std::span<const RequestId> requests) {
    replace(queue_->give_up(&detail::type_tag<T>, requests));
  }

  [[nodiscard]] Traffic traffic() const noexcept { return traffic_; }

  /// The state of every client that has one, as of its last reply that was delivered: what a checkpoint keeps.
  [[nodiscard]] std::vector<std::pair<ClientId, std::vector<std::byte>>> client_states() const {
    std::vector<std::pair<ClientId, std::vector<std::byte>>> states;
    for (const auto& [id, client] : hosted_) {
      if (client->handlers.stateful()) states.emplace_back(id, queue_->delivered_state(*client));
    }
    return states;
  }
  /// Puts clients back into those states. \throws Error (`unknown_name`) for a client that is not here, (`archive_*`).
  void restore_client_states(std::span<const std::pair<ClientId, std::vector<std::byte>>> states) {
    for (const auto& [id, bytes] : states) {
      const auto found = hosted_.find(id);
      if (found == hosted_.end()) {
        throw Error(error::unknown_name,
                    "the checkpoint holds the state of client " + id.str() + ", which is not here");
      }
      found->second->restore(bytes);
    }
  }

 private:
  template <Task T>
  [[nodiscard]] std::shared_ptr<detail::InProcessJobBase> job_for(
      RequestId id, std::shared_ptr<detail::HostedClient> client, Request<typename T::Broadcast> request) {
    using Job = detail::InProcessJob<T>;
    Job job(id, std::move(client), std::move(request));
    if (over_.empty() || over_.back()->task != job.task) return std::make_shared<Job>(std::move(job));
    std::shared_ptr<detail::InProcessJobBase> again = std::move(over_.back());
    over_.pop_back();
    static_cast<Job&>(*again) = std::move(job);
    return again;
  }

  /// How many threads to lend before it is known whether the thread that calls `next` will be one of them.
  [[nodiscard]] std::size_t helpers() const noexcept {
    return options_.executor ? options_.threads : options_.threads - 1;
  }

  /// Other threads for those that are lost to clients which work on, and more for those who now need not wait.
  void replace(std::size_t lost) {
    for (; lost > 0 && pool_; --lost) {
      if (!pool_->replace_lost()) break;
    }
    lend_threads(options_.threads);
  }

  /// Sees to it that `threads` are working through the queue, if so many requests wait. A template so that starting
  /// threads is compiled only where something is sent.
  template <class Pool = detail::ThreadPool>
  void lend_threads(std::size_t threads) {
    const std::size_t more = queue_->reserve_workers(threads);
    if (more > 0 && !options_.executor && !pool_) pool_ = std::make_shared<Pool>(options_.threads);
    for (std::size_t active = more; active > 0; --active) {
      auto work = [queue = queue_] { queue->work(); };
      if (options_.executor) {
        options_.executor(work);
      } else {
        pool_->submit(work);
      }
    }
  }

  std::shared_ptr<detail::InProcessQueue> queue_;  // shared with threads that may outlive this object
  InProcessOptions options_;
  std::shared_ptr<detail::ThreadPool> pool_;  // never shared, but destroyed without being compiled here
  std::map<ClientId, std::shared_ptr<detail::HostedClient>> hosted_;
  // Jobs of one task whose memory serves the next requests: with a thousand clients the heap would else grow and shrink by them
  // in each round.
  std::vector<std::shared_ptr<detail::InProcessJobBase>> over_;
  Traffic traffic_{};
  RequestId next_request_ = 1;
  bool all_lent_ = false;
};

}  // namespace healthai
