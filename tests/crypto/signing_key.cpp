#include "healthai/crypto/signing_key.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

#include "client/node/scratch.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/verify_key.hpp"

#if !defined(_WIN32)

#include <sys/stat.h>

namespace crypto_signing_key_test {

namespace {

using healthai::SigningKey;
using healthai::VerifyKey;
using node_test::error_of;
using node_test::has;

std::span<const std::byte> bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}
void put_secret(const std::string& path, const std::string& text) {
  node_test::write_text(path, text);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
}

// RFC 8032, section 7.1, test 2: the secret key 4ccd089b...8a1c3e, the message 0x72. As PEM (RFC 8410): the 32 bytes
// of the secret key behind 302e020100300506032b657004220420, in base 64.
constexpr const char* rfc8032_secret =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END "
    "PRIVATE "
    "KEY-----\n";
constexpr const char* rfc8032_signature =
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eae"
    "b4302aeeb"
    "00d291612bb0c00";

}  // namespace

TEST_CASE("a key read from a file signs as RFC 8032 says") {
  const node_test::Folder folder;
  put_secret(folder.file("key"), rfc8032_secret);
  const SigningKey key = SigningKey::read(folder.file("key"));
  const auto signature = key.sign(bytes("\x72"));
  CHECK(healthai::hex(signature) == rfc8032_signature);
  CHECK(key.public_key().verifies(bytes("\x72"), signature));
  CHECK(!key.public_key().verifies(bytes("\x73"), signature));
  for (std::size_t i = 0; i < signature.size(); ++i) {
    healthai::Signature other = signature;
    other[i] ^= 1U;
    CHECK(!key.public_key().verifies(bytes("\x72"), other));
  }
}

TEST_CASE("a key is made on first use, for its owner's eyes only") {
  const node_test::Folder folder;
  const SigningKey made = SigningKey::read_or_make(folder.file("key"));
  CHECK(folder.names() == std::set<std::string>{"key", "key.pub"});
  CHECK((std::filesystem::status(folder.file("key")).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(node_test::read_text(folder.file("key.pub")) == made.public_pem());
  const SigningKey again = SigningKey::read_or_make(folder.file("key"));
  CHECK(again.public_pem() == made.public_pem());
  const auto signature = again.sign(bytes("text"));
  CHECK(VerifyKey::read(folder.file("key.pub")).verifies(bytes("text"), signature));
  CHECK(!SigningKey::make().public_key().verifies(bytes("text"), signature));
  // The file is what other programs know as an Ed25519 key.
  CHECK(std::system(
            ("openssl pkey -in " + folder.file("key") + " -noout -text | grep -q '^ED25519 Private-Key'")
                .c_str()) == 0);
}

TEST_CASE("an unusable key says why, and nothing is asked on the terminal") {
  const node_test::Folder folder;
  const std::string path = folder.file("key");
  const auto error = [&] { return error_of([&] { (void)SigningKey::read_or_make(path); }); };
  put_secret(path, "no key");
  CHECK(has(error(), "crypto: " + path + ": expected an Ed25519 private key in PEM without a passphrase"));
  put_secret(path, rfc8032_secret);
  CHECK(has(error_of([&] { (void)VerifyKey::read(path); }),
            "crypto: " + path + ": expected an Ed25519 public key"));
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK(has(error(), "crypto: " + path + ": others than its owner may read or write this key: chmod 600 it"));
  const std::string make = "openssl genpkey -algorithm ";
  REQUIRE(std::system((make + "X25519 -out " + path + " 2>/dev/null").c_str()) == 0);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  CHECK(has(error(), "expected an Ed25519 private key"));
  REQUIRE(std::system((make + "ED25519 -aes256 -pass pass:abcd -out " + path + " 2>/dev/null").c_str()) == 0);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  CHECK(has(error(), "without a passphrase"));
  put_secret(path, std::string(70000, 'x'));
  CHECK(has(error(), "not longer than 65536 bytes"));
  CHECK(has(error_of([&] { (void)SigningKey::read(folder.file("no")); }), "file: " + folder.file("no")));
  CHECK(has(error_of([&] { (void)SigningKey::read_or_make(folder.file("no/key")); }), "file: "));
}

}  // namespace crypto_signing_key_test
#endif
