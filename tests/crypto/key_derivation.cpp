#include "healthai/crypto/key_derivation.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "crypto/vectors.hpp"

namespace crypto_key_derivation_test {

using namespace healthai;
using crypto_test::error_of;
using crypto_test::view;

namespace {
std::vector<std::uint8_t> counting(std::uint8_t from, std::size_t size) {
  std::vector<std::uint8_t> result(size);
  std::iota(result.begin(), result.end(), from);
  return result;
}
}  // namespace

TEST_CASE("HKDF-SHA-256 of RFC 5869, appendix A") {
  const std::vector<std::uint8_t> key(22, 0x0b);
  CHECK(hex(hkdf_sha256<42>(key, view(counting(0x00, 13)), view(counting(0xf0, 10))).bytes()) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  CHECK(
      hex(hkdf_sha256<82>(counting(0x00, 80), view(counting(0x60, 80)), view(counting(0xb0, 80))).bytes()) ==
      "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
      "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
  CHECK(hex(hkdf_sha256<42>(key, {}, "").bytes()) ==
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST_CASE("no salt is a salt of 32 zeros, and a shorter result the beginning of a longer one") {
  const auto key = counting(7, 32);
  CHECK(hkdf_sha256<32>(key, {}, "a") == hkdf_sha256<32>(key, view(std::vector<std::uint8_t>(32)), "a"));
  const Secret<32> shorter = hkdf_sha256<32>(key, {}, "a");
  const Secret<8160> longest = hkdf_sha256<8160>(key, {}, "a");
  CHECK(hex(longest.bytes().first(32)) == hex(shorter.bytes()));
  CHECK(hex(hkdf_sha256<1>(key, {}, "a").bytes()) == hex(shorter.bytes().first(1)));
}

TEST_CASE("every input matters") {
  const auto key = counting(7, 32);
  const auto salt = counting(9, 16);
  const Secret<32> derived = hkdf_sha256<32>(key, view(salt), "north south");
  CHECK(derived == hkdf_sha256<32>(key, view(salt), "north south"));
  CHECK(derived != hkdf_sha256<32>(key, view(salt), "south north"));
  CHECK(derived != hkdf_sha256<32>(key, view(salt), ""));
  CHECK(derived != hkdf_sha256<32>(key, {}, "north south"));
  CHECK(derived != hkdf_sha256<32>(counting(8, 32), view(salt), "north south"));
}

TEST_CASE("what cannot be derived from") {
  const auto key = counting(7, 32);
  const std::string longest(most_hkdf_info, 'x');
  CHECK(hkdf_sha256<32>(key, {}, longest) != hkdf_sha256<32>(key, {}, longest.substr(1)));
  CHECK(error_of([&] { (void)hkdf_sha256<32>(key, {}, longest + "x"); }) ==
        "invalid_argument: the info of a derived key has at most 1024 bytes, but this one has 1025: put its "
        "SHA-256 there");
  CHECK(error_of([&] { (void)hkdf_sha256<32>({}, {}, "x"); }).starts_with("crypto: expected a secret"));
}

}  // namespace crypto_key_derivation_test
