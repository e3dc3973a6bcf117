#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace healthai::detail {

/// Afterwards the smaller of two numbers is in place `low` and the larger in place `high`, which is the greater place.
struct Comparator {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

/// Calls `emit(stride, layer, comparator)` for each comparator of Batcher's merge exchange for `n` numbers (Knuth: The Art of Computer
/// Programming, volume 3, 1998, algorithm 5.2.2M): about n (log2 n)^2 / 4 of them, in layers without a common place. When the
/// strides from the largest down to `stride` are done, the numbers in places i, i + stride, i + 2 stride, ... are in order, for each i.
template <class Emit>
constexpr void merge_exchange(std::size_t n, Emit emit) {
  const std::size_t top = n < 2 ? 0 : std::bit_ceil(n) / 2;
  std::size_t layer = 0;
  for (std::size_t p = top; p > 0; p /= 2) {
    std::size_t r = 0;
    for (std::size_t q = top, d = p;; d = q - p, q /= 2, r = p, ++layer) {
      for (std::size_t i = 0; i + d < n; ++i) {
        if ((i & p) == r) {
          emit(p, layer, Comparator{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + d)});
        }
      }
      if (q == p) break;
    }
    ++layer;
  }
}

/// How many comparators those are.
[[nodiscard]] constexpr std::size_t merge_exchange_comparators(std::size_t n) {
  std::size_t count = 0;
  merge_exchange(n, [&count](std::size_t, std::size_t, Comparator) { ++count; });
  return count;
}
/// The same for few numbers, to be a constant.
template <std::size_t N>
[[nodiscard]] constexpr auto make_small_network() {
  std::array<Comparator, merge_exchange_comparators(N)> all{};
  std::size_t i = 0;
  merge_exchange(N, [&](std::size_t, std::size_t, Comparator c) { all[i++] = c; });
  return all;
}
template <std::size_t N>
inline constexpr auto small_network = make_small_network<N>();

/// Two layers of a network at once, as far as their comparators hang together: one compares places[0] with places[1], places[2] with
/// places[3], ..., the other, after it, places[1] with places[2], .... The places of the first layer's pairs are in ascending order. So
/// whoever walks along a path loads and stores each number once for two comparators.
struct ComparatorPath {
  bool starts_with_second = false;  ///< places[0] has no partner in the first layer
  std::vector<std::uint32_t> places{};
};

/// What, carried out in order whatever the data, leaves the numbers of rank [first, last) of `n` in the places first, ..., last - 1, in
/// ascending order; other places may hold the rest in any order. The same for every coordinate, which means that a vector of
/// coordinates is sorted at once, without a branch.
struct SortingNetwork {
  /// As many numbers as can be sorted without leaving the processor's registers.
  static constexpr std::size_t most_in_class = 8;

  /// To begin with, places i, i + stride, i + 2 stride, ... are sorted, for each i < stride: at most `most_in_class` of them.
  std::size_t stride = 1;
  /// Then come these, the layers of the merge exchange for the strides that are left, without the comparators on which the wanted places
  /// do not depend.
  std::vector<ComparatorPath> paths{};
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

/// \pre first <= last <= n
[[nodiscard]] inline SortingNetwork sorting_network(std::size_t n, std::size_t first, std::size_t last) {
  SortingNetwork network;
  while ((n + network.stride - 1) / network.stride > SortingNetwork::most_in_class) network.stride *= 2;
  struct Layer {
    std::size_t stride = 0;
    std::vector<Comparator> comparators{};
  };
  std::vector<Layer> layers;
  merge_exchange(n, [&](std::size_t stride, std::size_t layer, Comparator c) {
    if (stride >= network.stride) return;
    if (layers.size() <= layer) layers.resize(layer + 1);
    layers[layer].stride = stride;
    layers[layer].comparators.push_back(c);
  });
  std::vector<bool> wanted(n);
  std::fill(wanted.begin() + static_cast<std::ptrdiff_t>(first),
            wanted.begin() + static_cast<std::ptrdiff_t>(last), true);
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    std::erase_if(layer->comparators, [&](const Comparator& c) {
      if (!wanted[c.low] && !wanted[c.high]) return true;
      wanted[c.low] = wanted[c.high] = true;
      return false;
    });
  }
  // Of one stride the layers are taken two by two, from the last; with the last one of another stride they would make circles.
  for (auto end = layers.begin(); end != layers.end();) {
    auto begin = end;
    end = std::find_if(begin, layers.end(), [&](const Layer& l) { return l.stride != begin->stride; });
    if ((end - begin) % 2 == 1) append_paths(network.paths, n, {}, (begin++)->comparators);
    for (; begin != end; begin += 2) {
      append_paths(network.paths, n, begin[0].comparators, begin[1].comparators);
    }
  }
  return network;
}

}  // namespace healthai::detail
