#include "healthai/transport/in_process.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "healthai/core/training.hpp"

namespace transport_in_process_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

struct Square {
  struct Broadcast {
    int value = 0;
  };
  struct Reply {
    int value = 0;
  };
  static constexpr std::string_view name = "square";
  static std::size_t bytes(const Broadcast&) { return 4; }
  static std::size_t bytes(const Reply&) { return 8; }
};
using SquareRequest = Request<Square::Broadcast>;
static_assert(Transport<InProcess, Square> && Transport<InProcess, Train<float>> &&
              !SummingTransport<InProcess, Train<float>>);

template <class Handler>
TaskHandlers squares(Handler handler) {
  TaskHandlers handlers;
  handlers.offer<Square>(std::move(handler));
  return handlers;
}

auto broadcast(int value) {
  return std::make_shared<const Square::Broadcast>(Square::Broadcast{value});
}

/// Everything that comes before the deadline, in order: the value, or the error's id.
std::vector<std::string> collect(InProcess& transport, std::size_t count,
                                 Deadline deadline = Deadline::max()) {
  std::vector<std::string> results;
  for (std::size_t i = 0; i < count; ++i) {
    auto delivery = transport.next<Square>(deadline);
    if (!delivery) break;
    const auto* failure = std::get_if<Failure>(&delivery->result);
    results.push_back(
        delivery->client.str() + ":" +
        (failure ? failure->error : std::to_string(std::get<Square::Reply>(delivery->result).value)));
  }
  return results;
}

std::vector<ClientId> ids(std::initializer_list<const char*> names) {
  return {names.begin(), names.end()};
}

}  // namespace

TEST_CASE("replies come in the order of the requests, whatever finishes first") {
  for (const std::size_t threads : {1U, 2U, 4U}) {
    InProcess transport({.threads = threads});
    for (int i = 0; i < 200; ++i) {
      transport.add("c" + std::to_string(1000 + i),
                    squares([i](const SquareRequest& request, std::stop_token) {
                      if (i % 7 == 0) std::this_thread::sleep_for(1ms);
                      return Square::Reply{request->value * i};
                    }));
    }
    const auto clients = transport.clients();
    for (int round = 1; round <= 3; ++round) {
      const auto requests = transport.send<Square>(clients, broadcast(round));
      CHECK(requests.size() == 200);
      const auto results = collect(transport, 200);
      REQUIRE(results.size() == 200);
      for (int i = 0; i < 200; ++i) {
        CHECK(results[static_cast<std::size_t>(i)] ==
              "c" + std::to_string(1000 + i) + ":" + std::to_string(round * i));
      }
    }
    CHECK(transport.traffic().sent == 3 * 200 * 4);
    CHECK(transport.traffic().received == 3 * 200 * 8);
  }
}

TEST_CASE("a client that throws, is unknown, or does not offer the task is a failure of its own") {
  InProcess transport({.threads = 2});
  transport.add("a", squares([](const SquareRequest&, std::stop_token) -> Square::Reply {
                  throw std::runtime_error("no GPU");
                }));
  transport.add("b", squares([](const SquareRequest&, std::stop_token) { return Square::Reply{4}; }));
  transport.add("c", TaskHandlers{});
  transport.add("d",
                squares([](const SquareRequest&, std::stop_token) -> Square::Reply { throw 7; }));  // NOLINT
  transport.add("e", squares([](const SquareRequest&, std::stop_token) -> Square::Reply {
                  throw Error(error::invalid_data, "no rows");
                }));
  const auto everyone = ids({"a", "b", "c", "d", "e", "nobody"});
  transport.send<Square>(everyone, broadcast(2));
  CHECK(collect(transport, 6) == std::vector<std::string>{"a:client_failed", "b:4", "c:unsupported_task",
                                                          "d:client_failed", "e:invalid_data",
                                                          "nobody:no_clients"});
  CHECK_THROWS_AS(transport.add("a", TaskHandlers{}), Error);
}

