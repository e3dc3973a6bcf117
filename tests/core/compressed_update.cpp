#include "healthai/core/compressed_update.hpp"

#include <doctest/doctest.h>

#include "healthai/serialization/archive.hpp"

namespace core_compressed_update_test {

using namespace healthai;

TEST_CASE("what is written is the name, the fingerprint and the bytes") {
  const CompressedUpdate update{"sign", 7, {std::byte{1}, std::byte{2}}};
  const auto bytes = to_bytes(update);
  CHECK(bytes.size() == 4 + 8 + 4 + 8 + 8 + 2);  // version, length, "sign", fingerprint, length, bytes
  const auto copy = from_bytes<CompressedUpdate>(bytes);
  CHECK(copy.compressor == "sign");
  CHECK(copy.fingerprint == 7);
  CHECK(copy.bytes == update.bytes);
}

}  // namespace core_compressed_update_test
