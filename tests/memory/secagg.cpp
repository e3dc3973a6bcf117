// The peak memory of a secure sum, of members and coordinator together: the sum, one vector on its way to it, and little that does
// not depend on their length.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "memory/peak.hpp"
#include "sanitized.hpp"
#include "secagg/members.hpp"

namespace memory_secagg_test {

using namespace secagg_test;

namespace {

/// All five steps; the last member drops out once it has shared its secrets. Each vector goes as soon as it has been added.
void secure_sum(const Cohort& cohort, std::size_t threads) {
  const auto session = cohort.session();
  const Index n = cohort.members->size();
  CollectingKeys keys(session);
  std::vector<std::optional<Advertising>> advertising(n);
  for (Index i = 0; i < n; ++i) {
    advertising[i].emplace(session, i, cohort.keys[i]);
    static_cast<void>(keys.add(i, AdvertisedKeys(advertising[i]->message())));
  }
  CollectingShares shares(std::move(keys));
  std::vector<std::optional<SharingSecrets>> sharing(n);
  for (Index i = 0; i < n; ++i) {
    sharing[i].emplace(std::move(*advertising[i]), shares.message());
    static_cast<void>(shares.add(i, sharing[i]->message()));
  }
  CollectingVectors vectors(std::move(shares));
  std::vector<std::optional<Masking>> masking(n);
  for (Index i = 0; i + 1 < n; ++i) {
    masking[i].emplace(std::move(*sharing[i]), vectors.messages().at(i));
    RingVector vector(cohort.terms.plan.ring_bits(), cohort.terms.plan.size());
    vector.visit([&](auto words) { masking[i]->mask(words, threads); });
    static_cast<void>(vectors.add(i, vector));
  }
  CollectingConfirmations confirmations(session, std::move(vectors).finish());
  std::vector<std::optional<Confirming>> confirming(n);
  for (Index i = 0; i + 1 < n; ++i) {
    confirming[i].emplace(std::move(*masking[i]), confirmations.message());
    static_cast<void>(confirmations.add(i, confirming[i]->message()));
  }
  CollectingReleases releases(std::move(confirmations));
  for (Index i = 0; i + 1 < n; ++i) {
    const Unmasking unmasking(std::move(*confirming[i]), releases.message());
    static_cast<void>(releases.add(i, unmasking.message()));
  }
  const RingVector sum = std::move(releases).open(threads);
  if (sum != RingVector(sum.bits(), sum.size())) _exit(1);  // all vectors were zeros
}

}  // namespace

TEST_CASE("peak memory: a secure sum and one vector, whatever their length and however many mask") {
  if (sanitized) return;
  constexpr double mebibyte = 1024 * 1024;
  for (const std::size_t threads : {1U, 2U}) {
    const auto beyond_two_vectors = [&](std::size_t size) {
      const Cohort cohort(6, {.corrupt = 0, .dropout = 0}, size, 32);
      const double vector = static_cast<double>(size) * 4;
      const double bytes = memory_test::peak([&] { secure_sum(cohort, threads); });
      std::printf("6 members, %zu numbers of 32 bits, %zu threads: 2 vectors and %.0f KiB\n", size, threads,
                  (bytes - 2 * vector) / 1024);
      CHECK(bytes >= 1.9 * vector);  // something was measured
      return bytes - 2 * vector;
    };
    // Mostly the program's own code, which comes into memory as it runs. A third vector would be 1 MiB, and 16.
    const double of_short = beyond_two_vectors(std::size_t{1} << 18U);
    const double of_long = beyond_two_vectors(std::size_t{1} << 22U);
    CHECK(of_long <= of_short + mebibyte);
    CHECK(of_long <= 6 * mebibyte);
  }
}

}  // namespace memory_secagg_test