TEST_CASE("one client that hangs costs its thread and nobody else's reply") {
  auto release = std::make_shared<std::atomic<bool>>(false);
  {
    InProcess transport({.threads = 2});
    transport.add("a", squares([release](const SquareRequest&, std::stop_token) {
                    while (!*release) std::this_thread::sleep_for(1ms);
                    return Square::Reply{1};
                  }));
    for (const char* id : {"b", "c", "d"}) {
      transport.add(id, squares([](const SquareRequest&, std::stop_token) { return Square::Reply{2}; }));
    }
    const auto everyone = transport.clients();
    for (int round = 0; round < 3; ++round) {  // more hung rounds than threads
      transport.send<Square>(everyone, broadcast(0));
      auto results = collect(transport, 4, Clock::now() + 100ms);
      if (round == 0) {
        CHECK(results.empty());  // the others wait behind it, in order
        transport.give_up<Square>();
        CHECK(collect(transport, 4) == std::vector<std::string>{"a:deadline", "b:2", "c:2", "d:2"});
      } else {  // still busy: fails at once, and the others are served
        CHECK(results == std::vector<std::string>{"a:deadline", "b:2", "c:2", "d:2"});
      }
    }
    *release = true;
    std::this_thread::sleep_for(50ms);
    transport.send<Square>(everyone, broadcast(0));
    CHECK(collect(transport, 4) == std::vector<std::string>{"a:1", "b:2", "c:2", "d:2"});  // it came back
  }
}

TEST_CASE("stop asks those at work and fails those that have not begun") {
  InProcess transport({.threads = 1});
  transport.add("a", squares([](const SquareRequest&, std::stop_token stop) {
                  while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
                  return Square::Reply{1};
                }));
  transport.add("b", squares([](const SquareRequest&, std::stop_token) { return Square::Reply{2}; }));
  const auto both = transport.clients();
  transport.send<Square>(both, broadcast(0));
  CHECK(collect(transport, 2, Clock::now() + 20ms).empty());
  transport.stop<Square>();
  CHECK(collect(transport, 2) == std::vector<std::string>{"a:1", "b:deadline"});
}

TEST_CASE("a slow first client does not idle the other threads") {
  // With replies of 2 bytes a budget of 8 lets few wait, and yet all others finish while the first one sleeps.
  InProcess transport({.threads = 2, .reply_memory = 8});
  auto finished = std::make_shared<std::atomic<int>>(0);
  transport.add("a", squares([finished](const SquareRequest&, std::stop_token) {
                  const auto until = Clock::now() + 10s;
                  while (*finished < 50 && Clock::now() < until) std::this_thread::sleep_for(1ms);
                  return Square::Reply{*finished};
                }));
  for (int i = 0; i < 50; ++i) {
    transport.add("b" + std::to_string(i), squares([finished](const SquareRequest&, std::stop_token) {
                    return Square::Reply{++*finished};
                  }));
  }
  const auto everyone = transport.clients();
  transport.send<Square>(everyone, broadcast(0));
  CHECK(collect(transport, 51).at(0) == "a:50");
}

TEST_CASE("a thread that waits without a deadline works too, and counts as one") {
  for (const int threads : {1, 2}) {
    InProcess transport({.threads = static_cast<std::size_t>(threads)});
    std::atomic<int> at_work{0};
    std::atomic<int> most{0};
    std::atomic<int> mine{0};
    const auto caller = std::this_thread::get_id();
    for (int i = 0; i < 50; ++i) {
      transport.add("c" + std::to_string(i), squares([&](const SquareRequest&, std::stop_token) {
                      const int now = ++at_work;
                      int before = most;
                      while (before < now && !most.compare_exchange_weak(before, now)) {
                      }
                      std::this_thread::sleep_for(1ms);
                      if (std::this_thread::get_id() == caller) ++mine;
                      --at_work;
                      return Square::Reply{1};
                    }));
    }
    const auto everyone = transport.clients();
    transport.send<Square>(everyone, broadcast(0));
    CHECK(collect(transport, 50).size() == 50);
    CHECK(most <= threads);
    CHECK(mine >= 1);
    CHECK((threads > 1 || mine == 50));
    mine = 0;
    transport.send<Square>(everyone, broadcast(0));
    CHECK(collect(transport, 50, Clock::now() + 60s).size() == 50);
    CHECK(most <= threads);
    CHECK(mine == 0);  // who has a deadline must be free to keep it
  }
}

