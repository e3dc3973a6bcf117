#include "healthai/crypto/secret_bytes.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <ostream>
#include <string_view>
#include <type_traits>
#include <utility>

namespace crypto_secret_bytes_test {

using healthai::SecretBytes;

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!std::is_copy_constructible_v<SecretBytes> && !std::is_copy_assignable_v<SecretBytes>);
static_assert(!Printable<SecretBytes>);

namespace {
SecretBytes secret(std::string_view text) {
  SecretBytes bytes(text.size());
  if (!text.empty()) std::memcpy(bytes.writable_bytes().data(), text.data(), text.size());
  return bytes;
}
}  // namespace

TEST_CASE("secret bytes are zeros until they are written") {
  const SecretBytes bytes(5);
  CHECK(bytes.size() == 5);
  for (const std::byte b : bytes.bytes()) CHECK(b == std::byte{0});
  CHECK(SecretBytes().bytes().empty());
  CHECK(SecretBytes(0) == SecretBytes());
  CHECK(SecretBytes().text().empty());
}

TEST_CASE("secret bytes are equal when their lengths and contents are") {
  CHECK(secret("pass") == secret("pass"));
  CHECK(secret("pass") != secret("pasS"));
  CHECK(secret("Pass") != secret("pass"));
  CHECK(secret("pass") != secret("passe"));
  CHECK(secret("") != secret("p"));
  CHECK(secret("word").text() == "word");
}

TEST_CASE("secret bytes move without being copied, and leave nothing") {
  SecretBytes first = secret("word");
  const std::byte* const place = first.bytes().data();
  SecretBytes second(std::move(first));
  CHECK(first.size() == 0);  // NOLINT: that is the point
  CHECK(first.bytes().data() == nullptr);
  CHECK(second.bytes().data() == place);
  SecretBytes third = secret("another");
  third = std::move(second);
  CHECK(second.size() == 0);  // NOLINT
  CHECK(third.text() == "word");
  SecretBytes& same = third;
  third = std::move(same);
  CHECK(third.text() == "word");
}

}  // namespace crypto_secret_bytes_test
