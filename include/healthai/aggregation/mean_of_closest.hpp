#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/aggregation/detail/apply_order_statistic.hpp"
#include "healthai/aggregation/detail/collected_updates.hpp"

namespace healthai {

/// In each coordinate, the mean of the `count` values that are closest to a centre, all clients alike. Around the median it
/// is the rule of Xie, Koyejo, Gupta (Generalized Byzantine-tolerant SGD, 2018, "mean around median") and the second half
/// of Bulyan; around the global model, values are kept whose clients moved least. Of two equally far values the smaller
/// is taken.
///
/// Not additive: it needs to see each update.
struct MeanOfClosest {
  enum class Centre : std::uint8_t { median, global_model };

  std::size_t count =
      1;  ///< how many values to average; at least 1, and at most as many as there are updates
  Centre centre = Centre::median;
  std::size_t threads = 0;  ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "MeanOfClosest";
  [[nodiscard]] std::string describe() const {
    return "MeanOfClosest(count=" + std::to_string(count) +
           ",centre=" + (centre == Centre::median ? "median" : "global_model") + ")";
  }
  /// How many malicious clients among `clients` may stay as far out as they like: those left out, if they are a minority.
  [[nodiscard]] constexpr std::size_t tolerates(std::size_t clients) const noexcept {
    const std::size_t left_out = clients > count ? clients - count : 0;
    const std::size_t minority = clients == 0 ? 0 : (clients - 1) / 2;
    return left_out < minority ? left_out : minority;
  }
  /// \throws Error (`invalid_argument`) for a count of 0
  void validate() const {
    if (count == 0) throw Error(error::invalid_argument, "MeanOfClosest: count must be at least 1");
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<MeanOfClosest, Scalar>;
  /// \throws Error as `validate` does
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    validate();
    return {*this, layout};
  }

  /// The mean of the closest of `updates` into `result`, which has their layout and may be one of them.
  /// \throws Error (`invalid_argument`) if there are fewer updates than `count`, (`layout_mismatch`)
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
    if (updates.size() < count) {
      throw Error(error::invalid_argument, "MeanOfClosest: the mean of the " + std::to_string(count) +
                                               " closest needs as many updates, but there are " +
                                               std::to_string(updates.size()));
    }
    const auto rows = detail::rows_of(updates);
    const auto what = centre == Centre::median ? detail::OrderStatistic::closest_to_median(rows.size(), count)
                                               : detail::OrderStatistic::closest_to_zero(rows.size(), count);
    detail::apply_order_statistic<Scalar>(what, rows, result.data(), result.size(), threads);
  }

  friend bool operator==(const MeanOfClosest&, const MeanOfClosest&) = default;
};

}  // namespace healthai