TEST_CASE("replies of one task that nobody reads yet do not hold up another task") {
  for (const std::size_t threads : {1U, 2U}) {
    InProcess transport({.threads = threads, .reply_memory = 8});
    for (int i = 0; i < 20; ++i) {
      transport.add("c" + std::to_string(i), squares([](const SquareRequest& request, std::stop_token) {
                      return Square::Reply{request->value};
                    }));
    }
    const auto everyone = transport.clients();
    for (const bool deadline : {false, true}) {
      const auto until = deadline ? Clock::now() + 60s : Deadline::max();
      transport.send<Square>(everyone, broadcast(7));
      transport.send<Evaluate<double>>(everyone, std::make_shared<const EvaluateBroadcast<double>>());
      for (int i = 0; i < 20; ++i) {
        const auto delivery = transport.next<Evaluate<double>>(until);
        REQUIRE(delivery.has_value());
        CHECK(std::get<Failure>(delivery->result).error == "unsupported_task");
      }
      CHECK(collect(transport, 20, until).size() == 20);
    }
  }
}

TEST_CASE("an application lends its own threads") {
  std::vector<std::thread> threads;
  std::atomic<int> lent{0};
  {
    InProcess transport({.threads = 2, .executor = [&](std::function<void()> work) {
                           ++lent;
                           threads.emplace_back(std::move(work));
                         }});
    const auto caller = std::this_thread::get_id();
    for (const char* id : {"a", "b", "c"}) {
      transport.add(id, squares([caller](const SquareRequest&, std::stop_token) {
                      return Square::Reply{std::this_thread::get_id() == caller ? 0 : 1};
                    }));
    }
    const auto everyone = transport.clients();
    transport.send<Square>(everyone, broadcast(0));
    CHECK(collect(transport, 3) == std::vector<std::string>{"a:1", "b:1", "c:1"});
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(lent >= 1);
  CHECK(lent <= 2);
}

namespace {
struct Stateful {
  std::uint64_t value = 0;
  std::shared_ptr<std::atomic<bool>> hang = std::make_shared<std::atomic<bool>>(false);
  bool fail = false;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    value += 10;
    if (fail) throw std::runtime_error("after it changed its state");
    while (*hang) std::this_thread::sleep_for(1ms);
    return {request->parameters, static_cast<double>(value), {}, 1, false};
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& value;
  }
};
auto train_broadcast() {
  return std::make_shared<const TrainBroadcast<double>>();
}
}  // namespace

