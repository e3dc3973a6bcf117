#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// Files of arrays, made by hand: what the tests of npy, idx and npz share.
namespace array_test {

/// The bytes that pairs of hexadecimal digits stand for.
inline std::string from_hex(std::string_view digits) {
  const auto value = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(value(digits[i]) * 16 + value(digits[i + 1]));
  }
  return bytes;
}

/// An .npy file with that header and those numbers, padded as numpy does.
inline std::string npy(std::string header, const std::string& numbers, char version = 1) {
  const std::size_t before = version == 1 ? 10 : 12;
  header.append(63 - (before + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += {version, '\0', static_cast<char>(header.size() & 255U), static_cast<char>(header.size() >> 8U)};
  if (version > 1) bytes += {'\0', '\0'};
  return bytes + header + numbers;
}

/// An IDX file of that type, those sizes and those numbers.
inline std::string idx(char type, const std::vector<std::uint32_t>& sizes, const std::string& numbers) {
  std::string bytes{'\0', '\0', type, static_cast<char>(sizes.size())};
  for (const std::uint32_t size : sizes) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(size >> shift & 255U);
  }
  return bytes + numbers;
}

/// The bytes of a number, the least significant first or last.
template <class T>
std::string number_bytes(T value, bool big_endian) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));  // every machine that runs the tests is little-endian
  if (big_endian) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

/// The shape as a vector, which CHECK can compare.
template <class Array>
std::vector<std::size_t> shape(const Array& array) {
  return {array.shape().begin(), array.shape().end()};
}
template <class Array>
auto values(const Array& array) {
  return std::vector<typename Array::value_type>(array.data(), array.data() + array.size());
}

}  // namespace array_test
