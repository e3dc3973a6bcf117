#include "healthai/transport/socket/detail/turns.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

namespace transport_socket_detail_turns_test {

using healthai::Clock;
using healthai::RequestId;
using healthai::detail::Turns;
using namespace std::chrono_literals;

namespace {

const Clock::time_point start = Clock::now();
using Ids = std::vector<RequestId>;

/// Everyone whose turn it is now.
Ids granted(Turns& turns, Clock::time_point now = start) {
  Ids ids;
  while (const auto id = turns.grant(now)) ids.push_back(*id);
  return ids;
}

}  // namespace

TEST_CASE("as many as fit have their turn at once, in the order in which they asked") {
  Turns turns(100);
  for (RequestId id = 1; id <= 5; ++id) turns.announce(id, 40);
  CHECK(granted(turns) == Ids{1, 2});
  CHECK(turns.granted(1));
  CHECK_FALSE(turns.granted(3));
  CHECK(granted(turns).empty());
  turns.forget(2);
  CHECK(granted(turns) == Ids{3});
  turns.whole(1);  // still in memory
  CHECK(granted(turns).empty());
  turns.forget(1);
  CHECK(granted(turns) == Ids{4});
}

TEST_CASE("a reply larger than the memory has its turn alone") {
  Turns turns(100);
  turns.announce(1, 40);
  turns.announce(2, 1000);
  turns.announce(3, 40);
  CHECK(granted(turns) == Ids{1});  // and nobody passes the second one
  turns.forget(1);
  CHECK(granted(turns) == Ids{2});
  turns.forget(2);
  CHECK(granted(turns) == Ids{3});
}

TEST_CASE("lengths that no sum can hold do not make room") {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  Turns turns(100);
  turns.announce(1, most);
  turns.announce(2, most);
  turns.announce(3, 1);
  CHECK(granted(turns) == Ids{1});
  turns.watch(start + 3s);  // slow
  CHECK(granted(turns, start + 3s) == Ids{2});
  turns.received(1, std::uint64_t{1} << 20U);
  turns.received(2, std::uint64_t{1} << 20U);
  turns.watch(start + 6s);  // both are fast again
  CHECK(granted(turns, start + 6s).empty());
  turns.forget(1);
  turns.forget(2);
  CHECK(granted(turns, start + 6s) == Ids{3});
}

TEST_CASE("whoever asks twice waits once, at the end; whoever has gone waits no more") {
  Turns turns(100);
  for (RequestId id = 1; id <= 4; ++id) turns.announce(id, 100);
  turns.announce(2, 100);
  CHECK(granted(turns) == Ids{1});
  turns.forget(3);
  turns.forget(1);
  CHECK(granted(turns) == Ids{4});
  turns.announce(4, 100);  // again while it has its turn: as after a new connection
  CHECK_FALSE(turns.granted(4));
  CHECK(granted(turns) == Ids{2});
}

TEST_CASE("less than 64 KiB a second is slow, and in nobody's way") {
  Turns turns(100);
  turns.announce(1, 100);
  turns.announce(2, 100);
  CHECK(granted(turns) == Ids{1});
  turns.watch(start + 1s);
  CHECK(granted(turns, start + 1s).empty());  // it has 2 seconds
  turns.received(1, (128U << 10U) - 1);
  turns.watch(start + 2s);
  CHECK(granted(turns, start + 2s) == Ids{2});
  turns.announce(3, 100);
  turns.received(1, 2 * (128U << 10U));
  turns.received(2, 128U << 10U);  // fast enough
  turns.watch(start + 4s);
  turns.forget(2);
  CHECK(granted(turns, start + 4s).empty());  // the first has become fast again, and counts
  turns.watch(start + 6s);                    // and slow again
  CHECK(granted(turns, start + 6s) == Ids{3});
  turns.whole(1);  // there: it is in memory
  turns.forget(3);
  turns.announce(4, 1);
  turns.watch(start + 60s);
  CHECK(granted(turns, start + 60s).empty());
}

TEST_CASE("when only whole replies stand in the way, one can be let pass") {
  Turns turns(100);
  CHECK_FALSE(turns.blocked());
  for (RequestId id = 1; id <= 3; ++id) turns.announce(id, 100);
  CHECK(granted(turns) == Ids{1});
  CHECK_FALSE(turns.blocked());  // the first is on its way
  turns.whole(1);
  CHECK(turns.blocked());
  CHECK_FALSE(turns.grant_anyway(1, start));
  CHECK_FALSE(turns.grant_anyway(7, start));
  CHECK(turns.grant_anyway(3, start));
  CHECK(turns.granted(3));
  CHECK_FALSE(turns.blocked());
  turns.forget(1);
  turns.forget(3);
  CHECK(granted(turns) == Ids{2});
  CHECK_FALSE(turns.blocked());  // nobody waits
}

TEST_CASE("unless one is larger, what is granted fits; and everyone has a turn in the end") {
  CHECK(rc::check([] {
    const auto memory = *rc::gen::inRange<std::uint64_t>(1, 1000);
    Turns turns(memory);
    std::map<RequestId, std::uint64_t> waiting;
    std::map<RequestId, std::uint64_t> in_use;
    RequestId last = 0;
    const auto grant = [&] {
      for (const RequestId id : granted(turns)) {
        RC_ASSERT(waiting.contains(id));
        in_use[id] = waiting.at(id);
        waiting.erase(id);
      }
      std::uint64_t sum = 0;
      for (const auto& [id, bytes] : in_use) sum += bytes;
      RC_ASSERT(sum <= memory || in_use.size() == 1);
      RC_ASSERT(waiting.empty() || !in_use.empty());
    };
    for (const auto bytes :
         *rc::gen::container<std::vector<std::uint64_t>>(rc::gen::inRange<std::uint64_t>(1, 1200))) {
      if (bytes % 3 == 0 && !in_use.empty()) {
        turns.forget(in_use.begin()->first);
        in_use.erase(in_use.begin());
      } else {
        turns.announce(++last, bytes);
        waiting[last] = bytes;
      }
      grant();
    }
    while (!in_use.empty()) {
      turns.forget(in_use.begin()->first);
      in_use.erase(in_use.begin());
      grant();
    }
    RC_ASSERT(waiting.empty());
  }));
}

}  // namespace transport_socket_detail_turns_test
