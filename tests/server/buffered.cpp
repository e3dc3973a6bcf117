// Federation with the schedule Buffered.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "../quadratic.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/simulation/simulated_time.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fedavgm.hpp"
#include "healthai/strategy/feddyn.hpp"
#include "healthai/strategy/fednova.hpp"
#include "healthai/strategy/qfedavg.hpp"
#include "healthai/strategy/scaffold.hpp"
#include "healthai/transport/in_process.hpp"

namespace server_buffered_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

static_assert(takes_stale_updates<FedAvg, double>() && takes_stale_updates<FedAvgM, float>() &&
              takes_stale_updates<FedNova, double>() && takes_stale_updates<BasicFedAvg<Median>, double>());
static_assert(!takes_stale_updates<Scaffold, double>() && !takes_stale_updates<FedDyn, double>() &&
              !takes_stale_updates<QFedAvg, double>());

/// A strategy that looks at the whole round and does not say whether updates may be stale.
struct Cautious : FedAvg {
  template <class Scalar>
  void apply(Stateless<Scalar>&, Parameters<Scalar>& parameters, const RoundAggregate<Scalar>& round) const {
    parameters.flat() += round.update.flat();
  }
};
static_assert(Strategy<Cautious, double> && !takes_stale_updates<Cautious, double>());

const Parameters<double> origin(Quadratic<double>::layout_for(1));
constexpr double rate = 0.5;

LocalTrainer<Quadratic<double>> trainer(double curvature, double target, std::size_t rows) {
  return LocalTrainer(Quadratic<double>{{curvature}, {target}, rows}, {.learning_rate = rate});
}

/// A client whose training is a function.
template <class Function>
struct Scripted {
  Function function;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    return function(request, stop);
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
};
template <class Function>
Scripted(Function) -> Scripted<Function>;

TrainReply<double> move_by(double step, const TrainRequest<double>& request, double rows = 1) {
  Parameters<double> update(request->parameters.layout());
  update.data()[0] = step;
  return {std::move(update), rows, {}, 1, false};
}

bool same_bits(const Parameters<double>& a, const Parameters<double>& b) {
  return a.layout() == b.layout() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::vector<ClientId> ids(std::initializer_list<const char*> names) {
  return {names.begin(), names.end()};
}

/// Three hospitals: who they are, what they have.
constexpr const char* name[] = {"a", "b", "c"};
constexpr double curvature[] = {0.4, 1.0, 1.6};
constexpr double target[] = {-4.0, 1.0, 2.5};
constexpr std::size_t rows[] = {10, 3, 7};
InProcess three_hospitals(std::size_t threads = 2) {
  InProcess clients({.threads = threads});
  for (std::size_t k = 0; k < 3; ++k) clients.add(name[k], trainer(curvature[k], target[k], rows[k]));
  return clients;
}
/// The update of client k from w.
double update_of(std::size_t k, double w) {
  return -rate * curvature[k] * (w - target[k]);
}

/// What a federation made, and what it said of it.
struct Made {
  Parameters<double> parameters;
  std::vector<RoundReport> history;
};

void check_same(const Made& one, const Made& other) {
  CHECK(same_bits(one.parameters, other.parameters));
  REQUIRE(one.history.size() == other.history.size());
  for (std::size_t i = 0; i < one.history.size(); ++i) {
    CHECK(one.history[i].selected == other.history[i].selected);
    CHECK(one.history[i].participants == other.history[i].participants);
    CHECK(one.history[i].failures == other.history[i].failures);
    CHECK(one.history[i].mean_staleness == other.history[i].mean_staleness);
    CHECK(one.history[i].evaluation == other.history[i].evaluation);
  }
}

std::string refusal(auto strategy, auto& transport, FederationOptions options) {
  try {
    Federation federation{strategy, transport, std::move(options)};
  } catch (const Error& e) {
    return e.id() == error::invalid_argument ? e.what() : "another id";
  }
  return "none";
}

}  // namespace

