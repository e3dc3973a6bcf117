#include "healthai/crypto/sha256.hpp"

#include <doctest/doctest.h>

#include <string>

#include "healthai/crypto/hex.hpp"

namespace crypto_sha256_test {

using healthai::hex;
using healthai::sha256;

// The examples of FIPS 180-4 (NIST, Cryptographic Standards: SHA-256 examples); the empty text: `sha256sum /dev/null`.
TEST_CASE("SHA-256 of known texts") {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
                   "mnopqrsmnopq"
                   "rstnopqrstu")) == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(hex(sha256(std::string(1'000'000, 'a'))) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("pieces give the value of the whole, and a finished object begins anew") {
  healthai::Sha256 hash;
  CHECK(hash.update("a").update("").update("bc").finish() == sha256("abc"));
  CHECK(hash.finish() == sha256(""));
  CHECK(hash.update("abc").finish() == sha256("abc"));
}

}  // namespace crypto_sha256_test
