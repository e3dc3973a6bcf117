#include "healthai/secagg/coordinator/collecting_confirmations.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "secagg/members.hpp"

namespace secagg_collecting_confirmations_test {

using namespace secagg_test;

namespace {

/// Some members, of whom the last hands in no vector.
struct Scene {
  Cohort cohort;
  std::shared_ptr<const Session> session = cohort.session();
  std::vector<Confirming> confirming{};
  std::optional<CollectingConfirmations> confirmations{};

  /// Six in a full graph; four are needed.
  Scene() : Scene(Cohort{6, {.corrupt = 0, .dropout = 0}}) {}
  explicit Scene(Cohort of) : cohort(std::move(of)) {
    const Index n = cohort.members->size();
    CollectingKeys keys(session);
    std::vector<Advertising> advertising;
    for (Index i = 0; i < n; ++i) {
      advertising.emplace_back(session, i, cohort.keys[i]);
      REQUIRE_FALSE(keys.add(i, AdvertisedKeys(advertising[i].message())));
    }
    CollectingShares shares(std::move(keys));
    std::vector<SharingSecrets> sharing;
    for (Index i = 0; i < n; ++i) {
      sharing.emplace_back(std::move(advertising[i]), shares.message());
      REQUIRE_FALSE(shares.add(i, sharing[i].message()));
    }
    CollectingVectors vectors(std::move(shares));
    std::vector<Masking> masking;
    for (Index i = 0; i + 1 < n; ++i) {
      masking.emplace_back(std::move(sharing[i]), vectors.messages().at(i));
      RingVector vector(64, 5);
      vector.visit([&](auto words) { masking[i].mask(words); });
      REQUIRE_FALSE(vectors.add(i, vector));
    }
    confirmations.emplace(session, std::move(vectors).finish());
    for (Index i = 0; i + 1 < n; ++i)
      confirming.emplace_back(std::move(masking[i]), confirmations->message());
  }
  [[nodiscard]] Signature wrong(Index member) const {
    Signature signature = confirming[member].message();
    signature[10] ^= 1U;
    return signature;
  }
};

}  // namespace

TEST_CASE("a wrong signature is its member's failure, until the list is proven") {
  Scene scene;
  CollectingConfirmations& confirmations = *scene.confirmations;
  const auto failure = confirmations.add(0, scene.wrong(0));
  REQUIRE(failure);
  CHECK(failure->message == "client site00000 did not sign the list of survivors that it was sent");
  CHECK(confirmations.add(5, scene.confirming[1].message()));  // no survivor
  CHECK(confirmations.add(1, scene.confirming[2].message()));  // another's
  CHECK(confirmations.count() == 0);
  for (const Index i : {0U, 1U, 3U}) CHECK_FALSE(confirmations.add(i, scene.confirming[i].message()));
  CHECK_FALSE(confirmations.add(1, scene.wrong(1)));  // a second answer changes nothing
  CHECK(confirmations.count() == 3);
  CHECK(confirmations.add(4, scene.wrong(4)));
  CHECK_FALSE(confirmations.add(4, scene.confirming[4].message()));
  CHECK(confirmations.count() == 4);
  CHECK(confirmations.add(5, scene.confirming[0].message()));  // still no survivor
}

TEST_CASE("a wrong signature among more than enough does no harm") {
  Scene scene;
  for (const Index i : {1U, 2U, 3U, 4U})
    REQUIRE_FALSE(scene.confirmations->add(i, scene.confirming[i].message()));
  CHECK_FALSE(scene.confirmations->add(0, scene.wrong(0)));
  CollectingReleases releases(std::move(*scene.confirmations));
  REQUIRE(releases.message().size() == 5);
  for (Index i = 0; i < 5; ++i) {
    const Unmasking unmasking(std::move(scene.confirming[i]), releases.message());
    CHECK_FALSE(releases.add(i, unmasking.message()));
  }
  CHECK(std::move(releases).open() == RingVector(64, 5));
}

TEST_CASE("nor in a sparse graph, where each member counts the signatures of those who hold its shares") {
  Cohort sparse{12, {.corrupt = 0, .dropout = 0}};
  sparse.terms.parameters.degree = 8;
  sparse.terms.parameters.threshold = 4;
  Scene scene(std::move(sparse));  // of eight holders one is lost and three lie: four are left
  REQUIRE_FALSE(scene.session->keeps_own_share());
  for (Index i = 0; i < 8; ++i) REQUIRE_FALSE(scene.confirmations->add(i, scene.confirming[i].message()));
  for (Index i = 8; i < 11; ++i) REQUIRE_FALSE(scene.confirmations->add(i, scene.wrong(i)));
  CollectingReleases releases(std::move(*scene.confirmations));
  for (Index i = 0; i < 11; ++i) {
    const Unmasking unmasking(std::move(scene.confirming[i]), releases.message());
    CHECK_FALSE(releases.add(i, unmasking.message()));
  }
  CHECK(std::move(releases).open() == RingVector(64, 5));
}

}  // namespace secagg_collecting_confirmations_test