TEST_CASE("a client's state changes only with a reply that counts") {
  auto hang = std::make_shared<std::atomic<bool>>(true);
  InProcess transport({.threads = 3});
  transport.add("fails", Stateful{5, std::make_shared<std::atomic<bool>>(false), true});
  transport.add("good", Stateful{7});
  transport.add("late", Stateful{9, hang});
  const auto before = transport.client_states();
  const auto everyone = transport.clients();
  transport.send<Train<double>>(everyone, train_broadcast());
  REQUIRE(transport.next<Train<double>>(Clock::now() + 10s).has_value());
  REQUIRE(transport.next<Train<double>>(Clock::now() + 10s).has_value());
  CHECK_FALSE(transport.next<Train<double>>(Clock::now() + 20ms).has_value());
  transport.give_up<Train<double>>();
  const auto given_up = transport.next<Train<double>>(Deadline::max());
  CHECK(std::get<Failure>(given_up->result).message == "client late did not reply before the deadline");
  *hang = false;
  std::this_thread::sleep_for(100ms);
  const auto after = transport.client_states();
  CHECK(after[0] == before[0]);
  CHECK(after[1] != before[1]);
  CHECK(after[2] == before[2]);
  // And the objects themselves were put back: the late one now replies with 9 + 10, not 9 + 20.
  transport.send<Train<double>>(ids({"late"}), train_broadcast());
  const auto delivery = transport.next<Train<double>>(Deadline::max());
  CHECK(std::get<TrainReply<double>>(delivery->result).num_examples == 19);
  transport.restore_client_states(before);
  CHECK(transport.client_states() == before);
  const std::vector<std::pair<ClientId, std::vector<std::byte>>> foreign{{"elsewhere", {}}};
  CHECK_THROWS_AS(transport.restore_client_states(foreign), Error);
}

namespace {
struct CannotGoBack {
  TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
    throw std::runtime_error("no more memory");
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
  template <class Archive>
  void serialize(Archive&, unsigned) {
    if constexpr (Archive::is_loading::value) throw std::runtime_error("no such state");
  }
};
}  // namespace

TEST_CASE("a client whose state cannot be put back fails, saying so, and is asked no more") {
  InProcess transport({.threads = 1});
  transport.add("broken", CannotGoBack{});
  const auto everyone = transport.clients();
  for (const char* message : {"client broken could not be put back into the state of its last reply that "
                              "counted, and is asked no more: no such state",
                              "client broken is still busy with an earlier request"}) {
    transport.send<Train<double>>(everyone, train_broadcast());
    const auto delivery = transport.next<Train<double>>(Clock::now() + 10s);
    REQUIRE(delivery.has_value());
    CHECK(std::get<Failure>(delivery->result).message == message);
  }
}

TEST_CASE("a request to a client that is at work waits until the earlier one is done, in order") {
  // Whatever the number of threads, "a" squares 2, then 3, then 4, and never two at once.
  for (const std::size_t threads : {1U, 2U, 4U}) {
    InProcess transport({.threads = threads});
    auto at_work = std::make_shared<std::atomic<int>>(0);
    auto log = std::make_shared<std::vector<int>>();
    transport.add("a", squares([at_work, log](const SquareRequest& request, std::stop_token) {
                    CHECK(++*at_work == 1);
                    std::this_thread::sleep_for(10ms);
                    log->push_back(request->value);
                    --*at_work;
                    return Square::Reply{request->value * request->value};
                  }));
    for (const int number : {2, 3, 4}) transport.send<Square>(ids({"a"}), broadcast(number));
    CHECK(collect(transport, 3) == std::vector<std::string>{"a:4", "a:9", "a:16"});
    CHECK(*log == std::vector<int>{2, 3, 4});
  }
}

TEST_CASE("a request that waits for its client can be given up, and fails when the one before it is") {
  auto release = std::make_shared<std::atomic<bool>>(false);
  InProcess transport({.threads = 2});
  transport.add("a", squares([release](const SquareRequest&, std::stop_token) {
                  while (!*release) std::this_thread::sleep_for(1ms);
                  return Square::Reply{1};
                }));
  transport.add("b", squares([](const SquareRequest&, std::stop_token) { return Square::Reply{2}; }));
  const auto first = transport.send<Square>(ids({"a"}), broadcast(0));
  const auto second = transport.send<Square>(ids({"a"}), broadcast(0));
  transport.send<Square>(ids({"a"}), broadcast(0));
  transport.send<Square>(ids({"b"}), broadcast(0));
  CHECK(collect(transport, 4, Clock::now() + 50ms).empty());
  transport.give_up<Square>(second);
  CHECK(collect(transport, 4, Clock::now() + 20ms).empty());  // the first one is still at it
  transport.give_up<Square>(first);
  const auto expected = std::vector<std::string>{"a:deadline", "a:deadline", "a:deadline", "b:2"};
  CHECK(collect(transport, 4, Clock::now() + 5s) == expected);
  *release = true;
  std::this_thread::sleep_for(50ms);
  transport.send<Square>(ids({"a"}), broadcast(0));
  CHECK(collect(transport, 1) == std::vector<std::string>{"a:1"});
}

