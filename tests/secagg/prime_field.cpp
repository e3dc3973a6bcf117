#include "healthai/secagg/prime_field.hpp"

#include <doctest/doctest.h>
#include <array>
#include <cstdint>
#include <vector>

#include "secagg/small_field.hpp"

namespace secagg_prime_field_test {

using namespace healthai::secagg;

namespace {

/// Gives the numbers it was told, in turn.
struct Told {
  using result_type = std::uint64_t;
  std::vector<std::uint64_t> numbers;
  std::size_t next = 0;
  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return UINT64_MAX; }
  std::uint64_t operator()() { return numbers.at(next++); }
};

struct WithoutDot {
  static constexpr std::uint64_t modulus = 7;
  static constexpr unsigned chunk_bits = 2;
  static constexpr std::size_t value_bytes = 1;
  static constexpr std::size_t dot_length = 2;
  static std::uint64_t add(std::uint64_t a, std::uint64_t b) { return (a + b) % 7; }
  static std::uint64_t subtract(std::uint64_t a, std::uint64_t b) { return (a + 7 - b) % 7; }
  static std::uint64_t multiply(std::uint64_t a, std::uint64_t b) { return a * b % 7; }
};

}  // namespace

static_assert(PrimeField<SmallField<7>>);
static_assert(!PrimeField<WithoutDot>);

TEST_CASE("prime field: every element has its inverse") {
  for (std::uint64_t value = 1; value < 101; ++value) {
    CHECK(SmallField<101>::multiply(value, inverse<SmallField<101>>(value)) == 1);
  }
  CHECK(inverse<SmallField<101>>(0) == 0);
}

TEST_CASE("prime field: the upper bits, drawn again if they are not below the modulus") {
  // 3 bits for elements below 7: only 7 itself is refused.
  Told told{{std::uint64_t{7} << 61U, std::uint64_t{5} << 61U, UINT64_MAX, (std::uint64_t{1} << 61U) - 1}};
  CHECK(uniform_element<SmallField<7>>(told) == 5);
  CHECK(uniform_element<SmallField<7>>(told) == 0);
  CHECK(told.next == 4);
  // Each of the 8 values of 3 bits once: each element once.
  std::array<int, 7> seen{};
  std::vector<std::uint64_t> all;
  for (std::uint64_t value = 0; value < 8; ++value) all.push_back(value << 61U | 12345);
  Told each{all};
  for (int draw = 0; draw < 7; ++draw) ++seen.at(uniform_element<SmallField<7>>(each));
  CHECK(seen == std::array<int, 7>{1, 1, 1, 1, 1, 1, 1});
}

}  // namespace secagg_prime_field_test
