#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "healthai/aggregation/detail/merge_exchange.hpp"

namespace healthai::detail {

/// Two layers of a network at once, as far as their comparators hang together: one compares places[0] with places[1], places[2] with
/// places[3], ..., the other, after it, places[1] with places[2], .... The places of the first layer's pairs are in ascending order. So
/// whoever walks along a path loads and stores each number once for two comparators.
struct ComparatorPath {
  bool starts_with_second = false;  ///< places[0] has no partner in the first layer
  std::vector<std::uint32_t> places{};
};

/// The comparators of two layers (empty, or without a common place each) as paths.
inline void append_paths(std::vector<ComparatorPath>& paths, std::size_t n,
                         const std::vector<Comparator>& first, const std::vector<Comparator>& second) {
  const auto begin = static_cast<std::ptrdiff_t>(paths.size());
  const auto nobody = static_cast<std::uint32_t>(n);
  std::array<std::vector<std::uint32_t>, 2> partner{std::vector<std::uint32_t>(n, nobody),
                                                    std::vector<std::uint32_t>(n, nobody)};
  std::vector<bool> is_high(n);
  for (const Comparator& c : first) {
    partner[0][c.low] = c.high;
    partner[0][c.high] = c.low;
    is_high[c.high] = true;
  }
  for (const Comparator& c : second) {
    partner[1][c.low] = c.high;
    partner[1][c.high] = c.low;
  }
  for (std::uint32_t start = 0; start < nobody; ++start) {
    // A path begins at a lower place of the first layer that the second leaves alone, or at a place that only the second knows.
    const bool only_second = partner[0][start] == nobody && partner[1][start] != nobody;
    const bool only_first = partner[0][start] != nobody && partner[1][start] == nobody && !is_high[start];
    if (!only_first && !only_second) continue;
    ComparatorPath path{only_second, {start}};
    for (std::size_t layer = only_second ? 1 : 0;; layer = 1 - layer) {
      const std::uint32_t next = partner[layer][path.places.back()];
      if (next == nobody) break;
      path.places.push_back(next);
    }
    // Both ends of a path may qualify as its beginning; from the wrong one its pairs of the first layer descend.
    const std::size_t pair = only_second ? 1 : 0;
    if (path.places.size() >= pair + 2 && path.places[pair] > path.places[pair + 1]) continue;
    if (path.places.size() == 2 && only_second && path.places[0] > path.places[1]) continue;
    paths.push_back(std::move(path));
  }
  // Paths of one shape follow each other: the processor then foresees where each ends.
  std::stable_sort(paths.begin() + begin, paths.end(), [](const ComparatorPath& a, const ComparatorPath& b) {
    return std::pair(a.places.size(), a.starts_with_second) <
           std::pair(b.places.size(), b.starts_with_second);
  });
}

}  // namespace healthai::detail
