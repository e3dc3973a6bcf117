#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/read_file.hpp"
#include "healthai/data/detail/stored_numbers.hpp"
#include "healthai/data/detail/text.hpp"

// xtensor has a reader of its own, xt::load_npy. It is not used here, because it believes the file: it allocates what
// the header promises, hands out uninitialised memory where the data end early, ignores byte order and expects the
// header's keys in one order, against the format. Checks around it would have to parse the header first, which is all
// the work.

namespace healthai {
namespace detail {

/// What an .npy file says before its numbers.
struct NpyHeader {
  StoredNumbers type{};
  StoredShape shape{};
  std::size_t begin = 0;  ///< the numbers' first byte
};

/// Reads the header's text: a Python dictionary with the keys descr, fortran_order and shape, in any order.
class NpyHeaderParser {
 public:
  NpyHeaderParser(std::string_view text, const std::string& source)
      : text_(text), rest_(text), source_(source) {}

  /// \throws Error (`array_file`) naming the source and what was expected.
  void parse(NpyHeader& header) {
    bool descr = false;
    bool order = false;
    bool shape = false;
    require(take('{'));
    while (!take('}')) {
      const std::string_view key = quoted_text();
      require(take(':'));
      if (key == "descr" && !descr) {
        descr = true;
        header.type = type();
      } else if (key == "fortran_order" && !order) {
        order = true;
        header.shape.first_index_fastest = boolean();
      } else if (key == "shape" && !shape) {
        shape = true;
        header.shape.sizes = sizes();
      } else {
        fail();
      }
      if (!take(',') && !peek('}')) fail();
    }
    skip_space();
    require(rest_.empty() && descr && order && shape);
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(
        error::array_file,
        escaped(source_) +
            ": expected a header such as {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4)}, got " +
            quoted(text_));
  }
  void require(bool good) const {
    if (!good) fail();
  }
  void skip_space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n' || rest_[0] == '\t' || rest_[0] == '\r')) {
      rest_.remove_prefix(1);
    }
  }
  bool peek(char c) {
    skip_space();
    return !rest_.empty() && rest_[0] == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view quoted_text() {
    const bool single_quotes = peek('\'');
    require(single_quotes || peek('"'));
    const std::size_t end = rest_.find(single_quotes ? '\'' : '"', 1);
    require(end != std::string_view::npos);
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool boolean() {
    skip_space();
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (rest_.substr(0, word.size()) != word) continue;
      rest_.remove_prefix(word.size());
      return word == "True";
    }
    fail();
  }
  std::vector<std::size_t> sizes() {
    require(take('('));
    std::vector<std::size_t> sizes;
    bool comma = true;
    while (!take(')')) {
      require(comma);
      skip_space();
      std::size_t size = 0;
      const auto [end, status] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      require(status == std::errc());
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      take('L');  // Python 2
      if (sizes.size() == most_dimensions) {
        throw Error(error::array_file, escaped(source_) + ": expected at most " +
                                           std::to_string(most_dimensions) + " dimensions, got more");
      }
      sizes.push_back(size);
      comma = take(',');
    }
    return sizes;
  }
  StoredNumbers type() {
    using Kind = StoredNumbers::Kind;
    if (peek('[')) refuse_type("records", "save each field as an array of its own");
    const std::string_view name = quoted_text();
    if (name == "|O") refuse_type("Python objects", "save the array with a type of numbers");
    struct Known {
      char letter;
      Kind kind;
      std::string_view bytes;
    };
    static constexpr std::array<Known, 4> known{{{'b', Kind::boolean, "1"},
                                                 {'i', Kind::signed_integer, "1248"},
                                                 {'u', Kind::unsigned_integer, "1248"},
                                                 {'f', Kind::floating, "248"}}};
    for (const Known& type : known) {
      if (name.size() != 3 || name[1] != type.letter) continue;
      if (type.bytes.find(name[2]) == std::string_view::npos) break;
      const auto bytes = static_cast<std::size_t>(name[2] - '0');
      if (name[0] != '<' && name[0] != '>' && !(name[0] == '|' && bytes == 1)) break;
      return {type.kind, bytes, name[0] == '>'};
    }
    refuse_type("numbers of type " + quoted(name),
                "save them as bools, as integers of up to 8 bytes or as floating point of 2, 4 or 8");
  }
  [[noreturn]] void refuse_type(const std::string& got, const char* advice) const {
    throw Error(error::array_file, escaped(source_) + ": expected an array of real numbers, got " + got +
                                       "; " + advice + " (numpy: array.astype)");
  }

  std::string_view text_;
  std::string_view rest_;
  const std::string& source_;
};

/// The header of an .npy file whose first bytes are `bytes`. \throws Error (`array_file`)
[[nodiscard]] inline NpyHeader npy_header(std::string_view bytes, const std::string& source) {
  constexpr std::string_view magic = "\x93NUMPY";
  const auto fail = [&](const std::string& message) {
    throw Error(error::array_file, escaped(source) + ": expected a NumPy array (.npy), " + message);
  };
  if (bytes.substr(0, magic.size()) != magic.substr(0, bytes.size())) {
    if (bytes.substr(0, 4) == "PK\x03\x04") fail("got a zip archive; for an .npz use healthai/data/npz.hpp");
    if (bytes.substr(0, 2) == "\x1F\x8B") fail("got a gzip file; parse_npy(read_gzip(path), path) reads it");
    fail("got a file that does not begin as one: " + quoted(bytes.substr(0, 8)));
  }
  const auto byte = [&](std::size_t i) -> std::size_t {
    if (i >= bytes.size()) fail("got only its first " + std::to_string(i) + " bytes; the file was cut off");
    return static_cast<unsigned char>(bytes[i]);
  };
  const std::size_t major = byte(6);
  const std::size_t minor = byte(7);
  if (major < 1 || major > 3 || minor != 0) {
    fail("format version 1.0, 2.0 or 3.0, got " + std::to_string(major) + "." + std::to_string(minor));
  }
  std::size_t length = byte(8) | byte(9) << 8U;
  if (major > 1) length |= byte(10) << 16U | byte(11) << 24U;
  const std::size_t begin = major > 1 ? 12 : 10;
  if (length > bytes.size() - begin) {
    fail("with a header of " + std::to_string(length) + " bytes, got " +
         std::to_string(bytes.size() - begin) + "; the file was cut off");
  }
  NpyHeader header;
  header.begin = begin + length;
  NpyHeaderParser(bytes.substr(begin, length), source).parse(header);
  return header;
}

}  // namespace detail

