#include "healthai/crypto/authenticated_cipher.hpp"

#include <doctest/doctest.h>

#include <openssl/err.h>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crypto/vectors.hpp"
#include "healthai/crypto/random_bytes.hpp"

namespace crypto_authenticated_cipher_test {

using namespace healthai;
using crypto_test::bytes;
using crypto_test::hex_of;
using crypto_test::octets;
using crypto_test::view;

namespace {
struct Case {
  std::string key, nonce, message, additional, sealed;
};
// McGrew, Viega: The Galois/Counter Mode of Operation (GCM), appendix B, test cases 13 to 16: those of AES-256 with a nonce of 96 bits.
const std::string zeros(64, '0');
const std::string some_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const std::string some_message =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"
    "aa"
    "0de657ba637b39";
const std::string some_ciphertext =
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e63"
    "93"
    "ba7a0abcc9f662";
const Case cases[] = {
    {zeros, zeros.substr(0, 24), "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {zeros, zeros.substr(0, 24), zeros.substr(0, 32), "",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {some_key, "cafebabefacedbaddecaf888", some_message + "1aafd255", "",
     some_ciphertext + "898015adb094dac5d93471bdec1a502270e3cc6c"},
    {some_key, "cafebabefacedbaddecaf888", some_message, "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     some_ciphertext + "76fc6ece0f4e1768cddf8853bb2d551b"}};

AuthenticatedCipher cipher_of(const std::string& key) {
  return AuthenticatedCipher(Secret<32>(bytes<32>(key)));
}
}  // namespace

TEST_CASE("AES-256-GCM of published test cases, there and back") {
  for (const Case& c : cases) {
    CAPTURE(c.sealed);
    const AuthenticatedCipher cipher = cipher_of(c.key);
    const auto nonce = bytes<12>(c.nonce);
    const auto message = octets(c.message), additional = octets(c.additional);
    const std::vector<std::byte> sealed = cipher.seal(nonce, view(message), view(additional));
    CHECK(hex_of(sealed) == c.sealed);
    const std::optional<SecretBytes> opened = cipher.open(nonce, sealed, view(additional));
    REQUIRE(opened);
    CHECK(hex_of(opened->bytes()) == c.message);
  }
}

TEST_CASE("a single bit changed anywhere, and nothing is opened") {
  const Case& c = cases[3];
  const AuthenticatedCipher cipher = cipher_of(c.key);
  const auto nonce = bytes<12>(c.nonce);
  const auto additional = octets(c.additional);
  auto sealed = octets(c.sealed);
  REQUIRE(cipher.open(nonce, view(sealed), view(additional)));
  for (std::size_t i = 0; i < 8 * sealed.size(); ++i) {  // message and tag
    auto changed = sealed;
    changed[i / 8] = static_cast<std::uint8_t>(changed[i / 8] ^ (1U << (i % 8)));
    CHECK(!cipher.open(nonce, view(changed), view(additional)));
  }
  for (std::size_t i = 0; i < 8 * additional.size(); ++i) {
    auto changed = additional;
    changed[i / 8] = static_cast<std::uint8_t>(changed[i / 8] ^ (1U << (i % 8)));
    CHECK(!cipher.open(nonce, view(sealed), view(changed)));
  }
  for (std::size_t i = 0; i < 8 * nonce.size(); ++i) {
    auto changed = nonce;
    changed[i / 8] = static_cast<std::uint8_t>(changed[i / 8] ^ (1U << (i % 8)));
    CHECK(!cipher.open(changed, view(sealed), view(additional)));
  }
  for (std::size_t i = 0; i < 256; ++i) {
    auto changed = bytes<32>(c.key);
    changed[i / 8] = static_cast<std::uint8_t>(changed[i / 8] ^ (1U << (i % 8)));
    CHECK(!AuthenticatedCipher(Secret<32>(changed)).open(nonce, view(sealed), view(additional)));
  }
  CHECK(ERR_peek_error() == 0);  // nothing is left for the next who asks OpenSSL what went wrong
}

TEST_CASE("what is too short or too long is not opened") {
  const AuthenticatedCipher cipher(random_secret<32>());
  const AuthenticatedCipher::Nonce nonce = random_bytes<12>();
  const std::string text = "two shares";
  const auto sealed = cipher.seal(nonce, std::as_bytes(std::span(text)));
  CHECK(sealed.size() == text.size() + AuthenticatedCipher::tag_size);
  for (std::size_t size = 0; size < sealed.size(); ++size)
    CHECK(!cipher.open(nonce, std::span(sealed).first(size)));
  auto longer = sealed;
  longer.push_back(std::byte{0});
  CHECK(!cipher.open(nonce, longer));
  const auto opened = cipher.open(nonce, sealed);
  REQUIRE(opened);
  CHECK(opened->text() == text);
  // Additional data are not the message, nor the message additional data.
  CHECK(!cipher.open(nonce, sealed, std::as_bytes(std::span(text))));
  CHECK(!cipher.open(nonce, cipher.seal(nonce, {}, std::as_bytes(std::span(text)))));
  const auto nothing = cipher.open(nonce, cipher.seal(nonce, {}));
  REQUIRE(nothing);
  CHECK(nothing->size() == 0);
}

}  // namespace crypto_authenticated_cipher_test
