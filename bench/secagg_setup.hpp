#pragma once

// A secure sum up to the point from which one party's work is measured: what the others send, made by the library itself where that
// is quick. What the party under test cannot tell from the real thing is made up: shares that it only passes on, vectors that nobody
// has masked.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/secagg/client/unmasking.hpp"
#include "healthai/secagg/coordinator/collecting_releases.hpp"
#include "healthai/secagg/coordinator/collecting_vectors.hpp"

namespace secagg_bench {

using namespace healthai;
using namespace healthai::secagg;

struct Secrets {
  Secret<32> signing{}, channel{}, mask{}, self_mask{};
};

/// Everybody's keys, of a roster of this size and a graph of this degree (0: full).
struct Parties {
  std::vector<SigningKey> signing{};
  std::vector<std::array<std::uint8_t, 32>> verify_keys{};  // their public halves
  std::vector<Secrets> secrets{};
  std::shared_ptr<const Members> members{};
  std::shared_ptr<const Session> session{};
  std::vector<AdvertisedKeys> advertised{};
  KeyList keys{};

  Parties(std::size_t n, std::size_t degree, std::size_t parameters, unsigned bits) {
    std::vector<Member> list;
    for (std::size_t i = 0; i < n; ++i) {
      secrets.push_back({random_secret<32>(), random_secret<32>(), random_secret<32>(), random_secret<32>()});
      signing.push_back(SigningKey::from_seed(secrets.back().signing));
      std::string number = std::to_string(i);
      number.insert(0, 5 - number.size(), '0');
      VerifyKey verify_key = signing.back().public_key();
      verify_keys.push_back(verify_key.bytes());
      list.push_back({ClientId("site" + number), {std::move(verify_key)}});
    }
    members = std::make_shared<const Members>(std::move(list));
    Terms terms;
    terms.id = {7, 3, 0};
    terms.members = members->ids();
    // The sparse graph: a fifth may collude, a twentieth drop out.
    terms.parameters = degree == 0 ? SecAggParameters::of(n, {})
                                   : SecAggParameters::of(n, {Adversary::semi_honest, 0.2, 0.05});
    if (degree != 0 && terms.parameters.degree != degree)
      throw std::runtime_error("the graph has another degree: " + std::to_string(terms.parameters.degree));
    terms.plan = SegmentPlan({{"v", Layout{{"v", {parameters - 1}}}, false, 1, 256}}, {},
                             bits == 64 ? std::uint64_t{1} << 40U : 1, n);
    if (terms.plan.ring_bits() != bits) throw std::runtime_error("another ring than was asked for");
    session = std::make_shared<const Session>(members, std::move(terms), Digest{1, 2, 3});
    for (Index i = 0; i < n; ++i) {
      advertised.push_back(advertising(i).message());
      keys.push_back({i, advertised.back()});
    }
  }

  [[nodiscard]] Advertising advertising(Index i) const {
    return {session,
            i,
            signing[i],
            X25519Key::from_secret(secrets[i].channel),
            X25519Key::from_secret(secrets[i].mask),
            secrets[i].self_mask.copy()};
  }
  /// Who gives member `i` shares of its secrets, itself among them in the full graph.
  [[nodiscard]] std::vector<Index> holders(Index i) const { return session->holders(i); }
};

/// Every tenth, or as many as are asked for, evenly.
[[nodiscard]] inline std::vector<Index> survivors_of(std::size_t n, std::size_t dropped) {
  std::vector<Index> all;
  for (std::size_t i = 0; i < n; ++i) {
    const bool drops = dropped != 0 && i % (n / dropped) == n / dropped - 1 && i / (n / dropped) < dropped;
    if (!drops) all.push_back(static_cast<Index>(i));
  }
  return all;
}

/// What member `self` is sent in steps 2 to 5.
struct ForClient {
  Index self = 0;
  std::vector<SealedShares> shares{};
  std::vector<Index> survivors{};
  std::vector<Confirmation> confirmations{};

  ForClient(const Parties& parties, std::size_t dropped)
      : survivors(survivors_of(parties.members->size(), dropped)) {
    const Session& session = *parties.session;
    self = survivors[survivors.size() / 2];
    RandomBits random;
    for (const Index other : parties.holders(self)) {
      if (other == self) continue;
      Share made_up{point_of(self), WipedNumbers(pieces_of(32))};
      for (std::uint64_t& value : made_up.values) value = uniform_element<Mersenne61>(random);
      WipedBytes both = encode_share(made_up);
      const WipedBytes again = both;
      both.insert(both.end(), again.begin(), again.end());
      const auto text = session.text_of_channel(other, self);
      const Secret<32> agreed =
          X25519Key::from_secret(parties.secrets[other].channel).agree(parties.advertised[self].channel);
      shares.push_back(
          {other, AuthenticatedCipher(hkdf_sha256<32>(agreed.bytes(), {}, text)).seal({}, both, text)});
    }
    const auto text = session.text_of_survivors(survivors);
    for (const Index i : survivors) confirmations.push_back({i, parties.signing[i].sign(text)});
  }
};

/// What the coordinator is sent in steps 1 to 5, in the order of members. The vectors are a few that come again and again.
struct ForCoordinator {
  std::vector<std::vector<SealedShares>> shares{};
  std::vector<Index> survivors{};
  std::vector<RingVector> vectors{};
  std::vector<Signature> confirmations{};
  std::vector<ReleasedShares> released{};

  ForCoordinator(const Parties& parties, std::size_t dropped)
      : survivors(survivors_of(parties.members->size(), dropped)) {
    const Session& session = *parties.session;
    const std::size_t n = parties.members->size();
    RandomBits random;
    shares.resize(n);
    released.resize(n);
    for (Index i = 0; i < n; ++i) {
      const std::vector<Index> holders = parties.holders(i);
      std::vector<std::uint64_t> points;
      for (const Index holder : holders) {
        points.push_back(point_of(holder));
        if (holder != i)
          shares[i].push_back({holder, std::vector<std::byte>(2 * share_bytes(32) + 16, std::byte{7})});
      }
      const bool survives = std::binary_search(survivors.begin(), survivors.end(), i);
      const Secret<32>& secret = survives ? parties.secrets[i].self_mask : parties.secrets[i].mask;
      const std::vector<Share> its =
          share(std::as_bytes(secret.bytes()), session.threshold(), points, random);
      for (std::size_t k = 0; k < holders.size(); ++k) {
        const WipedBytes bytes = encode_share(its[k]);
        ReleasedShares& of_holder = released[holders[k]];
        (survives ? of_holder.self_masks : of_holder.mask_keys).push_back({i, {bytes.begin(), bytes.end()}});
      }
    }
    const auto text = session.text_of_survivors(survivors);
    for (const Index i : survivors) confirmations.push_back(parties.signing[i].sign(text));
    const SegmentPlan& plan = session.terms().plan;
    for (std::uint64_t k = 0; k < 4; ++k) {
      vectors.emplace_back(plan.ring_bits(), plan.size());
      Stream stream(k, Purpose::test);
      vectors.back().visit([&stream](auto words) {
        for (auto& word : words) word = static_cast<std::remove_reference_t<decltype(word)>>(stream());
      });
    }
  }
};

}  // namespace secagg_bench
