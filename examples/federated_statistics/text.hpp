#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <healthai/data/detail/text.hpp>
#include <healthai/reporting/detail/text.hpp>
#include <string>
#include <utility>
#include <vector>

namespace study {

inline std::string fixed(double value, int digits) {
  return std::isnan(value) ? "NA" : healthai::detail::rounded(value, digits, true);
}
/// With that many significant digits, trailing zeros kept out.
inline std::string significant(double value, int digits) {
  return std::isnan(value) ? "NA" : healthai::detail::rounded(value, digits, false);
}
inline std::string count(double value) {
  return std::isnan(value) ? "hidden" : healthai::detail::plain_number(value);
}

/// ".95", ".999": a confidence level in a header, with two decimals or as many as it has.
inline std::string level_text(double level) {
  std::string text = fixed(level, 6);
  while (text.size() > 4 && text.back() == '0') text.pop_back();
  return text.substr(1);
}

/// A probability as R prints it: three digits, and not below 2e-16.
inline std::string p_value(double p) {
  if (std::isnan(p)) return "NA";
  if (p < 2.2e-16) return "<2e-16";
  return significant(p, 3);
}
inline std::string stars(double p) {
  if (std::isnan(p)) return "";
  return p < 0.001 ? "***" : p < 0.01 ? "**" : p < 0.05 ? "*" : p < 0.1 ? "." : "";
}
inline constexpr const char* meaning_of_stars = "*** p < 0.001, ** p < 0.01, * p < 0.05, . p < 0.1";

/// Numbers of one column with a common number of decimals: enough for `digits` significant ones of each, and no more than any
/// of them needs; 8 at most. A column that spans too much is in scientific notation.
inline std::vector<std::string> aligned(const std::vector<double>& values, int digits = 4) {
  int decimals = 0;
  double largest = 0;
  for (const double value : values) {
    if (!std::isfinite(value) || value == 0) continue;
    largest = (std::max)(largest, std::abs(value));
    const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
    int needed = digits - 1 - magnitude;
    double scaled = std::round(std::abs(value) * std::pow(10.0, needed));
    for (; needed > 0 && std::fmod(scaled, 10) == 0; --needed) scaled /= 10;
    decimals = (std::max)(decimals, needed);
  }
  std::vector<std::string> texts;
  for (const double value : values)
    texts.push_back(decimals > 8 || largest >= 1e9 ? significant(value, digits) : fixed(value, decimals));
  return texts;
}

/// A table of text: the first columns to the left, numbers to the right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header, std::size_t left = 1) : left_(left) {
    rows_.push_back(std::move(header));
  }

  TextTable& row(std::vector<std::string> cells) {
    rows_.push_back(std::move(cells));
    return *this;
  }
  /// From columns, each with one cell a row.
  TextTable& columns(const std::vector<std::vector<std::string>>& columns) {
    for (std::size_t i = 0; i < columns.front().size(); ++i) {
      std::vector<std::string> cells;
      for (const auto& column : columns) cells.push_back(column[i]);
      rows_.push_back(std::move(cells));
    }
    return *this;
  }
  void print(std::FILE* out) const {
    std::vector<std::size_t> widths;
    for (const auto& cells : rows_) {
      widths.resize((std::max)(widths.size(), cells.size()));
      for (std::size_t j = 0; j < cells.size(); ++j)
        widths[j] = (std::max)(widths[j], healthai::detail::count_characters(cells[j]));
    }
    for (const auto& cells : rows_) {
      std::string line;
      for (std::size_t j = 0; j < cells.size(); ++j) {
        const std::string cell = healthai::detail::printable(cells[j]);
        const std::string gap(widths[j] - (std::min)(widths[j], healthai::detail::count_characters(cell)),
                              ' ');
        // Marks of significance stand to the left too.
        const bool to_the_left = j < left_ || (j + 1 == cells.size() && rows_.front()[j].empty());
        line += (j == 0 ? "" : "  ") + (to_the_left ? cell + gap : gap + cell);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      std::fprintf(out, "%s\n", line.c_str());
    }
  }

 private:
  std::size_t left_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace study
