#include "healthai/secagg/mersenne61.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>

#include "healthai/secagg/prime_field.hpp"

namespace secagg_mersenne61_test {

using namespace healthai::secagg;
using Whole = boost::multiprecision::cpp_int;

static_assert(PrimeField<Mersenne61>);
static_assert(Mersenne61::multiply(Mersenne61::modulus - 1, Mersenne61::modulus - 1) == 1);  // (-1)^2

namespace {

constexpr std::uint64_t p = Mersenne61::modulus;

/// Often one of those where a reduction may go wrong.
rc::Gen<std::uint64_t> element() {
  return rc::gen::oneOf(rc::gen::inRange<std::uint64_t>(0, p),
                        rc::gen::element<std::uint64_t>(0, 1, 2, p - 1, p - 2, p / 2, p / 2 + 1));
}

}  // namespace

TEST_CASE("Mersenne61: as whole numbers of any size, reduced") {
  CHECK(rc::check([] {
    const std::uint64_t a = *element(), b = *element();
    RC_ASSERT(Mersenne61::add(a, b) == (Whole(a) + b) % p);
    RC_ASSERT(Mersenne61::subtract(a, b) == (Whole(a) + p - b) % p);
    RC_ASSERT(Mersenne61::multiply(a, b) == Whole(a) * b % p);
  }));
  CHECK(rc::check([] {
    std::array<std::uint64_t, Mersenne61::dot_length> a{}, b{};
    const std::uint64_t c = *element(), d = *element();
    Whole sum = Whole(c) * d;
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = *element();
      b[i] = *element();
      sum += Whole(a[i]) * b[i];
    }
    RC_ASSERT(Mersenne61::dot(a.data(), b.data(), c, d) == sum % p);
  }));
}

TEST_CASE("Mersenne61: the largest sum of products does not overflow") {
  std::array<std::uint64_t, Mersenne61::dot_length> largest{};
  largest.fill(p - 1);
  // A sum of (-1)(-1).
  CHECK(Mersenne61::dot(largest.data(), largest.data(), p - 1, p - 1) == Mersenne61::dot_length + 1);
}

TEST_CASE("Mersenne61: inverses") {
  for (const std::uint64_t value : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{10000}, p / 3, p - 1}) {
    CHECK(Mersenne61::multiply(value, inverse<Mersenne61>(value)) == 1);
  }
}

}  // namespace secagg_mersenne61_test
