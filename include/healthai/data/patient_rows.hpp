#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/partition.hpp"
#include "healthai/data/table.hpp"

namespace healthai {

/// Which rows belong to one patient: those with the same value in a column, which may be anywhere in the table. Where the privacy of
/// patients is promised they are the units, since whoever has ten rows would otherwise weigh ten times what was promised:
///
///     PrivateTrainer trainer{model, training, std::move(noise), debit, rows_by_patient(table, "patient")};
///
/// \return the row numbers of each patient, ascending; in the order of values for a numeric column, of first appearance for text
/// \throws Error (`unknown_name`) if there is no such column; (`invalid_data`) for a row that names nobody, with its line: it may be
///   anybody's, and whoever it belongs to would count twice
[[nodiscard]] inline std::vector<std::vector<std::size_t>> rows_by_patient(const Table& table,
                                                                           const std::string& column) {
  static_cast<void>(table.is_numeric(column));  // an unknown column is the first thing to say
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (!table.missing(column, row)) continue;
    throw Error(error::invalid_data,
                table.where(row, column) +
                    ": expected whose row this is, but the value is missing; keep only rows that have one: "
                    "table.select(table.complete_rows({\"" +
                    column + "\"}))");
  }
  return detail::site_rows(table, column);
}

}  // namespace healthai