TEST_CASE("three hospitals in virtual time, by hand") {
  // They take 5.6, 13.6 and 29.3 virtual seconds. With a buffer of two:
  //   round 1 ends with b's reply at 13.6: a and b, both fresh; c trains on from version 1;
  //   round 2 at 27.1: a and b again; round 3 at 32.7: c (29.3), which is 2 versions old, and a (asked at 27.1);
  //   round 4 at 40.7: a (38.3), and b, asked at 27.1 with version 3, which is 1 version old.
  InProcess clients = three_hospitals();
  SimulatedTime simulated(
      clients, VirtualClock({.median_seconds = 10, .client_deviation = 1, .round_deviation = 0}, 4559));
  const double a = simulated.clock().duration("a", 1);
  const double b = simulated.clock().duration("b", 1);
  const double c = simulated.clock().duration("c", 1);
  REQUIRE((a < b && 2 * a < b && b < 3 * a && 2 * b < c && c < 2 * b + a));

  Federation federation{FedAvg{}, simulated, {.rounds = 4, .schedule = Buffered{.size = 2}}};
  federation.start(origin);
  const auto parameter = [&federation] { return federation.parameters().data()[0]; };
  const auto mean = [](double n1, double u1, double n2, double u2) {
    return (n1 * u1 + n2 * u2) / (n1 + n2);
  };

  RoundReport report = federation.step();
  CHECK(report.selected == ids({"a", "b", "c"}));
  CHECK(report.participants == ids({"a", "b"}));
  CHECK(report.failures.empty());
  CHECK(report.num_examples == 13);
  CHECK(report.max_staleness == 0);
  CHECK(simulated.clock().now() == doctest::Approx(b));
  const double w1 = mean(10, update_of(0, 0), 3, update_of(1, 0));
  CHECK(parameter() == doctest::Approx(w1).epsilon(1e-14));

  report = federation.step();
  CHECK(report.selected == ids({"a", "b", "c"}));
  CHECK(report.participants == ids({"a", "b"}));
  CHECK(simulated.clock().now() == doctest::Approx(2 * b));
  const double w2 = w1 + mean(10, update_of(0, w1), 3, update_of(1, w1));
  CHECK(parameter() == doctest::Approx(w2).epsilon(1e-14));

  report = federation.step();
  CHECK(report.participants == ids({"c", "a"}));
  CHECK(report.mean_staleness == 1);
  CHECK(report.max_staleness == 2);
  CHECK(report.num_examples == 17);  // rows, whatever the discount
  CHECK(simulated.clock().now() == doctest::Approx(2 * b + a));
  const double w3 = w2 + mean(7 / std::sqrt(3.0), update_of(2, 0), 10, update_of(0, w2));
  CHECK(parameter() == doctest::Approx(w3).epsilon(1e-14));

  report = federation.step();
  CHECK(report.participants == ids({"a", "b"}));
  CHECK(report.mean_staleness == 0.5);
  CHECK(report.max_staleness == 1);
  CHECK(simulated.clock().now() == doctest::Approx(3 * b));
  const double w4 = w3 + mean(10, update_of(0, w3), 3 / std::sqrt(2.0), update_of(1, w2));
  CHECK(parameter() == doctest::Approx(w4).epsilon(1e-14));
}