TEST_CASE("a single request that hangs is given up, and the others are delivered") {
  auto release = std::make_shared<std::atomic<bool>>(false);
  InProcess transport({.threads = 2});
  transport.add("a", squares([release](const SquareRequest&, std::stop_token) {
                  while (!*release) std::this_thread::sleep_for(1ms);
                  return Square::Reply{1};
                }));
  transport.add("b", squares([](const SquareRequest&, std::stop_token stop) {
                  while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
                  return Square::Reply{2};
                }));
  const auto requests = transport.send<Square>(ids({"a", "b"}), broadcast(0));
  CHECK(collect(transport, 2, Clock::now() + 50ms).empty());
  transport.give_up<Square>(std::span(requests).first(1));
  CHECK(collect(transport, 1, Clock::now() + 5s) == std::vector<std::string>{"a:deadline"});
  CHECK(collect(transport, 1, Clock::now() + 50ms).empty());  // nobody has asked b to stop
  transport.stop<Square>(std::span(requests).last(1));
  CHECK(collect(transport, 1) == std::vector<std::string>{"b:2"});
  *release = true;
}

TEST_CASE("what a client hands in because it was given up comes too late, however quick it is") {
  InProcess transport({.threads = 1});
  for (int i = 0; i < 100; ++i) {
    const ClientId quick("quick" + std::to_string(i));  // a new one: the one before may be busy for a moment
    transport.add(quick, squares([](const SquareRequest&, std::stop_token stop) {
                    while (!stop.stop_requested()) std::this_thread::yield();
                    return Square::Reply{1};
                  }));
    transport.send<Square>(std::vector<ClientId>{quick}, broadcast(i));
    CHECK(collect(transport, 1, Clock::now() + 1ms).empty());
    transport.give_up<Square>();
    const std::vector<std::string> late = collect(transport, 1);
    REQUIRE(late.size() == 1);
    CHECK(late[0] == quick.str() + ":deadline");
  }
}

TEST_CASE("a checkpoint keeps the states of replies that were delivered, not of those that wait") {
  InProcess transport({.threads = 1});
  transport.add("good", Stateful{7});
  const auto before = transport.client_states();
  transport.send<Train<double>>(ids({"good", "nobody"}), train_broadcast());
  transport.send<Train<double>>(ids({"good"}), train_broadcast());
  REQUIRE(transport.next<Train<double>>(Deadline::max()).has_value());
  const auto once = transport.client_states();
  CHECK(once != before);
  REQUIRE(transport.next<Train<double>>(Deadline::max()).has_value());
  REQUIRE(transport.next<Train<double>>(Deadline::max()).has_value());
  CHECK(transport.client_states() != once);
  // A reply that is ready, and not delivered.
  const auto twice = transport.client_states();
  InProcess threaded({.threads = 2});
  threaded.add("good", Stateful{27});
  CHECK(threaded.client_states() == twice);
  threaded.add("last", squares([](const SquareRequest&, std::stop_token) { return Square::Reply{1}; }));
  threaded.send<Train<double>>(ids({"good"}), train_broadcast());
  threaded.send<Square>(ids({"last"}), broadcast(0));
  CHECK(collect(threaded, 1, Clock::now() + 5s).size() == 1);
  std::this_thread::sleep_for(50ms);  // it has trained by now
  CHECK(threaded.client_states() == twice);
  REQUIRE(threaded.next<Train<double>>(Deadline::max()).has_value());
  CHECK(threaded.client_states() != twice);
}

}  // namespace transport_in_process_test
