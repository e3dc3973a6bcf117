#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace icu {

/// The area under the ROC curve: the probability that a patient who died has a higher score than one who did not, ties
/// counting half (Mann and Whitney, 1947). It needs the scores of all patients together: the mean of the networks' own
/// areas is another number, so it is no Metric. Here all patients are in one process; in the field a federation would
/// add up histograms of scores instead.
inline double area_under_curve(std::span<const double> scores, std::span<const double> died) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double wins = 0;   // over pairs of one who died and one who lived
  double lived = 0;  // with a lower score than the ones at hand
  double all_died = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    double died_here = 0;
    double lived_here = 0;
    std::size_t end = begin;
    for (; end < order.size() && scores[order[end]] == scores[order[begin]]; ++end) {
      (died[order[end]] == 1 ? died_here : lived_here) += 1;
    }
    wins += died_here * (lived + 0.5 * lived_here);
    lived += lived_here;
    all_died += died_here;
    begin = end;
  }
  return wins / (all_died * lived);
}

}  // namespace icu
