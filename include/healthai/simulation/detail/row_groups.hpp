#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/random.hpp"

namespace healthai::detail {

/// The random numbers of a partition.
[[nodiscard]] inline Stream partition_stream(std::uint64_t seed) noexcept {
  return Stream(seed, Purpose::simulation, 0, "partition/");  // the slash: no client has such an id
}

/// \throws Error (`invalid_argument`) for no clients, (`invalid_data`) if there are fewer rows than they need.
inline void require_rows(std::size_t rows, std::size_t clients, std::size_t each, const char* who) {
  if (clients == 0) {
    throw Error(error::invalid_argument, std::string(who) + ": expected at least one client, got none");
  }
  if (rows < clients || each > rows / clients) {
    throw Error(error::invalid_data,
                std::string(who) + ": " + std::to_string(clients) + " clients of at least " +
                    std::to_string((std::max)(each, std::size_t{1})) + " rows each need more than the " +
                    std::to_string(rows) + " rows there are; use fewer clients");
  }
}

/// 0, 1, ..., rows - 1 in random order.
[[nodiscard]] inline std::vector<std::size_t> shuffled_rows(std::size_t rows, Stream& stream) {
  std::vector<std::size_t> order(rows);
  std::iota(order.begin(), order.end(), std::size_t{0});
  shuffle(std::span<std::size_t>(order), stream);
  return order;
}

/// The rows of each class, in random order. Classes are numbered as the labels are; some may be empty.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> shuffled_classes(
    std::span<const std::size_t> labels, Stream& stream) {
  std::vector<std::vector<std::size_t>> classes;
  for (std::size_t row = 0; row < labels.size(); ++row) {
    if (labels[row] >= labels.size()) {
      throw Error(error::invalid_argument, "partition: row " + std::to_string(row) + " has the label " +
                                               std::to_string(labels[row]) +
                                               ", but labels must be below the number of rows; number them "
                                               "with class_numbers()");
    }
    if (labels[row] >= classes.size()) classes.resize(labels[row] + 1);
    classes[labels[row]].push_back(row);
  }
  for (std::vector<std::size_t>& rows : classes) shuffle(std::span<std::size_t>(rows), stream);
  return classes;
}

/// Cuts `order` into consecutive groups of those sizes, which add up to its length.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> cut(std::span<const std::size_t> order,
                                                               std::span<const std::size_t> sizes) {
  std::vector<std::vector<std::size_t>> groups;
  groups.reserve(sizes.size());
  std::size_t begin = 0;
  for (const std::size_t size : sizes) {
    const auto rows = order.subspan(begin, size);
    groups.emplace_back(rows.begin(), rows.end());
    begin += size;
  }
  return groups;
}

/// Sizes that differ by at most one, the larger ones first, and add up to `rows`.
[[nodiscard]] inline std::vector<std::size_t> equal_sizes(std::size_t rows, std::size_t groups) {
  std::vector<std::size_t> sizes(groups, rows / groups);
  for (std::size_t i = 0; i < rows % groups; ++i) ++sizes[i];
  return sizes;
}

/// Fills groups that have fewer than `minimum` rows: one row at a time, drawn at random from the group that is
/// largest then (the first of several). There must be enough rows for all.
inline void fill_up(std::vector<std::vector<std::size_t>>& groups, std::size_t minimum, Stream& stream) {
  for (std::vector<std::size_t>& group : groups) {
    while (group.size() < minimum) {
      std::vector<std::size_t>& largest = *std::max_element(
          groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.size() < b.size(); });
      std::swap(largest[static_cast<std::size_t>(uniform_index(stream, largest.size()))], largest.back());
      group.push_back(largest.back());
      largest.pop_back();
    }
  }
}

/// Rows of each group in ascending order.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> ascending(
    std::vector<std::vector<std::size_t>> groups) {
  for (std::vector<std::size_t>& group : groups) std::sort(group.begin(), group.end());
  return groups;
}

}  // namespace healthai::detail
