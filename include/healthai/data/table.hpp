#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai {

/// Named columns of equal length, each of numbers or of text, any value of which may be missing.
///
/// A missing number is a quiet NaN and a missing text is an empty one, so every other number is finite and every
/// other text has characters. Each row remembers the file and the line that it came from, so that an error far
/// from the reading of the file still says where to look. Such messages quote the offending value: show them
/// where the data are, and think before sending them elsewhere.
///
/// A value: copying copies the data. Reading is safe from any thread; spans stay valid until the table changes or
/// ends.
///
///     Table table("three patients");
///     table.add_numeric("age", {74, 68, 56}).add_text("hospital", {"north", "south", ""});
class Table {
 public:
  /// No rows, no columns.
  Table() = default;
  /// Rows that come from no file. `source` is what error messages call the table.
  explicit Table(std::string source) : sources_{std::move(source)} {}
  /// Rows of the file `source`, row i from the line number `lines[i]` (from 1).
  Table(std::string source, std::span<const std::size_t> lines) : sources_{std::move(source)} {
    origins_.reserve(lines.size());
    for (const std::size_t line : lines) origins_.push_back({0, line});
  }

  /// Appends a column of numbers; NaN is a missing value. The first column of a table without lines decides how many
  /// rows there are. \throws Error (`invalid_argument`) for an empty or repeated name or another number of rows,
  /// (`not_finite`) for an infinite value.
  Table& add_numeric(std::string name, std::vector<double> values) {
    for (std::size_t row = 0; row < values.size(); ++row) {
      if (values[row] != values[row]) {
        values[row] = std::numeric_limits<double>::quiet_NaN();
      } else if (!is_finite(values[row])) {
        throw Error(error::not_finite, "row " + std::to_string(row + 1) + " of the new column " +
                                           detail::quoted(name) +
                                           ": expected a finite number or NaN (missing), got infinity");
      }
    }
    return add({std::move(name), true, std::move(values), {}});
  }
  /// Appends a column of text; an empty one is a missing value. \throws Error as `add_numeric` does.
  Table& add_text(std::string name, std::vector<std::string> values) {
    return add({std::move(name), false, {}, std::move(values)});
  }

  [[nodiscard]] std::size_t rows() const noexcept { return origins_.size(); }
  /// The columns' names, in their order.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  /// \throws Error (`unknown_name`), here and in all functions that take a column's name: it lists the columns
  /// that there are, and suggests the closest.
  [[nodiscard]] bool is_numeric(std::string_view name) const { return column(name).numeric; }

  /// The numbers of a column, one a row; a missing one is NaN.
  /// \throws Error (`unknown_name`), (`csv`) if it is a column of text: names the file, the line, the column and the
  /// first text that is not a number.
  [[nodiscard]] std::span<const double> numeric(std::string_view name) const {
    const Column& wanted = column(name);
    if (!wanted.numeric) throw_not_numeric(wanted);
    return wanted.numbers;
  }
  /// The texts of a column, one a row; a missing one is empty.
  /// \throws Error (`unknown_name`), (`csv`) if it is a column of numbers.
  [[nodiscard]] std::span<const std::string> text(std::string_view name) const {
    const Column& wanted = column(name);
    if (wanted.numeric) {
      throw Error(error::csv,
                  source() + ", column " + detail::quoted(name) +
                      ": expected text, but every value in it is a number; read it with numeric()");
    }
    return wanted.texts;
  }
  /// Whether the value in that row (from 0) is missing.
  /// \throws Error (`unknown_name`), (`invalid_argument`) if there is no such row.
  [[nodiscard]] bool missing(std::string_view name, std::size_t row) const {
    require_row(row);
    return column(name).missing(row);
  }

