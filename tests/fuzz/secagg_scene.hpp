#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/secagg/client/unmasking.hpp"
#include "healthai/secagg/coordinator/collecting_releases.hpp"
#include "healthai/secagg/coordinator/collecting_vectors.hpp"

/// Four members with keys that are the same in every run, and a secure sum of theirs: what is honest in it, as the background of what is
/// not.
struct Scene {
  static constexpr healthai::secagg::Index n = 4;

  std::vector<healthai::SigningKey> keys{};
  std::shared_ptr<const healthai::secagg::Members> members{};
  healthai::secagg::Terms terms{};
  std::shared_ptr<const healthai::secagg::Session> session{};

  Scene() {
    using namespace healthai;
    using namespace healthai::secagg;
    std::vector<Member> list;
    for (Index i = 0; i < n; ++i) {
      keys.push_back(SigningKey::from_seed(secret(1, i)));
      list.push_back({"site" + std::to_string(i), {keys.back().public_key()}});
    }
    members = std::make_shared<const Members>(std::move(list));
    terms.id = {7, 3, 0};
    terms.members = members->ids();
    terms.parameters = SecAggParameters::of(n, {.corrupt = 0, .dropout = 0});
    terms.plan =
        SegmentPlan({{"v", Layout{{"v", {4}}}, true, 1, 256}}, {ScalarSegment::count("k", 9)}, 100, n);
    session = std::make_shared<const Session>(members, terms, Digest{{5}});
  }
  static healthai::Secret<32> secret(std::uint8_t what, healthai::secagg::Index whose) {
    healthai::Secret<32> result;
    auto bytes = result.writable_bytes();
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(16 * what + whose);
    return result;
  }
  [[nodiscard]] healthai::secagg::Advertising advertising(healthai::secagg::Index i) const {
    return {session,
            i,
            keys[i],
            healthai::X25519Key::from_secret(secret(2, i)),
            healthai::X25519Key::from_secret(secret(3, i)),
            secret(4, i)};
  }
  [[nodiscard]] healthai::secagg::CollectingKeys collecting_keys() const {
    healthai::secagg::CollectingKeys collecting(session);
    for (healthai::secagg::Index i = 0; i < n; ++i) require(!collecting.add(i, advertising(i).message()));
    return collecting;
  }
  static void require(bool good) {
    if (!good) std::abort();
  }
};

/// The members' and the coordinator's side of the honest sum, up to every step.
struct Course {
  Scene scene{};
  healthai::secagg::CollectingKeys keys = scene.collecting_keys();
  healthai::secagg::CollectingShares shares{healthai::secagg::CollectingKeys(keys)};
  healthai::secagg::CollectingShares all_shares = shares;
  std::vector<healthai::secagg::SharingSecrets> sharing{};
  std::vector<healthai::secagg::Masking> masking{};
  std::vector<healthai::secagg::Confirming> confirming{};
  healthai::secagg::KeyList key_list = shares.message();
  std::vector<healthai::secagg::SealedShares> inbox{};      // of member 0
  std::vector<healthai::secagg::Index> survivors{0, 1, 2};  // member 3 has dropped out
  std::vector<healthai::secagg::Confirmation> confirmations{};
  healthai::secagg::MaskedSum masked{};

  /// \param step  that member 0 has come to: 2 to 5; 6: all
  explicit Course(int step = 6) {
    using namespace healthai::secagg;
    if (step <= 2) return;
    for (Index i = 0; i < Scene::n; ++i) {
      sharing.emplace_back(scene.advertising(i), key_list);
      Scene::require(!all_shares.add(i, sharing.back().message()));
    }
    CollectingVectors vectors{CollectingShares(all_shares)};
    inbox = vectors.messages().at(0);
    if (step <= 3) return;
    for (Index i = 0; i < Scene::n; ++i) {
      masking.emplace_back(std::move(sharing[i]), vectors.messages().at(i));
      RingVector vector(scene.terms.plan.ring_bits(), scene.terms.plan.size());
      vector.visit([this, i](auto words) { masking[i].mask(words); });
      if (i < 3) Scene::require(!vectors.add(i, vector));
    }
    masked = std::move(vectors).finish();
    if (step <= 4) return;
    for (const Index i : survivors) {
      confirming.emplace_back(std::move(masking[i]), survivors);
      confirmations.push_back({i, confirming.back().message()});
    }
  }
};
