#pragma once

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include "healthai/data/table.hpp"

namespace csv_test {

/// One field in quotes, in the form of RFC 4180.
inline std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + '"';
}
/// One field, in quotes only where it needs them.
inline std::string field(std::string_view text) {
  const bool plain = text.find_first_of(",\"\r\n") == std::string_view::npos && text != "NA";
  return plain ? std::string(text) : quoted(text);
}

/// A whole table in the form of RFC 4180. Numbers have as many digits as it takes to read the same ones back;
/// names are in quotes, as they may be numbers.
inline std::string csv_text(const healthai::Table& table, std::string_view line_end = "\n") {
  std::string text;
  for (std::size_t j = 0; j < table.names().size(); ++j)
    text += (j == 0 ? "" : ",") + csv_test::quoted(table.names()[j]);
  text += line_end;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t j = 0; j < table.names().size(); ++j) {
      if (j != 0) text += ',';
      const std::string& name = table.names()[j];
      if (table.missing(name, row)) continue;
      if (table.is_numeric(name)) {
        char digits[32];
        text.append(digits, std::to_chars(digits, digits + sizeof digits, table.numeric(name)[row]).ptr);
      } else {
        text += field(table.text(name)[row]);
      }
    }
    text += line_end;
  }
  return text;
}

/// Whether two tables have the same names, kinds and values; missing values are equal.
inline bool same(const healthai::Table& a, const healthai::Table& b) {
  if (a.rows() != b.rows() || a.names() != b.names()) return false;
  for (const std::string& name : a.names()) {
    if (a.is_numeric(name) != b.is_numeric(name)) return false;
    for (std::size_t row = 0; row < a.rows(); ++row) {
      if (a.missing(name, row) != b.missing(name, row)) return false;
      if (a.missing(name, row)) continue;
      if (a.is_numeric(name) ? a.numeric(name)[row] != b.numeric(name)[row]
                             : a.text(name)[row] != b.text(name)[row]) {
        return false;
      }
    }
  }
  return true;
}

/// The message of the Error of kind `id` that `action` throws; if it throws none or another, a text that no test
/// expects.
template <class Action>
std::string message_of(healthai::ErrorId id, Action action) {
  try {
    action();
  } catch (const healthai::Error& e) {
    if (e.id() == id) return e.what();
    return "(an Error, but of kind " + std::string(e.id().name()) + ": " + e.what() + ")";
  }
  return "(no Error)";
}

}  // namespace csv_test
