#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"

using Groups = std::vector<std::vector<std::size_t>>;

/// Whether every row is in exactly one group, rows ascend in each, and no group is smaller than `minimum`.
inline bool covers(const Groups& groups, std::size_t rows, std::size_t minimum = 1) {
  std::vector<int> times(rows, 0);
  for (const auto& group : groups) {
    if (group.size() < minimum || !std::is_sorted(group.begin(), group.end())) return false;
    for (const std::size_t row : group) {
      if (row >= rows) return false;
      ++times[row];
    }
  }
  return std::all_of(times.begin(), times.end(), [](int n) { return n == 1; });
}

/// How many rows of each class a group has.
inline std::vector<std::size_t> counts(const std::vector<std::size_t>& group,
                                       const std::vector<std::size_t>& labels, std::size_t classes) {
  std::vector<std::size_t> result(classes, 0);
  for (const std::size_t row : group) ++result[labels[row]];
  return result;
}

/// Labels 0, 1, ..., classes - 1, 0, 1, ...
inline std::vector<std::size_t> cycled_labels(std::size_t rows, std::size_t classes) {
  std::vector<std::size_t> labels;
  for (std::size_t row = 0; row < rows; ++row) labels.push_back(row % classes);
  return labels;
}

/// The id and the message of the Error that `f` throws.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const healthai::Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "no error";
}
