#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace healthai::detail {

/// The place of a finite double among all doubles in their order, so that a search can halve what is between two of them.
[[nodiscard]] inline std::uint64_t place_of(double value) noexcept {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  return bits >> 63U != 0 ? ~bits : bits | std::uint64_t{1} << 63U;
}
[[nodiscard]] inline double double_at(std::uint64_t place) noexcept {
  return std::bit_cast<double>(place >> 63U != 0 ? place & ~(std::uint64_t{1} << 63U) : ~place);
}

/// Looks for the values at some ranks (from 1) by what is counted at or below cut points.
class RankSearch {
 public:
  /// Into how many parts a round divides what is left: of 2^64 doubles six rounds leave one.
  static constexpr std::uint64_t parts = 2048;

  /// The cut points of the next round, none when all ranks are found. The first round needs no ranks.
  [[nodiscard]] std::vector<double> cuts() {
    cuts_.clear();
    if (!begun_) {
      divide(first_, last_);
    } else {
      std::uint64_t before = 0;
      for (const auto& [rank, between] : ranks_) {
        if (between.second - between.first > 1 && between.second != before)
          divide(between.first, between.second);
        before = between.second;
      }
    }
    std::vector<double> values;
    for (const std::uint64_t place : cuts_) values.push_back(double_at(place));
    return values;
  }
  /// Of the first round: how many values there are, and which ranks are wanted.
  void begin(const std::vector<std::size_t>& ranks) {
    begun_ = true;
    for (const std::size_t rank : ranks) ranks_[rank] = {first_, last_};
  }
  /// What was counted at or below each of the cut points.
  void take(std::span<const double> counts) {
    for (auto& [rank, between] : ranks_) {
      for (std::size_t i = 0; i < cuts_.size(); ++i) {
        if (cuts_[i] <= between.first || cuts_[i] >= between.second) continue;
        (counts[i] < static_cast<double>(rank) ? between.first : between.second) = cuts_[i];
      }
    }
  }
  [[nodiscard]] double value(std::size_t rank) const {
    return double_at(ranks_.at(rank).second) + 0.0;  // no negative zero
  }

 private:
  void divide(std::uint64_t after, std::uint64_t to) {
    const std::uint64_t width = to - after;
    const std::uint64_t pieces = (std::min)(parts, width);
    for (std::uint64_t i = 1; i < pieces; ++i)
      cuts_.push_back(after + width / pieces * i + width % pieces * i / pieces);
  }

  std::uint64_t first_ = place_of(std::numeric_limits<double>::lowest()) - 1;
  std::uint64_t last_ = place_of((std::numeric_limits<double>::max)());
  bool begun_ = false;
  std::map<std::size_t, std::pair<std::uint64_t, std::uint64_t>>
      ranks_{};                        // each above the first place, up to the second
  std::vector<std::uint64_t> cuts_{};  // ascending
};

/// The two ranks that a quantile is between, and how far it is from the first to the second.
struct QuantilePlace {
  std::size_t low = 1;
  std::size_t high = 1;
  double share = 0;

  [[nodiscard]] static QuantilePlace of(double probability, std::size_t n) noexcept {
    const double index = 1 + static_cast<double>(n - 1) * probability;
    const double below = std::floor(index);
    return {static_cast<std::size_t>(below), static_cast<std::size_t>(std::ceil(index)), index - below};
  }
  /// As R computes it, to the last bit.
  [[nodiscard]] double between(double at_low, double at_high) const noexcept {
    return share > 0 && at_low != at_high ? (1 - share) * at_low + share * at_high : at_low;
  }
};

}  // namespace healthai::detail
