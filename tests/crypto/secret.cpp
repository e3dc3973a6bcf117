#include "healthai/crypto/secret.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <numeric>
#include <ostream>
#include <type_traits>
#include <utility>

namespace crypto_secret_test {

using healthai::Secret;

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!std::is_copy_constructible_v<Secret<32>> && !std::is_copy_assignable_v<Secret<32>>);
static_assert(std::is_nothrow_move_constructible_v<Secret<32>> &&
              std::is_nothrow_move_assignable_v<Secret<32>>);
static_assert(!Printable<Secret<32>>);
static_assert(!std::is_convertible_v<std::array<std::uint8_t, 32>, Secret<32>>);
static_assert(!std::is_constructible_v<Secret<32>, std::array<std::uint8_t, 31>>);

namespace {
std::array<std::uint8_t, 32> counting() {
  std::array<std::uint8_t, 32> bytes{};
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
  return bytes;
}
}  // namespace

TEST_CASE("a secret is what was put in, and a copy is asked for") {
  const Secret<32> secret(counting());
  CHECK(std::equal(secret.bytes().begin(), secret.bytes().end(), counting().begin()));
  const Secret<32> copy = secret.copy();
  CHECK(copy == secret);
  for (std::size_t i = 0; i < 32; ++i) {
    Secret<32> other = secret.copy();
    other.writable_bytes()[i] ^= 0x80U;
    CHECK(other != secret);
  }
  CHECK(Secret<4>() == Secret<4>(std::array<std::uint8_t, 4>{}));
}

TEST_CASE("what is moved from is zeros") {
  Secret<32> first(counting());
  Secret<32> second(std::move(first));
  CHECK(first == Secret<32>());  // NOLINT: that is the point
  CHECK(second == Secret<32>(counting()));
  Secret<32> third;
  third = std::move(second);
  CHECK(second == Secret<32>());  // NOLINT
  CHECK(third == Secret<32>(counting()));
  Secret<32>& same = third;
  third = std::move(same);
  CHECK(third == Secret<32>(counting()));
}

TEST_CASE("a secret that is gone has left zeros where it was") {
  alignas(Secret<32>) std::array<unsigned char, sizeof(Secret<32>)> memory{};
  auto* const secret = new (memory.data()) Secret<32>(counting());
  CHECK(memory[0] == 1);
  secret->~Secret();
  // Read as volatile, since the compiler may take for granted that nobody looks.
  const volatile unsigned char* const look = memory.data();
  unsigned left = 0;
  for (std::size_t i = 0; i < memory.size(); ++i) left += look[i];
  CHECK(left == 0);
}

}  // namespace crypto_secret_test
