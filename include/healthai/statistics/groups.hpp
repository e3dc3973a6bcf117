#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// The numbers of a column, NaN where one is missing, also of one that has no value at all in this table.
/// \throws Error (`unknown_name`); (`invalid_data`) for text, without quoting it: the message may leave
[[nodiscard]] inline std::vector<double> numbers_or_missing(const Table& table, const std::string& column) {
  if (table.is_numeric(column)) {
    const auto numbers = table.numeric(column);
    return {numbers.begin(), numbers.end()};
  }
  for (const std::string& text : table.text(column)) {
    if (!text.empty())
      throw Error(error::invalid_data,
                  "column " + detail::quoted(column) + " holds text here; expected numbers");
  }
  return std::vector<double>(table.rows(), std::numeric_limits<double>::quiet_NaN());
}

/// The groups that an answer is split into: all rows, and behind them those of each level, if there is a column `by`.
/// \return which rows are of the group, for each
[[nodiscard]] inline std::vector<std::vector<std::size_t>> rows_of_groups(
    const Table& table, const std::string& by, const std::vector<std::string>& levels) {
  std::vector<std::vector<std::size_t>> groups(1);
  groups[0].resize(table.rows());
  std::iota(groups[0].begin(), groups[0].end(), std::size_t{0});
  if (by.empty()) return groups;
  groups.resize(1 + levels.size());
  const std::vector<std::size_t> level = level_indices(table, by, levels);
  for (std::size_t row = 0; row < level.size(); ++row) groups[1 + level[row]].push_back(row);
  return groups;
}

/// Columns that an analysis reads: these, and that by which rows are grouped. \throws Error (`invalid_argument`) for none, or one twice
[[nodiscard]] inline std::vector<std::string> with_group(std::vector<std::string> columns,
                                                         const std::string& by) {
  if (!by.empty() && std::find(columns.begin(), columns.end(), by) == columns.end()) columns.push_back(by);
  return columns;
}
inline void require_columns(const std::string& what, const std::vector<std::string>& columns) {
  if (columns.empty())
    throw Error(error::invalid_argument, what + ": expected at least one column, got none");
  std::vector<std::string> sorted = columns;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    throw Error(error::invalid_argument, what + ": the column " + detail::quoted(*twice) + " is named twice");
}

/// Asks for the levels of the column `by`, if they are not known. \throws Error (`invalid_argument`) where nobody can be asked,
/// (`invalid_data`) where there are none
template <class AnalysisType, class TransportType>
void complete_levels(AnalysisType& analysis, TransportType& /*transport*/, const Cohort& cohort,
                     const std::string& by, std::vector<std::string>& levels) {
  if (by.empty() || !levels.empty()) return;
  if constexpr (Transport<TransportType, ColumnLevels>) {
    levels = agree_levels(analysis, cohort, by);
    if (levels.empty())
      throw Error(error::invalid_data, "no hospital tells of any level of column " + detail::quoted(by));
  } else {
    throw Error(error::invalid_argument,
                "the levels of column " + detail::quoted(by) +
                    " must be given: over a transport that only sums, hospitals cannot be "
                    "asked which they have");
  }
}

}  // namespace healthai::detail
