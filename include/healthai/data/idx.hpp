#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/read_file.hpp"
#include "healthai/data/detail/stored_numbers.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai {
namespace detail {

/// The numbers that byte 2 of an IDX file stands for.
[[nodiscard]] inline std::optional<StoredNumbers> idx_type(std::size_t code) {
  using Kind = StoredNumbers::Kind;
  switch (code) {
    case 0x08:
      return StoredNumbers{Kind::unsigned_integer, 1, true};
    case 0x09:
      return StoredNumbers{Kind::signed_integer, 1, true};
    case 0x0B:
      return StoredNumbers{Kind::signed_integer, 2, true};
    case 0x0C:
      return StoredNumbers{Kind::signed_integer, 4, true};
    case 0x0D:
      return StoredNumbers{Kind::floating, 4, true};
    case 0x0E:
      return StoredNumbers{Kind::floating, 8, true};
    default:
      return std::nullopt;
  }
}

}  // namespace detail

/// The array in the bytes of an IDX file, the format of the MNIST data sets (LeCun, Cortes, Burges: The MNIST
/// database of handwritten digits): two zero bytes, one for the type of the numbers, one for how many dimensions
/// there are, the size of each as 4 bytes, then the numbers, all with the most significant byte first and the last
/// index fastest.
///
///     const auto images = read_idx<std::uint8_t>("train-images-idx3-ubyte");  // shape (60000, 28, 28)
///     const auto labels = read_idx<std::uint8_t>("train-labels-idx1-ubyte");  // shape (60000,)
///
/// What is compressed goes through healthai/data/gzip.hpp first: `parse_idx<std::uint8_t>(read_gzip(path), path)`.
///
/// `source_name` is what messages call the file. Every length is checked against the bytes at hand before memory is
/// asked for. Safe from any thread.
/// \tparam T  what the result holds, whatever the file does: float, double, bool or an integer type. Integers and bools
///   must be exactly what the file has; floating point is rounded to nearest.
/// \throws Error (`array_file`) for bytes that are not such a file, that end early or go on after it, for more than 32
///   dimensions, and for a number that a T cannot hold, with its index.
template <ArrayNumber T>
[[nodiscard]] xt::xarray<T> parse_idx(std::string_view bytes, const std::string& source_name) {
  const auto fail = [&](const std::string& message) {
    throw Error(error::array_file, detail::escaped(source_name) + ": expected an IDX file, " + message);
  };
  const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(bytes[i])}; };
  if (bytes.substr(0, 2) == "\x1F\x8B") fail("got a gzip file; parse_idx(read_gzip(path), path) reads it");
  if (bytes.size() < 4) fail("got " + std::to_string(bytes.size()) + " bytes; the file was cut off");
  if (byte(0) != 0 || byte(1) != 0) {
    fail("which begins with two zero bytes, got " + std::to_string(byte(0)) + " and " +
         std::to_string(byte(1)));
  }
  const std::optional<detail::StoredNumbers> type = detail::idx_type(byte(2));
  if (!type) fail("with numbers of type 8, 9, 11, 12, 13 or 14, got type " + std::to_string(byte(2)));
  const std::size_t dimensions = byte(3);
  if (dimensions > detail::most_dimensions) {
    fail("with at most " + std::to_string(detail::most_dimensions) + " dimensions, got " +
         std::to_string(dimensions));
  }
  const std::size_t begin = 4 + 4 * dimensions;
  if (bytes.size() < begin) {
    fail("with " + std::to_string(begin) + " bytes before the numbers, got " + std::to_string(bytes.size()) +
         " in all; the file was cut off");
  }
  detail::StoredShape shape;
  for (std::size_t at = 4; at < begin; at += 4) {
    shape.sizes.push_back(byte(at) << 24U | byte(at + 1) << 16U | byte(at + 2) << 8U | byte(at + 3));
  }
  return detail::decode_numbers<T>(bytes.substr(begin), *type, shape, source_name);
}

/// The array in the IDX file at `path`; see `parse_idx`.
/// \throws Error (`file`) if the operating system cannot open or read it, and those of `parse_idx`.
template <ArrayNumber T>
[[nodiscard]] xt::xarray<T> read_idx(const std::string& path) {
  return parse_idx<T>(detail::read_file(path, "an IDX file"), path);
}

}  // namespace healthai
