#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <iterator>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "healthai/core/finite.hpp"

namespace healthai::detail {

/// `text` fit for one line of a message: control characters as `\n` or `\x1b`, and no longer than about `limit`
/// bytes.
[[nodiscard]] inline std::string escaped(std::string_view text, std::size_t limit = 200) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (line.size() >= limit && (byte & 0xC0U) != 0x80U) return line + "...";  // not inside a UTF-8 character
    if (line.size() >= limit + 3) return line + "...";                         // it is no UTF-8 at all
    if (byte == '\n') {
      line += "\\n";
    } else if (byte == '\r') {
      line += "\\r";
    } else if (byte == '\t') {
      line += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      line += {'\\', 'x', hex[byte >> 4U], hex[byte & 15U]};
    } else {
      line += text[i];
    }
  }
  return line;
}

/// The same between double quotes.
[[nodiscard]] inline std::string quoted(std::string_view text) {
  return '"' + escaped(text, 60) + '"';
}

/// Names for a message: `"age", "sex"`; cut off after about 300 characters.
[[nodiscard]] inline std::string quoted_list(std::span<const std::string> names) {
  std::string list;
  for (const std::string& name : names) {
    if (list.size() > 300) return list + ", ... (" + std::to_string(names.size()) + " in all)";
    list += (list.empty() ? "" : ", ") + detail::quoted(name);
  }
  return list.empty() ? "none" : list;
}

/// The finite decimal number that the whole of `text` is, if it is one. Independent of the locale. Not numbers:
/// "inf", "nan", surrounding spaces, a leading plus, and what a double cannot hold ("1e400", "1e-400").
[[nodiscard]] inline std::optional<double> parse_number(std::string_view text) noexcept {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc() || stop != end || !is_finite(number)) return std::nullopt;
  return number;
}

/// A finite number as a person would write it: an integer without point or exponent ("12", not "1.2e+01"),
/// anything else in the fewest digits that read back as the same double.
[[nodiscard]] inline std::string plain_number(double number) {
  char buffer[32];
  const bool whole =
      number >= -0x1p53 && number <= 0x1p53 && number == static_cast<double>(static_cast<long long>(number));
  const auto [end, status] =
      whole ? std::to_chars(std::begin(buffer), std::end(buffer), static_cast<long long>(number))
            : std::to_chars(std::begin(buffer), std::end(buffer), number);
  return status == std::errc() ? std::string(std::begin(buffer), end) : std::string("?");
}

/// About how large a number is, in six digits.
[[nodiscard]] inline std::string rounded_number(double number) {
  char buffer[32];
  const auto [end, status] =
      std::to_chars(std::begin(buffer), std::end(buffer), number, std::chars_format::general, 6);
  return status == std::errc() ? std::string(std::begin(buffer), end) : std::string("?");
}

/// The number of letters to insert, delete or replace to turn one text into the other (Levenshtein, Binary codes
/// capable of correcting deletions, insertions, and reversals, 1966), where a change of case of an ASCII letter
/// costs nothing.
[[nodiscard]] inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = (std::min)({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

/// The one of `names` that someone who wrote `wanted` probably meant; null if none is near (about half of the letters
/// may differ, not all). The first one on a tie.
[[nodiscard]] inline const std::string* closest(std::string_view wanted, std::span<const std::string> names) {
  constexpr std::size_t longest_name = 200;  // the time is a product of lengths
  if (wanted.size() > longest_name) return nullptr;
  const std::string* best = nullptr;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const std::string& name : names) {
    if (name.size() > longest_name) continue;
    const std::size_t distance = edit_distance(wanted, name);
    const std::size_t length = (std::max)(wanted.size(), name.size());
    if (distance < best_distance && 2 * distance <= length + 1 && distance < length) {
      best = &name;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace healthai::detail
