#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/aggregation/detail/collected_updates.hpp"
#include "healthai/aggregation/detail/krum_selection.hpp"
#include "healthai/aggregation/detail/mean_of_selected.hpp"

namespace healthai {

/// Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer: Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent,
/// 2017): the mean, weighted by examples, of the `keep` updates that lie closest to their n - malicious - 2 nearest others
/// (squared Euclidean distances of whole updates). Impossible with more than n - 3 malicious clients; the proof of
/// resilience needs n >= 2 malicious + 3.
///
/// Distances are exact where it matters: also for updates that differ little beside their length, in float.
/// Cost: one symmetric product of an n x size matrix. Not additive: it needs to see each update.
struct MultiKrum {
  std::size_t malicious = 0;  ///< how many malicious clients to expect
  std::size_t keep = 1;       ///< how many updates to average; at least 1
  std::size_t threads = 0;    ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "MultiKrum";
  [[nodiscard]] std::string describe() const {
    return "MultiKrum(malicious=" + std::to_string(malicious) + ",keep=" + std::to_string(keep) + ")";
  }
  /// How many malicious clients among `clients` the paper's proof covers.
  [[nodiscard]] constexpr std::size_t tolerates(std::size_t clients) const noexcept {
    return clients >= 2 * malicious + 3 ? malicious : 0;
  }
  /// \throws Error (`invalid_argument`) for keeping nothing
  void validate() const {
    if (keep == 0) throw Error(error::invalid_argument, "MultiKrum: keep must be at least 1");
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<MultiKrum, Scalar>;
  /// \throws Error as `validate` does
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    validate();
    return {*this, layout};
  }

  /// Which of `updates` are kept, in ascending order. \throws Error as `aggregate` does
  template <class Scalar>
  [[nodiscard]] std::vector<std::size_t> select(std::span<const Update<Scalar>> updates) const {
    return select(updates, CoordinateSlice::whole(updates.empty() ? 0 : updates.front().values.size()));
  }
  /// The same on each machine that has a slice of the coordinates: see SlicedAggregation.
  template <class Scalar>
  [[nodiscard]] std::vector<std::size_t> select(std::span<const Update<Scalar>> updates,
                                                const CoordinateSlice& slice) const {
    validate();
    if (updates.size() < 3 || malicious > updates.size() - 3 || keep > updates.size()) {
      throw Error(error::invalid_argument, "Krum: with " + std::to_string(malicious) +
                                               " malicious clients and " + std::to_string(keep) +
                                               " updates to keep it takes at least " +
                                               std::to_string((std::max)(malicious + 3, keep)) +
                                               " updates, but there are " + std::to_string(updates.size()));
    }
    const auto rows = detail::rows_of(updates);
    return detail::KrumSelection<Scalar>({rows, slice, threads}, malicious).best(keep);
  }

  /// The mean of the kept ones of `updates` into `result`, which has their layout and may be one of them.
  /// \throws Error (`invalid_argument`) for more malicious clients than can be or without any weight, (`layout_mismatch`)
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result) const {
    aggregate(updates, result, CoordinateSlice::whole(result.size()));
  }
  /// The same for a slice of the coordinates: see SlicedAggregation.
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result,
                 const CoordinateSlice& slice) const {
    detail::require_updates(name, updates, result, slice);
    detail::mean_of_selected(updates, std::span<const std::size_t>(select(updates, slice)), result, threads);
  }

  friend bool operator==(const MultiKrum&, const MultiKrum&) = default;
};

/// Krum: the one update that lies closest to its n - malicious - 2 nearest others. See MultiKrum.
struct Krum {
  std::size_t malicious = 0;  ///< how many malicious clients to expect
  std::size_t threads = 0;    ///< 0: one for each processor; the result is the same for any number

  static constexpr std::string_view name = "Krum";
  [[nodiscard]] std::string describe() const { return "Krum(malicious=" + std::to_string(malicious) + ")"; }
  /// How many malicious clients among `clients` the paper's proof covers.
  [[nodiscard]] constexpr std::size_t tolerates(std::size_t clients) const noexcept {
    return MultiKrum{malicious}.tolerates(clients);
  }

  template <class Scalar>
  using State = detail::CollectedUpdates<Krum, Scalar>;
  template <class Scalar>
  [[nodiscard]] State<Scalar> begin(const Layout& layout) const {
    return {*this, layout};
  }

  /// Which of `updates` is chosen. \throws Error as `aggregate` does
  template <class Scalar>
  [[nodiscard]] std::size_t select(std::span<const Update<Scalar>> updates) const {
    return MultiKrum{malicious, 1, threads}.select(updates).front();
  }
  /// The same on each machine that has a slice of the coordinates: see SlicedAggregation.
  template <class Scalar>
  [[nodiscard]] std::size_t select(std::span<const Update<Scalar>> updates,
                                   const CoordinateSlice& slice) const {
    return MultiKrum{malicious, 1, threads}.select(updates, slice).front();
  }

  /// The chosen one of `updates` into `result`, which has their layout and may be one of them.
  /// \throws Error (`invalid_argument`) for more malicious clients than can be, (`layout_mismatch`)
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result) const {
    aggregate(updates, result, CoordinateSlice::whole(result.size()));
  }
  /// The same for a slice of the coordinates: see SlicedAggregation.
  template <class Scalar>
  void aggregate(std::span<const Update<Scalar>> updates, Parameters<Scalar>& result,
                 const CoordinateSlice& slice) const {
    detail::require_updates(name, updates, result, slice);
    result = updates[select(updates, slice)].values;
  }

  friend bool operator==(const Krum&, const Krum&) = default;
};

}  // namespace healthai
