#include "healthai/secagg/client/unmasking.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "healthai/core/training.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "secagg/members.hpp"

namespace secagg_hostile_coordinator_test {

using namespace secagg_test;

namespace {

/// The id of the error that this throws, or "".
std::string error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& e) {
    return std::string(e.id().name());
  }
  return "";
}

/// Five members up to a step, and what the coordinator would say honestly.
struct Scene {
  Cohort cohort{5, {.corrupt = 0, .dropout = 0}};
  std::shared_ptr<const Session> session = cohort.session();
  std::vector<Advertising> advertising{};
  std::vector<SharingSecrets> sharing{};
  std::vector<Masking> masking{};
  std::vector<Confirming> confirming{};
  KeyList keys{};
  std::map<Index, std::vector<SealedShares>> shares{};
  std::vector<Index> survivors{0, 1, 2, 3, 4};
  std::vector<Confirmation> confirmations{};

  explicit Scene(int step) {
    CollectingKeys collecting_keys(session);
    for (Index i = 0; i < 5; ++i) {
      advertising.emplace_back(session, i, cohort.keys[i]);
      keys.push_back({i, advertising[i].message()});
      REQUIRE_FALSE(collecting_keys.add(i, advertising[i].message()));
    }
    if (step <= 2) return;
    CollectingShares collecting_shares(std::move(collecting_keys));
    for (Index i = 0; i < 5; ++i) {
      sharing.emplace_back(std::move(advertising[i]), keys);
      REQUIRE_FALSE(collecting_shares.add(i, sharing[i].message()));
    }
    shares = CollectingVectors(std::move(collecting_shares)).messages();
    if (step <= 3) return;
    for (Index i = 0; i < 5; ++i) masking.emplace_back(std::move(sharing[i]), shares.at(i));
    if (step <= 4) return;
    for (Index i = 0; i < 5; ++i) {
      confirming.emplace_back(std::move(masking[i]), survivors);
      confirmations.push_back({i, confirming[i].message()});
    }
  }
  std::string share(const KeyList& list) {
    return error_of([&] { const SharingSecrets state(std::move(advertising[0]), list); });
  }
  std::string mask(const std::vector<SealedShares>& list) {
    return error_of([&] { const Masking state(std::move(sharing[0]), list); });
  }
  std::string confirm(std::vector<Index> list) {
    return error_of([&] { const Confirming state(std::move(masking[0]), std::move(list)); });
  }
  std::string release(const std::vector<Confirmation>& list) {
    return error_of([&] { const Unmasking state(std::move(confirming[0]), list); });
  }
};

}  // namespace

TEST_CASE("a key that is replaced, added, left out or somebody else's is refused") {
  CHECK(Scene(2).share(Scene(2).keys) == "secagg_keys");  // those of another sum
  {
    Scene scene(2);
    CHECK(scene.share(scene.keys).empty());
  }
  const auto refused = [](const std::function<void(Scene&, KeyList&)>& change) {
    Scene scene(2);
    KeyList list = scene.keys;
    change(scene, list);
    return scene.share(list) == "secagg_keys";
  };
  const X25519PublicKey own = X25519Key::make().public_key();
  CHECK(refused([&](Scene&, KeyList& list) { list[1].keys.mask = own; }));
  CHECK(refused([&](Scene&, KeyList& list) { list[1].keys.channel = own; }));
  CHECK(refused([&](Scene&, KeyList& list) { list[0].keys.mask = own; }));
  CHECK(refused([](Scene&, KeyList& list) { list[1].keys.self_mask_check[0] ^= 1; }));
  CHECK(refused([](Scene&, KeyList& list) { list[2].keys.signature[5] ^= 1; }));
  CHECK(refused([](Scene&, KeyList& list) { std::swap(list[1].keys, list[2].keys); }));
  CHECK(refused([](Scene&, KeyList& list) { list[1].keys = list[2].keys; }));
  CHECK(refused([](Scene&, KeyList& list) { list.erase(list.begin()); }));  // without this member
  CHECK(refused([](Scene&, KeyList& list) { list.erase(list.begin() + 1, list.end() - 1); }));  // too few
  CHECK(refused([](Scene&, KeyList& list) { list.push_back(list.back()); }));                   // one twice
  CHECK(refused([](Scene& scene, KeyList& list) {  // an invented member, correctly signed by somebody
    Advertising invented(scene.session, 4, SigningKey::make());
    list.push_back({5, invented.message()});
  }));
  CHECK(refused([](Scene& scene, KeyList& list) {  // in the place of a member
    Advertising invented(scene.session, 4, SigningKey::make());
    list[4].keys = invented.message();
  }));
}

