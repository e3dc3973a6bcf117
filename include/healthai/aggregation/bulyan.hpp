#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/aggregation/detail/apply_order_statistic.hpp"
#include "healthai/aggregation/detail/collected_updates.hpp"
#include "healthai/aggregation/detail/krum_selection.hpp"

namespace healthai {

/// Bulyan (El Mhamdi, Guerraoui, Rouault: The Hidden Vulnerability of Distributed Learning in Byzantium, 2018, section 4): Krum
/// chooses n - 2 malicious updates, one after the other; then, in each coordinate, the n - 4 malicious values closest to
/// the median of the chosen ones are averaged, all clients alike. So that one coordinate of a chosen update cannot be far
/// out either, which Krum allows.
///
/// Needs n >= 4 malicious + 3. Not additive: it needs to see each update.
struct Bulyan {
  /// How the first step chooses. `iterative_krum`: the paper's way, Krum among those not yet chosen. `multi_krum`: the
  /// best of one Krum, as some implementations do.
  enum class Selection : std::uint8_t { iterative_krum, multi_krum };

  std::size_t malicious = 0;  ///< how many malicious clients to expect
  Selection selection = Selection::iterative_krum;
  std::size_t threads = 0;  ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "Bulyan";
  [[nodiscard]] std::string describe() const {
    return "Bulyan(malicious=" + std::to_string(malicious) +
           ",selection=" + (selection == Selection::iterative_krum ? "iterative_krum" : "multi_krum") + ")";
  }
  /// How many malicious clients among `clients` the paper's proof covers.
  [[nodiscard]] constexpr std::size_t tolerates(std::size_t clients) const noexcept {
    return clients >= 4 * malicious + 3 ? malicious : 0;
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<Bulyan, Scalar>;
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    return {*this, layout};
  }

  /// \throws Error (`invalid_argument`) for fewer updates than 4 malicious + 3, (`layout_mismatch`)
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result) const {
    aggregate(updates, result, CoordinateSlice::whole(result.size()));
  }
  /// The same for a slice of the coordinates: see SlicedAggregation.
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result,
                 const CoordinateSlice& slice) const {
    detail::require_updates(name, updates, result, slice);
    const std::size_t n = updates.size();
    if (n < 3 || malicious > (n - 3) / 4) {
      throw Error(error::invalid_argument,
                  "Bulyan: with " + std::to_string(malicious) +
                      " malicious clients it takes at least 4 * malicious + 3 updates, "
                      "but there are " +
                      std::to_string(n));
    }
    auto rows = detail::rows_of(updates);
    const std::size_t chosen = n - 2 * malicious;
    detail::KrumSelection<Scalar> krum({rows, slice, threads}, malicious);
    std::vector<std::size_t> selected;
    if (selection == Selection::multi_krum) {
      selected = krum.best(chosen);
    } else {
      while (selected.size() < chosen) selected.push_back(krum.take_best());
    }
    std::vector<const Scalar*> chosen_rows;
    for (const std::size_t k : selected) chosen_rows.push_back(rows[k]);
    detail::apply_order_statistic<Scalar>(
        detail::OrderStatistic::closest_to_median(chosen, chosen - 2 * malicious), chosen_rows, result.data(),
        result.size(), threads);
  }

  friend bool operator==(const Bulyan&, const Bulyan&) = default;
};

}  // namespace healthai
