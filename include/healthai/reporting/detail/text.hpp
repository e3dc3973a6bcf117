#pragma once

/// \file
/// Numbers and foreign text, made fit for a log, a terminal or a script.

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"

namespace healthai::detail {

/// `value` in the fewest digits that read back as the same double, whatever the locale: "0.1", "1e-300". What is not
/// a number is "NaN", "Inf" or "-Inf", the spellings that R, pandas and gnuplot all read.
[[nodiscard]] inline std::string shortest(double value) {
  if (!is_finite(value)) return std::isnan(value) ? "NaN" : value > 0 ? "Inf" : "-Inf";
  return number_text(value);
}

/// `value` with `digits` digits: after the point if `fixed`, else significant ones. For people; not for reading back.
[[nodiscard]] inline std::string rounded(double value, int digits, bool fixed) {
  if (!is_finite(value)) return shortest(value);
  std::array<char, 400> text{};  // 309 digits before the point, and the few after it
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::general;
  const auto [end, problem] =
      std::to_chars(text.data(), text.data() + text.size(), value, format, digits > 40 ? 40 : digits);
  return problem == std::errc{} ? std::string(text.data(), end) : shortest(value);
}

/// Whether the byte continues a UTF-8 character rather than starting one.
[[nodiscard]] constexpr bool continues_character(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

/// How many characters (code points) UTF-8 text has: its width on a terminal, save for wide and combining characters.
[[nodiscard]] constexpr std::size_t count_characters(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char byte : text) count += continues_character(byte) ? 0 : 1;
  return count;
}

/// The first `limit` characters of UTF-8 text, cut between characters.
[[nodiscard]] constexpr std::string_view first_characters(std::string_view text, std::size_t limit) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!continues_character(text[i]) && limit-- == 0) return text.substr(0, i);
  }
  return text;
}

/// Text that came from elsewhere, on one line, without control characters (C0, DEL, and C1 as UTF-8 writes them) and
/// at most `limit` characters long. An error message written by a client must not be able to move the cursor, change
/// the window's title or fake a line of output.
[[nodiscard]] inline std::string printable(std::string_view text, std::size_t limit = 400) {
  const std::string_view kept = first_characters(text, limit);
  std::string result;
  result.reserve(kept.size() + 3);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto byte = static_cast<unsigned char>(kept[i]);
    const auto next = i + 1 < kept.size() ? static_cast<unsigned char>(kept[i + 1]) : 0U;
    if (byte == 0xC2U && next >= 0x80U && next <= 0x9FU) {
      result += '?';
      ++i;
    } else if (byte == '\n' || byte == '\r' || byte == '\t') {
      result += ' ';
    } else {
      result += byte < 0x20U || byte == 0x7FU ? '?' : kept[i];
    }
  }
  if (kept.size() < text.size()) result += "...";
  return result;
}

}  // namespace healthai::detail
