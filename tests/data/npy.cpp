#include "healthai/data/npy.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "array_bytes.hpp"
#include "csv_text.hpp"

namespace data_npy_test {

using namespace array_test;
using csv_test::message_of;
using healthai::parse_npy;
using healthai::read_npy;
namespace error = healthai::error;
using Sizes = std::vector<std::size_t>;

namespace {

template <class T = double>
std::string npy_error(const std::string& bytes) {
  return message_of(error::array_file, [&] { (void)parse_npy<T>(bytes, "a.npy"); });
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
std::string header(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

}  // namespace

// Headers and numbers as numpy 1.24.2 writes them: numpy.lib.format.write_array(file, array, version), the bytes after the
// header in hexadecimal.
TEST_CASE("npy: what numpy writes") {
  {  // numpy.arange(6).reshape(2, 3) / 4
    const auto array =
        parse_npy<double>(npy(header("<f8", "(2, 3)"),
                              from_hex("0000000000000000000000000000d03f000000000000e03f000000000000e83f"
                                       "000000000000f03f000000000000f43f")),
                          "a");
    CHECK(shape(array) == Sizes{2, 3});
    CHECK(values(array) == std::vector<double>{0, 0.25, 0.5, 0.75, 1, 1.25});
    CHECK(array(1, 0) == 0.75);
  }
  {  // numpy.asfortranarray(numpy.arange(24, dtype='u1').reshape(2, 3, 4)): a[i, j, k] = 12 i + 4 j + k
    const auto array = parse_npy<int>(
        npy(header("|u1", "(2, 3, 4)", "True"), from_hex("000c04100814010d05110915020e06120a16030f07130b17")),
        "a");
    CHECK(shape(array) == Sizes{2, 3, 4});
    for (std::size_t i = 0; i < 24; ++i) CHECK(array.data()[i] == static_cast<int>(i));
    CHECK(array(1, 2, 3) == 23);
  }
  {  // (numpy.arange(6).reshape(2, 3) - 3).astype('>i4'), in Fortran's order
    const auto array = parse_npy<std::int64_t>(
        npy(header(">i4", "(2, 3)", "True"), from_hex("fffffffd00000000fffffffe00000001ffffffff00000002")),
        "a");
    CHECK(values(array) == std::vector<std::int64_t>{-3, -2, -1, 0, 1, 2});
  }
  {  // numpy.array([1.5, -0.333251953125, 65504, inf, 6e-8], dtype='<f2'); 6e-8 becomes 2^-24
    const auto array = parse_npy<float>(npy(header("<f2", "(5,)"), from_hex("003e55b5ff7b007c0100")), "a");
    CHECK(values(array) == std::vector<float>{1.5F, -0.333251953125F, 65504.F,
                                              std::numeric_limits<float>::infinity(), 0x1p-24F});
  }
  {  // numpy.array([True, False, True])
    const std::string bytes = npy(header("|b1", "(3,)"), from_hex("010001"));
    CHECK(values(parse_npy<bool>(bytes, "a")) == std::vector<bool>{true, false, true});
    CHECK(values(parse_npy<double>(bytes, "a")) == std::vector<double>{1, 0, 1});
  }
  {  // numpy.array(7), version 2.0: no dimensions, one number
    const auto array =
        parse_npy<std::int64_t>(npy(header("<i8", "()"), from_hex("0700000000000000"), 2), "a");
    CHECK(array.dimension() == 0);
    CHECK(array() == 7);
  }
  {  // numpy.array([[1], [2]], dtype='>u2'), version 3.0
    const auto array = parse_npy<float>(npy(header(">u2", "(2, 1)"), from_hex("00010002"), 3), "a");
    CHECK(shape(array) == Sizes{2, 1});
    CHECK(values(array) == std::vector<float>{1, 2});
  }
  {  // numpy.zeros((0, 5))
    const auto array = parse_npy<double>(npy(header("<f8", "(0, 5)"), ""), "a");
    CHECK(shape(array) == Sizes{0, 5});
    CHECK(array.size() == 0);
  }
}

TEST_CASE("npy: the keys of the header in any order and either quotes, as the format allows") {
  const auto array = parse_npy<int>(
      npy("{\"shape\":(2L,1),\n'fortran_order':True , 'descr' : \"|i1\"}", from_hex("05ff")), "a");
  CHECK(shape(array) == Sizes{2, 1});
  CHECK(values(array) == std::vector<int>{5, -1});
}

TEST_CASE("npy: a number that the type asked for cannot hold is an error with its place") {
  const std::string ints = npy(header("<i2", "(2, 2)"), from_hex("010002002c01ffff"));  // 1, 2, 300, -1
  CHECK(npy_error<std::uint8_t>(ints) ==
        "a.npy: number 2 (counted from 0, the last index fastest) is 300, which an unsigned 8-bit integer "
        "cannot "
        "hold; read it as another type");
  CHECK(contains(npy_error<std::uint64_t>(ints),
                 "number 3 (counted from 0, the last index fastest) is -1, which an "
                 "unsigned 64-bit integer cannot"));
  CHECK(contains(npy_error<bool>(ints),
                 "number 1 (counted from 0, the last index fastest) is 2, which a bool"));
  CHECK(values(parse_npy<std::int16_t>(ints, "a")) == std::vector<std::int16_t>{1, 2, 300, -1});
  CHECK(values(parse_npy<double>(ints, "a")) == std::vector<double>{1, 2, 300, -1});

  const auto one = [](double value) { return npy(header("<f8", "(1,)"), number_bytes(value, false)); };
  CHECK(parse_npy<int>(one(-3), "a")(0) == -3);
  CHECK(contains(npy_error<int>(one(0.5)), "is 0.5, which a signed 32-bit integer cannot hold"));
  CHECK(contains(npy_error<int>(one(std::nan(""))), "is nan, which a signed"));
  CHECK(parse_npy<std::int32_t>(one(-0x1p31), "a")(0) == std::numeric_limits<std::int32_t>::min());
  CHECK(contains(npy_error<std::int32_t>(one(0x1p31)), "cannot hold"));
  CHECK(parse_npy<std::uint64_t>(one(0x1.fffffffffffffp63), "a")(0) == 0xfffffffffffff800U);
  CHECK(contains(npy_error<std::uint64_t>(one(0x1p64)), "cannot hold"));
  CHECK(contains(npy_error<std::uint64_t>(one(-1)), "cannot hold"));
  CHECK(contains(npy_error<float>(one(1e300)), "is 1e+300, which a float cannot hold"));
  CHECK(parse_npy<float>(one(0.1), "a")(0) == 0.1F);  // rounded
  CHECK(parse_npy<float>(one(-HUGE_VAL), "a")(0) == -std::numeric_limits<float>::infinity());
  CHECK(std::isnan(parse_npy<float>(one(std::nan("")), "a")(0)));
  CHECK(contains(npy_error<double>(npy(header("|b1", "(2,)"), from_hex("0002"))),
                 "expected bools, 0 or 1, got byte 2"));
}

TEST_CASE("npy: what is not such a file is told") {
  const std::string good = npy(header("<f4", "(2, 3)"), std::string(24, '\0'));
  CHECK(parse_npy<float>(good, "a").size() == 6);
  CHECK(npy_error("") ==
        "a.npy: expected a NumPy array (.npy), got only its first 6 bytes; the file was cut off");
  CHECK(contains(npy_error("name,age\n"), "got a file that does not begin as one: \"name,age\""));
  CHECK(contains(npy_error("PK\x03\x04zip"), "got a zip archive; for an .npz use healthai/data/npz.hpp"));
  CHECK(contains(npy_error("\x1F\x8B\x08"), "got a gzip file; parse_npy(read_gzip(path), path) reads it"));
  std::string version = good;
  version[6] = 4;
  CHECK(contains(npy_error(version), "format version 1.0, 2.0 or 3.0, got 4.0"));
  CHECK(contains(npy_error(good.substr(0, 9)), "got only its first 9 bytes; the file was cut off"));
  CHECK(contains(npy_error(good.substr(0, 50)), "with a header of 118 bytes, got 40; the file was cut off"));
  CHECK(npy_error(good.substr(0, good.size() - 1)) ==
        "a.npy: expected 24 bytes of numbers, for shape (2, 3) and 4 a number, got 23; the file was cut off");
  CHECK(contains(npy_error(good + "x"), "got 25; something follows the array"));
  // A version 2.0 header of 4 GiB in a file of 20 bytes.
  CHECK(contains(npy_error(from_hex("934e554d50590200ffffffff") + "{'descr'"),
                 "with a header of 4294967295 bytes, got 8"));
}

TEST_CASE("npy: what is not an array of real numbers is told") {
  const auto of_type = [](const std::string& descr) {
    return npy_error(
        npy("{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,), }", std::string(16, '\0')));
  };
  CHECK(of_type("'<c16'") ==
        "a.npy: expected an array of real numbers, got numbers of type \"<c16\"; save them as bools, as "
        "integers of "
        "up to 8 bytes or as floating point of 2, 4 or 8 (numpy: array.astype)");
  CHECK(contains(of_type("'|O'"), "got Python objects; save the array with a type of numbers"));
  CHECK(contains(of_type("[('a', '<i4'), ('b', '<f8')]"),
                 "got records; save each field as an array of its own"));
  for (const char* type : {"'|S3'", "'<f16'", "'<i3'", "'|i2'", "'=i4'", "''", "'<M8[ns]'", "'<i4x'"}) {
    CAPTURE(type);
    CHECK(contains(of_type(type), "expected an array of real numbers"));
  }
  CHECK(contains(of_type("7"), "expected a header such as {'descr': '<f8', "));
}

TEST_CASE("npy: a header that is no header is told, and no size in it is believed") {
  const auto of_header = [](const std::string& text) { return npy_error(npy(text, "")); };
  for (const char* text :
       {"", "{}", "{'descr': '<f8', 'fortran_order': False}",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': ()}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", "{'descr': '<f8' 'fortran_order': False}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)} x", "{'descr: 1}", "{'descr'"}) {
    CAPTURE(text);
    CHECK(contains(of_header(text),
                   "a.npy: expected a header such as {'descr': '<f8', 'fortran_order': False, "
                   "'shape': (3, 4)}, got "));
  }
  CHECK(contains(of_header(header("<f8", "(1000000000000,)")), "expected 8000000000000 bytes of numbers"));
  for (const char* sizes : {"(4294967296, 4294967296)", "(3037000500, 3037000500)",
                            "(0, 4294967296, 4294967296)", "(18446744073709551615,)"}) {
    CAPTURE(sizes);
    CHECK(contains(of_header(header("<f8", sizes)), "expected a shape whose numbers fit in memory, got ("));
  }
  std::string many = "(";
  for (int i = 0; i < 32; ++i) many += "1,";
  CHECK(parse_npy<int>(npy(header("|u1", many + ")"), "\x05"), "a").dimension() == 32);
  CHECK(contains(of_header(header("|u1", many + "1)")), "expected at most 32 dimensions, got more"));
}

TEST_CASE("npy: from a file; one that cannot be read is told") {
  const auto path = std::filesystem::temp_directory_path() / "healthai-npy-test.npy";
  const std::string bytes = npy(header("<f4", "(2,)"), from_hex("0000803f00000040"));
  std::FILE* const file = std::fopen(path.string().c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size());
  std::fclose(file);
  CHECK(values(read_npy<double>(path.string())) == std::vector<double>{1, 2});
  std::filesystem::remove(path);
  CHECK(contains(
      message_of(error::file, [&] { (void)read_npy<double>(path.string()); }),
      "healthai-npy-test.npy: expected a NumPy array (.npy), but it cannot be opened (No such file"));
}

TEST_CASE("npy: any array of any type, order and byte order comes back") {
  CHECK(rc::check("round trip", [] {
    const auto sizes = *rc::gen::container<Sizes>(rc::gen::inRange<std::size_t>(0, 5));
    RC_PRE(sizes.size() <= 5);
    const bool big = *rc::gen::arbitrary<bool>();
    const bool fortran = *rc::gen::arbitrary<bool>();
    const int type = *rc::gen::inRange(0, 3);
    std::size_t count = 1;
    std::string text = "(";
    for (const std::size_t size : sizes) {
      count *= size;
      text += std::to_string(size) + ",";
    }
    const auto numbers =
        *rc::gen::container<std::vector<std::int16_t>>(count, rc::gen::arbitrary<std::int16_t>());
    // The number that belongs at a multi-index stands where the order of the file puts it.
    std::vector<std::string> placed(count);
    for (std::size_t i = 0; i < count; ++i) {
      std::size_t rest = i;  // the last index fastest
      std::size_t at = i;
      if (fortran) {
        at = 0;
        std::size_t stride = count;
        for (std::size_t k = sizes.size(); k-- > 0;) {
          stride /= sizes[k];
          at += rest % sizes[k] * stride;
          rest /= sizes[k];
        }
      }
      placed[at] = type == 0   ? number_bytes(numbers[i], big)
                   : type == 1 ? number_bytes<double>(numbers[i], big)
                               : number_bytes<std::int64_t>(numbers[i], big);
    }
    std::string bytes;
    for (const std::string& number : placed) bytes += number;
    const std::string descr = std::string(big ? ">" : "<") + (type == 0 ? "i2" : type == 1 ? "f8" : "i8");
    const std::string file = npy(header(descr, text + ")", fortran ? "True" : "False"), bytes);
    const auto array = parse_npy<std::int16_t>(file, "a");
    RC_ASSERT(shape(array) == sizes);
    RC_ASSERT(values(array) == numbers);
    RC_ASSERT(values(parse_npy<float>(file, "a")) == std::vector<float>(numbers.begin(), numbers.end()));
  }));
}

TEST_CASE("npy: damage gives an Error of one line, or an array, and nothing else") {
  const std::string good =
      npy(header(">i2", "(2, 3, 2)", "True"), from_hex("000100020003000400050006000700080009000a000b000c"));
  const auto survives = [](const std::string& bytes) {
    try {
      const auto array = parse_npy<float>(bytes, "a.npy");
      RC_ASSERT(array.size() <= bytes.size());
    } catch (const healthai::Error& e) {
      RC_ASSERT(e.id() == error::array_file);
      RC_ASSERT(std::string(e.what()).find_first_of("\r\n") == std::string::npos);
    }
  };
  CHECK(rc::check("truncation", [&] {
    const std::string cut = good.substr(0, *rc::gen::inRange<std::size_t>(0, good.size()));
    RC_ASSERT_THROWS_AS((void)parse_npy<float>(cut, "a.npy"), healthai::Error);
    survives(cut);
  }));
  CHECK(rc::check("flipped bytes", [&] {
    std::string bytes = good;
    const auto flips = *rc::gen::inRange(1, 6);
    for (int i = 0; i < flips; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    }
    survives(bytes);
  }));
  CHECK(rc::check("digits of the shape", [&] {
    std::string bytes = good;
    const std::size_t at = bytes.find("(2, 3, 2)");
    for (std::size_t i = 1; i < 8; ++i) bytes[at + i] = *rc::gen::elementOf(std::string("0123456789,, "));
    survives(bytes);
  }));
}

}  // namespace data_npy_test
