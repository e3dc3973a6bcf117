#include "healthai/statistics/merged_intervals.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace statistics_merged_intervals_test {

using healthai::merged_intervals;
using healthai::MergedInterval;
using healthai::spread_on_grid;
using Counts = std::vector<double>;
using Merged = std::vector<MergedInterval>;

namespace {

struct OnGrid {
  Counts events{};
  Counts censored{};
  friend bool operator==(const OnGrid&, const OnGrid&) = default;
};
OnGrid on_grid(const Merged& merged, std::size_t times) {
  OnGrid counts{Counts(times, -1), Counts(times, -1)};
  spread_on_grid(merged, counts.events, counts.censored);
  return counts;
}
double sum(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0);
}

}  // namespace

TEST_CASE("intervals that few leave in are merged into the next") {
  CHECK(merged_intervals(Counts{2, 2, 2, 2, 2, 2}, Counts(6), 0, 5) ==
        Merged{{0, 2, 6, 0, 4}, {3, 5, 6, 0, 4}});
  CHECK(merged_intervals(Counts{1, 0, 1, 5}, Counts{1, 1, 0, 2}, 0, 4) ==
        Merged{{0, 2, 2, 2, 3}, {3, 3, 5, 2, 0}});
  CHECK(merged_intervals(Counts{5, 6}, Counts{0, 1}, 7, 5) ==
        Merged{{0, 0, 5, 0, 0}, {1, 1, 6, 1, 0}});  // nothing to do
  CHECK(merged_intervals(Counts{0, 0, 5}, Counts(3), 7, 5) == Merged{{0, 2, 5, 0, 4}});
  CHECK(merged_intervals(Counts(3), Counts(3), 9, 5).empty());
}

TEST_CASE("after the last with enough, all are merged into it") {
  CHECK(merged_intervals(Counts{5, 0, 1, 0}, Counts{0, 0, 1, 0}, 0, 5) == Merged{{0, 2, 6, 1, 7}});
  CHECK(merged_intervals(Counts{3, 6, 4}, Counts{3, 0, 0}, 0, 5) ==
        Merged{{0, 0, 3, 3, 0}, {1, 2, 10, 0, 10}});
  CHECK(merged_intervals(Counts{5, 3}, Counts(2), 6, 5) == Merged{{0, 1, 8, 0, 8}});
}

TEST_CASE("beyond the grid are enough, or they end with it") {
  CHECK(merged_intervals(Counts{5, 3}, Counts(2), 2, 5) == Merged{{0, 0, 5, 0, 0}, {1, 1, 3, 2, 0}});
  CHECK(merged_intervals(Counts{6, 0, 0}, Counts(3), 1, 5) == Merged{{0, 2, 6, 1, 7}});
  CHECK(merged_intervals(Counts{1, 1}, Counts(2), 7, 5).empty());  // 2 would be few
}

TEST_CASE("fewer than enough in all are one interval") {
  CHECK(merged_intervals(Counts{1, 0, 1}, Counts{0, 1, 0}, 0, 5) == Merged{{0, 2, 2, 1, 3}});
  CHECK(merged_intervals(Counts{1, 1}, Counts(2), 2, 5) == Merged{{0, 1, 2, 2, 4}});
  CHECK(merged_intervals(Counts{}, Counts{}, 3, 5).empty());
}

TEST_CASE("few of a merged interval are spread over it, the others stand at its end") {
  CHECK(on_grid({{0, 2, 6, 0, 4}}, 4) == OnGrid{{1, 2, 3, 0}, {0, 0, 0, 0}});
  CHECK(on_grid({{1, 3, 90, 10, 4}}, 4) == OnGrid{{0, 1, 2, 87}, {0, 0, 0, 10}});
  CHECK(on_grid({{0, 0, 7, 3, 0}, {1, 2, 4, 2, 6}}, 3) == OnGrid{{7, 2, 2}, {3, 1, 1}});
  CHECK(on_grid({}, 2) == OnGrid{{0, 0}, {0, 0}});
}

TEST_CASE("whatever the counts: nobody is lost, no few are told apart, and few are moved") {
  CHECK(rc::check([](const std::vector<unsigned char>& raw) {
    Counts events, censored;
    for (const unsigned char both : raw) {
      events.push_back(both % 4);
      censored.push_back(both / 4 % 4);
    }
    const auto beyond = *rc::gen::inRange<std::uint64_t>(0, 8);
    const auto smallest = *rc::gen::inRange<std::uint64_t>(0, 9);
    const Merged merged = merged_intervals(events, censored, beyond, smallest);
    const double leaving = sum(events) + sum(censored);
    const double all = leaving + static_cast<double>(beyond);
    double told = 0;
    std::size_t next = 0;
    for (const MergedInterval& whole : merged) {
      RC_ASSERT(whole.first >= next);
      RC_ASSERT(whole.last >= whole.first);
      RC_ASSERT(whole.last < events.size());
      next = whole.last + 1;
      const std::uint64_t of_both = whole.events + whole.censored;
      RC_ASSERT(of_both > 0);
      RC_ASSERT(of_both >= smallest || static_cast<double>(of_both) == all);
      told += static_cast<double>(of_both);
    }
    const double rest = all - told;  // who are told to be beyond
    RC_ASSERT(rest == 0 || rest >= static_cast<double>(smallest) || raw.empty());
    if (!merged.empty()) {
      RC_ASSERT(rest == (beyond < smallest ? 0 : static_cast<double>(beyond)));
    }

    const OnGrid counts = on_grid(merged, events.size());
    RC_ASSERT(sum(counts.events) + sum(counts.censored) == told);
    if (!merged.empty()) RC_ASSERT(sum(counts.events) == sum(events));
    if (smallest <= 1) RC_ASSERT(counts == (OnGrid{events, censored}));
    // Until the end of a merged interval but the last, as many have left as in truth.
    double truly = 0, seemingly = 0;
    std::size_t k = 0;
    for (std::size_t i = 0; i + 1 < merged.size(); ++i) {
      for (; k <= merged[i].last; ++k) {
        truly += events[k] + censored[k];
        seemingly += counts.events[k] + counts.censored[k];
        RC_ASSERT(std::abs(truly - seemingly) < static_cast<double>(smallest < 1 ? 1 : smallest));
      }
      RC_ASSERT(truly == seemingly);
    }
  }));
}

}  // namespace statistics_merged_intervals_test
