#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/aggregation/detail/apply_order_statistic.hpp"
#include "healthai/aggregation/detail/collected_updates.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai {

/// The coordinate-wise trimmed mean (Yin, Chen, Ramchandran, Bartlett: Byzantine-Robust Distributed Learning: Towards Optimal
/// Statistical Rates, 2018, definition 2): in each coordinate the smallest and the largest floor(trim * n) values are left
/// out, and the others averaged, all clients alike.
///
/// Tolerates floor(trim * n) malicious clients. A half cuts everything off where n is even, which is an error in that round, and
/// is the median where n is odd. Not additive: it needs to see each update.
struct TrimmedMean {
  double trim = 0.1;        ///< the share cut off at each side; in [0, 1/2]
  std::size_t threads = 0;  ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "TrimmedMean";
  [[nodiscard]] std::string describe() const { return "TrimmedMean(trim=" + number_text(trim) + ")"; }
  /// How many malicious clients among `clients` are cut off wherever they go.
  [[nodiscard]] constexpr std::size_t tolerates(std::size_t clients) const noexcept {
    const std::size_t minority = clients == 0 ? 0 : (clients - 1) / 2;
    const std::size_t cut = cut_of(clients);
    return cut < minority ? cut : minority;
  }
  /// \throws Error (`invalid_argument`) for a share that leaves nothing
  void validate() const {
    if (!(trim >= 0 && trim <= 0.5)) {
      throw Error(error::invalid_argument,
                  "TrimmedMean: trim is the share cut off at each side and must be "
                  "in [0, 0.5], but is " +
                      number_text(trim));
    }
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<TrimmedMean, Scalar>;
  /// \throws Error as `validate` does
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    validate();
    return {*this, layout};
  }

  /// The trimmed mean of `updates` into `result`, which has their layout and may be one of them.
  /// \throws Error (`invalid_argument`) without updates, for a bad `trim` or one that leaves none, (`layout_mismatch`)
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
    const std::size_t cut = cut_of(rows.size());
    if (2 * cut >= rows.size()) {
      throw Error(error::invalid_argument, "TrimmedMean: a trim of " + number_text(trim) +
                                               " at each side leaves nothing of " +
                                               std::to_string(rows.size()) + " updates");
    }
    detail::apply_order_statistic<Scalar>(detail::OrderStatistic::ranks(rows.size(), cut, rows.size() - cut),
                                          rows, result.data(), result.size(), threads);
  }

  friend bool operator==(const TrimmedMean&, const TrimmedMean&) = default;

 private:
  [[nodiscard]] constexpr std::size_t cut_of(std::size_t clients) const noexcept {
    return static_cast<std::size_t>(trim * static_cast<double>(clients));
  }
};

}  // namespace healthai
