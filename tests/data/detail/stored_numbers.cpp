#include "healthai/data/detail/stored_numbers.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "../csv_text.hpp"

namespace data_detail_stored_numbers_test {

using namespace healthai::detail;
using csv_test::message_of;

TEST_CASE("stored numbers: integers convert exactly or not at all") {
  CHECK(convert_number<std::int8_t>(std::int64_t{-128}) == std::int8_t{-128});
  CHECK_FALSE(convert_number<std::int8_t>(std::int64_t{-129}));
  CHECK_FALSE(convert_number<std::uint64_t>(std::int8_t{-1}));
  CHECK_FALSE(convert_number<std::int64_t>(std::numeric_limits<std::uint64_t>::max()));
  CHECK(convert_number<std::int64_t>(std::uint64_t{1} << 62U) == std::int64_t{1} << 62U);
  CHECK(convert_number<bool>(std::uint8_t{1}) == true);
  CHECK_FALSE(convert_number<bool>(std::uint8_t{2}));
}

TEST_CASE("stored numbers: floating point becomes an integer only if it is one, and in range") {
  CHECK(convert_number<std::int64_t>(-0x1p63) == std::numeric_limits<std::int64_t>::min());
  CHECK_FALSE(convert_number<std::int64_t>(0x1p63));
  CHECK(convert_number<std::int64_t>(-0.0) == 0);
  CHECK_FALSE(convert_number<std::int64_t>(1.5F));
  CHECK_FALSE(convert_number<std::uint8_t>(-0.5));
  CHECK_FALSE(convert_number<std::uint8_t>(std::nan("")));
  CHECK_FALSE(convert_number<std::uint8_t>(HUGE_VAL));
  CHECK(convert_number<bool>(1.0) == true);
  CHECK_FALSE(convert_number<bool>(0.5));
}

TEST_CASE("stored numbers: floating point is rounded, but does not become infinite") {
  CHECK(convert_number<float>(1.0 / 3) == 1.0F / 3.0F);
  CHECK(convert_number<float>(std::int32_t{16777217}) == 16777216.0F);
  CHECK(convert_number<float>(double{std::numeric_limits<float>::max()}) ==
        std::numeric_limits<float>::max());
  CHECK_FALSE(convert_number<float>(0x1p128));
  CHECK_FALSE(convert_number<float>(-0x1p128));
  CHECK(convert_number<float>(-HUGE_VAL) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(*convert_number<float>(std::nan(""))));
}

TEST_CASE("stored numbers: the bytes must be those of the shape") {
  const auto message = [](const std::vector<std::size_t>& sizes, std::size_t available) {
    return message_of(healthai::error::array_file, [&] { require_bytes("f", sizes, 2, available); });
  };
  require_bytes("f", std::vector<std::size_t>{}, 2, 2);
  require_bytes("f", std::vector<std::size_t>{3, 0}, 2, 0);
  CHECK(message({3}, 5) ==
        "f: expected 6 bytes of numbers, for shape (3,) and 2 a number, got 5; the file was cut off");
  CHECK(
      message({3, 0}, 1) ==
      "f: expected 0 bytes of numbers, for shape (3, 0) and 2 a number, got 1; something follows the array");
  // 2^62 numbers of two bytes are one byte too many for a pointer difference.
  CHECK(message({std::size_t{1} << 62U}, 0) ==
        "f: expected a shape whose numbers fit in memory, got (4611686018427387904,); the file is damaged");
  CHECK(message({std::size_t{1} << 62U, 0}, 0) ==
        "f: expected a shape whose numbers fit in memory, got (4611686018427387904, 0); the file is damaged");
}

}  // namespace data_detail_stored_numbers_test
