#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai::detail {

/// One field of a CSV text, as a view into it.
struct CsvField {
  std::string_view raw;  ///< without the surrounding quotes, but with inner ones still doubled
  bool quoted = false;   ///< whether it stood in quotes

  /// What the field says.
  [[nodiscard]] std::string text() const {
    if (!quoted) return std::string(raw);
    std::string result;
    result.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
      result += raw[i];
      if (raw[i] == '"') ++i;  // the scanner has seen that another one follows
    }
    return result;
  }
};

/// Splits a text in the form of RFC 4180 into records and fields, counting lines. It keeps views of `text` and
/// `source`.
class CsvScanner {
 public:
  CsvScanner(std::string_view text, std::string_view source, char delimiter) noexcept
      : text_(text), source_(source), delimiter_(delimiter) {}

  /// Lets errors call columns by these names, which must outlive the scanner.
  void set_names(const std::vector<std::string>* names) noexcept { names_ = names; }

  /// Appends the fields of the next record to `fields`; false if there is none. \throws Error (`csv`)
  bool record(std::vector<CsvField>& fields) {
    if (at_end()) return false;
    record_line_ = line_;
    for (column_ = 1;; ++column_) {
      fields.push_back(!at_end() && here() == '"' ? quoted_field() : plain_field());
      if (at_end()) return true;
      if (here() != delimiter_) break;
      ++at_;
    }
    at_ += here() == '\r' ? 2 : 1;  // the fields end at a delimiter, at LF, or at CRLF
    ++line_;
    return true;
  }

  /// The line, from 1, on which the last record began.
  [[nodiscard]] std::size_t record_line() const noexcept { return record_line_; }
  [[nodiscard]] bool only_blank_lines_left() const noexcept {
    return text_.find_first_not_of("\r\n", at_) == std::string_view::npos;
  }
  /// Begins a message about the last record: `lung.csv, line 7`.
  [[nodiscard]] std::string where_line() const { return where_line(record_line_); }
  /// The same about its field number `column`, from 1: `lung.csv, line 7, column "age"`.
  [[nodiscard]] std::string where(std::size_t column) const { return where(record_line_, column); }

 private:
  [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
  [[nodiscard]] char here() const noexcept { return text_[at_]; }
  [[nodiscard]] bool at_line_end() const noexcept {
    return here() == '\n' || (here() == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n');
  }
  [[nodiscard]] std::string where_line(std::size_t line) const {
    return escaped(source_) + ", line " + std::to_string(line);
  }
  [[nodiscard]] std::string where(std::size_t line, std::size_t column) const {
    const bool named = names_ != nullptr && column <= names_->size();
    return where_line(line) + ", column " +
           (named ? detail::quoted((*names_)[column - 1]) : std::to_string(column));
  }
  [[noreturn]] void fail(std::size_t line, const std::string& message) const {
    throw Error(error::csv, where(line, column_) + ": " + message);
  }
  [[noreturn]] void fail_on_nul() const {
    fail(line_, "expected UTF-8 text, got a NUL byte; save the file as CSV in UTF-8 (not UTF-16)");
  }
  [[noreturn]] void fail_on_cr() const {
    fail(line_, "expected a line to end in LF or CRLF, got a lone CR; save the file with one of these");
  }

  CsvField plain_field() {
    const std::size_t begin = at_;
    for (; !at_end() && here() != delimiter_ && here() != '\n'; ++at_) {
      if (here() == '"') {
        fail(line_,
             "expected quotes around the whole field or nowhere in it, got one in the middle; put the "
             "field in quotes and double the inner ones");
      }
      if (here() == '\0') fail_on_nul();
      if (here() == '\r') {
        if (at_line_end()) break;
        fail_on_cr();
      }
    }
    return {text_.substr(begin, at_ - begin), false};
  }

  CsvField quoted_field() {
    const std::size_t begin = ++at_;
    const std::size_t first_line = line_;
    for (;; ++at_) {
      if (at_end()) fail(first_line, "the quote that begins here is never closed; add the closing quote");
      if (here() == '\0') fail_on_nul();
      if (here() == '\n') ++line_;
      if (here() != '"') continue;
      if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        ++at_;
        continue;
      }
      break;
    }
    const CsvField field{text_.substr(begin, at_ - begin), true};
    ++at_;
    if (!at_end() && here() != delimiter_ && !at_line_end()) {
      if (here() == '\r') fail_on_cr();
      fail(line_, "expected the delimiter or the end of the line after the closing quote, got " +
                      detail::quoted(text_.substr(at_, text_.find_first_of("\r\n", at_) - at_)) +
                      "; double the quotes inside a field");
    }
    return field;
  }

  std::string_view text_;
  std::string_view source_;
  char delimiter_;
  const std::vector<std::string>* names_ = nullptr;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::size_t record_line_ = 1;
  std::size_t column_ = 1;
};

}  // namespace healthai::detail
