#pragma once

/// \file
/// How single values look in an archive, and which types the archive handles itself.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "healthai/config.hpp"

// Two wrappers that the archive knows. Who makes one includes Boost's header for it, which costs more than all of this.
namespace boost::serialization {
template <class T>
class array_wrapper;
template <class T>
class nvp;
}  // namespace boost::serialization

namespace healthai::detail {

static_assert(sizeof(short) == 2 && sizeof(int) == 4 && sizeof(long long) == 8 && sizeof(std::size_t) == 8,
              "healthai archives need a 64-bit platform with 16-bit short and 32-bit int");
static_assert(std::numeric_limits<float>::is_iec559 && std::numeric_limits<double>::is_iec559,
              "healthai archives need IEEE 754 numbers");

template <class T>
struct WireOf {
  using type = T;
};
// `long` has 64 bits on Linux and 32 on Windows.
template <>
struct WireOf<long> {
  using type = std::int64_t;
};
template <>
struct WireOf<unsigned long> {
  using type = std::uint64_t;
};
template <>
struct WireOf<bool> {
  using type = std::uint8_t;
};
/// The fixed-width type as which the arithmetic type `T` is written.
template <class T>
using Wire = typename WireOf<T>::type;

/// Whether `T` is a number that an archive can hold on every platform.
template <class T>
inline constexpr bool is_number =
    std::is_arithmetic_v<T> && !std::is_same_v<T, long double> && !std::is_same_v<T, wchar_t>;

template <class T, bool = std::is_enum_v<T>>
struct NumberOf {
  using type = T;
};
template <class T>
struct NumberOf<T, true> {
  using type = std::underlying_type_t<T>;
};
/// The number behind an enumeration; `T` itself otherwise.
template <class T>
using Number = typename NumberOf<T>::type;

/// Whether memory that holds `T`s is, byte for byte, what the archive holds: such arrays are copied as a whole.
template <class T, std::endian Native = std::endian::native>
inline constexpr bool is_bulk =
    is_number<Number<T>> && !std::is_same_v<Number<T>, bool> && sizeof(T) == sizeof(Wire<Number<T>>) &&
    (sizeof(T) == 1 || Native == std::endian::little);

/// The bytes of a number, lowest first. `Native` is this machine's order; tests set the other one.
template <class T, std::endian Native = std::endian::native>
[[nodiscard]] constexpr std::array<std::byte, sizeof(T)> to_little_endian(T value) noexcept {
  auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
  if constexpr (Native == std::endian::big) {
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  }
  return bytes;
}

/// The number whose bytes, lowest first, are these.
template <class T, std::endian Native = std::endian::native>
[[nodiscard]] constexpr T from_little_endian(std::array<std::byte, sizeof(T)> bytes) noexcept {
  if constexpr (Native == std::endian::big) {
    for (std::size_t i = 0; i < sizeof(T) / 2; ++i) std::swap(bytes[i], bytes[sizeof(T) - 1 - i]);
  }
  return std::bit_cast<T>(bytes);
}

/// How deep classes may lie in one another in an archive: far beyond any message, far below the end of the stack.
inline constexpr unsigned max_nesting = 256;

template <class T>
inline constexpr bool is_nvp = false;
template <class T>
inline constexpr bool is_nvp<boost::serialization::nvp<T>> = true;

template <class T>
inline constexpr bool is_array_wrapper = false;
template <class T>
inline constexpr bool is_array_wrapper<boost::serialization::array_wrapper<T>> = true;

template <class T>
inline constexpr bool is_string = false;
template <class Traits, class Allocator>
inline constexpr bool is_string<std::basic_string<char, Traits, Allocator>> = true;

template <class T>
inline constexpr bool is_vector = false;
template <class T, class Allocator>
inline constexpr bool is_vector<std::vector<T, Allocator>> = true;

template <class T>
inline constexpr bool is_std_array = false;
template <class T, std::size_t N>
inline constexpr bool is_std_array<std::array<T, N>> = true;

template <class T>
inline constexpr bool is_pair = false;
template <class A, class B>
inline constexpr bool is_pair<std::pair<A, B>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_map = false;
template <class... A>
inline constexpr bool is_map<std::map<A...>> = true;
template <class... A>
inline constexpr bool is_map<std::multimap<A...>> = true;
template <class... A>
inline constexpr bool is_map<std::unordered_map<A...>> = true;
template <class... A>
inline constexpr bool is_map<std::unordered_multimap<A...>> = true;

template <class T>
inline constexpr bool is_set = false;
template <class... A>
inline constexpr bool is_set<std::set<A...>> = true;
template <class... A>
inline constexpr bool is_set<std::multiset<A...>> = true;
template <class... A>
inline constexpr bool is_set<std::unordered_set<A...>> = true;
template <class... A>
inline constexpr bool is_set<std::unordered_multiset<A...>> = true;

/// Whether `T` points at something else, and so cannot travel.
template <class T>
inline constexpr bool is_pointer_like =
    std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T>;
template <class T, class Deleter>
inline constexpr bool is_pointer_like<std::unique_ptr<T, Deleter>> = true;
template <class T>
inline constexpr bool is_pointer_like<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool is_pointer_like<std::weak_ptr<T>> = true;

/// Whether an archive takes `T`, as far as that can be said without looking into it.
template <class T>
inline constexpr bool may_travel =
    !is_pointer_like<T> && !std::is_same_v<T, long double> && !std::is_same_v<T, wchar_t>;

}  // namespace healthai::detail
