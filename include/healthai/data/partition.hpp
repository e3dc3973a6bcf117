#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
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

/// The row numbers of each site with the site's name, in the order that `partition_by` promises.
[[nodiscard]] inline std::vector<std::pair<std::string, std::vector<std::size_t>>> site_rows(
    const Table& table, std::string_view column) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> sites;
  if (!table.is_numeric(column)) {
    const std::span<const std::string> names = table.text(column);
    std::map<std::string_view, std::size_t> position;
    for (std::size_t row = 0; row < names.size(); ++row) {
      const auto [site, fresh] = position.try_emplace(names[row], sites.size());
      if (fresh) sites.emplace_back(names[row], std::vector<std::size_t>());
      sites[site->second].second.push_back(row);
    }
    return sites;
  }
  const std::span<const double> numbers = table.numeric(column);
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [numbers](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || numbers[order[i]] != numbers[order[i - 1]]) {
      sites.emplace_back(plain_number(numbers[order[i]]), std::vector<std::size_t>());
    }
    sites.back().second.push_back(order[i]);
  }
  return sites;
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
  std::map<std::string_view, std::size_t>
      position;  // views of ids in the sites: reserve() keeps them in place
  auto groups = detail::site_rows(table, column);
  sites.reserve(groups.size());
  for (auto& [name, rows] : groups) {
    ClientId id = ClientId::sanitised(name);
    sites.push_back({std::move(name), std::move(id), table.select(rows)});
    const Site& site = sites.back();
    const auto [first, fresh] = position.try_emplace(site.id.str(), sites.size() - 1);
    if (!fresh) {
      const Site& other = sites[first->second];
      throw Error(error::invalid_id,
                  site.table.where(0, column) +
                      ": expected sites whose names differ in letters a-z, digits, '_' or '-' "
                      "(not only in case, and within 64 characters), but " +
                      detail::quoted(site.name) + " and " + detail::quoted(other.name) + " (" +
                      other.table.where(0) + ") both give the client id " + detail::quoted(site.id.str()) +
                      "; spell them alike if they are one site, rename one if not");
    }
  }
  return sites;
}

}  // namespace healthai
