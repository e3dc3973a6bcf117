#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/aggregation/detail/apply_order_statistic.hpp"
#include "healthai/aggregation/detail/collected_updates.hpp"

namespace healthai {

/// The coordinate-wise median (Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning: Towards Optimal
/// Statistical Rates, 2018, definition 1); of an even number of updates, the mean of the middle two. All clients count
/// alike: a weight is what a malicious client would lie about first.
///
/// Every coordinate stays within the range of the honest clients' values as long as fewer than half are malicious.
/// Cost: about n (log2 n)^2 / 4 comparisons a coordinate. Not additive: it needs to see each update.
struct Median {
  std::size_t threads = 0;  ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "Median";
  [[nodiscard]] static std::string describe() { return std::string(name); }
  /// How many malicious clients among `clients` cannot move a coordinate out of the range of the others.
  [[nodiscard]] static constexpr std::size_t tolerates(std::size_t clients) noexcept {
    return clients == 0 ? 0 : (clients - 1) / 2;
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<Median, Scalar>;
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    return {*this, layout};
  }

  /// The median of `updates` into `result`, which has their layout and may be one of them.
  /// \throws Error (`invalid_argument`) without updates, (`layout_mismatch`)
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result) const {
    aggregate(updates, result, CoordinateSlice::whole(result.size()));
  }
  /// The same for a slice of the coordinates: see SlicedAggregation.
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result,
                 const CoordinateSlice& slice) const {
    detail::require_updates(name, updates, result, slice);
    const auto rows = detail::rows_of(updates);
    detail::apply_order_statistic<Scalar>(detail::OrderStatistic::median(rows.size()), rows, result.data(),
                                          result.size(), threads);
  }

  friend bool operator==(const Median&, const Median&) = default;
};

}  // namespace healthai
