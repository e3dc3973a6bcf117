#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace healthai {

/// Neighbouring intervals of a public grid of times, and how many leave the risk set in all of them together.
struct MergedInterval {
  std::size_t first = 0;
  std::size_t last = 0;
  std::uint64_t events = 0;
  std::uint64_t censored = 0;     ///< whose observation ends in it
  std::uint64_t before_last = 0;  ///< how many of both may have left before the interval `last`: at most all
  friend bool operator==(const MergedInterval&, const MergedInterval&) = default;
};

/// Merges intervals of a hospital's life table until in each at least `smallest` patients leave the risk set, by an event or by the end of
/// observation: an interval of fewer is merged into the next. After the last one with enough, whoever is left is merged into that one.
///
/// Patients who were followed beyond the grid are an interval of their own, which is not among those returned. Fewer than `smallest` count
/// as censored in the last interval of the grid. Where at least so many are beyond and fewer than `smallest` leave on the whole grid, there is
/// no interval: all count as followed beyond it. Where fewer than `smallest` patients are followed at all, they
/// are one interval; whether that may leave is another rule's matter.
///
/// \param events    how many have an event in each interval, of one hospital's group in one stratum
/// \param censored  whose observation ends in it; as many
/// \param beyond    patients who are still at risk after the last one
/// \return in the order of times; an interval in which nobody leaves is part of the next in which somebody does
[[nodiscard]] inline std::vector<MergedInterval> merged_intervals(std::span<const double> events,
                                                                  std::span<const double> censored,
                                                                  std::uint64_t beyond,
                                                                  std::uint64_t smallest) {
  std::vector<MergedInterval> merged;
  if (events.empty()) return merged;
  const bool few_beyond = beyond < smallest;
  MergedInterval open{0, 0, 0, 0, 0};
  for (std::size_t k = 0; k < events.size(); ++k) {
    const bool end = few_beyond && k + 1 == events.size();
    const auto happened = static_cast<std::uint64_t>(events[k]);
    const auto ended = static_cast<std::uint64_t>(censored[k]) + (end ? beyond : 0);
    if (happened + ended == 0) continue;
    open.last = k;
    open.events += happened;
    open.censored += ended;
    if (open.events + open.censored < smallest) continue;
    open.before_last = open.first == k ? 0 : (std::max)(smallest, std::uint64_t{1}) - 1;
    merged.push_back(open);
    open = {k + 1, k + 1, 0, 0, 0};
  }
  const std::uint64_t rest = open.events + open.censored;
  if (rest == 0) return merged;
  if (!merged.empty()) {
    MergedInterval& whole = merged.back();
    whole.last = open.last;
    whole.events += open.events;
    whole.censored += open.censored;
    whole.before_last = whole.events + whole.censored;
  } else if (few_beyond) {
    open.before_last = rest;
    merged.push_back(open);
  }
  return merged;
}

/// Counts on the grid that tell no more than merged intervals do. In each, as many as may have left before its last interval are
/// spread evenly over all of it, events and censored in proportion, and the others stand in its last. So a curve over many small
/// hospitals is not shifted to later times, as it would be if all stood at the end; it is smoother than the exact one.
///
/// \param[out] events    of each interval of the grid
/// \param[out] censored  likewise, as many
inline void spread_on_grid(std::span<const MergedInterval> merged, std::span<double> events,
                           std::span<double> censored) {
  std::fill(events.begin(), events.end(), 0.0);
  std::fill(censored.begin(), censored.end(), 0.0);
  const auto rounded = [](std::uint64_t a, std::uint64_t b) { return (2 * a + b) / (2 * b); };
  for (const MergedInterval& whole : merged) {
    const std::uint64_t all = whole.events + whole.censored;
    const std::uint64_t size = whole.last - whole.first + 1;
    const std::uint64_t early = (std::min)(all, whole.before_last);
    const std::uint64_t early_events = rounded(early * whole.events, all);
    const auto spread = [&](std::span<double> counts, std::uint64_t of, std::uint64_t total) {
      for (std::uint64_t i = 0; i < size; ++i)
        counts[whole.first + i] = static_cast<double>(rounded((i + 1) * of, size) - rounded(i * of, size));
      counts[whole.last] += static_cast<double>(total - of);
    };
    spread(events, early_events, whole.events);
    spread(censored, early - early_events, whole.censored);
  }
}

}  // namespace healthai