  /// The rows, counted from 0, that miss no value in any of the named columns, in ascending order.
  [[nodiscard]] std::vector<std::size_t> complete_rows(const std::vector<std::string>& names) const {
    std::vector<const Column*> wanted;
    for (const std::string& name : names) wanted.push_back(&column(name));
    std::vector<std::size_t> complete;
    for (std::size_t row = 0; row < rows(); ++row) {
      if (std::none_of(wanted.begin(), wanted.end(), [row](const Column* c) { return c->missing(row); })) {
        complete.push_back(row);
      }
    }
    return complete;
  }
  /// A table of those rows, in that order; a row may be named more than once. Columns keep their kind.
  /// \throws Error (`invalid_argument`) if there is no such row.
  [[nodiscard]] Table select(std::span<const std::size_t> rows) const {
    for (const std::size_t row : rows) require_row(row);
    Table subset;
    subset.names_ = names_;
    subset.sorted_ = sorted_;
    subset.sources_ = sources_;
    subset.origins_ = pick(origins_, rows);
    for (const Column& c : columns_) {
      subset.columns_.push_back({c.name, c.numeric, c.numeric ? pick(c.numbers, rows) : std::vector<double>{},
                                 c.numeric ? std::vector<std::string>{} : pick(c.texts, rows)});
    }
    return subset;
  }
  /// Adds the rows of `other` below these. Columns are matched by name; a column without any value takes the
  /// other's kind. A table without columns becomes `other`. \throws Error (`unknown_name`) if a column is absent
  /// in one of them, (`csv`) if it is numeric in one and text in the other. Nothing is changed then.
  void append(const Table& other) {
    if (columns_.empty()) {
      *this = Table(other);
      return;
    }
    for (const std::string& name : other.names_) static_cast<void>(column(name));
    Table result = *this;
    for (Column& mine : result.columns_) {
      Column theirs = other.column(mine.name);
      if (mine.numeric != theirs.numeric) {
        if (mine.all_missing()) {
          mine.become_missing(theirs.numeric);
        } else if (theirs.all_missing()) {
          theirs.become_missing(mine.numeric);
        } else {
          static_cast<void>(mine.numeric ? other.numeric(mine.name) : numeric(mine.name));  // throws
        }
      }
      for (const double number : theirs.numbers) mine.numbers.push_back(number);
      for (std::string& text : theirs.texts) mine.texts.push_back(std::move(text));
    }
    for (Origin origin : other.origins_) {
      origin.source += sources_.size();
      result.origins_.push_back(origin);
    }
    for (const std::string& source : other.sources_) result.sources_.push_back(source);
    *this = std::move(result);
  }

  /// The line (from 1) of the file that the row began on; 0 if it came from no file. \throws Error
  /// (`invalid_argument`)
  [[nodiscard]] std::size_t line(std::size_t row) const {
    require_row(row);
    return origins_[row].line;
  }
  /// What to call the table in a message: the file that it came from.
  [[nodiscard]] std::string source() const {
    if (sources_.empty() || sources_.front().empty()) return "the table";
    return detail::escaped(sources_.front()) +
           (sources_.size() > 1 ? " and " + std::to_string(sources_.size() - 1) + " more" : "");
  }
  /// Where a row came from, to begin a message with: `lung.csv, line 7`. \throws Error (`invalid_argument`)
  [[nodiscard]] std::string where(std::size_t row) const {
    require_row(row);
    const Origin origin = origins_[row];
    const std::string& file = sources_[origin.source];
    return (file.empty() ? std::string("the table") : detail::escaped(file)) +
           (origin.line != 0 ? ", line " + std::to_string(origin.line) : ", row " + std::to_string(row + 1));
  }
  /// The same with the column: `lung.csv, line 7, column "age"`.
  [[nodiscard]] std::string where(std::size_t row, std::string_view name) const {
    return where(row) + ", column " + detail::quoted(name);
  }

 private:
  struct Column {
    std::string name;
    bool numeric = true;
    std::vector<double> numbers;     // of a numeric column
    std::vector<std::string> texts;  // of any other

