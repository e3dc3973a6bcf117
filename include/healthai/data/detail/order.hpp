#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace healthai::detail {

/// Compares the positions of a list's values by these values, then by position. Either list may be the empty one.
/// A type of its own, so that all users share one instantiation of std::sort.
struct ByValue {
  std::span<const double> numbers{};
  std::span<const std::string> texts{};

  [[nodiscard]] bool equal(std::size_t a, std::size_t b) const noexcept {
    return texts.empty() ? numbers[a] == numbers[b] : texts[a] == texts[b];
  }
  [[nodiscard]] bool operator()(std::size_t a, std::size_t b) const noexcept {
    if (equal(a, b)) return a < b;
    return texts.empty() ? numbers[a] < numbers[b] : texts[a] < texts[b];
  }
};

/// The positions 0, 1, ... of the values, by ascending value; equal values keep their order. No number may be NaN.
[[nodiscard]] inline std::vector<std::size_t> sorted_order(const ByValue& values) {
  std::vector<std::size_t> order((std::max)(values.numbers.size(), values.texts.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), values);
  return order;
}

/// The positions of two equal texts, the earlier one first, if there are any.
[[nodiscard]] inline std::optional<std::pair<std::size_t, std::size_t>> find_repeated(
    std::span<const std::string> texts) {
  const std::vector<std::size_t> order = sorted_order({{}, texts});
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (texts[order[i - 1]] == texts[order[i]]) return std::pair(order[i - 1], order[i]);
  }
  return std::nullopt;
}

}  // namespace healthai::detail
