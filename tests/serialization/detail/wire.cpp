#include "healthai/serialization/detail/wire.hpp"

#include <doctest/doctest.h>

namespace serialization_detail_wire_test {

namespace {

using namespace healthai::detail;

enum class Small : std::uint8_t { one = 1 };
enum class Switch : bool { off, on };

constexpr auto little = std::endian::little;
constexpr auto big = std::endian::big;

static_assert(sizeof(Wire<long>) == 8 && sizeof(Wire<unsigned long>) == 8 && sizeof(Wire<std::size_t>) == 8);
static_assert(is_bulk<double, little> && is_bulk<float, little> && is_bulk<std::uint64_t, little>);
static_assert(is_bulk<Small, little> && is_bulk<std::byte, little>);
static_assert(!is_bulk<bool, little> && !is_bulk<Switch, little>, "each must be checked to be 0 or 1");
static_assert(!is_bulk<double, big> && is_bulk<std::uint8_t, big>, "one byte has no order");
static_assert(!is_number<long double> && !is_number<wchar_t>);
static_assert(!is_bulk<std::string, little>);
static_assert(is_pointer_like<int*> && is_pointer_like<std::unique_ptr<int>> &&
              !is_pointer_like<std::string>);
static_assert(is_map<std::unordered_multimap<int, int>> && is_set<std::multiset<int>> &&
              !is_map<std::set<int>>);

}  // namespace

TEST_CASE("numbers have the same bytes on machines of either order") {
  // What a big-endian machine holds in memory for 0x01020304 is, read on this one, 0x04030201.
  constexpr std::uint32_t number = 0x01020304U;
  constexpr std::uint32_t swapped = 0x04030201U;
  const std::array<std::byte, 4> wire{std::byte{4}, std::byte{3}, std::byte{2}, std::byte{1}};
  if constexpr (std::endian::native == little) {
    CHECK(to_little_endian(number) == wire);
    CHECK(to_little_endian<std::uint32_t, big>(swapped) == wire);
    CHECK(from_little_endian<std::uint32_t>(wire) == number);
    CHECK(from_little_endian<std::uint32_t, big>(wire) == swapped);
  } else {
    CHECK(to_little_endian(number) == wire);
    CHECK(from_little_endian<std::uint32_t>(wire) == number);
  }
  CHECK(from_little_endian<double>(to_little_endian(-1.5)) == -1.5);
  CHECK(from_little_endian<double, big>(to_little_endian<double, big>(-1.5)) == -1.5);
}

}  // namespace serialization_detail_wire_test