    [[nodiscard]] std::size_t size() const noexcept { return numeric ? numbers.size() : texts.size(); }
    [[nodiscard]] bool missing(std::size_t row) const noexcept {
      return numeric ? numbers[row] != numbers[row] : texts[row].empty();
    }
    [[nodiscard]] bool all_missing() const noexcept {
      for (std::size_t row = 0; row < size(); ++row) {
        if (!missing(row)) return false;
      }
      return true;
    }
    void become_missing(bool as_numbers) {
      const std::size_t count = size();
      numeric = as_numbers;
      numbers.assign(as_numbers ? count : 0, std::numeric_limits<double>::quiet_NaN());
      texts.assign(as_numbers ? 0 : count, {});
    }
  };
  struct Origin {
    std::size_t source = 0;  // an index into sources_
    std::size_t line = 0;
  };

  template <class T>
  static std::vector<T> pick(const std::vector<T>& values, std::span<const std::size_t> rows) {
    std::vector<T> picked;
    picked.reserve(rows.size());
    for (const std::size_t row : rows) picked.push_back(values[row]);
    return picked;
  }

  // Where `name` is, or would be, in the alphabetical order of columns.
  [[nodiscard]] std::vector<std::size_t>::const_iterator position(std::string_view name) const noexcept {
    return std::lower_bound(sorted_.begin(), sorted_.end(), name,
                            [this](std::size_t i, std::string_view text) { return names_[i] < text; });
  }
  [[nodiscard]] const Column* find(std::string_view name) const noexcept {
    const auto at = position(name);
    return at != sorted_.end() && names_[*at] == name ? &columns_[*at] : nullptr;
  }
  [[nodiscard]] const Column& column(std::string_view name) const {
    if (const Column* found = find(name)) return *found;
    const std::string* suggestion = detail::closest(name, names_);
    throw Error(error::unknown_name,
                source() + " has no column " + detail::quoted(name) +
                    (suggestion != nullptr ? "; did you mean " + detail::quoted(*suggestion) + "?" : ".") +
                    " Its columns are " + detail::quoted_list(names_));
  }
  void require_row(std::size_t row) const {
    if (row >= rows()) {
      throw Error(error::invalid_argument, source() + ": expected a row below " + std::to_string(rows()) +
                                               " (counted from 0), got " + std::to_string(row));
    }
  }
  [[noreturn]] void throw_not_numeric(const Column& wanted) const {
    for (std::size_t row = 0; row < rows(); ++row) {
      if (!wanted.missing(row) && !detail::parse_number(wanted.texts[row])) {
        throw Error(error::csv, where(row, wanted.name) + ": expected a number, got " +
                                    detail::quoted(wanted.texts[row]) +
                                    "; correct it, or leave the field empty if the value is missing");
      }
    }
    throw Error(error::csv, source() + ", column " + detail::quoted(wanted.name) +
                                ": expected numbers, but it was added as text; use add_numeric()");
  }
  Table& add(Column fresh) {
    if (fresh.name.empty()) throw Error(error::invalid_argument, source() + ": a new column has no name");
    if (has(fresh.name)) {
      throw Error(error::invalid_argument,
                  source() + ": there already is a column " + detail::quoted(fresh.name));
    }
    if (columns_.empty() && origins_.empty()) {
      if (sources_.empty()) sources_.emplace_back();
      origins_.resize(fresh.size());
    }
    if (fresh.size() != rows()) {
      throw Error(error::invalid_argument, source() + ", new column " + detail::quoted(fresh.name) +
                                               ": expected " + std::to_string(rows()) + " values, got " +
                                               std::to_string(fresh.size()));
    }
    sorted_.insert(position(fresh.name), names_.size());
    names_.push_back(fresh.name);
    columns_.push_back(std::move(fresh));
    return *this;
  }

  std::vector<std::string> names_;
  std::vector<std::size_t> sorted_;  // the columns in the alphabetical order of their names
  std::vector<Column> columns_;
  std::vector<std::string> sources_;
  std::vector<Origin> origins_;  // one a row
};

}  // namespace healthai
