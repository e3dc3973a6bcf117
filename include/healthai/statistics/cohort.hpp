#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"

namespace healthai {

/// How a RowFilter compares.
enum class Comparison : std::uint8_t { equal, not_equal, less, at_most, greater, at_least };

/// Keeps the rows in which a column compares so with a value; never one in which it is missing. Columns of numbers are compared as
/// numbers, columns of text as text, and these only for being equal or not.
struct RowFilter {
  std::string column{};
  Comparison comparison = Comparison::equal;
  std::string value{};
  friend bool operator==(const RowFilter&, const RowFilter&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    auto number = static_cast<std::uint8_t>(comparison);
    archive& column& number& value;
    if (number > static_cast<std::uint8_t>(Comparison::at_least)) {
      throw Error(error::archive_corrupt,
                  "a row filter compares in the unknown way " + std::to_string(number));
    }
    comparison = static_cast<Comparison>(number);
  }
};

/// Whose rows an analysis is about, the same question to every hospital: a cohort by the name that the hospitals know it by (empty: all
/// rows), of which only the rows stay that pass every filter. A hospital decides which names and filters it allows (DisclosureRules).
struct Cohort {
  std::string name{};
  std::vector<RowFilter> filters{};
  friend bool operator==(const Cohort&, const Cohort&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& filters;
  }
};

namespace detail {

struct ComparisonSign {
  std::string_view text;
  Comparison comparison;
};
/// Longer ones first, as they are looked for in this order.
inline constexpr ComparisonSign comparison_signs[] = {
    {"==", Comparison::equal},    {"!=", Comparison::not_equal}, {"<=", Comparison::at_most},
    {">=", Comparison::at_least}, {"<", Comparison::less},       {">", Comparison::greater}};

[[nodiscard]] inline std::string_view without_spaces(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

template <class T>
[[nodiscard]] bool compares(const T& left, Comparison comparison, const T& right) {
  switch (comparison) {
    case Comparison::equal:
      return left == right;
    case Comparison::not_equal:
      return !(left == right);
    case Comparison::less:
      return left < right;
    case Comparison::at_most:
      return !(right < left);
    case Comparison::greater:
      return right < left;
    case Comparison::at_least:
      return !(left < right);
  }
  return false;
}

/// Strikes out of `kept` the rows that do not pass. \throws Error as `cohort_rows` does
inline void apply_filter(const Table& table, const RowFilter& filter, std::vector<bool>& kept) {
  const auto strike = [&](const auto& values, const auto& wanted) {
    for (std::size_t row = 0; row < kept.size(); ++row) {
      kept[row] =
          kept[row] && !table.missing(filter.column, row) && compares(values[row], filter.comparison, wanted);
    }
  };
  if (table.is_numeric(filter.column)) {
    const std::optional<double> wanted = parse_number(filter.value);
    if (!wanted) {
      throw Error(error::invalid_argument, "a filter compares the numbers of column " +
                                               detail::quoted(filter.column) + " with " +
                                               detail::quoted(filter.value) + ", which is not a number");
    }
    return strike(table.numeric(filter.column), *wanted);
  }
  if (filter.comparison != Comparison::equal && filter.comparison != Comparison::not_equal) {
    throw Error(error::invalid_argument, "a filter asks for the order of column " +
                                             detail::quoted(filter.column) +
                                             ", which is text; text can be compared by == and != only");
  }
  strike(table.text(filter.column), filter.value);
}

}  // namespace detail

/// A filter as a person writes it: `age >= 60`, `sex == 2`, `AdmCatID != Surgical Elective`. Spaces around the sign and the value are
/// left out; a value may stand between single or double quotes.
/// \throws Error (`invalid_argument`) for anything else, naming the six signs
[[nodiscard]] inline RowFilter parse_filter(std::string_view text) {
  std::optional<RowFilter> filter;
  for (std::size_t at = 1; at < text.size() && !filter; ++at) {
    for (const auto& [sign, comparison] : detail::comparison_signs) {
      if (text.substr(at, sign.size()) != sign) continue;
      const std::string_view column = detail::without_spaces(text.substr(0, at));
      std::string_view value = detail::without_spaces(text.substr(at + sign.size()));
      if (value.size() >= 2 && value.front() == value.back() &&
          (value.front() == '\'' || value.front() == '"'))
        value = value.substr(1, value.size() - 2);
      filter = RowFilter{std::string(column), comparison, std::string(value)};
      break;  // not a shorter sign, of which the rest would be the value
    }
  }
  if (filter && !filter->column.empty() && !filter->value.empty()) return *std::move(filter);
  throw Error(error::invalid_argument,
              "expected a filter such as \"age >= 60\", with one of ==, !=, <, <=, >, >= between a "
              "column and a value, got " +
                  detail::quoted(text));
}

/// The rows, counted from 0 and ascending, that pass all filters and miss no value in `columns`.
/// \throws Error (`unknown_name`) for an unknown column; (`invalid_argument`) for a filter that compares numbers with text, or asks for the
/// order of texts
[[nodiscard]] inline std::vector<std::size_t> cohort_rows(const Table& table,
                                                          const std::vector<RowFilter>& filters,
                                                          const std::vector<std::string>& columns = {}) {
  std::vector<bool> kept(table.rows(), true);
  for (const RowFilter& filter : filters) detail::apply_filter(table, filter, kept);
  std::vector<std::size_t> rows;
  for (const std::size_t row : table.complete_rows(columns)) {
    if (kept[row]) rows.push_back(row);
  }
  return rows;
}

}  // namespace healthai
