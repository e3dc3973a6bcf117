#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace healthai::detail {

/// Afterwards the smaller of two numbers is in place `low` and the larger in place `high`.
struct Comparator {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

/// Comparators that, carried out in order whatever the data, leave the numbers of rank [first, last) of `n` in the places
/// first, ..., last - 1, in ascending order; other places may hold the rest in any order. The same comparators for every
/// coordinate means that a vector of coordinates is sorted at once, without a branch.
///
/// Batcher's merge exchange (Knuth: The Art of Computer Programming, volume 3, 1998, algorithm 5.2.2M), about n (log2 n)^2 / 4
/// comparators, without those on which the wanted places do not depend.
[[nodiscard]] inline std::vector<Comparator> sorting_network(std::size_t n, std::size_t first,
                                                             std::size_t last) {
  std::vector<Comparator> all;
  const std::size_t top = n < 2 ? 0 : std::bit_ceil(n) / 2;
  for (std::size_t p = top; p > 0; p /= 2) {
    std::size_t r = 0;
    for (std::size_t q = top, d = p;; d = q - p, q /= 2, r = p) {
      for (std::size_t i = 0; i + d < n; ++i) {
        if ((i & p) == r) all.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + d)});
      }
      if (q == p) break;
    }
  }
  std::vector<bool> wanted(n);
  std::fill(wanted.begin() + static_cast<std::ptrdiff_t>(first),
            wanted.begin() + static_cast<std::ptrdiff_t>(last), true);
  std::vector<Comparator> needed;
  for (auto c = all.rbegin(); c != all.rend(); ++c) {
    if (!wanted[c->low] && !wanted[c->high]) continue;
    wanted[c->low] = wanted[c->high] = true;
    needed.push_back(*c);
  }
  std::reverse(needed.begin(), needed.end());
  return needed;
}

}  // namespace healthai::detail
