#include "healthai/serialization/frame.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <limits>
#include <string>

namespace serialization_frame_test {

using healthai::Error;
using healthai::frame_header;
using healthai::FrameHeader;
using healthai::FrameHeaderBytes;
using healthai::to_frame_header_bytes;
namespace error = healthai::error;

namespace {

constexpr auto any_length = std::numeric_limits<std::uint64_t>::max();

/// "ID: MESSAGE" of the Error, "" if there is none.
std::string error_of(const FrameHeaderBytes& bytes, std::uint64_t largest = any_length) {
  try {
    (void)frame_header(bytes, largest);
  } catch (const Error& e) {
    return std::string(e.id().name()) + ": " + e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a header has these bytes on every machine") {
  const FrameHeaderBytes bytes =
      to_frame_header_bytes({0x04030201, 0x1817161514131211, 0x28, 0x3837363534333231});
  const unsigned char expected[] = {'h',  'A',  'I',  1,    0x01, 0x02, 0x03, 0x04, 0x11, 0x12, 0x13,
                                    0x14, 0x15, 0x16, 0x17, 0x18, 0x28, 0,    0,    0,    0,    0,
                                    0,    0,    0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38};
  static_assert(sizeof expected == healthai::frame_header_size);
  CHECK(std::memcmp(bytes.data(), expected, sizeof expected) == 0);
}

TEST_CASE("what is written is read, and what is read would be written so") {
  CHECK(rc::check([](std::uint32_t kind, std::uint64_t request, std::uint64_t head, std::uint64_t arrays) {
    const FrameHeader header{kind, request, head / 2, arrays / 2};
    RC_ASSERT(frame_header(to_frame_header_bytes(header), any_length) == header);
  }));
  CHECK(rc::check([](std::array<std::uint8_t, 28> tail) {
    FrameHeaderBytes bytes = to_frame_header_bytes({});
    std::memcpy(bytes.data() + 4, tail.data(), tail.size());
    try {
      RC_ASSERT(to_frame_header_bytes(frame_header(bytes, any_length)) == bytes);
    } catch (const Error& e) {  // head and arrays together are more than fits
      RC_ASSERT(e.id() == error::archive_limit);
    }
  }));
}

TEST_CASE("bytes that begin otherwise are no message") {
  for (std::size_t at = 0; at < 4; ++at) {
    for (unsigned change = 1; change < 256; ++change) {
      FrameHeaderBytes bytes = to_frame_header_bytes({1, 2, 3, 4});
      bytes[at] ^= static_cast<std::byte>(change);
      CHECK(error_of(bytes) ==
            "archive_corrupt: what came is not a message of healthai: it does not begin with hAI");
    }
  }
}

TEST_CASE("head and arrays together may be as long as is said, and no longer") {
  CHECK(error_of(to_frame_header_bytes({1, 0, 60, 40}), 100) == "");
  CHECK(error_of(to_frame_header_bytes({1, 0, 100, 0}), 100) == "");
  CHECK(error_of(to_frame_header_bytes({1, 0, 0, 100}), 100) == "");
  CHECK(error_of(to_frame_header_bytes({1, 0, 0, 0}), 0) == "");
  CHECK(error_of(to_frame_header_bytes({1, 0, 60, 41}), 100) ==
        "archive_limit: a message promises 60 and 41 bytes, more than the 100 that are allowed here");
  CHECK(error_of(to_frame_header_bytes({1, 0, 101, 0}), 100).find("archive_limit: ") == 0);
  CHECK(error_of(to_frame_header_bytes({1, 0, 0, 101}), 100).find("archive_limit: ") == 0);
  // A sum that does not fit into 64 bits is not a small one.
  CHECK(error_of(to_frame_header_bytes({1, 0, any_length, 2}), 100).find("archive_limit: ") == 0);
  CHECK(error_of(to_frame_header_bytes({1, 0, 2, any_length}), 100).find("archive_limit: ") == 0);
  CHECK(error_of(to_frame_header_bytes({1, 0, any_length, any_length})).find("archive_limit: ") == 0);
}

}  // namespace serialization_frame_test