TEST_CASE("members who were sent different models do not take each other's keys") {
  Scene scene(2);
  KeyList list = scene.keys;
  const Advertising elsewhere(scene.cohort.session({{9, 9, 9}}), 3, scene.cohort.keys[3]);
  list[3].keys = elsewhere.message();
  CHECK(scene.share(list) == "secagg_keys");
}

TEST_CASE("shares that are altered, exchanged, foreign or too few are refused") {
  const auto refused = [](const std::function<void(std::vector<SealedShares>&)>& change) {
    Scene scene(3);
    std::vector<SealedShares> list = scene.shares.at(0);
    change(list);
    return scene.mask(list) == "secagg_shares";
  };
  CHECK_FALSE(refused([](auto&) {}));
  for (const std::size_t at : {0U, 40U, 80U, 95U})
    CHECK(refused([at](auto& list) { list[1].sealed[at] ^= std::byte{1}; }));
  CHECK(refused([](auto& list) { list[1].sealed.pop_back(); }));
  CHECK(refused([](auto& list) { list[1].sealed.clear(); }));
  CHECK(refused([](auto& list) { std::swap(list[1].sealed, list[2].sealed); }));
  CHECK(refused([](auto& list) { list[1] = list[2]; }));
  CHECK(refused([](auto& list) { list[1].other = 0; }));
  CHECK(refused([](auto& list) { list[1].other = 77; }));
  CHECK(refused([](auto& list) { list.erase(list.begin() + 1, list.end()); }));
  Scene scene(3);
  CHECK(scene.mask(scene.shares.at(1)) == "secagg_shares");  // those for somebody else
}

TEST_CASE("a list of survivors that is too short, without this member, or impossible is not signed") {
  CHECK(Scene(4).confirm({0, 1, 2, 3, 4}).empty());
  CHECK(Scene(4).confirm({0, 1, 3}).empty());
  for (const std::vector<Index>& list :
       {std::vector<Index>{0, 1}, {1, 2, 3, 4}, {0, 1, 1, 2}, {0, 2, 1}, {0, 1, 2, 5}, {}}) {
    CHECK(Scene(4).confirm(list) == "secagg_survivors");
  }
}

TEST_CASE("nothing is released unless enough members have signed this very list") {
  const auto outcome = [](const std::function<void(Scene&, std::vector<Confirmation>&)>& change) {
    Scene scene(5);
    auto list = scene.confirmations;
    change(scene, list);
    return scene.release(list);
  };
  CHECK(outcome([](Scene&, auto&) {}).empty());
  CHECK(outcome([](Scene&, auto& list) { list.resize(3); }).empty());
  CHECK(outcome([](Scene&, auto& list) { list.resize(2); }) == "secagg_survivors");
  CHECK(outcome([](Scene&, auto& list) { list = {list[0], list[0], list[0]}; }) == "secagg_survivors");
  CHECK(outcome([](Scene&, auto& list) {
          list.resize(3);
          list[1].signature[0] ^= 1;
        }) == "secagg_survivors");
  CHECK(outcome([](Scene&, auto& list) {
          list.resize(3);
          list[1].member = 4;
        }) == "secagg_survivors");
  // Two lists: the others have signed that only four have survived.
  CHECK(outcome([](Scene& scene, auto& list) {
          Scene other(4);
          for (Index i = 1; i < 5; ++i) {
            list[i].signature =
                scene.cohort.keys[i].sign(scene.session->text_of_survivors(std::vector<Index>{1, 2, 3, 4}));
          }
        }) == "secagg_survivors");
}

}  // namespace secagg_hostile_coordinator_test
