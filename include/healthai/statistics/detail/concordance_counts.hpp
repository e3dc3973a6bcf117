#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

namespace healthai::detail {

/// Pairs of patients by whether a risk orders them as their survival times do, and what the variance of the concordance is made of; all
/// add up over strata and hospitals.
struct ConcordanceCounts {
  double concordant = 0;  ///< pairs in which the one with the higher risk had the event first
  double discordant = 0;
  double tied_x = 0;   ///< comparable, with the same risk
  double tied_y = 0;   ///< both had the event at the same time
  double tied_xy = 0;  ///< and the same risk
  // Of every patient, u is concordant less discordant pairs, m the comparable ones:
  double uu = 0;  ///< the sum of u^2
  double um = 0;
  double mm = 0;
};

/// How many of each rank there are, and how many below (Fenwick: A new data structure for cumulative frequency tables, 1994).
class RankCounts {
 public:
  explicit RankCounts(std::size_t ranks) : tree_(ranks + 1), count_(ranks) {}
  void add(std::size_t rank) {
    ++count_[rank];
    ++all_;
    for (std::size_t i = rank + 1; i < tree_.size(); i += i & (~i + 1)) ++tree_[i];
  }
  [[nodiscard]] double below(std::size_t rank) const {
    std::size_t sum = 0;
    for (std::size_t i = rank; i > 0; i -= i & (~i + 1)) sum += tree_[i];
    return static_cast<double>(sum);
  }
  [[nodiscard]] double at(std::size_t rank) const { return static_cast<double>(count_[rank]); }
  [[nodiscard]] double above(std::size_t rank) const {
    return static_cast<double>(all_) - below(rank) - at(rank);
  }

 private:
  std::vector<std::size_t> tree_;
  std::vector<std::size_t> count_;
  std::size_t all_ = 0;
};

/// Of one stratum, in O(n log n). A pair is comparable if one had the event before the other's time, or at that time while the other was
/// censored then. \param risk higher means sooner
[[nodiscard]] inline ConcordanceCounts concordance_counts(std::span<const double> times,
                                                          std::span<const double> events,
                                                          std::span<const double> risk) {
  const std::size_t n = times.size();
  std::vector<double> values(risk.begin(), risk.end());
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  std::vector<std::size_t> rank(n), order(n);
  for (std::size_t i = 0; i < n; ++i) {
    rank[i] =
        static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), risk[i]) - values.begin());
    order[i] = i;
  }
  // By time, the events of each time before those censored at it.
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return times[a] != times[b] ? times[a] < times[b] : events[a] > events[b];
  });
  std::vector<double> u(n), m(n);
  const auto end_of_events = [&](std::size_t from) {
    std::size_t end = from;
    while (end < n && times[order[end]] == times[order[from]] && events[order[end]] == 1) ++end;
    return end;
  };

  ConcordanceCounts counts;
  // Each patient against those who had the event before.
  RankCounts earlier(values.size());
  for (std::size_t from = 0; from < n;) {
    const std::size_t end = (std::max)(end_of_events(from), from + 1);
    for (std::size_t k = from; k < end; ++k) {
      const std::size_t i = order[k];
      const double higher = earlier.above(rank[i]);
      const double lower = earlier.below(rank[i]);
      counts.concordant += higher;
      counts.discordant += lower;
      counts.tied_x += earlier.at(rank[i]);
      u[i] += higher - lower;
      m[i] += higher + lower + earlier.at(rank[i]);
    }
    if (events[order[from]] == 1) {
      const auto tied = static_cast<double>(end - from);
      double same = 0;
      std::vector<std::size_t> ranks;
      for (std::size_t k = from; k < end; ++k) ranks.push_back(rank[order[k]]);
      std::sort(ranks.begin(), ranks.end());
      for (std::size_t k = 0, begin = 0; k < ranks.size(); ++k) {
        if (ranks[k] != ranks[begin]) begin = k;
        same += static_cast<double>(k - begin);
      }
      counts.tied_xy += same;
      counts.tied_y += tied * (tied - 1) / 2 - same;
      for (std::size_t k = from; k < end; ++k) earlier.add(rank[order[k]]);
    }
    from = end;
  }
  // Each event against those who were still there.
  RankCounts later(values.size());
  for (std::size_t to = n; to > 0;) {
    std::size_t begin = to - 1;
    const bool event = events[order[begin]] == 1;
    while (event && begin > 0 && times[order[begin - 1]] == times[order[to - 1]]) --begin;
    for (std::size_t k = begin; event && k < to; ++k) {
      const std::size_t i = order[k];
      u[i] += later.below(rank[i]) - later.above(rank[i]);
      m[i] += later.below(rank[i]) + later.above(rank[i]) + later.at(rank[i]);
    }
    for (std::size_t k = begin; k < to; ++k) later.add(rank[order[k]]);
    to = begin;
  }
  for (std::size_t i = 0; i < n; ++i) {
    counts.uu += u[i] * u[i];
    counts.um += u[i] * m[i];
    counts.mm += m[i] * m[i];
  }
  return counts;
}

}  // namespace healthai::detail
