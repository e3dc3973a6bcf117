#pragma once

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/secagg/client/unmasking.hpp"
#include "healthai/secagg/coordinator/collecting_releases.hpp"
#include "healthai/secagg/coordinator/collecting_vectors.hpp"
#include "healthai/secagg/segments.hpp"

namespace secagg_test {

using namespace healthai;
using namespace healthai::secagg;

/// N sites with keys, and the terms of a sum of `size` numbers.
struct Cohort {
  std::vector<SigningKey> keys{};
  std::shared_ptr<const Members> members{};
  Terms terms{};

  explicit Cohort(std::size_t n, const SecAggOptions& options = {}, std::size_t size = 5,
                  unsigned bits = 64) {
    std::vector<Member> list;
    for (std::size_t i = 0; i < n; ++i) {
      keys.push_back(SigningKey::make());
      std::string number = std::to_string(i);
      number.insert(0, 5 - number.size(), '0');  // so that the order of ids is that of numbers
      list.push_back({ClientId("site" + number), {keys.back().public_key()}});
    }
    members = std::make_shared<const Members>(std::move(list));
    terms.id = {7, 3, 0};
    terms.members = members->ids();
    terms.parameters = SecAggParameters::of(n, options);
    terms.plan = plan_of(size, bits);
  }

  /// A plan whose vector has `size` words, the weight among them, in the ring of so many bits.
  static SegmentPlan plan_of(std::size_t size, unsigned bits) {
    return SegmentPlan({{"v", Layout{{"v", {size - 1}}}, false, 1, 256}}, {},
                       bits == 64 ? std::uint64_t{1} << 40U : 1, 1000);
  }

  [[nodiscard]] std::shared_ptr<const Session> session(const Digest& request = {{1, 2, 3}}) const {
    return std::make_shared<const Session>(members, terms, request);
  }
};

/// At which step a member falls silent: 1 sends no keys, ... 5 releases nothing, 6 never.
using Silence = std::vector<int>;

/// A vector that is different for each member, and wraps.
inline RingVector vector_of(Index member, unsigned bits, std::size_t size) {
  RingVector vector(bits, size);
  Stream stream(member + 1, Purpose::test);
  vector.visit([&stream](auto words) {
    for (auto& word : words) word = static_cast<std::remove_reference_t<decltype(word)>>(stream());
  });
  return vector;
}

/// What an eavesdropping coordinator sees of a whole sum, and what it makes of it.
struct Run {
  KeyList keys{};
  std::map<Index, std::vector<SealedShares>> sealed{};  // to each member
  std::vector<std::optional<RingVector>> masked{};      // of each member
  std::vector<Index> survivors{};
  std::vector<std::optional<ReleasedShares>> released{};
  RingVector sum{};
  RingVector expected{};
};

/// Where a member's secrets come from, if a test wants to know them.
using MakeSecrets = std::function<Advertising(std::shared_ptr<const Session>, Index, const SigningKey&)>;

/// All steps in memory. \param threads  that make masks \throws what the coordinator throws
inline Run run(const Cohort& cohort, const Silence& silence, const MakeSecrets& make = {},
               std::size_t threads = 1) {
  const auto session = cohort.session();
  const Index n = cohort.members->size();
  const unsigned bits = cohort.terms.plan.ring_bits();
  const std::size_t size = cohort.terms.plan.size();
  Run result;
  result.masked.resize(n);
  result.released.resize(n);
  result.expected = RingVector(bits, size);

  std::vector<std::optional<Advertising>> advertising(n);
  CollectingKeys collecting_keys(session);
  for (Index i = 0; i < n; ++i) {
    advertising[i].emplace(make ? make(session, i, cohort.keys[i]) : Advertising(session, i, cohort.keys[i]));
    if (silence[i] > 1) REQUIRE_FALSE(collecting_keys.add(i, advertising[i]->message()));
  }
  CollectingShares collecting_shares(std::move(collecting_keys));
  result.keys = collecting_shares.message();
  std::vector<std::optional<SharingSecrets>> sharing(n);
  for (Index i = 0; i < n; ++i) {
    if (silence[i] <= 1) continue;
    sharing[i].emplace(std::move(*advertising[i]), result.keys);
    if (silence[i] > 2) REQUIRE_FALSE(collecting_shares.add(i, sharing[i]->message()));
  }
  CollectingVectors collecting_vectors(std::move(collecting_shares));
  result.sealed = collecting_vectors.messages();
  std::vector<std::optional<Masking>> masking(n);
  for (const auto& [i, shares] : result.sealed) {
    masking[i].emplace(std::move(*sharing[i]), shares);
    RingVector vector = vector_of(i, bits, size);
    if (silence[i] > 3) result.expected += vector;
    Masking& own = *masking[i];
    vector.visit([&own, threads](auto words) { own.mask(words, threads); });
    result.masked[i] = vector;
    if (silence[i] > 3) REQUIRE_FALSE(collecting_vectors.add(i, vector));
  }
  CollectingConfirmations confirmations(session, std::move(collecting_vectors).finish());
  result.survivors = confirmations.message();
  std::vector<std::optional<Confirming>> confirming(n);
  for (const Index i : result.survivors) {
    confirming[i].emplace(std::move(*masking[i]), result.survivors);
    if (silence[i] > 4) REQUIRE_FALSE(confirmations.add(i, confirming[i]->message()));
  }
  CollectingReleases releases(std::move(confirmations));
  for (const Index i : result.survivors) {
    if (silence[i] <= 4) continue;
    const Unmasking unmasking(std::move(*confirming[i]), releases.message());
    result.released[i] = unmasking.message();
    if (silence[i] > 5) REQUIRE_FALSE(releases.add(i, unmasking.message()));
  }
  result.sum = std::move(releases).open(threads);
  return result;
}

}  // namespace secagg_test
