#include "healthai/crypto/hex.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <string>

namespace crypto_hex_test {

using healthai::hex;

TEST_CASE("hexadecimal digits there and back") {
  const std::array<std::uint8_t, 3> bytes{0x00, 0x9a, 0xff};
  CHECK(hex(bytes) == "009aff");
  CHECK(healthai::from_hex<3>("009aff") == bytes);
  for (const std::string bad : {"", "009af", "009aff0", "009aFF", "009a/0", "009a:0", "009ag0", "009a`0"}) {
    CAPTURE(bad);
    CHECK(!healthai::from_hex<3>(bad));
  }
}

}  // namespace crypto_hex_test
