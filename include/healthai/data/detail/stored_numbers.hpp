#pragma once

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <Eigen/Core>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<xtensor/containers/xarray.hpp>)  // xtensor 0.26 moved its headers
#include <xtensor/containers/xarray.hpp>
#else
#include <xtensor/xarray.hpp>
#endif

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/detail/text.hpp"

namespace healthai {

/// What an array that was read from a file can hold: float, double, bool, or an integer of any width.
template <class T>
concept ArrayNumber = std::same_as<T, float> || std::same_as<T, double> ||
    (std::integral<T> && !std::same_as<T, char> && !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
     !std::same_as<T, char16_t> && !std::same_as<T, char32_t>);

namespace detail {

/// How the numbers of a file are written: two's complement, or IEEE 754 of 2, 4 or 8 bytes.
struct StoredNumbers {
  enum class Kind { boolean, signed_integer, unsigned_integer, floating };
  Kind kind = Kind::unsigned_integer;
  std::size_t bytes = 1;    ///< of one number
  bool big_endian = false;  ///< the most significant byte first
};

/// Where an array's numbers stand: the shape, outermost dimension first, and which index runs fastest in the file.
struct StoredShape {
  std::vector<std::size_t> sizes{};
  bool first_index_fastest = false;  ///< Fortran's order; else C's, where the last index does
};

/// No array of real data has more; it is also numpy's bound.
inline constexpr std::size_t most_dimensions = 32;

/// `(60000, 28, 28)`
[[nodiscard]] inline std::string shape_text(std::span<const std::size_t> sizes) {
  std::string text = "(";
  for (std::size_t i = 0; i < sizes.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(sizes[i]);
  return text + (sizes.size() == 1 ? ",)" : ")");
}

/// \throws Error (`array_file`) unless exactly the numbers of that shape are in `available` bytes. Also refuses sizes
/// whose product does not fit where one of them is 0, so that nobody who multiplies some of them meets a surprise.
inline void require_bytes(const std::string& source, std::span<const std::size_t> sizes, std::size_t bytes,
                          std::size_t available) {
  constexpr auto most = static_cast<std::size_t>((std::numeric_limits<std::ptrdiff_t>::max)());
  std::size_t expected = bytes;
  bool empty = false;
  for (const std::size_t size : sizes) {
    empty = empty || size == 0;
    if (size > 1 && expected > most / size) {
      throw Error(error::array_file, escaped(source) +
                                         ": expected a shape whose numbers fit in memory, got " +
                                         shape_text(sizes) + "; the file is damaged");
    }
    if (size > 1) expected *= size;
  }
  if (empty) expected = 0;
  if (expected == available) return;
  throw Error(error::array_file,
              escaped(source) + ": expected " + std::to_string(expected) + " bytes of numbers, for shape " +
                  shape_text(sizes) + " and " + std::to_string(bytes) + " a number, got " +
                  std::to_string(available) +
                  (available < expected ? "; the file was cut off" : "; something follows the array"));
}

/// What a `T` is, for messages.
template <ArrayNumber T>
[[nodiscard]] std::string number_name() {
  if (std::is_same_v<T, bool>) return "a bool";
  if (std::is_same_v<T, float>) return "a float";
  if (std::is_same_v<T, double>) return "a double";
  return (std::is_signed_v<T> ? "a signed " : "an unsigned ") + std::to_string(8 * sizeof(T)) +
         "-bit integer";
}

/// `value` as a `T`, if a T can hold it: integers exactly, floating point rounded to nearest.
template <ArrayNumber T, class Stored>
[[nodiscard]] std::optional<T> convert_number(Stored value) noexcept {
  if constexpr (std::is_floating_point_v<T>) {
    if constexpr (sizeof(Stored) > sizeof(T) && std::is_floating_point_v<Stored>) {
      constexpr auto largest = static_cast<Stored>((std::numeric_limits<T>::max)());
      if (is_finite(value) && std::fabs(value) > largest) return std::nullopt;
    }
    return static_cast<T>(value);
  } else if constexpr (std::is_floating_point_v<Stored>) {
    // 2^digits, the first number that is too large, is exact in floating point where the largest T may not be.
    const auto end = std::ldexp(Stored{1}, std::numeric_limits<T>::digits);
    const bool fits = value >= (std::is_signed_v<T> ? -end : Stored{0}) && value < end;
    if (!fits || value != std::trunc(value)) return std::nullopt;
    return static_cast<T>(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    if (value != 0 && value != 1) return std::nullopt;
    return value == 1;
  } else {
    if (!std::in_range<T>(value)) return std::nullopt;
    return static_cast<T>(value);
  }
}

/// The number at `bytes`.
template <class Stored>
[[nodiscard]] Stored load_number(const char* bytes, bool big_endian) noexcept {
  const auto* const from = reinterpret_cast<const unsigned char*>(bytes);
  return big_endian ? boost::endian::endian_load<Stored, sizeof(Stored), boost::endian::order::big>(from)
                    : boost::endian::endian_load<Stored, sizeof(Stored), boost::endian::order::little>(from);
}

/// Calls `visit(load)`, where `load(bytes)` is the number at `bytes` in the type it is stored in (float for half
/// precision).
template <class Visit>
void visit_stored(const StoredNumbers& type, const Visit& visit) {
  const auto as = [&]<class Stored>(Stored) {
    visit([big = type.big_endian](const char* bytes) { return load_number<Stored>(bytes, big); });
  };
  switch (type.kind) {
    case StoredNumbers::Kind::floating:
      if (type.bytes == 8) return as(double{});
      if (type.bytes == 4) return as(float{});
      return visit([big = type.big_endian](const char* bytes) {
        return Eigen::half_impl::half_to_float(
            Eigen::half_impl::raw_uint16_to_half(load_number<std::uint16_t>(bytes, big)));
      });
    case StoredNumbers::Kind::signed_integer:
      if (type.bytes == 8) return as(std::int64_t{});
      if (type.bytes == 4) return as(std::int32_t{});
      if (type.bytes == 2) return as(std::int16_t{});
      return as(std::int8_t{});
    default:
      if (type.bytes == 8) return as(std::uint64_t{});
      if (type.bytes == 4) return as(std::uint32_t{});
      if (type.bytes == 2) return as(std::uint16_t{});
      return as(std::uint8_t{});
  }
}

/// Whether the bytes of the file are those of a `T` in memory.
template <ArrayNumber T>
[[nodiscard]] bool stored_as(const StoredNumbers& type) noexcept {
  using Kind = StoredNumbers::Kind;
  const bool this_order =
      sizeof(T) == 1 || type.big_endian == (boost::endian::order::native == boost::endian::order::big);
  const bool this_kind = std::is_floating_point_v<T> ? type.kind == Kind::floating
                         : std::is_signed_v<T>       ? type.kind == Kind::signed_integer
                                                     : type.kind == Kind::unsigned_integer;
  return !std::is_same_v<T, bool> && this_order && this_kind && type.bytes == sizeof(T);
}

/// The array that `bytes` hold, in C's order and as numbers of type `T`. `source` is what messages call the file.
/// \throws Error (`array_file`) unless exactly the numbers of that shape are there (before anything is allocated), and
/// for a number that a T cannot hold, naming its index.
template <ArrayNumber T>
[[nodiscard]] xt::xarray<T> decode_numbers(std::string_view bytes, const StoredNumbers& type,
                                           const StoredShape& shape, const std::string& source) {
  const std::vector<std::size_t>& sizes = shape.sizes;
  require_bytes(source, sizes, type.bytes, bytes.size());
  xt::xarray<T> array(typename xt::xarray<T>::shape_type(sizes.begin(), sizes.end()));
  const std::size_t count = bytes.size() / type.bytes;
  if (count == 0) return array;
  if (stored_as<T>(type) && !shape.first_index_fastest) {
    std::memcpy(array.data(), bytes.data(), bytes.size());
    return array;
  }

  // How far apart neighbours along each dimension stand in the file, in numbers.
  std::vector<std::size_t> strides(sizes.size(), 1);
  for (std::size_t k = 1; k < sizes.size(); ++k) strides[k] = strides[k - 1] * sizes[k - 1];
  std::vector<std::size_t> index(sizes.size(), 0);
  std::size_t at = 0;
  const auto advance = [&] {
    if (!shape.first_index_fastest) {
      ++at;
      return;
    }
    for (std::size_t k = sizes.size(); k-- > 0;) {
      at += strides[k];
      if (++index[k] < sizes[k]) return;
      at -= strides[k] * sizes[k];
      index[k] = 0;
    }
  };
  visit_stored(type, [&](const auto& load) {
    for (std::size_t i = 0; i < count; ++i, advance()) {
      const auto value = load(bytes.data() + at * type.bytes);
      const std::optional<T> number = convert_number<T>(value);
      if (type.kind == StoredNumbers::Kind::boolean && static_cast<double>(value) > 1) {
        throw Error(error::array_file, escaped(source) + ": expected bools, 0 or 1, got byte " +
                                           number_text(static_cast<double>(value)) + " as number " +
                                           std::to_string(i) + " (counted from 0); the file is damaged");
      }
      if (!number) {
        throw Error(error::array_file, escaped(source) + ": number " + std::to_string(i) +
                                           " (counted from 0, the last index fastest) is " +
                                           number_text(static_cast<double>(value)) + ", which " +
                                           number_name<T>() + " cannot hold; read it as another type");
      }
      array.data()[i] = *number;
    }
  });
  return array;
}

}  // namespace detail
}  // namespace healthai
