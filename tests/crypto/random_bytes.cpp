#include "healthai/crypto/random_bytes.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <utility>

namespace crypto_random_bytes_test {

using namespace healthai;

static_assert(std::uniform_random_bit_generator<RandomBits>);
static_assert(!std::is_copy_constructible_v<RandomBits>);

TEST_CASE("random bytes are all filled, and never the same") {
  // A place that is always 0 would be left out; one that is filled is 0 in 40 draws with probability 2^-320.
  std::array<unsigned, 64> bits{};
  std::set<std::array<std::uint8_t, 64>> seen;
  for (int draw = 0; draw < 40; ++draw) {
    const auto bytes = random_bytes<64>();
    const Secret<64> secret = random_secret<64>();
    for (std::size_t i = 0; i < 64; ++i) {
      bits[i] |= bytes[i];
      CHECK(bits[i] <= 255);
    }
    seen.insert(bytes);
    CHECK(secret != Secret<64>(bytes));
    CHECK(secret != Secret<64>());
  }
  for (const unsigned b : bits) CHECK(b != 0);
  CHECK(seen.size() == 40);
}

TEST_CASE("random bits: every bit is as often 1 as 0, over several refills") {
  RandomBits random;
  constexpr int draws = 20000;  // the store holds 2048
  std::array<int, 64> ones{};
  std::set<std::uint64_t> seen;
  for (int draw = 0; draw < draws; ++draw) {
    const std::uint64_t number = random();
    seen.insert(number);
    for (unsigned bit = 0; bit < 64; ++bit) ones[bit] += static_cast<int>((number >> bit) & 1U);
  }
  CHECK(seen.size() == draws);  // two alike: probability 2e8 / 2^64
  // Binomial: standard deviation sqrt(n) / 2; 64 bits beyond 6.5 of them: probability 64 * 8e-11.
  for (const int count : ones) CHECK(std::abs(count - draws / 2) < 6.5 * std::sqrt(draws) / 2);
}

TEST_CASE("random bits: two generators, and one that was moved, give different numbers") {
  RandomBits a, b;
  CHECK(a() != b());
  const std::uint64_t first = a();
  RandomBits c(std::move(a));
  const std::uint64_t second = c();
  const std::uint64_t third = a();  // NOLINT: still good
  CHECK(first != second);
  CHECK(second != third);
  CHECK(c() != third);
}

}  // namespace crypto_random_bytes_test
