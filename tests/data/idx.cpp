#include "healthai/data/idx.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "array_bytes.hpp"
#include "csv_text.hpp"

namespace data_idx_test {

using namespace array_test;
using csv_test::message_of;
using healthai::parse_idx;
using healthai::read_idx;
namespace error = healthai::error;
using Sizes = std::vector<std::size_t>;

namespace {

std::string idx_error(const std::string& bytes) {
  return message_of(error::array_file, [&] { (void)parse_idx<std::uint8_t>(bytes, "a.idx"); });
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("idx: images and labels") {
  // Two images of 2 by 3 points, byte for byte as the format's page describes it.
  const std::string images = from_hex("00000803000000020000000200000003000102030405060708090aff");
  const auto array = parse_idx<std::uint8_t>(images, "a");
  CHECK(shape(array) == Sizes{2, 2, 3});
  CHECK(values(array) == std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255});
  CHECK(array(1, 0, 2) == 8);
  CHECK(values(parse_idx<float>(images, "a")).back() == 255);

  const auto labels = parse_idx<std::size_t>(from_hex("0000080100000003090005"), "a");
  CHECK(shape(labels) == Sizes{3});
  CHECK(values(labels) == std::vector<std::size_t>{9, 0, 5});
}

TEST_CASE("idx: every type of number, the most significant byte first") {
  const auto read = [](char type, const std::string& hex) {
    const std::string numbers = from_hex(hex);
    return values(parse_idx<double>(idx(type, {2}, numbers), "a"));
  };
  CHECK(read(0x08, "01ff") == std::vector<double>{1, 255});
  CHECK(read(0x09, "01ff") == std::vector<double>{1, -1});
  CHECK(read(0x0B, "0100fffe") == std::vector<double>{256, -2});
  CHECK(read(0x0C, "00010000fffffffd") == std::vector<double>{65536, -3});
  CHECK(read(0x0D, "3fc00000c0000000") == std::vector<double>{1.5, -2});
  CHECK(read(0x0E, "3ff8000000000000c000000000000000") == std::vector<double>{1.5, -2});
}

TEST_CASE("idx: what is not such a file is told") {
  const std::string good = idx(8, {2, 3}, "abcdef");
  CHECK(parse_idx<int>(good, "a").size() == 6);
  CHECK(idx_error("") == "a.idx: expected an IDX file, got 0 bytes; the file was cut off");
  CHECK(contains(idx_error("name,age\n"), "which begins with two zero bytes, got 110 and 97"));
  CHECK(contains(idx_error("\x1F\x8B\x08"), "got a gzip file; parse_idx(read_gzip(path), path) reads it"));
  CHECK(contains(idx_error(idx(10, {1}, "a")), "with numbers of type 8, 9, 11, 12, 13 or 14, got type 10"));
  CHECK(contains(idx_error(idx(8, std::vector<std::uint32_t>(33, 1), "a")),
                 "with at most 32 dimensions, got 33"));
  CHECK(parse_idx<int>(idx(8, std::vector<std::uint32_t>(32, 1), "a"), "a").dimension() == 32);
  CHECK(contains(idx_error(good.substr(0, 11)),
                 "with 12 bytes before the numbers, got 11 in all; the file was cut off"));
  CHECK(idx_error(good.substr(0, 17)) ==
        "a.idx: expected 6 bytes of numbers, for shape (2, 3) and 1 a number, got 5; the file was cut off");
  CHECK(contains(idx_error(good + "g"), "got 7; something follows the array"));
  // Sizes that nobody has the memory for, in a file of 24 bytes.
  CHECK(contains(idx_error(idx(8, {0xFFFFFFFF, 4, 1}, "abcdefgh")), "expected 17179869180 bytes of numbers"));
  CHECK(contains(idx_error(idx(8, {0xFFFFFFFF, 0xFFFFFFFF, 8}, "abcdefgh")),
                 "expected a shape whose numbers fit in memory, got (4294967295, 4294967295, 8)"));
  CHECK(contains(idx_error(idx(9, {1}, "\xFF")), "number 0 (counted from 0, the last index fastest) is -1"));
}

TEST_CASE("idx: from a file; one that cannot be read is told") {
  const auto path = std::filesystem::temp_directory_path() / "healthai-idx-test";
  const std::string bytes = idx(8, {2}, "\x07\x05");
  std::FILE* const file = std::fopen(path.string().c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  std::fclose(file);
  CHECK(values(read_idx<int>(path.string())) == std::vector<int>{7, 5});
  std::filesystem::remove(path);
  CHECK(contains(message_of(error::file, [&] { (void)read_idx<int>(path.string()); }),
                 "healthai-idx-test: expected an IDX file, but it cannot be opened (No such file"));
}

TEST_CASE("idx: damage gives an Error of one line, or an array, and nothing else") {
  const std::string good = idx(0x0B, {2, 2, 3}, from_hex("000100020003000400050006000700080009000a000b000c"));
  const auto survives = [](const std::string& bytes) {
    try {
      RC_ASSERT(parse_idx<std::int16_t>(bytes, "a.idx").size() <= bytes.size());
    } catch (const healthai::Error& e) {
      RC_ASSERT(e.id() == error::array_file);
      RC_ASSERT(std::string(e.what()).find_first_of("\r\n") == std::string::npos);
    }
  };
  for (std::size_t size = 0; size < good.size(); ++size) {
    CHECK_THROWS_AS((void)parse_idx<int>(good.substr(0, size), "a.idx"), healthai::Error);
  }
  CHECK(rc::check("flipped bytes", [&] {
    std::string bytes = good;
    const auto flips = *rc::gen::inRange(1, 6);
    for (int i = 0; i < flips; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    }
    survives(bytes);
  }));
}

}  // namespace data_idx_test