/// The array in the bytes of an .npy file (NumPy Enhancement Proposal 1, A Simple File Format for NumPy Arrays, 2007;
/// versions 1.0, 2.0 and 3.0): bool, integers, half, single or double precision, either byte order, C's or Fortran's
/// order of the indices, up to 32 dimensions. The result is in C's order: the last index runs fastest.
///
///     const xt::xarray<double> doses = read_npy<double>("doses.npy");   // doses.shape(0), doses(3, 17)
///
/// `source_name` is what messages call the file. Every length is checked against the bytes at hand before memory is
/// asked for. Safe from any thread.
/// \tparam T  what the result holds, whatever the file does: float, double, bool or an integer type. Integers and bools
///   must be exactly what the file has; floating point is rounded to nearest.
/// \throws Error (`array_file`) for bytes that are not such a file, that end early or go on after it, for an array of
///   something else (records, objects, complex numbers, text), and for a number that a T cannot hold, with its index.
template <ArrayNumber T>
[[nodiscard]] xt::xarray<T> parse_npy(std::string_view bytes, const std::string& source_name) {
  const detail::NpyHeader header = detail::npy_header(bytes, source_name);
  return detail::decode_numbers<T>(bytes.substr(header.begin), header.type, header.shape, source_name);
}

/// The array in the .npy file at `path`; see `parse_npy`.
/// \throws Error (`file`) if the operating system cannot open or read it, and those of `parse_npy`.
template <ArrayNumber T>
[[nodiscard]] xt::xarray<T> read_npy(const std::string& path) {
  return parse_npy<T>(detail::read_file(path, "a NumPy array (.npy)"), path);
}

}  // namespace healthai
