#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/csv_scanner.hpp"
#include "healthai/data/detail/order.hpp"
#include "healthai/data/detail/read_file.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"

namespace healthai {

/// How to read a CSV file.
struct CsvOptions {
  char delimiter = ',';                       ///< between fields: a comma, a semicolon, a tab
  std::vector<std::string> missing = {"NA"};  ///< what stands for a missing value where it is not in quotes
};

namespace detail {

/// The names in the header, checked.
[[nodiscard]] inline std::vector<std::string> csv_names(const std::vector<CsvField>& header,
                                                        const CsvScanner& scanner) {
  if (header.size() == 1 && !header[0].quoted && header[0].raw.empty()) {
    throw Error(error::csv, scanner.where(1) +
                                ": expected a header with the columns' names, got a blank line; remove it");
  }
  if (std::all_of(header.begin(), header.end(),
                  [](const CsvField& field) { return !field.quoted && parse_number(field.raw); })) {
    throw Error(error::csv, scanner.where(1) +
                                ": expected a header with the columns' names, got only numbers; add a "
                                "header line, or put the names in quotes if numbers are what they are");
  }
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header.size(); ++i) {
    names.push_back(header[i].text());
    if (names[i].empty()) {
      throw Error(error::csv,
                  scanner.where(i + 1) + ": expected a column name, got nothing; name the column");
    }
  }
  if (const auto repeated = find_repeated(names)) {
    throw Error(error::csv, scanner.where(repeated->second + 1) + ": the name " +
                                detail::quoted(names[repeated->first]) + " is already that of column " +
                                std::to_string(repeated->first + 1) + "; rename one of them");
  }
  return names;
}

/// Why a record of `got` fields does not belong in a table with those columns.
[[nodiscard]] inline std::string csv_ragged(const std::vector<std::string>& names, std::size_t got) {
  const auto fields = [](std::size_t n) { return std::to_string(n) + (n == 1 ? " field" : " fields"); };
  std::string message = ": expected " + fields(names.size()) + ", as in the header, got " + fields(got);
  if (names.size() == 1 && names[0].find(';') != std::string::npos) {
    return message + "; the header has semicolons: set CsvOptions::delimiter to ';'";
  }
  if (got > names.size()) message += "; put a field that contains the delimiter in quotes";
  return message;
}

}  // namespace detail

/// Reads a table from text in the form of RFC 4180 (Shafranovich, Common Format and MIME Type for Comma-Separated
/// Values Files, 2005), in UTF-8.
///
/// - The first line is the header: one name a column, not empty, none twice, not all of them numbers.
/// - Lines end in LF or CRLF, the last one with or without. Fields in quotes may hold delimiters, line ends and
///   doubled
///   quotes. Spaces belong to the field. A byte order mark is skipped, and so are blank lines at the end (in a
/// table of
///   one column a blank line is a missing value).
/// - A value is missing if its field is empty or, without quotes, one of `options.missing`.
/// - A column is numeric if every value that is not missing is a finite decimal number with a point, as
///   `std::from_chars` reads it, in quotes or not; "inf" and "nan" are no numbers. Any other column is text,
/// verbatim.
///
/// `source_name` is what error messages call the text. The table owns its data; `text` is not needed afterwards.
/// \throws Error (`csv`) for text that is not such a table: one line that names source, line (from 1; of a record
/// that spans lines, the first), column, and what was expected; (`invalid_argument`) for an unusable delimiter.
[[nodiscard]] inline Table parse_csv(std::string_view text, const std::string& source_name,
                                     const CsvOptions& options = {}) {
  if (std::string_view("\"\r\n\0", 4).find(options.delimiter) != std::string_view::npos) {
    throw Error(
        error::invalid_argument,
        "CsvOptions::delimiter: expected a character such as ',' or ';', got a quote, a line end or NUL");
  }
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  if (text.empty()) {
    throw Error(error::csv, detail::escaped(source_name) +
                                ", line 1: expected a header with the columns' names, but the file is empty");
  }
  detail::CsvScanner scanner(text, source_name, options.delimiter);
  std::vector<detail::CsvField> fields;
  scanner.record(fields);
  const std::vector<std::string> names = detail::csv_names(fields, scanner);
  scanner.set_names(&names);
  const std::size_t width = names.size();

  fields.clear();  // from here on, those of all rows, one row after the other
  std::vector<std::size_t> lines;
  while (scanner.record(fields)) {
    const std::size_t got = fields.size() - lines.size() * width;
    if (got != width) {
      const bool blank = got == 1 && fields.back().raw.empty() && !fields.back().quoted;
      if (blank && scanner.only_blank_lines_left()) {
        fields.pop_back();
        break;
      }
      throw Error(error::csv, scanner.where_line() + (blank ? ": the line is blank; remove it"
                                                            : detail::csv_ragged(names, got)));
    }
    lines.push_back(scanner.record_line());
  }

  const auto missing = [&options](const detail::CsvField& field) {
    return field.raw.empty() || (!field.quoted && std::find(options.missing.begin(), options.missing.end(),
                                                            field.raw) != options.missing.end());
  };
  Table table(source_name, lines);
  for (std::size_t column = 0; column < width; ++column) {
    std::vector<double> numbers;
    numbers.reserve(lines.size());
    for (std::size_t row = 0; row < lines.size(); ++row) {
      const detail::CsvField& field = fields[row * width + column];
      if (missing(field)) {
        numbers.push_back(std::numeric_limits<double>::quiet_NaN());
      } else if (const auto number = detail::parse_number(field.raw)) {
        numbers.push_back(*number);
      } else {
        break;
      }
    }
    if (numbers.size() == lines.size()) {
      table.add_numeric(names[column], std::move(numbers));
      continue;
    }
    std::vector<std::string> texts;
    texts.reserve(lines.size());
    for (std::size_t row = 0; row < lines.size(); ++row) {
      const detail::CsvField& field = fields[row * width + column];
      texts.push_back(missing(field) ? std::string() : field.text());
    }
    table.add_text(names[column], std::move(texts));
  }
  return table;
}

/// Reads the CSV file at `path`, all of it at once; see `parse_csv` for its form.
/// \throws Error (`file`) if the operating system cannot open or read it, and those of `parse_csv`.
[[nodiscard]] inline Table read_csv(const std::string& path, const CsvOptions& options = {}) {
  const std::string text = detail::read_file(path, "a CSV file");
  return parse_csv(text, path, options);
}

}  // namespace healthai
