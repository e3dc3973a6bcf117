#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

#include "healthai/aggregation/detail/distances.hpp"

namespace healthai::detail {

/// Krum's choice among the vectors of `distances` that are still there. The score of a vector is the sum of its squared
/// distances to the m - f - 2 closest of the others (at least one), m of them being there; the smaller, the better
/// (Blanchard, El Mhamdi, Guerraoui, Stainer: Machine Learning with Adversaries, 2017, section 4). Of equal scores the first
/// client's wins.
template <class Scalar>
class KrumSelection {
 public:
  KrumSelection(Distances<Scalar> distances, std::size_t malicious)
      : distances_(std::move(distances)), malicious_(malicious), there_(distances_.size(), true) {
    sort_neighbours();
  }

  /// The `count` best, in ascending order of their numbers; they stay. Where scores are too close for the digits that
  /// distances have, these are computed exactly.
  [[nodiscard]] std::vector<std::size_t> best(std::size_t count) {
    std::vector<std::size_t> order = ranked();
    // Whoever is within the error of the last one chosen might belong on its other side.
    for (;;) {
      const double edge = scores_[order[count - 1]];
      std::vector<std::size_t> close;
      for (const std::size_t i : order) {
        if (std::abs(scores_[i] - edge) <= error_of_scores * edge) close.push_back(i);
      }
      if (count == order.size() || close.size() < 2 || !distances_.refine(close)) break;
      sort_neighbours();
      order = ranked();
    }
    order.resize(count);
    std::sort(order.begin(), order.end());
    return order;
  }
  /// The best, which is then no longer there. Of two whose scores differ by less than the error of the distances either may
  /// come first: to make that exact at each of Bulyan's many choices would take several times as long as all the rest, and
  /// Bulyan's second step is a median of what is chosen, whatever the order.
  std::size_t take_best() {
    const std::size_t taken = ranked().front();
    there_[taken] = false;
    return taken;
  }

 private:
  /// Distances between floats are wrong by 1e-6 (random differences) to 3e-6 (equal ones, whose roundings add up) at most, as
  /// measured over 1e3 to 1e6 coordinates and relative spreads of 1 to 1e-5; two scores may differ by twice that.
  static constexpr double error_of_scores = sizeof(Scalar) == 4 ? 1e-5 : 1e-12;

  /// The vectors that are there, best first.
  std::vector<std::size_t> ranked() {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < there_.size(); ++i) {
      if (there_[i]) order.push_back(i);
    }
    const std::size_t neighbours = order.size() > malicious_ + 3 ? order.size() - malicious_ - 2 : 1;
    scores_.assign(there_.size(), 0.0);
    for (const std::size_t i : order) {
      std::size_t taken = 0;
      for (const std::size_t j : neighbours_[i]) {
        if (taken == neighbours) break;
        if (!there_[j]) continue;
        scores_[i] += distances_(i, j);
        ++taken;
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [this](std::size_t a, std::size_t b) { return scores_[a] < scores_[b]; });
    return order;
  }
  /// The others, closest first, for each vector.
  void sort_neighbours() {
    neighbours_.resize(distances_.size());
    for (std::size_t i = 0; i < neighbours_.size(); ++i) {
      neighbours_[i].resize(distances_.size());
      std::iota(neighbours_[i].begin(), neighbours_[i].end(), std::size_t{0});
      neighbours_[i].erase(neighbours_[i].begin() + static_cast<std::ptrdiff_t>(i));
      std::stable_sort(neighbours_[i].begin(), neighbours_[i].end(),
                       [&](std::size_t a, std::size_t b) { return distances_(i, a) < distances_(i, b); });
    }
  }

  Distances<Scalar> distances_;
  std::size_t malicious_;
  std::vector<bool> there_;
  std::vector<double> scores_;
  std::vector<std::vector<std::size_t>> neighbours_;
};

}  // namespace healthai::detail
