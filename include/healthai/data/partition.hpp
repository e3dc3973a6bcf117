#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/data/detail/order.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"

namespace healthai {

/// The rows of one site of a table that holds several.
struct Site {
  std::string name{};  ///< as the table has it; a whole number without a point, "3"
  ClientId id{};       ///< `ClientId::sanitised(name)`
  Table table{};       ///< the site's rows, in their order, with all columns
};

namespace detail {

/// The row numbers of each site, in the order of sites that `partition_by` promises.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> site_rows(const Table& table,
                                                                     std::string_view column) {
  const bool numeric = table.is_numeric(column);
  ByValue values;
  if (numeric) {
    values.numbers = table.numeric(column);
  } else {
    values.texts = table.text(column);
  }
  const std::vector<std::size_t> order = sorted_order(values);
  std::vector<std::vector<std::size_t>> rows;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || !values.equal(order[i - 1], order[i])) rows.emplace_back();
    rows.back().push_back(order[i]);
  }
  // Until here sites are in the order of their values; text asks for that of first appearance.
  if (!numeric) {
    std::sort(rows.begin(), rows.end(),
              [](const auto& left, const auto& right) { return left.front() < right.front(); });
  }
  return rows;
}

}  // namespace detail

/// Splits a table into one site for each distinct value of a column: ascending if the column is numeric, in order
/// of first appearance if it is text. Every row goes to exactly one site and keeps its file and line.
///
///     for (const Site& site : partition_by(read_csv("lung_hospitals.csv"), "hospital")) { ... }
///
/// \throws Error (`unknown_name`) if there is no such column; (`invalid_data`) for a table without rows, or for a
/// row that names no site, with its line; (`invalid_id`) if two sites' names give the same ClientId.
[[nodiscard]] inline std::vector<Site> partition_by(const Table& table, const std::string& column) {
  static_cast<void>(table.is_numeric(column));  // an unknown column is the first thing to say
  if (table.rows() == 0) {
    throw Error(error::invalid_data, table.source() + ": expected at least one row to split by " +
                                         detail::quoted(column) +
                                         ", but there is none; check the file, or the filter before this");
  }
  const std::vector<std::size_t> complete = table.complete_rows({column});
  if (complete.size() != table.rows()) {
    std::size_t row = 0;
    while (row < complete.size() && complete[row] == row) ++row;
    throw Error(error::invalid_data,
                table.where(row, column) +
                    ": expected the name of a site, but the value is missing (so it is in " +
                    std::to_string(table.rows() - complete.size()) + " of " + std::to_string(table.rows()) +
                    " rows); fill it in, or keep only rows that have one: "
                    "table.select(table.complete_rows({" +
                    detail::quoted(column) + "}))");
  }
  std::vector<Site> sites;
  std::vector<std::string> ids;
  for (const std::vector<std::size_t>& rows : detail::site_rows(table, column)) {
    std::string name = table.is_numeric(column) ? detail::plain_number(table.numeric(column)[rows.front()])
                                                : table.text(column)[rows.front()];
    ClientId id = ClientId::sanitised(name);
    ids.push_back(id.str());
    sites.push_back({std::move(name), std::move(id), table.select(rows)});
  }
  if (const auto repeated = detail::find_repeated(ids)) {
    const Site& first = sites[repeated->first];
    const Site& second = sites[repeated->second];
    throw Error(
        error::invalid_id,
        second.table.where(0, column) +
            ": expected sites whose names differ in letters a-z, digits, '_' or '-' (not only in case, and "
            "within 64 characters), but " +
            detail::quoted(second.name) + " and " + detail::quoted(first.name) + " (" + first.table.where(0) +
            ") both give the client id " + detail::quoted(second.id.str()) +
            "; spell them alike if they are one site, rename one if not");
  }
  return sites;
}

}  // namespace healthai
