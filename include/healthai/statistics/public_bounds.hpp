#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/secagg/segments.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// Between which numbers all values of a column lie, as everybody may know: of an age 0 and 120, say.
struct ColumnBounds {
  std::string column{};
  double lower = 0;
  double upper = 0;
  friend bool operator==(const ColumnBounds&, const ColumnBounds&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& column& lower& upper;
  }
};

/// What is public about the data before anything is asked: from a code book or a policy, not from the data. Secure aggregation needs it, for
/// numbers are rounded to the levels of a range that is agreed beforehand; in the clear it may be left empty.
///
/// A hospital with a value outside, or with more rows, refuses: nothing is clipped. Under rules it refuses bounds that do not contain those of
/// its own policy, whatever its data are, so that nobody closes in on an extreme.
struct PublicBounds {
  std::vector<ColumnBounds> columns{};
  std::uint64_t most_rows = 0;  ///< of one hospital; 0: not said
  friend bool operator==(const PublicBounds&, const PublicBounds&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& columns& most_rows;
  }
  /// Those of a column, or null. \throws Error (`invalid_argument`) for bounds that are not lower < upper
  [[nodiscard]] const ColumnBounds* find(const std::string& column) const {
    const auto found = std::find_if(columns.begin(), columns.end(),
                                    [&column](const ColumnBounds& c) { return c.column == column; });
    if (found == columns.end()) return nullptr;
    if (!(found->lower < found->upper) || !(found->upper - found->lower < 1e300)) {
      throw Error(error::invalid_argument, "public bounds of column " + detail::quoted(column) +
                                               ": expected a lower and a larger upper one, got " +
                                               number_text(found->lower) + " and " +
                                               number_text(found->upper));
    }
    return &*found;
  }
  /// \throws Error (`invalid_argument`) unless there are bounds of each of these columns, and of the rows
  void require(const std::vector<std::string>& wanted) const {
    if (most_rows == 0 || most_rows > std::uint64_t{1} << 50U) {
      throw Error(
          error::invalid_argument,
          "where answers are masked, the public bounds must say how many rows one hospital has at most "
          "(most_rows, from 1 to 2^50), but they say " +
              std::to_string(most_rows));
    }
    for (const std::string& column : wanted) {
      if (find(column) == nullptr) {
        throw Error(error::invalid_argument, "where answers are masked, the values of column " +
                                                 detail::quoted(column) +
                                                 " need public bounds, a lower and an upper one");
      }
    }
  }
};

namespace detail {

/// In which unit a column travels: z = (x - origin) / unit, which is from -1 to 1 where there are bounds, and x itself where there are none.
struct ColumnScale {
  double origin = 0;
  double unit = 1;
  [[nodiscard]] double to_z(double x) const noexcept { return (x - origin) / unit; }
  [[nodiscard]] double to_x(double z) const noexcept { return origin + unit * z; }
};
[[nodiscard]] inline ColumnScale scale_of(const PublicBounds& bounds, const std::string& column) {
  const ColumnBounds* const known = bounds.find(column);
  if (known == nullptr) return {};
  return {known->lower + (known->upper - known->lower) / 2, (known->upper - known->lower) / 2};
}

/// What the bounds of a request say, for a hospital's rules. Of a column that is named twice the first counts, as for `find`.
inline void tell_bounds(Disclosure& what, const PublicBounds& bounds) {
  for (const ColumnBounds& column : bounds.columns)
    what.bounds.emplace(column.column, ValueBounds{column.lower, column.upper});
  what.most_rows = bounds.most_rows;
}

/// \throws Error (`refused`) for more rows than the bounds allow, which says nothing else
inline void require_rows_within(const PublicBounds& bounds, std::size_t rows) {
  if (bounds.most_rows != 0 && rows > bounds.most_rows)
    throw Error(error::refused, "there are more rows here than the " + std::to_string(bounds.most_rows) +
                                    " that the public bounds allow for");
}
/// \throws Error (`refused`) for a value outside of the bounds, without the value
inline void require_within(const PublicBounds& bounds, const std::string& column, double value) {
  const ColumnBounds* const known = bounds.find(column);
  if (known != nullptr && !(value >= known->lower && value <= known->upper))
    throw Error(error::refused, "column " + detail::quoted(column) +
                                    ": a value here is outside of the public bounds " +
                                    number_text(known->lower) + " to " + number_text(known->upper));
}

/// `size` sums of numbers from -largest to largest over at most `rows` rows: as many levels as there are.
[[nodiscard]] inline secagg::VectorSegment sums_segment(const std::string& name, std::size_t size,
                                                        double largest, std::uint64_t rows) {
  return {name, Layout{{name, {size}}}, false, largest * static_cast<double>(rows), std::uint64_t{1} << 52U};
}
/// `size` counts up to `most`, which are summed exactly.
[[nodiscard]] inline secagg::VectorSegment counts_segment(const std::string& name, std::size_t size,
                                                          std::uint64_t most) {
  return {name, Layout{{name, {size}}}, false, static_cast<double>(most), 2 * most};
}

}  // namespace detail

}  // namespace healthai
