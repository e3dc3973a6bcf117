#include "healthai/data/gzip.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "array_bytes.hpp"
#include "csv_text.hpp"
#include "healthai/data/idx.hpp"
#include "healthai/model/array_features.hpp"

namespace data_gzip_test {

using namespace array_test;
using csv_test::message_of;
using healthai::gunzip;
using healthai::read_gzip;
namespace error = healthai::error;

namespace {

// gzip.compress(b'hello, hello, hello', mtime=0) of Python 3.11
const std::string hello = from_hex("1f8b0800000000000203cb48cdc9c9d751c840a2009fa1ca0913000000");

std::string gzip_error(const std::string& bytes) {
  return message_of(error::array_file, [&] { (void)gunzip(bytes, "a.gz"); });
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// `text` compressed by zlib as a gzip file.
std::string compressed(const std::string& text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string bytes(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_out = static_cast<uInt>(bytes.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  bytes.resize(stream.total_out);
  deflateEnd(&stream);
  return bytes;
}

}  // namespace

TEST_CASE("gzip: one member or several, short or long") {
  CHECK(gunzip(hello, "a") == "hello, hello, hello");
  CHECK(gunzip(hello + hello, "a") == "hello, hello, hellohello, hello, hello");
  CHECK(gunzip(compressed(""), "a").empty());
  std::string longer;
  for (int i = 0; i < 100000; ++i) longer += std::to_string(i);
  for (const std::size_t size : {std::size_t{65535}, std::size_t{65536}, std::size_t{65537}, longer.size()}) {
    CHECK(gunzip(compressed(longer.substr(0, size)), "a") == longer.substr(0, size));
  }
}

TEST_CASE("gzip: what is not such a file, or damaged, is told") {
  CHECK(gzip_error("") ==
        "a.gz: expected a file compressed by gzip, got its first 0 bytes; the file was cut off");
  CHECK(gzip_error("plain text") ==
        "a.gz: expected a file compressed by gzip, got something else at about byte 2 (incorrect header "
        "check)");
  for (std::size_t size = 0; size < hello.size(); ++size) {
    CAPTURE(size);
    CHECK(contains(gzip_error(hello.substr(0, size)), "the file was cut off"));
  }
  CHECK(contains(gzip_error(hello + "xyz"), "got something else at about byte"));
  std::string checksum = hello;
  checksum[checksum.size() - 8] ^= 1;
  CHECK(contains(gzip_error(checksum), "(incorrect data check)"));
  CHECK(contains(message_of(error::file, [] { (void)read_gzip("/no/such/file.gz"); }),
                 "/no/such/file.gz: expected a file compressed by gzip, but it cannot be opened"));
}

TEST_CASE("gzip: no more comes out than is allowed") {
  const std::string zeros(1000000, '\0');
  const std::string small = compressed(zeros);
  CHECK(small.size() < 2000);
  CHECK(gunzip(small, "a", {.max_bytes = 1000000}) == zeros);
  for (const std::uint64_t limit :
       {std::uint64_t{999999}, std::uint64_t{65536}, std::uint64_t{10}, std::uint64_t{0}}) {
    CAPTURE(limit);
    CHECK(
        contains(message_of(error::archive_limit, [&] { (void)gunzip(small, "a.gz", {.max_bytes = limit}); }),
                 "a.gz: expected at most " + std::to_string(limit) + " bytes after decompression, got more"));
  }
  CHECK(gunzip(hello, "a", {.max_bytes = 19}).size() == 19);
}

TEST_CASE("gzip: damage gives an Error or a text, and nothing else") {
  CHECK(rc::check("flipped bytes", [] {
    std::string bytes = hello + hello;
    const auto flips = *rc::gen::inRange(1, 6);
    for (int i = 0; i < flips; ++i) {
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
    }
    try {
      RC_ASSERT(gunzip(bytes, "a", {.max_bytes = 1000}).size() <= 1000U);
    } catch (const healthai::Error& e) {
      RC_ASSERT(e.id() == error::array_file || e.id() == error::archive_limit);
      RC_ASSERT(std::string(e.what()).find_first_of("\r\n") == std::string::npos);
    }
  }));
}

// Debian's package dataset-fashion-mnist (Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
// Learning Algorithms, 2017). The numbers are numpy's: numpy.frombuffer(gzip.open(path).read()[16:], 'u1').
TEST_CASE("gzip and idx: Fashion-MNIST") {
  const std::string folder = "/usr/share/datasets/fashion-mnist/";
  if (!std::filesystem::exists(folder)) {
    MESSAGE("skipped: no " << folder << " (Debian: apt-get install dataset-fashion-mnist)");
    return;
  }
  struct Part {
    std::string name;
    std::size_t rows;
    std::uint64_t sum;
  };
  for (const Part& part : {Part{"train", 60000, 3431114169}, Part{"t10k", 10000, 573469082}}) {
    const std::string images_path = folder + part.name + "-images-idx3-ubyte.gz";
    const std::string labels_path = folder + part.name + "-labels-idx1-ubyte.gz";
    const auto images = healthai::parse_idx<std::uint8_t>(read_gzip(images_path), images_path);
    CHECK(shape(images) == std::vector<std::size_t>{part.rows, 28, 28});
    CHECK(std::accumulate(images.data(), images.data() + images.size(), std::uint64_t{0}) == part.sum);
    const auto labels =
        healthai::labels_from_array(healthai::parse_idx<std::uint8_t>(read_gzip(labels_path), labels_path));
    std::vector<std::size_t> counts(10, 0);
    for (const std::size_t label : labels) ++counts.at(label);
    CHECK(counts == std::vector<std::size_t>(10, part.rows / 10));
  }
}

}  // namespace data_gzip_test
