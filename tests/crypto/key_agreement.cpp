#include "healthai/crypto/key_agreement.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "crypto/vectors.hpp"
#include "healthai/serialization/archive.hpp"

namespace crypto_key_agreement_test {

using namespace healthai;
using crypto_test::bytes;
using crypto_test::error_of;

static_assert(!std::is_copy_constructible_v<X25519Key> && std::is_nothrow_move_constructible_v<X25519Key>);

namespace {
X25519Key key(std::string_view digits) {
  return X25519Key::from_secret(Secret<32>(bytes<32>(digits)));
}
X25519PublicKey point(std::string_view digits) {
  return {bytes<32>(digits)};
}
}  // namespace

TEST_CASE("X25519 of RFC 7748, section 5.2") {
  CHECK(hex(key("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
                .agree(point("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"))
                .bytes()) == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  CHECK(hex(key("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d")
                .agree(point("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"))
                .bytes()) == "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST_CASE("X25519 of RFC 7748, section 5.2, after 1 and 1000 iterations") {
  Secret<32> k(bytes<32>("0900000000000000000000000000000000000000000000000000000000000000"));
  X25519PublicKey u;
  std::copy(k.bytes().begin(), k.bytes().end(), u.bytes.begin());
  for (int i = 0; i < 1000; ++i) {
    Secret<32> next = X25519Key::from_secret(k).agree(u);
    std::copy(k.bytes().begin(), k.bytes().end(), u.bytes.begin());
    k = std::move(next);
    if (i == 0) CHECK(hex(k.bytes()) == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  CHECK(hex(k.bytes()) == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("the two of RFC 7748, section 6.1, agree") {
  const X25519Key alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const X25519Key bob = key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  CHECK(hex(alice.public_key().bytes) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK(hex(bob.public_key().bytes) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const Secret<32> shared = alice.agree(bob.public_key());
  CHECK(hex(shared.bytes()) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  CHECK(bob.agree(alice.public_key()) == shared);
}

TEST_CASE("new keys differ, agree, and come back from their secret") {
  X25519Key north = X25519Key::make();
  const X25519Key south = X25519Key::make();
  CHECK(north.public_key() != south.public_key());
  const Secret<32> shared = north.agree(south.public_key());
  CHECK(south.agree(north.public_key()) == shared);
  CHECK(X25519Key::make().agree(south.public_key()) != shared);
  const X25519Key again = X25519Key::from_secret(north.secret());
  CHECK(again.public_key() == north.public_key());
  CHECK(again.secret() == north.secret());
  CHECK(again.agree(south.public_key()) == shared);
  // The vectors' secrets have bits that RFC 7748 ignores: they too come back as they were.
  const char* const unclamped = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac7";
  CHECK(hex(key(unclamped).secret().bytes()) == unclamped);
  const X25519Key moved = std::move(north);
  CHECK(moved.agree(south.public_key()) == shared);
  CHECK(moved.agree(moved.public_key()) != shared);  // nothing of one agreement is left in the next
  CHECK(moved.agree(south.public_key()) == shared);
}

TEST_CASE("points of low order are refused, and do no harm to the key") {
  // The coordinates of the points of order 1, 2, 4 and 8, on the curve and its twist, and those above the prime 2^255 - 19.
  const std::vector<std::string> low{"0000000000000000000000000000000000000000000000000000000000000000",
                                     "0100000000000000000000000000000000000000000000000000000000000000",
                                     "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                                     "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                                     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                                     "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};
  const X25519Key key = X25519Key::make(), other = X25519Key::make();
  for (const std::string& digits : low) {
    CAPTURE(digits);
    X25519PublicKey peer = point(digits);
    CHECK(error_of([&] { (void)key.agree(peer); }).starts_with("crypto: expected the X25519 public key of"));
    peer.bytes[31] ^= 0x80U;  // the top bit is ignored
    CHECK(error_of([&] { (void)key.agree(peer); }).starts_with("crypto: "));
    CHECK(key.agree(other.public_key()) == other.agree(key.public_key()));
  }
}

TEST_CASE("several threads use one key") {
  const X25519Key mine = X25519Key::make();
  std::vector<X25519Key> others;
  for (int i = 0; i < 40; ++i) others.push_back(X25519Key::make());
  std::vector<Secret<32>> shared(others.size());
  const auto half = [&](std::size_t first) {
    for (std::size_t i = first; i < others.size(); i += 2) shared[i] = mine.agree(others[i].public_key());
  };
  std::thread elsewhere(half, 1);
  half(0);
  elsewhere.join();
  for (std::size_t i = 0; i < others.size(); ++i) CHECK(others[i].agree(mine.public_key()) == shared[i]);
}

TEST_CASE("a public key travels as its 32 bytes") {
  const X25519PublicKey key = X25519Key::make().public_key();
  CHECK(from_bytes<X25519PublicKey>(to_bytes(key)) == key);
}

}  // namespace crypto_key_agreement_test
