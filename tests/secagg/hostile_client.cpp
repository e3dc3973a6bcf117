// Members who send rubbish: it is refused as their own failure, or found out, and the sum is right without it.
#include <doctest/doctest.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "secagg/members.hpp"

namespace secagg_hostile_client_test {

using namespace secagg_test;

namespace {

std::string error_in(const std::optional<Failure>& failure) {
  return failure ? failure->error : "";
}

/// Six members, of whom four are enough, up to the releases.
struct Scene {
  Cohort cohort{6, {.corrupt = 0, .dropout = 0}, 10};
  std::shared_ptr<const Session> session = cohort.session();
  RingVector expected{64, 10};
  std::vector<ReleasedShares> released{};
  std::optional<CollectingReleases> releases{};

  Scene() {
    CollectingKeys keys(session);
    std::vector<Advertising> advertising;
    for (Index i = 0; i < 6; ++i) {
      advertising.emplace_back(session, i, cohort.keys[i]);
      REQUIRE_FALSE(keys.add(i, advertising[i].message()));
    }
    CollectingShares shares(std::move(keys));
    std::vector<SharingSecrets> sharing;
    for (Index i = 0; i < 6; ++i) {
      sharing.emplace_back(std::move(advertising[i]), shares.message());
      REQUIRE_FALSE(shares.add(i, sharing[i].message()));
    }
    CollectingVectors vectors(std::move(shares));
    std::vector<Masking> masking;
    for (Index i = 0; i < 6; ++i) {
      masking.emplace_back(std::move(sharing[i]), vectors.messages().at(i));
      if (i == 5) continue;  // drops out
      RingVector vector = vector_of(i, 64, 10);
      expected += vector;
      Masking& own = masking[i];
      vector.visit([&own](auto words) { own.mask(words); });
      REQUIRE_FALSE(vectors.add(i, vector));
    }
    CollectingConfirmations confirmations(session, std::move(vectors).finish());
    std::vector<Confirming> confirming;
    for (Index i = 0; i < 5; ++i) {
      confirming.emplace_back(std::move(masking[i]), confirmations.message());
      REQUIRE_FALSE(confirmations.add(i, confirming[i].message()));
    }
    releases.emplace(std::move(confirmations));
    for (Index i = 0; i < 5; ++i)
      released.push_back(Unmasking(std::move(confirming[i]), releases->message()).message());
  }
};

/// Still a share, of something else.
void spoil(ReleasedShares& shares) {
  for (auto* list : {&shares.self_masks, &shares.mask_keys}) {
    for (ReleasedShare& one : *list) one.share[3] ^= std::byte{1};
  }
}

}  // namespace

TEST_CASE("keys that are not signed, or somebody else's, are that member's failure") {
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0});
  const auto session = cohort.session();
  CollectingKeys keys(session);
  const Advertising first(session, 0, cohort.keys[0]);
  const Advertising second(session, 1, cohort.keys[1]);
  AdvertisedKeys altered = first.message();
  altered.mask.bytes[0] ^= 1;
  CHECK(error_in(keys.add(0, altered)) == "secagg_keys");
  CHECK(error_in(keys.add(1, first.message())) == "secagg_keys");
  CHECK(error_in(keys.add(0, first.message())).empty());
  // The same key again, in another's name and signed by that one.
  AdvertisedKeys copied = second.message();
  copied.mask = first.message().mask;
  copied.signature = cohort.keys[1].sign(session->text_of_keys(1, copied));
  const auto failure = keys.add(1, copied);
  REQUIRE(failure);
  CHECK(failure->message == "client site00001 sent a key that is also that of site00000");
  CHECK(keys.count() == 1);
}

TEST_CASE("shares for others than the neighbours, or of another length, are that member's failure") {
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0});
  const auto session = cohort.session();
  CollectingKeys keys(session);
  std::vector<Advertising> advertising;
  for (Index i = 0; i < 4; ++i) {
    advertising.emplace_back(session, i, cohort.keys[i]);
    REQUIRE_FALSE(keys.add(i, advertising[i].message()));
  }
  CollectingShares shares(std::move(keys));
  const SharingSecrets honest(std::move(advertising[0]), shares.message());
  const auto changed = [&](const std::function<void(std::vector<SealedShares>&)>& change) {
    auto list = honest.message();
    change(list);
    return error_in(shares.add(0, std::move(list)));
  };
  CHECK(changed([](auto& list) { list.pop_back(); }) == "secagg_shares");
  CHECK(changed([](auto& list) { list.push_back(list.back()); }) == "secagg_shares");
  CHECK(changed([](auto& list) { list[0].other = 0; }) == "secagg_shares");
  CHECK(changed([](auto& list) { list[1].other = 900; }) == "secagg_shares");
  CHECK(changed([](auto& list) { std::swap(list[0], list[1]); }) == "secagg_shares");
  CHECK(changed([](auto& list) { list[2].sealed.resize(5); }) == "secagg_shares");
  CHECK(changed([](auto&) {}).empty());
}

TEST_CASE("released rubbish is that member's failure, or is found out") {
  {
    Scene scene;
    const auto changed = [&](const std::function<void(ReleasedShares&)>& change) {
      ReleasedShares shares = scene.released[0];
      change(shares);
      return error_in(scene.releases->add(0, std::move(shares)));
    };
    CHECK(changed([](auto& shares) { shares.self_masks[0].share.pop_back(); }) == "secagg_shares");
    CHECK(changed([](auto& shares) { shares.self_masks[0].of = 5; }) == "secagg_shares");  // it dropped out
    CHECK(changed([](auto& shares) { shares.mask_keys[0].of = 2; }) == "secagg_shares");   // it survives
    CHECK(changed([](auto& shares) { shares.self_masks[0].of = 99; }) == "secagg_shares");
    CHECK(changed([](auto& shares) { shares.self_masks[1].of = shares.self_masks[0].of; }) ==
          "secagg_shares");
    CHECK(changed([](auto& shares) {
            for (std::byte& byte : shares.self_masks[0].share) byte = std::byte{0xff};  // not of the field
          }) == "secagg_shares");
    CHECK(error_in(scene.releases->add(5, scene.released[0])) == "secagg_shares");  // no survivor
    CHECK(changed([](auto&) {}).empty());
    CHECK(changed([](auto&) {}) == "secagg_shares");  // twice
  }
  for (Index liar = 0; liar < 5; ++liar) {  // five answer, four are enough
    Scene scene;
    for (Index i = 0; i < 5; ++i) {
      if (i == liar) spoil(scene.released[i]);
      REQUIRE_FALSE(scene.releases->add(i, scene.released[i]));
    }
    CHECK(std::move(*scene.releases).open() == scene.expected);
  }
  Scene scene;  // four answer, one of them wrongly
  for (Index i = 0; i < 4; ++i) {
    if (i == 2) spoil(scene.released[i]);
    REQUIRE_FALSE(scene.releases->add(i, scene.released[i]));
  }
  try {
    (void)std::move(*scene.releases).open();
    FAIL("a sum came out");
  } catch (const Error& e) {
    CHECK(e.id() == error::secagg_shares);
  }
}

}  // namespace secagg_hostile_client_test
