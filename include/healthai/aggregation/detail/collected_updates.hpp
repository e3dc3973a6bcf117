#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/coordinate_slice.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"

namespace healthai::detail {

/// \throws Error (`invalid_argument`) without updates or for a slice that cannot be, (`layout_mismatch`) if an update differs
/// from `result` in its layout, or this has not as many numbers as the slice.
template <class Scalar>
void require_updates(std::string_view rule, std::span<const Update<Scalar>> updates,
                     const Parameters<Scalar>& result, const CoordinateSlice& slice) {
  if (updates.empty()) {
    throw Error(error::invalid_argument,
                std::string(rule) + " needs at least one update, but none was added");
  }
  for (const Update<Scalar>& update : updates) require_layout(result.layout(), update.values.layout(), rule);
  slice.validate();
  if (result.size() != slice.length()) {
    throw Error(error::layout_mismatch,
                std::string(rule) + ": the slice has " + std::to_string(slice.length()) +
                    " coordinates, but the updates have " + std::to_string(result.size()));
  }
}

/// Where the numbers of each update begin.
template <class Scalar>
[[nodiscard]] std::vector<const Scalar*> rows_of(std::span<const Update<Scalar>> updates) {
  std::vector<const Scalar*> rows;
  rows.reserve(updates.size());
  for (const Update<Scalar>& update : updates) rows.push_back(update.values.data());
  return rows;
}

/// The state of a rule that has to see all updates of a round at once: it keeps them until `finish`, which writes the
/// result over the first. `Rule` has `aggregate(updates, result, slice)`, where `result` may be one of the updates.
/// Thread safety: none; one thread at a time.
template <class Rule, class Scalar>
class CollectedUpdates {
 public:
  CollectedUpdates(Rule rule, Layout layout) : rule_(std::move(rule)), layout_(std::move(layout)) {}

  void add(Update<Scalar>&& update) { updates_.push_back(std::move(update)); }
  void add(const Update<Scalar>& update) { updates_.push_back(update); }

  /// \throws Error as `Rule::aggregate` does
  [[nodiscard]] Parameters<Scalar> finish() {
    return finish(CoordinateSlice::whole(updates_.empty() ? 0 : updates_.front().values.size()));
  }
  /// The slice's coordinates of the result, where the updates have these only: see SlicedAggregation.
  /// \throws Error as `Rule::aggregate` does
  [[nodiscard]] Parameters<Scalar> finish(const CoordinateSlice& slice) {
    Parameters<Scalar> none;
    Parameters<Scalar>& result = updates_.empty() ? none : updates_.front().values;
    rule_.aggregate(std::span<const Update<Scalar>>(updates_), result, slice);
    return std::move(result);
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return updates_.size(); }
  [[nodiscard]] const Layout& layout() const noexcept { return layout_; }

 private:
  Rule rule_;
  Layout layout_;
  std::vector<Update<Scalar>> updates_;
};

}  // namespace healthai::detail