TEST_CASE(
    "it is the event loop of the paper, with momentum and rates that change, at any size of the buffer") {
  // An independent reference: a list of events in doubles.
  for (const std::size_t size : {1U, 2U, 3U, 5U}) {
    for (const double exponent : {0.0, 0.5, 2.0}) {
      CAPTURE(size);
      CAPTURE(exponent);
      constexpr std::size_t n = 6;
      const VirtualClock times({.median_seconds = 10, .client_deviation = 0.8, .round_deviation = 0.3}, 11);
      InProcess clients({.threads = 2});
      for (std::size_t k = 0; k < n; ++k) {
        clients.add("c" + std::to_string(k),
                    trainer(0.2 + 0.2 * static_cast<double>(k), std::sin(static_cast<double>(k)), 1 + 3 * k));
      }
      SimulatedTime simulated(clients, times);
      const auto server_rate = RateSchedule::inverse_sqrt(0.5, 4);
      Federation federation{
          FedAvgM{.server_momentum = 0.4, .server_learning_rate = server_rate},
          simulated,
          {.rounds = 40, .schedule = Buffered{.size = size, .staleness_exponent = exponent}}};
      federation.start(origin);

      struct Training {
        double done, from;
        std::size_t client;
        std::uint64_t version;
      };
      std::vector<Training> training;
      double now = 0, w = 0, velocity = 0;
      for (std::uint64_t version = 1; version <= 40; ++version) {
        for (std::size_t k = 0; k < n; ++k) {
          if (std::none_of(training.begin(), training.end(), [k](auto& t) { return t.client == k; })) {
            training.push_back({now + times.duration("c" + std::to_string(k), version), w, k, version});
          }
        }
        double top = 0, bottom = 0;
        for (std::size_t i = 0; i < size; ++i) {
          const auto next = std::min_element(training.begin(), training.end(),
                                             [](auto& x, auto& y) { return x.done < y.done; });
          const auto k = static_cast<double>(next->client);
          const double weight = static_cast<double>(1 + 3 * next->client) *
                                std::pow(1 + static_cast<double>(version - next->version), -exponent);
          top += weight * -rate * (0.2 + 0.2 * k) * (next->from - std::sin(k));
          bottom += weight;
          now = next->done;
          training.erase(next);
        }
        velocity = 0.4 * velocity + top / bottom;
        w += server_rate.at(version) * velocity;
        CHECK(federation.step().participants.size() == size);
        CHECK(federation.parameters().data()[0] == doctest::Approx(w).epsilon(1e-12));
        CHECK(simulated.clock().now() == doctest::Approx(now).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("a buffer of everyone is a synchronous round, bit for bit") {
  const auto run = [](Schedule schedule, bool virtual_time) -> Made {
    InProcess clients({.threads = 3});
    for (int i = 0; i < 7; ++i) {
      clients.add("c" + std::to_string(i),
                  trainer(0.3 + 0.1 * i, std::sin(i), 3 + static_cast<std::size_t>(i)));
    }
    FederationOptions options{.rounds = 15, .seed = 3, .schedule = schedule};
    options.evaluation.every = 4;
    if (virtual_time) {  // all take the same time
      SimulatedTime simulated(
          clients, VirtualClock({.median_seconds = 10, .client_deviation = 0, .round_deviation = 0}, 1));
      Federation federation{FedAvg{}, simulated, options};
      auto outcome = federation.run(origin);
      CHECK(simulated.clock().now() == doctest::Approx(150));
      return {outcome.parameters, outcome.history};
    }
    Federation federation{FedAvg{}, clients, options};
    auto outcome = federation.run(origin);
    return {outcome.parameters, outcome.history};
  };
  const Made rounds = run(Synchronous{}, false);
  check_same(rounds, run(Buffered{.size = 7, .concurrency = 7}, false));
  check_same(rounds, run(Buffered{.size = 7}, true));
  // A buffer that is never full ends when nobody is left.
  check_same(rounds, run(Buffered{.size = 70}, false));
}

TEST_CASE("the same bits with 1, 2 and 4 threads, in virtual time and in the order of requests") {
  const auto run = [](std::size_t threads, bool virtual_time, std::size_t reply_memory) -> Made {
    InProcess clients({.threads = threads, .reply_memory = reply_memory});
    for (int i = 0; i < 40; ++i) {
      clients.add("c" + std::to_string(i), Scripted{[inner = trainer(0.5, std::cos(i) * 1e3, 2), i](
                                                        const auto& request, auto stop) mutable {
                    std::this_thread::sleep_for(std::chrono::microseconds(37 * i % 500));
                    if ((request->id.round + static_cast<std::uint64_t>(i)) % 9 == 0)
                      throw std::runtime_error("now and then");
                    return inner.train(request, stop);
                  }});
    }
    FederationOptions options{.rounds = 25, .seed = 7, .schedule = Buffered{.size = 5, .concurrency = 13}};
    options.evaluation.every = 3;
    if (!virtual_time) {
      Federation federation{FedAvg{}, clients, options};
      auto outcome = federation.run(origin);
      return {outcome.parameters, outcome.history};
    }
    SimulatedTime simulated(clients, VirtualClock({.median_seconds = 60, .drop_out = 0.1}, 5), 200.0);
    Federation federation{FedAvg{}, simulated, options};
    auto outcome = federation.run(origin);
    return {outcome.parameters, outcome.history};
  };
  for (const bool virtual_time : {true, false}) {
    const Made one = run(1, virtual_time, 1U << 28U);
    CHECK(std::any_of(one.history.begin(), one.history.end(), [](auto& r) { return r.max_staleness > 0; }));
    CHECK(std::any_of(one.history.begin(), one.history.end(), [](auto& r) { return !r.failures.empty(); }));
    for (const RoundReport& report : one.history) CHECK(report.participants.size() == 5);
    check_same(one, run(2, virtual_time, 1U << 28U));
    check_same(one, run(4, virtual_time, 1U << 28U));
    check_same(one, run(4, virtual_time, 1));  // hardly any reply may wait
  }
}

TEST_CASE("a slow client holds nobody up, and its work counts when it comes") {
  InProcess clients = three_hospitals();
  const ClientTimes times{.median_seconds = 10, .client_deviation = 1, .round_deviation = 0};
  const auto seconds = [&](Schedule schedule) {
    SimulatedTime simulated(clients, VirtualClock(times, 4559));
    Federation federation{FedAvg{}, simulated, {.rounds = 30, .schedule = schedule}};
    const auto outcome = federation.run(origin);
    std::size_t of_c = 0;
    for (const RoundReport& report : outcome.history) {
      of_c += static_cast<std::size_t>(
          std::count(report.participants.begin(), report.participants.end(), ClientId("c")));
    }
    CHECK(of_c > 5);
    return simulated.clock().now();
  };
  const VirtualClock clock(times, 4559);
  CHECK(seconds(Synchronous{}) == doctest::Approx(30 * clock.duration("c", 1)));
  CHECK(seconds(Buffered{.size = 2}) < 30 * clock.duration("b", 1));
}

TEST_CASE("no more clients train at the same time than asked for, and places that become free go to others") {
  InProcess clients({.threads = 4});
  auto at_work = std::make_shared<std::atomic<int>>(0);
  auto most = std::make_shared<std::atomic<int>>(0);
  for (int i = 0; i < 12; ++i) {
    clients.add("c" + std::to_string(i), Scripted{[=](const auto& request, std::stop_token) {
                  const int now = ++*at_work;
                  int before = *most;
                  while (before < now && !most->compare_exchange_weak(before, now)) {
                  }
                  std::this_thread::sleep_for(1ms);
                  --*at_work;
                  return move_by(1, request);
                }});
  }
  // The buffer is larger than the number of places: within a version, six clients are asked, two by two.
  Federation federation{
      FedAvg{}, clients, {.rounds = 20, .seed = 2, .schedule = Buffered{.size = 6, .concurrency = 2}}};
  const auto outcome = federation.run(origin);
  CHECK(*most == 2);
  std::vector<ClientId> ever;
  for (const RoundReport& report : outcome.history) {
    CHECK(report.participants.size() == 6);
    CHECK(report.selected.size() <= 7);
    auto once = report.participants;
    std::sort(once.begin(), once.end());
    CHECK(std::adjacent_find(once.begin(), once.end()) == once.end());  // nobody twice in a buffer
    ever.insert(ever.end(), once.begin(), once.end());
  }
  std::sort(ever.begin(), ever.end());
  ever.erase(std::unique(ever.begin(), ever.end()), ever.end());
  CHECK(ever.size() == 12);
  CHECK(outcome.parameters.data()[0] == 20);
}

TEST_CASE("a client that fails is in the report, and asked again for the next version") {
  InProcess clients = three_hospitals();
  auto asked = std::make_shared<std::vector<std::uint64_t>>();
  clients.add("broken", Scripted{[asked](const auto& request, std::stop_token) -> TrainReply<double> {
                asked->push_back(request->id.round);
                throw std::runtime_error("no disk");
              }});
  clients.add("layout", Scripted{[](const auto&, std::stop_token) {
                return TrainReply<double>{Parameters<double>(Layout{{"v", {2}}}), 1, {}, 1, false};
              }});
  Federation federation{FedAvg{}, clients, {.rounds = 4, .schedule = Buffered{.size = 5}}};
  const auto outcome = federation.run(origin);
  CHECK(*asked == std::vector<std::uint64_t>{1, 2, 3, 4});
  for (const RoundReport& report : outcome.history) {
    CHECK(report.updated);  // nobody was left to ask: what is there is enough
    CHECK(report.participants == ids({"a", "b", "c"}));
    REQUIRE(report.failures.size() == 2);
    CHECK(report.failures[0].message == "client broken threw: no disk");
    CHECK(report.failures[1].error == "layout_mismatch");
  }
  InProcess only_good = three_hospitals();
  Federation reference{FedAvg{}, only_good, {.rounds = 4}};
  CHECK(same_bits(outcome.parameters, reference.run(origin).parameters));
}

TEST_CASE("below quorum the model stays, and nothing of the buffer goes into the next one") {
  InProcess clients;
  clients.add("a", Scripted{[](const auto& request, std::stop_token) { return move_by(1, request); }});
  clients.add("b", Scripted{[](const auto& request, std::stop_token) -> TrainReply<double> {
                if (request->id.round % 2 == 1) throw std::runtime_error("odd");
                return move_by(3, request);
              }});
  Federation federation{
      FedAvg{}, clients, {.rounds = 4, .schedule = Buffered{.size = 2}, .quorum = 2, .max_failed_rounds = 9}};
  const auto outcome = federation.run(origin);
  CHECK_FALSE(outcome.history[0].updated);
  CHECK(outcome.history[0].error ==
        "round 1: 1 of 2 clients gave a usable update, but the quorum is 2; the model is unchanged; client b "
        "threw: odd");
  CHECK(outcome.history[1].updated);
  CHECK(outcome.parameters.data()[0] == 4);  // (1 + 3) / 2, twice
  InProcess nobody;
  Federation empty{FedAvg{}, nobody, {.rounds = 5, .schedule = Buffered{}}};
  CHECK(empty.run(origin).message == "no client is connected");
}

TEST_CASE("replies that are too old are left out and named") {
  InProcess clients = three_hospitals();
  SimulatedTime simulated(
      clients, VirtualClock({.median_seconds = 10, .client_deviation = 1, .round_deviation = 0}, 4559));
  Federation federation{
      FedAvg{}, simulated, {.rounds = 3, .schedule = Buffered{.size = 2, .max_staleness = 1}}};
  const auto outcome = federation.run(origin);
  const RoundReport& third = outcome.history.at(2);
  CHECK(third.participants == ids({"a", "b"}));
  REQUIRE(third.failures.size() == 1);
  CHECK(third.failures[0].error == "stale");
  CHECK(third.failures[0].message ==
        "client c replied with an update for parameters 2 versions old; max_staleness is 1");
}

TEST_CASE("a median over a buffer ignores one hostile client") {
  InProcess clients;
  for (const char* id : {"a", "b", "d"}) {
    clients.add(id, Scripted{[](const auto& request, std::stop_token) { return move_by(1, request); }});
  }
  clients.add("c", Scripted{[](const auto& request, std::stop_token) { return move_by(1e6, request, 1e6); }});
  Federation federation{BasicFedAvg<Median>{}, clients, {.rounds = 10, .schedule = Buffered{.size = 3}}};
  CHECK(federation.run(origin).parameters.data()[0] == 10);
}

TEST_CASE("FedNova counts steps reply by reply, so it may be buffered") {
  // All take the same step; those that say that they took four are scaled down to a quarter, and the mean number of
  // steps scales all up again: (sum of p tau) (sum of p u / tau), whose weights p are the discounted ones.
  InProcess clients({.threads = 2});
  for (std::size_t k = 0; k < 3; ++k) {
    clients.add(name[k], Scripted{[k](const auto& request, std::stop_token) {
                  auto reply = move_by(static_cast<double>(k + 1), request, static_cast<double>(rows[k]));
                  reply.local_steps = k + 1;
                  return reply;
                }});
  }
  SimulatedTime simulated(
      clients, VirtualClock({.median_seconds = 10, .client_deviation = 1, .round_deviation = 0}, 4559));
  Federation federation{FedNova{}, simulated, {.rounds = 3, .schedule = Buffered{.size = 2}}};
  const double w = federation.run(origin).parameters.data()[0];
  const double s = 1 / std::sqrt(3.0);
  const double fresh = (10 * 1 + 3 * 2) / 13.0;              // a and b; every update is 1 a step
  const double stale = (10 * 1 + 7 * s * 3) / (10 + 7 * s);  // c and a
  CHECK(w == doctest::Approx(2 * fresh + stale).epsilon(1e-14));
}

namespace {

struct SumsOnly {
  std::vector<ClientId> clients() const { return {}; }
  Traffic traffic() const { return {}; }
  template <AdditiveTask T, class Aggregator>
  PartialAggregate<Aggregator, typename T::Scalar> sum(const Aggregator&, std::span<const ClientId>,
                                                       std::shared_ptr<const typename T::Broadcast>,
                                                       Deadline) {
    return {};
  }
};

}  // namespace

TEST_CASE("strategies, selections and transports for which it makes no sense are refused") {
  InProcess clients;
  const FederationOptions buffered{.schedule = Buffered{}};
  const std::string ages =
      " cannot use them (its accepts_stale_updates says so); use Synchronous, or a strategy such as FedAvg, "
      "FedProx, FedAvgM or FedAdam";
  CHECK(refusal(Scaffold{}, clients, buffered) ==
        "federation: Buffered aggregates updates for parameters of different ages, and Scaffold" + ages);
  CHECK(refusal(FedDyn{}, clients, buffered).ends_with("FedDyn" + ages));
  CHECK(refusal(QFedAvg{}, clients, buffered).ends_with("QFedAvg" + ages));
  CHECK(refusal(Scaffold{}, clients, {}) == "none");
  CHECK(
      refusal(FedAvg{}, clients, {.selection = FractionOfClients{.fraction = 0.5}, .schedule = Buffered{}}) ==
      "federation: Buffered chooses among the clients who are free by itself: set Buffered::concurrency, and "
      "leave selection at AllClients");
  CHECK(refusal(FedAvg{}, clients, {.schedule = Buffered{.size = 3}, .quorum = 4}) ==
        "federation: quorum must not be larger than the size of the buffer");
  CHECK(refusal(FedAvg{}, clients, {.schedule = Buffered{.size = 0}}) ==
        "buffered schedule: size must be at least 1");

  SumsOnly sums;
  CHECK(refusal(FedAvg{}, sums, buffered) ==
        "federation: Buffered waits for one reply after the other, and this transport shows sums only; use "
        "Synchronous");
  CHECK(refusal(FedAvg{}, sums, {}) == "none");
}

TEST_CASE("the caller's stop token abandons the round and leaves no trace") {
  InProcess clients({.threads = 3});
  std::stop_source stop;
  auto hang = std::make_shared<std::atomic<bool>>(false);
  clients.add("a", Scripted{[](const auto& request, std::stop_token) { return move_by(1, request); }});
  clients.add("b", Scripted{[](const auto& request, std::stop_token) { return move_by(1, request); }});
  clients.add("c", Scripted{[&stop, hang](const auto& request, std::stop_token token) {
                if (*hang) stop.request_stop();
                while (*hang && !token.stop_requested()) std::this_thread::sleep_for(1ms);
                return move_by(1, request);
              }});
  Federation federation{FedAvg{}, clients, {.rounds = 10, .schedule = Buffered{.size = 3, .concurrency = 3}}};
  federation.start(origin);
  CHECK(federation.step().updated);
  const auto before = federation.parameters();
  *hang = true;
  const RoundReport stopped = federation.step(stop.get_token());
  CHECK(stopped.error == "stopped by the caller");
  CHECK_FALSE(stopped.updated);
  CHECK(federation.completed_rounds() == 1);
  CHECK(same_bits(federation.parameters(), before));
  *hang = false;
  std::this_thread::sleep_for(50ms);  // c hands in what nobody waits for
  const RoundReport again = federation.step();
  CHECK(again.round == 2);
  CHECK(again.participants == ids({"a", "b", "c"}));
  CHECK(federation.parameters().data()[0] == 2);
}

TEST_CASE(
    "what is still out when a run or a federation ends is given up, and the transport is free for another") {
  InProcess clients({.threads = 4});
  auto release = std::make_shared<std::atomic<bool>>(false);
  clients.add("a", Scripted{[](const auto& request, std::stop_token) { return move_by(1, request); }});
  clients.add("z", Scripted{[release](const auto& request, std::stop_token stop) {
                while (!*release && !stop.stop_requested()) std::this_thread::sleep_for(1ms);
                return move_by(5, request);
              }});
  // With a deadline, so that the thread that waits does not train z itself and hang with it.
  {
    Federation by_hand{FedAvg{}, clients, {.schedule = Buffered{.size = 1}, .deadline = 10s}};
    by_hand.start(origin);
    CHECK(by_hand.step().participants == ids({"a"}));  // z hangs
  }
  Federation federation{FedAvg{}, clients, {.rounds = 1, .schedule = Buffered{.size = 1}, .deadline = 10s}};
  CHECK(federation.run(origin).parameters.data()[0] == 1);
  *release = true;
  std::this_thread::sleep_for(50ms);
  Federation rounds{FedAvg{}, clients, {.rounds = 1}};
  CHECK(rounds.run(origin).parameters.data()[0] == 3);
}

TEST_CASE("a federation can be moved between rounds, with what is under way") {
  InProcess clients = three_hospitals();
  const ClientTimes times{.median_seconds = 10, .client_deviation = 1, .round_deviation = 0};
  const auto run = [&](bool moves) {
    SimulatedTime simulated(clients, VirtualClock(times, 4559));
    Federation federation{FedAvg{}, simulated, {.schedule = Buffered{.size = 2}}};
    federation.start(origin);
    static_cast<void>(federation.step());
    static_cast<void>(federation.step());
    if (!moves) return federation.step().participants;
    Federation moved = std::move(federation);
    return moved.step().participants;
  };
  CHECK(run(true) == ids({"c", "a"}));
  CHECK(run(false) == ids({"c", "a"}));
}

TEST_CASE("a run that ends gives up the others without letting virtual time pass") {
  InProcess clients = three_hospitals();
  SimulatedTime simulated(
      clients, VirtualClock({.median_seconds = 10, .client_deviation = 1, .round_deviation = 0}, 4559));
  Federation federation{FedAvg{}, simulated, {.rounds = 1, .schedule = Buffered{.size = 1}}};
  CHECK(federation.run(origin).history.at(0).participants == ids({"a"}));
  CHECK(simulated.clock().now() == simulated.clock().duration("a", 1));
}

TEST_CASE("a deadline is each request's own, and costs nobody else's") {
  InProcess clients({.threads = 4});
  auto hang = std::make_shared<std::atomic<bool>>(true);
  clients.add("a-hangs", Scripted{[hang](const auto& request, std::stop_token) {
                while (*hang) std::this_thread::sleep_for(1ms);
                return move_by(1, request);
              }});
  for (const char* id : {"b", "c", "d"}) {
    clients.add(id, Scripted{[](const auto& request, std::stop_token) {
                  std::this_thread::sleep_for(20ms);
                  return move_by(1, request);
                }});
  }
  // In one process replies come in the order of requests: until its deadline the first one holds up the others.
  Federation federation{FedAvg{}, clients, {.rounds = 3, .schedule = Buffered{.size = 2}, .deadline = 300ms}};
  federation.start(origin);
  const RoundReport first = federation.step();
  CHECK(first.participants == ids({"b", "c"}));
  REQUIRE(first.failures.size() == 1);
  CHECK(first.failures[0].message == "client a-hangs did not reply before the deadline");
  const RoundReport second =
      federation.step();  // d goes on from the first round; a is asked again, and still hangs
  CHECK(second.participants.size() == 2);
  CHECK(second.participants.front() == "d");
  CHECK(second.max_staleness == 1);
  REQUIRE(second.failures.size() == 1);
  CHECK(second.failures[0].message == "client a-hangs is still busy with an earlier request");
  *hang = false;
}

namespace {

/// Delivers replies as they arrive, and cannot end a single request: as a plain network transport. "Arrives" is when
/// somebody asks for the next one, unless the client is among the silent.
class Arriving {
 public:
  std::vector<std::pair<ClientId, TaskHandlers>> hosted{};
  std::vector<ClientId> silent{};

  [[nodiscard]] std::vector<ClientId> clients() const {
    std::vector<ClientId> all;
    for (const auto& [id, client] : hosted) all.push_back(id);
    return all;
  }
  [[nodiscard]] Traffic traffic() const { return {}; }
  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> to,
                              std::shared_ptr<const typename T::Broadcast> what) {
    std::vector<RequestId> requests;
    for (const ClientId& id : to) {
      out_.push_back({++last_, id, what});
      requests.push_back(last_);
    }
    return requests;
  }
  template <Task T>
  std::optional<Delivery<T>> next(Deadline deadline) {
    for (auto job = out_.begin(); job != out_.end(); ++job) {
      const bool hangs = std::find(silent.begin(), silent.end(), job->client) != silent.end();
      if (hangs && !given_up_) continue;
      const Out out = *job;
      out_.erase(job);
      Delivery<T> delivery{out.request, out.client, {}};
      if (hangs) {
        delivery.result = Failure{out.client, "deadline", "given up"};
      } else {
        const auto found =
            std::find_if(hosted.begin(), hosted.end(), [&](auto& h) { return h.first == out.client; });
        delivery.result = found->second.template handle<T>(
            {std::static_pointer_cast<const typename T::Broadcast>(out.what), out.client}, std::stop_token{});
      }
      if (out_.empty()) given_up_ = false;
      return delivery;
    }
    REQUIRE(deadline != Deadline::max());  // it would wait for ever
    std::this_thread::sleep_until(deadline);
    return std::nullopt;
  }
  template <Task T>
  void stop() {}
  template <Task T>
  void give_up() {
    given_up_ = true;
  }

 private:
  struct Out {
    RequestId request;
    ClientId client;
    std::shared_ptr<const void> what;
  };
  std::deque<Out> out_;
  RequestId last_ = 0;
  bool given_up_ = false;
};
static_assert(Transport<Arriving, Train<double>> && !EndsSingleRequests<Arriving, Train<double>>);
static_assert(EndsSingleRequests<InProcess, Train<double>> &&
              EndsSingleRequests<SimulatedTime<InProcess>, Train<float>> &&
              !EndsSingleRequests<SimulatedTime<Arriving>, Train<double>>);

}  // namespace

TEST_CASE("where a single request cannot be ended, a late client is left alone until it has replied") {
  Arriving transport;
  for (const char* id : {"a", "b", "z"}) {
    transport.hosted.emplace_back(id, TaskHandlers::of(Scripted{[](const auto& request, std::stop_token) {
                                    return move_by(request.client == "z" ? 1000 : 1, request);
                                  }}));
  }
  transport.silent = ids({"z"});
  Federation federation{
      FedAvg{}, transport, {.rounds = 5, .schedule = Buffered{.size = 3}, .deadline = 50ms}};
  federation.start(origin);
  const RoundReport first = federation.step();  // waits for z until its deadline
  CHECK(first.participants == ids({"a", "b"}));
  REQUIRE(first.failures.size() == 1);
  CHECK(first.failures[0].error == "deadline");
  const RoundReport second = federation.step();  // z is not asked again
  CHECK(second.selected == ids({"a", "b"}));
  CHECK(second.failures.empty());
  transport.silent.clear();
  const RoundReport third = federation.step();  // its reply comes and is dropped
  CHECK(third.participants == ids({"a", "b"}));
  CHECK(third.failures.empty());
  const RoundReport fourth = federation.step();  // and it is asked again
  CHECK(fourth.participants == ids({"a", "b", "z"}));
  CHECK(fourth.max_staleness == 0);
  CHECK(federation.parameters().data()[0] == 3 + 1002.0 / 3);
}

TEST_CASE("when everyone is late, rounds fail, and the run ends") {
  Arriving transport;
  transport.hosted.emplace_back("z", TaskHandlers{});
  transport.silent = ids({"z"});
  Federation federation{
      FedAvg{}, transport, {.rounds = 500, .schedule = Buffered{.size = 1}, .deadline = 20ms}};
  const auto outcome = federation.run(origin);
  CHECK(outcome.completed_rounds == 3);
  CHECK(outcome.reason == StopReason::below_quorum);
  CHECK(outcome.message ==
        "no client is free: every one is still busy with a request that has passed its deadline");
}

TEST_CASE("an evaluation waits for clients that still train, and every one of them answers") {
  InProcess clients({.threads = 4});
  auto training = std::make_shared<std::atomic<bool>>(false);
  struct Slow {
    std::shared_ptr<std::atomic<bool>> training;
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
      *training = true;
      std::this_thread::sleep_for(50ms);
      *training = false;
      return move_by(1, request);
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) {
      CHECK_FALSE(*training);
      return {1, {}};
    }
  };
  clients.add("a", Scripted{[](const auto& request, std::stop_token) { return move_by(1, request); }});
  clients.add("z", Slow{training});
  FederationOptions options{.rounds = 4, .schedule = Buffered{.size = 1}};
  options.evaluation.every = 1;
  Federation federation{FedAvg{}, clients, options};
  for (const RoundReport& report : federation.run(origin).history) {
    CHECK(report.evaluation->participants == ids({"a", "z"}));
    CHECK(report.evaluation->failures.empty());
  }
}

TEST_CASE("a checkpoint holds whole aggregations; after a resumption everyone is asked again") {
  const std::string file = "/tmp/healthai_buffered_" + std::to_string(getpid()) + ".ckpt";
  std::remove(file.c_str());
  const auto options = [&file](std::uint64_t rounds, std::size_t size) {
    FederationOptions chosen{.rounds = rounds, .schedule = Buffered{.size = size}};
    chosen.checkpoint = file;
    chosen.resume = true;
    return chosen;
  };
  const ClientTimes times{.median_seconds = 10, .client_deviation = 1, .round_deviation = 0};
  double w1 = 0;
  {
    InProcess clients = three_hospitals();
    SimulatedTime simulated(clients, VirtualClock(times, 4559));
    Federation federation{FedAvg{}, simulated, options(9, 2)};
    federation.start(origin);
    CHECK(federation.step().participants == ids({"a", "b"}));  // c trains on, and the process ends
    w1 = federation.parameters().data()[0];
  }
  {
    InProcess clients = three_hospitals();
    SimulatedTime simulated(clients, VirtualClock(times, 4559));
    Federation federation{FedAvg{}, simulated, options(9, 3)};
    federation.start(origin);
    CHECK(federation.parameters().data()[0] == w1);
    const RoundReport report = federation.step();
    CHECK(report.round == 2);
    CHECK(report.participants == ids({"a", "b", "c"}));
    CHECK(report.max_staleness == 0);  // c was asked anew
    double top = 0;
    for (std::size_t k = 0; k < 3; ++k) top += static_cast<double>(rows[k]) * update_of(k, w1);
    CHECK(federation.parameters().data()[0] == doctest::Approx(w1 + top / 20).epsilon(1e-14));
  }
  // With nobody at work between rounds, a run that was interrupted ends with the same bits.
  std::remove(file.c_str());
  const auto run = [&](std::uint64_t rounds, bool keep) {
    InProcess clients = three_hospitals();
    SimulatedTime simulated(clients, VirtualClock(times, 4559));
    FederationOptions chosen = options(rounds, 3);
    if (!keep) chosen.checkpoint.clear(), chosen.resume = false;
    Federation federation{FedAvgM{}, simulated, chosen};
    return federation.run(origin).parameters;
  };
  const auto through = run(9, false);
  static_cast<void>(run(4, true));
  CHECK(same_bits(run(9, true), through));
  std::remove(file.c_str());
}

}  // namespace server_buffered_test
