#include "healthai/transport/socket/detail/shared_loop.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <vector>

namespace transport_socket_detail_shared_loop_test {

using healthai::Clock;
using healthai::Deadline;
using healthai::detail::SharedLoop;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// A loop with something to do, for ever: as those of connections.
struct Ticking {
  Ticking() { tick(); }
  ~Ticking() { loop.stop(); }
  void tick() {
    ++ticks;
    timer.expires_after(1ms);
    timer.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) tick();
    });
  }
  std::atomic<int> failures = 0;
  SharedLoop loop{[this](const std::exception&) { ++failures; }};
  std::atomic<int> ticks = 0;
  asio::steady_timer timer{loop.io()};
};

}  // namespace

TEST_CASE("SharedLoop: who waits runs the handlers itself, and its thread runs them while nobody waits") {
  const std::thread::id caller = std::this_thread::get_id();
  Ticking t;
  t.loop.start();
  int own = 0;  // handlers on our thread; on a busy machine the other is quicker at times
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> done = false;
    asio::post(t.loop.io(), [&] {
      own += std::this_thread::get_id() == caller ? 1 : 0;
      done = true;
    });
    t.loop.run_until(Deadline::max(), [&] { return done.load(); });
    if (i % 50 == 0) {  // away for long: the thread takes over, and gives the loop back
      const int before = t.ticks;
      const auto deadline = Clock::now() + 10s;
      while (t.ticks < before + 3 && Clock::now() < deadline) std::this_thread::sleep_for(1ms);
      CHECK(t.ticks >= before + 3);
    }
  }
  CHECK(own > 20);
}

TEST_CASE("SharedLoop: handlers never run at the same time, whoever posts them and whoever runs them") {
  Ticking t;
  t.loop.start();
  std::atomic<bool> inside = false;
  std::atomic<int> clashes = 0;
  int count = 0;  // no atomic: handlers see what those before them did
  const auto handler = [&] {
    if (inside.exchange(true)) ++clashes;
    ++count;
    inside = false;
  };
  std::thread poster([&] {
    for (int i = 0; i < 5000; ++i) {
      asio::post(t.loop.io(), handler);
      if (i % 100 == 0) std::this_thread::sleep_for(500us);
    }
  });
  for (int i = 0; i < 100; ++i) {
    t.loop.run_until(Clock::now() + 300us, [] { return false; });
    if (i % 3 == 0) t.loop.hand_over();
    if (i % 5 == 0) std::this_thread::sleep_for(2ms);
  }
  poster.join();
  std::atomic<bool> done = false;
  int counted = 0;
  asio::post(t.loop.io(), [&] {
    counted = count;
    done = true;
  });
  t.loop.run_until(Deadline::max(), [&] { return done.load(); });
  CHECK(counted == 5000);
  CHECK(clashes == 0);
}

TEST_CASE("SharedLoop: what is given runs in the order given, by the giver itself if nobody runs the loop") {
  const std::thread::id caller = std::this_thread::get_id();
  Ticking t;
  t.loop.start();
  std::vector<int> order;  // no atomics: handlers do not run at the same time
  std::atomic<int> done = 0;
  int at_once = 0;  // on a busy machine the loop's thread may be there first
  bool nested = false;
  for (int i = 0; i < 300; ++i) {
    if (i % 3 == 0) t.loop.run_until(Deadline::max(), [&] { return done.load() == i; });
    if (i % 50 == 0) std::this_thread::sleep_for(5ms);  // the loop's thread takes over
    bool here = false;
    t.loop.give([&, i] {
      order.push_back(i);
      t.loop.give([&] { ++done; });  // from a handler: after it
      nested = nested || done.load() > i;
      here = std::this_thread::get_id() == caller;
    });
    t.loop.run_until(Deadline::max(), [&] { return done.load() == i + 1; });
    at_once += here ? 1 : 0;
  }
  REQUIRE(order.size() == 300);
  for (int i = 0; i < 300; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
  CHECK_FALSE(nested);
  CHECK(at_once > 20);
}

TEST_CASE("SharedLoop: many threads give, and each of them is heard in its order") {
  Ticking t;
  t.loop.start();
  std::atomic<bool> inside = false;
  std::atomic<int> clashes = 0;
  constexpr int each = 2000;
  std::vector<int> heard(3, 0);
  int disorder = 0;
  std::atomic<int> count = 0;
  std::vector<std::thread> givers;
  for (std::size_t g = 0; g < heard.size(); ++g) {
    givers.emplace_back([&, g] {
      for (int i = 0; i < each; ++i) {
        t.loop.give([&, g, i] {
          if (inside.exchange(true)) ++clashes;
          if (heard[g]++ != i) ++disorder;
          inside = false;
          ++count;
        });
        if (i % 200 == 0) std::this_thread::sleep_for(1ms);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    t.loop.run_until(Clock::now() + 300us, [] { return false; });
    if (i % 5 == 0) std::this_thread::sleep_for(2ms);
  }
  for (std::thread& giver : givers) giver.join();
  t.loop.run_until(Clock::now() + 60s, [&] { return count == 3 * each; });
  CHECK(count == 3 * each);
  CHECK(disorder == 0);
  CHECK(clashes == 0);
}

TEST_CASE(
    "SharedLoop: a deadline ends the wait, and who only ever looks in keeps things going all the same") {
  Ticking t;
  t.loop.start();
  const auto began = Clock::now();
  t.loop.run_until(began + 20ms, [] { return false; });
  CHECK(Clock::now() >= began + 20ms);
  std::atomic<bool> done = false;
  asio::post(t.loop.io(), [&] { done = true; });
  const auto patience = Clock::now() + 10s;
  bool seen = false;
  while (!seen && Clock::now() < patience) t.loop.run_until(Clock::now(), [&] { return seen = done.load(); });
  CHECK(seen);
}

TEST_CASE("SharedLoop: what a handler throws is told, on whichever thread it runs, and the loop goes on") {
  Ticking t;
  t.loop.start();
  for (int i = 1; i <= 20; ++i) {
    asio::post(t.loop.io(), [] { throw std::runtime_error("no"); });
    if (i % 2 == 0) {
      t.loop.run_until(Deadline::max(), [&] { return t.failures == i; });
    } else {
      for (int k = 0; k < 1000 && t.failures != i; ++k) std::this_thread::sleep_for(1ms);
    }
    CHECK(t.failures == i);
  }
}

}  // namespace transport_socket_detail_shared_loop_test
