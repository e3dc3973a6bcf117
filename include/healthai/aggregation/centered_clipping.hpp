#pragma once

#include <algorithm>
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

/// Centred clipping (Karimireddy, He, Jaggi: Learning from History for Byzantine Robust Optimization, 2021, algorithm 2):
///
///     v <- v + 1/n Σ_k (u_k - v) min(1, radius / ||u_k - v||)
///
/// a few times over, from v = 0, the global model: nobody moves the centre by more than radius / n in a step. All clients
/// count alike. The radius should be about the distance of honest updates from their mean: with a much smaller one the
/// result is too short, with a much larger one it is the mean.
///
/// Tolerates a minority of malicious clients, with an error in proportion to their share (theorem IV there: up to a tenth; in
/// practice, with a fit radius, more). Not additive: it needs to see each update.
struct CenteredClipping {
  double radius = 1;           ///< > 0, in units of the parameters
  std::size_t iterations = 3;  ///< at least 1
  std::size_t threads = 0;     ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "CenteredClipping";
  [[nodiscard]] std::string describe() const {
    return "CenteredClipping(radius=" + number_text(radius) + ",iterations=" + std::to_string(iterations) +
           ")";
  }
  /// How many malicious clients among `clients` the paper's proof covers.
  [[nodiscard]] static constexpr std::size_t tolerates(std::size_t clients) noexcept { return clients / 10; }
  /// \throws Error (`invalid_argument`) for a setting outside its range
  void validate() const {
    if (!(radius > 0) || !is_finite(radius)) {
      throw Error(error::invalid_argument,
                  "CenteredClipping: radius must be positive, but is " + number_text(radius));
    }
    if (iterations == 0)
      throw Error(error::invalid_argument, "CenteredClipping: iterations must be at least 1");
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<CenteredClipping, Scalar>;
  /// \throws Error as `validate` does
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    validate();
    return {*this, layout};
  }

  /// The clipped centre of `updates` into `result`, which has their layout and may be one of them.
  /// \throws Error (`invalid_argument`) without updates, (`layout_mismatch`)
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
    const std::size_t n = updates.size();
    auto rows = detail::rows_of(updates);
    const Parameters<Scalar> zero(result.layout());  // where it starts is one of the points
    rows.push_back(zero.data());
    const detail::Distances<Scalar> distances(rows, slice, threads);
    std::vector<double> share(n + 1, 0.0);
    share[n] = 1;
    for (std::size_t step = 0; step < iterations; ++step) {
      const std::vector<double> squared = detail::squared_distances_to_combination(distances, share);
      std::vector<double> pull(n);
      double total = 0;
      for (std::size_t k = 0; k < n; ++k) {
        const double length = std::sqrt(squared[k]);
        pull[k] = (length <= radius ? 1.0 : radius / length) / static_cast<double>(n);
        total += pull[k];
      }
      for (double& s : share) s *= 1 - total;
      for (std::size_t k = 0; k < n; ++k) share[k] += pull[k];
    }
    for (double& s : share) s = (std::max)(s, 0.0);
    detail::parallel_mean(detail::Terms<Scalar>{rows.data(), share.data(), rows.size()}, result, threads);
  }

  friend bool operator==(const CenteredClipping&, const CenteredClipping&) = default;
};

}  // namespace healthai
