#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/aggregation/detail/collected_updates.hpp"
#include "healthai/aggregation/detail/combination.hpp"
#include "healthai/aggregation/detail/distances.hpp"
#include "healthai/aggregation/detail/mean_of_selected.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// The geometric median: the point z with the smallest Σ w_k ||u_k - z||, by the smoothed Weiszfeld algorithm of RFA (Pillutla,
/// Kakade, Harchaoui: Robust Aggregation for Federated Learning, 2022, algorithm 2): z is the mean of the updates with the
/// weights w_k / max(smoothing, ||u_k - z||), over and over, from the weighted mean on. All points z are combinations of the
/// updates, so that only their distances to each other are needed, and the vectors are read twice.
///
/// Stays within a bounded distance of the honest updates as long as malicious clients have less than half of the total
/// weight; weights are what clients say, so bound them where they can lie. Not additive: it needs to see each update.
struct GeometricMedian {
  double smoothing = 1e-6;       ///< distances below this count as this; > 0, in units of the parameters
  std::size_t iterations = 100;  ///< at most; it stops when no update's share changes by more than 1e-9
  std::size_t threads = 0;       ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "GeometricMedian";
  [[nodiscard]] std::string describe() const {
    return "GeometricMedian(smoothing=" + number_text(smoothing) +
           ",iterations=" + std::to_string(iterations) + ")";
  }
  /// How many malicious clients among `clients` of equal weight cannot carry the result away.
  [[nodiscard]] static constexpr std::size_t tolerates(std::size_t clients) noexcept {
    return clients == 0 ? 0 : (clients - 1) / 2;
  }
  /// \throws Error (`invalid_argument`) for a setting outside its range
  void validate() const {
    if (!(smoothing > 0) || !is_finite(smoothing)) {
      throw Error(error::invalid_argument,
                  "GeometricMedian: smoothing must be positive, but is " + number_text(smoothing));
    }
    if (iterations == 0)
      throw Error(error::invalid_argument, "GeometricMedian: iterations must be at least 1");
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<GeometricMedian, Scalar>;
  /// \throws Error as `validate` does
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    validate();
    return {*this, layout};
  }

  /// The geometric median of `updates` into `result`, which has their layout and may be one of them.
  /// \throws Error (`invalid_argument`) without updates or weight, (`layout_mismatch`)
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result) const {
    aggregate(updates, result, CoordinateSlice::whole(result.size()));
  }
  /// The same for a slice of the coordinates: see SlicedAggregation.
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result,
                 const CoordinateSlice& slice) const {
    validate();
    detail::require_updates(name, updates, result, slice);
    const auto rows = detail::rows_of(updates);
    const detail::Distances<Scalar> distances(rows, slice, threads);
    // An update so far away that its distance is beyond the range of double does not count from the beginning.
    const std::size_t central = distances.most_central();
    std::vector<double> weights;
    for (std::size_t k = 0; k < updates.size(); ++k) {
      weights.push_back(is_finite(distances(central, k)) ? updates[k].weight : 0.0);
    }
    std::vector<double> share = shares(weights);
    for (std::size_t step = 0; step < iterations; ++step) {
      const std::vector<double> squared = detail::squared_distances_to_combination(distances, share);
      std::vector<double> next(weights);
      for (std::size_t k = 0; k < next.size(); ++k) next[k] /= std::fmax(smoothing, std::sqrt(squared[k]));
      next = shares(next);
      double change = 0;
      for (std::size_t k = 0; k < next.size(); ++k) change = std::fmax(change, std::abs(next[k] - share[k]));
      share = std::move(next);
      if (change < 1e-9) break;
    }
    detail::parallel_mean(detail::Terms<Scalar>{rows.data(), share.data(), rows.size()}, result, threads);
  }

  friend bool operator==(const GeometricMedian&, const GeometricMedian&) = default;

 private:
  /// Divided by their sum.
  static std::vector<double> shares(std::vector<double> weights) {
    double total = 0;
    for (const double weight : weights) total += weight;
    detail::require_mean_exists(weights.size(), total);
    for (double& weight : weights) weight /= total;
    return weights;
  }
};

}  // namespace healthai
