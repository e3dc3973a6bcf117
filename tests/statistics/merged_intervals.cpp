#include "healthai/statistics/merged_intervals.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <numeric>
#include <vector>

namespace statistics_merged_intervals_test {

using healthai::merge_small_intervals;
using Counts = std::vector<double>;

namespace {

struct Merged {
  Counts events{};
  Counts censored{};
  friend bool operator==(const Merged&, const Merged&) = default;
};
Merged merged(Counts events, Counts censored, double beyond, std::size_t smallest) {
  merge_small_intervals(events, censored, beyond, smallest);
  return {events, censored};
}

}  // namespace

TEST_CASE("intervals that few leave in are merged into the next") {
  CHECK(merged({2, 2, 2, 2, 2, 2}, {0, 0, 0, 0, 0, 0}, 0, 5) ==
        Merged{{0, 0, 6, 0, 0, 6}, {0, 0, 0, 0, 0, 0}});
  CHECK(merged({1, 0, 1, 5}, {1, 1, 0, 2}, 0, 4) == Merged{{0, 0, 2, 5}, {0, 0, 2, 2}});
  CHECK(merged({5, 6}, {0, 1}, 7, 5) == Merged{{5, 6}, {0, 1}});  // nothing to do
  CHECK(merged({0, 0, 0}, {0, 0, 0}, 9, 5) == Merged{{0, 0, 0}, {0, 0, 0}});
}

TEST_CASE("the last interval takes the one before it") {
  CHECK(merged({5, 0, 1, 0}, {0, 0, 1, 0}, 0, 5) == Merged{{0, 0, 6, 0}, {0, 0, 1, 0}});
  CHECK(merged({3, 6, 4}, {3, 0, 0}, 0, 5) == Merged{{3, 0, 10}, {3, 0, 0}});
}

TEST_CASE("beyond the grid is the last interval, if anybody is there") {
  CHECK(merged({5, 3}, {0, 0}, 2, 5) == Merged{{5, 0}, {0, 0}});  // 3 + 2 stay
  CHECK(merged({5, 2}, {0, 0}, 2, 5) == Merged{{0, 0}, {0, 0}});  // 4 would be few: all stay
  CHECK(merged({6, 5}, {0, 0}, 1, 5) == Merged{{6, 0}, {0, 0}});
}

TEST_CASE("fewer than enough in all are one interval") {
  CHECK(merged({1, 0, 1}, {0, 1, 0}, 0, 5) == Merged{{0, 0, 2}, {0, 0, 1}});
  CHECK(merged({1, 1}, {0, 0}, 2, 5) == Merged{{0, 0}, {0, 0}});
  CHECK(merged({}, {}, 3, 5) == Merged{});
}

TEST_CASE("whatever the counts: nobody leaves earlier, nobody is lost, and no few are told apart") {
  CHECK(rc::check([](const std::vector<unsigned char>& raw) {
    Counts events, censored;
    for (const unsigned char both : raw) {
      events.push_back(both % 4);
      censored.push_back(both / 4 % 4);
    }
    const double beyond = *rc::gen::inRange(0, 8);
    const auto smallest = *rc::gen::inRange<std::size_t>(0, 9);
    const Merged result = merged(events, censored, beyond, smallest);
    const auto sum = [](const Counts& counts) { return std::accumulate(counts.begin(), counts.end(), 0.0); };
    const double all = sum(events) + sum(censored) + beyond;
    const double left = sum(result.events) + sum(result.censored);
    double before_events = 0, before_all = 0, after_events = 0, after_all = 0;
    for (std::size_t k = 0; k < events.size(); ++k) {
      before_events += events[k];
      before_all += events[k] + censored[k];
      after_events += result.events[k];
      after_all += result.events[k] + result.censored[k];
      RC_ASSERT(after_events <= before_events);
      RC_ASSERT(after_all <= before_all);
      const double leaving = result.events[k] + result.censored[k];
      RC_ASSERT(leaving == 0 || leaving >= static_cast<double>(smallest) || leaving == all);
    }
    const double rest = all - left;
    RC_ASSERT(rest == 0 || rest >= static_cast<double>(smallest) || rest == all);
    if (beyond == 0 && sum(events) + sum(censored) > 0) {
      RC_ASSERT(rest == 0);
      RC_ASSERT(after_events == before_events);
    }
    if (smallest <= 1) RC_ASSERT(result == (Merged{events, censored}));
  }));
}

}  // namespace statistics_merged_intervals_test
