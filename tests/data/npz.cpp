#include "healthai/data/npz.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "array_bytes.hpp"
#include "csv_text.hpp"

namespace data_npz_test {

using namespace array_test;
using csv_test::message_of;
using healthai::NpzFile;
using healthai::read_npz;
namespace error = healthai::error;

namespace {

// What numpy 1.24.2 writes: numpy.savez_compressed(file, dose=numpy.array([[1.5, 2.5]]), mask=numpy.full(300, 3, 'u1'))
const std::string deflated = from_hex(
    "504b030414000000080000002100519e65f74e0000009000000008001400646f73652e6e707901001000900000000000"
    "00004e000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a1aea3a09e965f54529498179f5f"
    "94920a12774bcc294e058a17672416a402f91a863a0a469a3a0ab50a64032e0630f8610fa1591c00504b030414000000"
    "0800000021003d2d4eb14b000000ac010000080014006d61736b2e6e707901001000ac010000000000004b0000000000"
    "00009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e536aa8aea3a09e965f54529498179f5f94920a12774bcc29"
    "4e058a17672416a402f91ac606063a9a3a0ab50a64032ee65140340000504b0102140314000000080000002100519e65"
    "f74e00000090000000080000000000000000000000800100000000646f73652e6e7079504b0102140314000000080000"
    "0021003d2d4eb14b000000ac0100000800000000000000000000008001880000006d61736b2e6e7079504b0506000000"
    "00020002006c0000000d0100000000");
// and numpy.savez(file, mask=numpy.array([3, 1, 2], dtype='u1')).
const std::string stored = from_hex(
    "504b030414000000000000002100115420ee8300000083000000080014006d61736b2e6e707901001000830000000000"
    "00008300000000000000934e554d5059010076007b276465736372273a20277c7531272c2027666f727472616e5f6f72"
    "646572273a2046616c73652c20277368617065273a2028332c292c207d20202020202020202020202020202020202020"
    "20202020202020202020202020202020202020202020202020202020202020202020202020202020200a030102504b01"
    "02140314000000000000002100115420ee83000000830000000800000000000000000000008001000000006d61736b2e"
    "6e7079504b0506000000000100010036000000bd0000000000");

template <class Action>
std::string npz_error(Action action) {
  return message_of(error::array_file, action);
}
template <class T = double>
std::string read_error(const std::string& bytes, const std::string& name) {
  return npz_error([&] { (void)NpzFile::from_bytes(bytes, "a.npz").read<T>(name); });
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
/// The byte at `offset` in every header of the archive that begins with `magic`, replaced.
std::string patched(std::string bytes, const std::string& magic, std::size_t offset, char value) {
  for (std::size_t at = bytes.find(magic); at != std::string::npos; at = bytes.find(magic, at + 1)) {
    bytes[at + offset] = value;
  }
  return bytes;
}

}  // namespace

TEST_CASE("npz: what numpy writes, compressed or not") {
  NpzFile file = NpzFile::from_bytes(deflated, "a.npz");
  CHECK(file.names() == std::vector<std::string>{"dose", "mask"});
  const auto dose = file.read<double>("dose");
  CHECK(shape(dose) == std::vector<std::size_t>{1, 2});
  CHECK(values(dose) == std::vector<double>{1.5, 2.5});
  NpzFile moved = std::move(file);
  CHECK(values(moved.read<int>("mask")) == std::vector<int>(300, 3));
  CHECK(values(NpzFile::from_bytes(stored, "b").read<int>("mask")) == std::vector<int>{3, 1, 2});
}

TEST_CASE("npz: from a file; one that cannot be read is told") {
  const auto path = std::filesystem::temp_directory_path() / "healthai-npz-test.npz";
  std::FILE* const file = std::fopen(path.string().c_str(), "wb");
  REQUIRE(file != nullptr);
  REQUIRE(std::fwrite(deflated.data(), 1, deflated.size(), file) == deflated.size());
  std::fclose(file);
  CHECK(NpzFile(path.string()).names().size() == 2);
  CHECK(values(read_npz<float>(path.string(), "dose")) == std::vector<float>{1.5F, 2.5F});
  std::filesystem::remove(path);
  CHECK(contains(message_of(error::file, [&] { (void)read_npz<float>(path.string(), "dose"); }),
                 "healthai-npz-test.npz: expected a zip archive of NumPy arrays (.npz), but it cannot be "
                 "opened (No such file or "
                 "directory); check the path and its permissions"));
}

TEST_CASE("npz: a name that is not there, and numbers that do not fit, are told") {
  NpzFile file = NpzFile::from_bytes(deflated, "a.npz");
  CHECK(message_of(error::unknown_name, [&] { (void)file.read<int>("doses"); }) ==
        "a.npz: no array \"doses\"; there are: \"dose\", \"mask\"");
  CHECK(read_error<int>(deflated, "dose") ==
        "a.npz, array \"dose\": number 0 (counted from 0, the last index fastest) is 1.5, which a signed "
        "32-bit integer "
        "cannot hold; read it as another type");
}

TEST_CASE("npz: what is not such a file, or damaged, is told") {
  const auto open_error = [](const std::string& bytes) {
    return npz_error([&] { (void)NpzFile::from_bytes(bytes, "a.npz"); });
  };
  CHECK(open_error("") == "a.npz: expected a zip archive of NumPy arrays (.npz), got one without any");
  CHECK(contains(open_error("not a zip archive, but a text"), "Not a zip archive"));
  CHECK(contains(open_error(deflated.substr(0, 300)), "expected a zip archive"));
  const std::string folder = std::filesystem::temp_directory_path().string();
  CHECK(contains(message_of(error::file, [&] { (void)NpzFile(folder); }), "but it cannot be read ("));
  // Offsets in a local ("PK 3 4") and a central ("PK 1 2") header: flags 6 and 8, method 8 and 10, checksum 14 and 16.
  const std::string local = "PK\x03\x04";
  const std::string central = "PK\x01\x02";
  CHECK(contains(
      read_error(patched(patched(deflated, local, 8, 12), central, 10, 12), "dose"),
      "a.npz, array \"dose\": expected data that are stored or deflated, got compression method 12"));
  CHECK(contains(read_error(patched(patched(deflated, local, 6, 1), central, 8, 1), "dose"),
                 "a.npz, array \"dose\": expected plain data, got encrypted data"));
  CHECK(contains(read_error(patched(patched(deflated, local, 14, 0), central, 16, 0), "dose"),
                 "a.npz, array \"dose\": the data are damaged (CRC error)"));
  std::string twice = deflated;
  for (std::size_t at = twice.find("mask.npy"); at != std::string::npos; at = twice.find("mask.npy")) {
    twice.replace(at, 4, "dose");
  }
  CHECK(open_error(twice) == "a.npz: expected each array once, got \"dose\" twice");
  // What is not called .npy is not looked at.
  for (std::size_t at = twice.find("dose.npy"); at != std::string::npos; at = twice.find("dose.npy")) {
    twice.replace(at, 8, "dose.txt");
  }
  CHECK(open_error(twice) == "a.npz: expected a zip archive of NumPy arrays (.npz), got one without any");
}

TEST_CASE("npz: no more comes out of an array than is allowed") {
  const auto limited = [](std::uint64_t limit) {
    return values(NpzFile::from_bytes(deflated, "a.npz", {.max_bytes = limit}).read<int>("mask")).size();
  };
  CHECK(limited(428) == 300);  // 128 bytes of header, 300 numbers
  for (const std::uint64_t limit : {std::uint64_t{427}, std::uint64_t{0}}) {
    CHECK(contains(message_of(error::archive_limit, [&] { (void)limited(limit); }),
                   "a.npz, array \"mask\": expected at most " + std::to_string(limit) +
                       " bytes after decompression, got more"));
  }
}

TEST_CASE("npz: damage gives an Error of one line, or arrays, and nothing else") {
  CHECK(rc::check("truncation and flipped bytes", [] {
    std::string bytes = *rc::gen::element(deflated, stored);
    if (*rc::gen::inRange(0, 4) == 0) bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size()));
    const auto flips = *rc::gen::inRange(0, 6);
    for (int i = 0; i < flips && !bytes.empty(); ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    }
    try {
      NpzFile file = NpzFile::from_bytes(bytes, "a.npz", {.max_bytes = 10000});
      for (const std::string& name : file.names()) RC_ASSERT(file.read<double>(name).size() <= 10000U);
    } catch (const healthai::Error& e) {
      RC_ASSERT(e.id() == error::array_file || e.id() == error::archive_limit);
      RC_ASSERT(std::string(e.what()).find_first_of("\r\n") == std::string::npos);
    }
  }));
}

}  // namespace data_npz_test
