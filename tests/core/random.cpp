#include "healthai/core/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/random/uniform_int_distribution.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

namespace core_random_test {

using namespace healthai;

TEST_CASE("streams are the ones of Random123's known answers") {
  // kat_vectors of Random123 1.14: threefry4x64, 20 rounds, key and counter all zero.
  Stream zero(0, static_cast<Purpose>(0), 0, {});
  // The client part of the key is a hash, which is not zero for the empty name, so compare with Random123 itself.
  const r123::Threefry4x64::key_type key{{0, 0, 0, stable_hash({})}};
  const auto expected = r123::Threefry4x64()({{0, 0, 0, 0}}, key);
  for (std::size_t i = 0; i < 4; ++i) CHECK(zero() == expected[i]);
  const auto known = r123::Threefry4x64()({{0, 0, 0, 0}}, {{0, 0, 0, 0}});
  CHECK(known[0] == 0x09218ebde6c85537U);
  CHECK(known[1] == 0x55941f5266d86105U);
  CHECK(known[2] == 0x4bd25e16282434dcU);
  CHECK(known[3] == 0xee29ec846bd2e40bU);
}

TEST_CASE("every part of the key gives other numbers") {
  std::set<std::uint64_t> first;
  for (const std::uint64_t seed : {0U, 1U}) {
    for (const Purpose purpose : {Purpose::client_selection, Purpose::local_batches}) {
      for (const std::uint64_t round : {1U, 2U}) {
        for (const char* client : {"north", "south"}) first.insert(Stream(seed, purpose, round, client)());
      }
    }
  }
  CHECK(first.size() == 16);
  CHECK(Stream(1, Purpose::test, 2, "north")() == Stream(1, Purpose::test, 2, "north")());
}

TEST_CASE("uniform numbers are uniform") {
  Stream stream(3, Purpose::test);
  double sum = 0;
  double squares = 0;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double u = uniform(stream);
    REQUIRE((u >= 0 && u < 1));
    sum += u;
    squares += u * u;
  }
  // Six standard errors of the mean (sd 0.289) and of the second moment (sd 0.298) of 100,000 draws.
  CHECK(std::abs(sum / count - 0.5) < 6 * 0.289 / std::sqrt(count));
  CHECK(std::abs(squares / count - 1.0 / 3) < 6 * 0.298 / std::sqrt(count));
}

TEST_CASE("uniform indices are those of Boost") {
  Stream ours(4, Purpose::test);
  Stream theirs = ours;
  for (const std::uint64_t count :
       {1ULL, 2ULL, 3ULL, 100ULL, 0xffffULL, 0x10000ULL, 0x10001ULL, (1ULL << 63U) + 1, ~0ULL}) {
    for (int i = 0; i < 1000; ++i) {
      REQUIRE(uniform_index(ours, count) ==
              boost::random::uniform_int_distribution<std::uint64_t>(0, count - 1)(theirs));
    }
  }
  CHECK(ours() == theirs());
}

TEST_CASE("a shuffle is a permutation, the same for the same stream") {
  std::vector<int> a(100);
  std::iota(a.begin(), a.end(), 0);
  std::vector<int> b = a;
  Stream one(1, Purpose::test);
  Stream same(1, Purpose::test);
  shuffle(std::span<int>(a), one);
  shuffle(std::span<int>(b), same);
  CHECK(a == b);
  CHECK_FALSE(std::is_sorted(a.begin(), a.end()));
  std::sort(a.begin(), a.end());
  for (int i = 0; i < 100; ++i) CHECK(a[static_cast<std::size_t>(i)] == i);
}

}  // namespace core_random_test
