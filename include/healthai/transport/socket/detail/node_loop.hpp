#pragma once

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/transport/socket/detail/connector.hpp"
#include "healthai/transport/socket/detail/framed_connection.hpp"
#include "healthai/transport/socket/detail/shared_loop.hpp"
#include "healthai/transport/socket/detail/start_number.hpp"
#include "healthai/transport/socket/options.hpp"
#include "healthai/transport/socket/protocol.hpp"
#include "healthai/transport/socket/service.hpp"

namespace healthai::detail {

/// A node's end of its one connection, which it makes again whenever it breaks. The connection lives on a thread of its own; the
/// work is done on the thread that calls `work`.
class NodeLoop {
 public:
  NodeLoop(Service& service, SocketClientOptions options)
      : service_(service), options_(std::move(options)), instance_(start_number()), tick_(io_), retry_(io_) {
    if (options_.tls) tls_.emplace(client_tls(*options_.tls));  // what is wrong with them is said now
    tick();
    connect();
    loop_.start();
  }
  NodeLoop(const NodeLoop&) = delete;
  NodeLoop& operator=(const NodeLoop&) = delete;
  ~NodeLoop() { loop_.stop(); }

  /// Does what the coordinator asks until it says that the federation is over, or `stop` is requested.
  /// \return whether the federation is over. \throws Error when the coordinator will never let this node in
  bool work(const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      if (working_on_) working_on_->stop.request_stop();
      asio::post(io_, [] {});
    });
    for (;;) {
      loop_.run_until(Deadline::max(), [this] {
        const std::lock_guard lock(mutex_);
        return stopped_ || ended_ || !work_.empty();
      });
      std::unique_lock lock(mutex_);
      if (stopped_) return false;
      if (work_.empty()) {
        if (refusal_) throw Error(*refusal_);
        return true;
      }
      const Work next = std::move(work_.front());
      work_.pop_front();
      working_on_ = next.job;
      lock.unlock();
      carry_out(next);
      lock.lock();
      working_on_.reset();
    }
  }

 private:
  /// One request, from its first byte until its reply has been counted.
  struct Job {
    RequestId id = 0;
    std::uint64_t coordinator = 0;
    std::shared_ptr<ServiceRequest> request{};
    std::stop_source stop{};
    bool dropped = false;  // nobody waits for it any more
    std::shared_ptr<const EncodedMessage> reply{};
    FrameKind kind = FrameKind::reply;  // or a failure
    bool whole = false;                 // all of the request has come
  };
  struct Work {
    enum class Kind : std::uint8_t { answer, accepted, discarded } kind;
    std::shared_ptr<Job> job;
  };

  class Connection final : public FramedConnection {
   public:
    Connection(NodeLoop& loop, Stream stream)
        : FramedConnection(std::move(stream), std::numeric_limits<std::uint64_t>::max()), loop_(loop) {}
    bool welcomed = false;

   private:
    bool on_header(const FrameHeader& header) override { return loop_.fits(*this, header); }
    std::optional<Reception> on_head(const FrameHeader& header, std::span<const std::byte> head) override {
      if (static_cast<FrameKind>(header.kind) == FrameKind::request)
        return loop_.request_begins(*this, header, head);
      if (header.arrays != 0) throw Error(error::protocol, "a frame that is no request has arrays");
      head_.assign(head.begin(), head.end());
      return Reception{};
    }
    void on_frame(const FrameHeader& header, bool /*skipped*/) override {
      const std::vector<std::byte> head = std::exchange(head_, {});
      switch (static_cast<FrameKind>(header.kind)) {
        case FrameKind::welcome:
          return loop_.welcomed(*this, from_bytes<Welcome>(head));
        case FrameKind::refused:
          return loop_.refused(*this, from_bytes<EntryRefusal>(head));
        case FrameKind::ping:
          return;
        case FrameKind::request:
          return loop_.request_ends(header.request);
        case FrameKind::stop:
          return loop_.stop(header.request);
        case FrameKind::grant:
          return loop_.granted(*this, header.request);
        case FrameKind::accepted:
          return loop_.accepted(header.request);
        case FrameKind::cancel:
        case FrameKind::discarded:
          return loop_.discarded(header.request);
        case FrameKind::goodbye:
          return loop_.goodbye(*this);
        default:
          throw Error(error::protocol,
                      "a coordinator does not send frames of the kind " + std::to_string(header.kind));
      }
    }
    void on_closed(const std::string& why) override { loop_.closed(*this, why); }
    [[nodiscard]] std::string reason(const boost::system::error_code& error) override {
      // With TLS 1.3 a server's objection to the client's certificate comes after the handshake.
      return stream().ssl() != nullptr && error.category() == asio::error::get_ssl_category()
                 ? tls_error(stream().ssl(), error)
                 : FramedConnection::reason(error);
    }
    NodeLoop& loop_;
    std::vector<std::byte> head_;
  };

  void event(SocketEvent::Kind kind, std::string message) const noexcept {
    try {
      if (options_.on_event) options_.on_event({kind, service_.id(), std::move(message)});
    } catch (...) {  // a display that does not work is no reason to drop a connection
    }
  }
  [[nodiscard]] std::string there() const { return options_.host + ":" + std::to_string(options_.port); }

  // On the thread that serves.

  void carry_out(const Work& work) {
    Job& job = *work.job;
    if (work.kind == Work::Kind::accepted) return job.request->accepted();
    if (work.kind == Work::Kind::discarded) return job.request->discarded();
    std::shared_ptr<const EncodedMessage> reply;
    FrameKind kind = FrameKind::reply;
    const auto failed = [&](std::string_view error, const std::string& what) {
      kind = FrameKind::failure;
      reply = encode(std::make_shared<const Failure>(Failure{service_.id(), std::string(error), what}));
    };
    try {
      reply = job.request->answer(job.stop.get_token());
    } catch (const Error& e) {
      failed(e.id().name(), e.what());
    } catch (const std::exception& e) {
      failed(error::client_failed.name(), "client " + service_.id().str() + " failed: " + e.what());
    } catch (...) {
      failed(error::client_failed.name(),
             "client " + service_.id().str() + " failed with an exception that is no std::exception");
    }
    if (is_over()) return job.request->discarded();  // nobody is left to count it
    if (is_stopped()) return;                        // cut short, and only because this node leaves: not sent
    loop_.give([this, of = work.job, kind, reply = std::move(reply)]() mutable {
      of->kind = kind;
      of->reply = std::move(reply);
      if (of->dropped) return let_go(of, Work::Kind::discarded);
      if (connection_ && connection_->welcomed && of->coordinator == coordinator_) deliver(*of);
    });
  }

  [[nodiscard]] bool is_over() {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

  [[nodiscard]] bool is_stopped() {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

  // On the connection's thread.

  void add_work(Work::Kind kind, std::shared_ptr<Job> job) {
    const std::lock_guard lock(mutex_);
    work_.push_back({kind, std::move(job)});
  }
  [[nodiscard]] std::shared_ptr<Job> find(RequestId id) const {
    const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const std::shared_ptr<Job>& job) {
      return job->id == id && job->coordinator == coordinator_;
    });
    return found == jobs_.end() ? nullptr : *found;
  }
  /// The job is over. A failure has changed nothing that could count or be undone.
  void let_go(const std::shared_ptr<Job>& job, Work::Kind how) {
    std::erase(jobs_, job);
    if (job->kind == FrameKind::reply) add_work(how, job);
  }

  /// A frame begins. \return whether it is small enough
  bool fits(Connection& connection, const FrameHeader& header) {
    const std::uint64_t largest = options_.largest_message;
    if (header.head <= largest && header.arrays <= largest - header.head) return true;
    const std::string what = "a message of " + std::to_string(header.head) + " and " +
                             std::to_string(header.arrays) + " bytes is longer than the " +
                             std::to_string(largest) + " of SocketClientOptions::largest_message";
    if (!connection.welcomed || static_cast<FrameKind>(header.kind) != FrameKind::request)
      throw Error(error::archive_limit, what);
    refuse_request(connection, header.request, error::archive_limit.name(), what);
    return false;
  }
  std::optional<FramedConnection::Reception> request_begins(Connection& connection, const FrameHeader& header,
                                                            std::span<const std::byte> head) {
    if (!connection.welcomed) throw Error(error::protocol, "a request before the welcome");
    if (find(header.request)) throw Error(error::protocol, "a second request of the same number");
    auto job = std::make_shared<Job>();
    job->id = header.request;
    job->coordinator = coordinator_;
    try {
      SpanSource source(head);
      BinaryReader reader(source);
      std::string task;
      reader >> task;
      job->request = service_.open(task);
      auto places =
          job->request->take_head(head.subspan(static_cast<std::size_t>(reader.position())), header.arrays);
      jobs_.push_back(job);
      return FramedConnection::Reception{std::move(places), job};
    } catch (const Error& e) {
      refuse_request(connection, header.request, e.id().name(), e.what());
    } catch (const std::bad_alloc&) {
      refuse_request(connection, header.request, error::archive_limit.name(),
                     "there is no memory for a request of " + std::to_string(header.arrays) + " bytes");
    } catch (const std::exception& e) {  // of the type that the request is read into
      refuse_request(connection, header.request, error::archive_corrupt.name(),
                     std::string("the request cannot be read: ") + e.what());
    }
    return std::nullopt;
  }
  void refuse_request(Connection& connection, RequestId id, std::string_view error, const std::string& what) {
    connection.send_value(
        FrameKind::failure, id,
        Failure{service_.id(), std::string(error), "client " + service_.id().str() + ": " + what});
  }
  void request_ends(RequestId id) {
    const auto job = find(id);
    if (!job) return;  // it was refused
    job->whole = true;
    if (job->dropped) {
      std::erase(jobs_, job);
    } else {
      add_work(Work::Kind::answer, job);
    }
  }
  void stop(RequestId id) {
    if (const auto job = find(id)) job->stop.request_stop();
  }
  void deliver(const Job& job) {
    if (const auto anchor = service_.audit_anchor())
      connection_->queue_value(FrameKind::anchor, job.id, *anchor);
    const std::uint64_t bytes = job.reply->head.size() + job.reply->array_bytes();
    if (bytes <= largest_unannounced_reply) {
      connection_->send(job.kind, job.id, job.reply);
    } else {
      connection_->send_value(FrameKind::announce, job.id, Announcement{bytes});
    }
  }
  void granted(Connection& connection, RequestId id) {
    const auto job = find(id);
    if (job && job->reply) connection.send(job->kind, id, job->reply);
  }
  void accepted(RequestId id) {
    if (const auto job = find(id)) let_go(job, Work::Kind::accepted);
  }
  void discarded(RequestId id) {
    const auto job = find(id);
    if (!job) return;
    job->dropped = true;
    job->stop.request_stop();
    if (job->reply) {
      let_go(job, Work::Kind::discarded);
      return;
    }
    if (take_back(job)) std::erase(jobs_, job);
  }
  /// Off the queue. \return whether it was there: then nothing has been done for it
  bool take_back(const std::shared_ptr<Job>& job) {
    const std::lock_guard lock(mutex_);
    return std::erase_if(work_, [&](const Work& work) {
             return work.job == job && work.kind == Work::Kind::answer;
           }) > 0;
  }

  void connect() {
    const auto give_up = [this](const std::string& why) {
      event(SocketEvent::Kind::disconnected, "no connection to " + there() + ": " + why);
      connect_later();
    };
    try {
      if (options_.tls && attempts_ > 0)
        tls_.emplace(client_tls(*options_.tls));  // they may have been renewed
    } catch (const Error& e) {
      ++attempts_;
      return give_up(e.what());
    }
    ++attempts_;
    std::make_shared<Connector>(io_, options_, tls_ ? &*tls_ : nullptr,
                                [this, give_up](std::optional<Stream> stream, const std::string& why) {
                                  if (!stream) return give_up(why);
                                  connected(std::move(*stream));
                                })
        ->start();
  }
  void connect_later() {
    if (ended_) return;
    // Doubled each time, and at random, so that a coordinator that comes back is not asked by all at once.
    const double doubled =
        static_cast<double>(options_.retry_after.count()) * std::exp2((std::min)(failures_++, 20U));
    const double longest = (std::min)(doubled, static_cast<double>(options_.retry_at_most.count()));
    const double part = std::uniform_real_distribution<double>(0.5, 1)(jitter_);
    retry_.expires_after(std::chrono::milliseconds(static_cast<std::int64_t>(longest * part)));
    retry_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) connect();
    });
  }
  void connected(Stream stream) {
    connection_ = std::make_shared<Connection>(*this, std::move(stream));
    connected_at_ = Clock::now();
    connection_->start();
    Hello hello{std::string(software), service_.id(), instance_, service_.tasks(), coordinator_, {}};
    for (const auto& job : jobs_) {
      if (job->coordinator == coordinator_ && job->whole) hello.holding.push_back(job->id);
    }
    connection_->send_value(FrameKind::hello, protocol_version, std::move(hello));
  }
  void welcomed(Connection& connection, const Welcome& welcome) {
    if (std::exchange(connection.welcomed, true)) throw Error(error::protocol, "a second welcome");
    failures_ = 0;
    if (welcome.heartbeat_seconds > 0) {
      const std::chrono::seconds said(welcome.heartbeat_seconds);
      every_ = (std::min)(options_.heartbeat.every, said);
      silence_ = (std::max)(options_.heartbeat.silence, 3 * said);
    }
    event(SocketEvent::Kind::connected, "connected to " + there() + " (" + welcome.software + ")");
    const bool same = std::exchange(coordinator_, welcome.coordinator) == welcome.coordinator;
    const auto in = [](const std::vector<std::uint64_t>& ids, RequestId id) {
      return std::find(ids.begin(), ids.end(), id) != ids.end();
    };
    for (const auto& job : std::vector(jobs_)) {
      if (!same || job->coordinator != coordinator_) {
        // Another coordinator, or the same one started again: if it has not counted the reply it will ask for it anew, and the
        // service remembers what it answered. What is under way goes on, for it may be asked for; what is not is dropped.
        static_cast<void>(take_back(job));
        std::erase(jobs_, job);
      } else if (in(welcome.counted, job->id)) {
        let_go(job, Work::Kind::accepted);
      } else if (!in(welcome.known, job->id)) {
        discarded(job->id);
      } else if (job->reply) {
        deliver(*job);
      }
    }
  }
  void refused(Connection& connection, const EntryRefusal& refusal) {
    const std::string why =
        "the coordinator at " + there() + " does not let this node in: " + refusal.message;
    event(SocketEvent::Kind::refused, why);
    if (refusal.final) end(Error(error::refused, why));
    connection.close(why);
  }
  void goodbye(Connection& connection) {
    event(SocketEvent::Kind::finished, "the coordinator at " + there() + " says that the federation is over");
    end(std::nullopt);
    connection.close("the federation is over");
  }
  void end(std::optional<Error> refusal) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(refusal);
    ended_ = true;
    std::erase_if(work_, [](const Work& work) { return work.kind == Work::Kind::answer; });
    if (working_on_) working_on_->stop.request_stop();
  }
  void closed(Connection& connection, const std::string& why) {
    // Requests that had not come whole are gone; the coordinator sends them again.
    std::erase_if(jobs_, [](const std::shared_ptr<Job>& job) { return !job->whole; });
    if (connection.welcomed)
      event(SocketEvent::Kind::disconnected, "disconnected from " + there() + ": " + why);
    if (!connection.welcomed && !ended_)
      event(SocketEvent::Kind::disconnected, "no connection to " + there() + ": " + why);
    connection_.reset();
    if (!ended_) connect_later();
  }
  void tick() {
    tick_.expires_after(
        (std::max)(std::chrono::milliseconds(1),
                   (std::min)(std::chrono::milliseconds(500), std::chrono::milliseconds(every_) / 4)));
    tick_.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) tick();
    });
    const auto now = Clock::now();
    if (connection_) {
      if (!connection_->welcomed && now - connected_at_ > options_.connect_within) {
        const auto connection = connection_;
        connection->close("the coordinator has not answered the hello");
      } else {
        const auto connection = connection_;
        connection->keep_alive(now, every_, silence_);
      }
    }
  }

  Service& service_;
  SocketClientOptions options_;
  std::uint64_t instance_;
  SharedLoop loop_{
      [this](const std::exception& e) {  // no memory, say: if the connection falls silent, it is made again
        event(SocketEvent::Kind::warning, std::string("in the network's loop: ") + e.what());
      }};
  asio::io_context& io_ = loop_.io();
  std::optional<asio::ssl::context> tls_;
  asio::steady_timer tick_;
  asio::steady_timer retry_;
  std::shared_ptr<Connection> connection_;
  Clock::time_point connected_at_{};
  std::chrono::seconds every_{options_.heartbeat.every};
  std::chrono::seconds silence_{options_.heartbeat.silence};
  std::uint64_t coordinator_ = 0;
  std::vector<std::shared_ptr<Job>> jobs_;
  unsigned attempts_ = 0;
  unsigned failures_ = 0;
  std::minstd_rand jitter_{std::random_device{}()};

  std::mutex mutex_;  // of what follows
  std::deque<Work> work_;
  std::shared_ptr<Job> working_on_;
  bool stopped_ = false;
  bool ended_ = false;
  std::optional<Error> refusal_;
};

}  // namespace healthai::detail
