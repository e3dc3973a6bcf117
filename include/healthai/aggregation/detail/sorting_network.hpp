#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "healthai/aggregation/detail/comparator_path.hpp"
#include "healthai/aggregation/detail/merge_exchange.hpp"

namespace healthai::detail {

/// The numbers in places first, first + stride, ... are put in order: few enough to stay in the processor's registers meanwhile.
struct PlaceGroup {
  std::size_t first = 0;
  std::size_t stride = 1;
  std::size_t count = 0;
};

/// What, carried out in order whatever the data, leaves the numbers of rank [first, last) of `n` in the places first, ..., last - 1, in
/// ascending order; other places may hold the rest in any order. The same for every coordinate, which means that a vector of
/// coordinates is sorted at once, without a branch.
///
/// The places are those of a matrix, row by row. First each of its columns is sorted, then each row, which leaves the columns sorted
/// (Gale, Karp: A Phenomenon in the Theory of Sorting, 1972). After this the merge exchange has little left to do: see OpenPlaces.
struct SortingNetwork {
  static constexpr std::size_t most_in_column =
      13;  ///< with one to compare with, they fit into sixteen registers
  static constexpr std::size_t most_in_row =
      8;  ///< of a wider matrix every second, or fourth, ... column counts as a matrix of its own

  std::vector<PlaceGroup> columns{};  ///< each place is in one of them
  std::vector<PlaceGroup> rows{};
  std::vector<ComparatorPath> paths{};
};

/// Which places of a matrix may hold a number of rank [first, last), when columns and rows are sorted: whatever is in row r and column c, counted
/// from 0, is no smaller than (r + 1) (c + 1) - 1 others, and no larger than as many as there are to the right and below.
class OpenPlaces {
 public:
  OpenPlaces(std::size_t n, std::size_t first, std::size_t last)
      : first_(first), last_(last), place_(n, Place::open) {}

  /// The places are now those of a sorted matrix with `width` columns, a power of 2; its last row may have gaps at the end.
  void sorted_matrix(std::size_t width) {
    const std::size_t n = place_.size();
    const std::size_t height = (n + width - 1) / width;
    for (std::size_t i = 0; i < n; ++i) {
      const std::size_t row = i / width, column = i % width;
      const std::size_t gaps = (std::min)(height * width - n, width - column);
      if ((height - row) * (width - column) - gaps > n - first_) place_[i] = Place::below;
      if ((row + 1) * (column + 1) > last_) place_[i] = Place::above;
    }
  }

  /// Whether a comparator may change anything that matters; notes what it does.
  [[nodiscard]] bool compare(const Comparator& c) {
    if (place_[c.low] < place_[c.high]) return false;
    if (place_[c.low] == place_[c.high]) return place_[c.low] == Place::open;
    std::swap(place_[c.low], place_[c.high]);
    return true;
  }

 private:
  enum class Place : std::uint8_t { below, open, above };
  std::size_t first_, last_;
  std::vector<Place> place_;
};

/// \pre first <= last <= n
[[nodiscard]] inline SortingNetwork sorting_network(std::size_t n, std::size_t first, std::size_t last) {
  SortingNetwork network;
  std::size_t width = 1;
  while ((n + width - 1) / width > SortingNetwork::most_in_column) width *= 2;
  const std::size_t height = (n + width - 1) / width;
  const std::size_t matrices = width > SortingNetwork::most_in_row ? width / SortingNetwork::most_in_row : 1;
  const auto append = [](std::vector<PlaceGroup>& groups, std::size_t begin, std::size_t end,
                         std::size_t stride) {
    for (std::size_t i = begin; i < end && i < begin + stride; ++i) {
      groups.push_back({i, stride, (end - i + stride - 1) / stride});
    }
  };
  append(network.columns, 0, n, width);
  for (std::size_t i = 0; width > 1 && i < n; i += width) {
    append(network.rows, i, (std::min)(i + width, n), matrices);
  }

  struct Layer {
    std::size_t stride = 0;
    std::size_t number = 0;
    std::vector<Comparator> comparators{};
  };
  std::vector<Layer> layers;
  OpenPlaces places(n, first, last);
  std::size_t stride_before = 0;
  merge_exchange(n, [&](std::size_t stride, std::size_t layer, const Comparator& c) {
    if (stride >= width) return;
    if (stride != stride_before && matrices == 1) places.sorted_matrix(2 * stride);
    stride_before = stride;
    const bool first_of_stride = (c.low & stride) == 0;
    // The columns c and c + stride of a matrix with 2 stride columns are merged, which leaves its rows in order. The first layer compares
    // neighbours in a row, in vain. The next ones compare numbers that are some rows apart. From `height` rows on this is in vain, too: if all
    // numbers are 0 or 1, column c has as many zeros more than c + stride as there are in some column of the first matrix, less those in a
    // later one, and so on, an alternating sum of what descends.
    if (stride >= matrices && (first_of_stride || c.high - c.low + stride >= 2 * stride * height)) return;
    if (!places.compare(c)) return;
    if (layers.empty() || layers.back().number != layer) layers.push_back({stride, layer, {}});
    layers.back().comparators.push_back(c);
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
