// Members who send rubbish: it is refused as their own failure, or found out, and the sum is right without it.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/training.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/transport/in_process.hpp"
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

TEST_CASE(
    "vectors of another form, a second one, and one of a member that shared nothing are that member's "
    "failure") {
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0}, 10);
  const auto session = cohort.session();
  CollectingKeys keys(session);
  std::vector<Advertising> advertising;
  for (Index i = 0; i < 4; ++i) {
    advertising.emplace_back(session, i, cohort.keys[i]);
    REQUIRE_FALSE(keys.add(i, advertising[i].message()));
  }
  CollectingShares shares(std::move(keys));
  for (Index i = 0; i < 3; ++i)
    REQUIRE_FALSE(shares.add(i, SharingSecrets(std::move(advertising[i]), shares.message()).message()));
  CollectingVectors vectors(std::move(shares));
  CHECK(error_in(vectors.add(0, RingVector(64, 9))) == "invalid_reply");
  CHECK(error_in(vectors.add(0, RingVector(64, 11))) == "invalid_reply");
  CHECK(error_in(vectors.add(0, RingVector(32, 10))) == "invalid_reply");
  CHECK(error_in(vectors.add(0, RingVector())) == "invalid_reply");
  CHECK(error_in(vectors.add(3, RingVector(64, 10))) == "invalid_reply");
  CHECK(vectors.survivors().empty());
  CHECK(error_in(vectors.add(0, RingVector(64, 10))).empty());
  CHECK(error_in(vectors.add(0, RingVector(64, 10))) == "invalid_reply");
  CHECK(vectors.survivors() == std::vector<Index>{0});
}

TEST_CASE("a signature on another list, or by somebody else, is that member's failure") {
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0}, 10);
  const auto session = cohort.session();
  CollectingConfirmations confirmations(session, {session->request(), {}, {0, 1, 2}, RingVector(64, 10)});
  const auto on = [&](const std::vector<Index>& list, Index signer) {
    return cohort.keys[signer].sign(session->text_of_survivors(list));
  };
  CHECK(error_in(confirmations.add(0, on({0, 1}, 0))) == "secagg_survivors");
  CHECK(error_in(confirmations.add(0, on({0, 1, 2}, 1))) == "secagg_survivors");
  CHECK(error_in(confirmations.add(3, on({0, 1, 2}, 3))) == "secagg_survivors");  // no survivor
  CHECK(error_in(confirmations.add(0, {})) == "secagg_survivors");
  CHECK(confirmations.count() == 0);
  CHECK(error_in(confirmations.add(0, on({0, 1, 2}, 0))).empty());
  CHECK(confirmations.count() == 1);
}

namespace {

/// What a member without scruples changes in its honest answers.
struct Tricks {
  std::function<void(AdvertisedKeys&)> keys{};
  std::function<void(std::vector<SealedShares>&)> shares{};
  std::function<void(RingVector&)> vector{};
  std::function<void(Signature&)> signature{};
  std::function<void(ReleasedShares&)> release{};
};

using Work = Train<double>;

/// A member's handlers, of which each answer goes through a trick.
TaskHandlers with_tricks(const TaskHandlers& honest, const Tricks& tricks) {
  TaskHandlers handlers;
  const auto offer = [&]<class T, class Trick>(T, const Trick& trick) {
    handlers.offer<T>([honest, trick](const Request<typename T::Broadcast>& request, std::stop_token stop) {
      typename T::Reply reply = honest.handle<T>(request, std::move(stop));
      trick(reply);
      return reply;
    });
  };
  offer(Advertise<Work>(), [f = tricks.keys](AdvertisedKeys& reply) { f ? f(reply) : void(); });
  offer(ShareSecrets(), [f = tricks.shares](ShareSecrets::Reply& reply) { f ? f(reply.shares) : void(); });
  offer(HandIn(), [f = tricks.vector](RingVector& reply) { f ? f(reply) : void(); });
  offer(Confirm(), [f = tricks.signature](Confirm::Reply& reply) { f ? f(reply.signature) : void(); });
  offer(Release(), [f = tricks.release](ReleasedShares& reply) { f ? f(reply) : void(); });
  return handlers;
}

/// Sends its number, as an update of one row.
struct OneNumber {
  double number = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& value : reply.update.span()) value = number;
    reply.num_examples = 1;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {1, {}}; }
};

}  // namespace

TEST_CASE("a whole round with one member who plays a trick: it goes on without it, or says who did what") {
  const Cohort cohort(6, {.corrupt = 0, .dropout = 0});
  constexpr Index trickster = 2;
  struct Outcome {
    std::vector<ClientId> contributors{};
    double sum = 0;
    std::map<ClientId, Failure> failures{};
  };
  const auto round_with = [&](const Tricks& tricks) {
    InProcess hospitals({.threads = 1});
    for (Index i = 0; i < 6; ++i) {
      SecureMember self{cohort.members->id(i), cohort.keys[i], cohort.members, {}, {}};
      self.rules.options = {.corrupt = 0, .dropout = 0};
      TaskHandlers honest = secure_handlers<Work>(OneNumber{0.1 * i}, std::move(self));
      hospitals.add(cohort.members->id(i), i == trickster ? with_tricks(honest, tricks) : honest);
    }
    SecureAggregationOptions options;
    options.protocol = {.corrupt = 0, .dropout = 0};
    options.ranges.most_examples = 10;
    SecureAggregation secure{hospitals, cohort.members, options};
    auto part = secure.sum<Work>(WeightedMean{}, cohort.members->ids(),
                                 std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{
                                     {1, 1, 0}, 0, Parameters<double>(Layout{{"w", {2}}}), {}}),
                                 Deadline::max());
    Outcome outcome;
    outcome.contributors = part.contributors;
    if (!part.states.empty()) outcome.sum = part.weight * part.states[0].finish().data()[0];
    for (const Failure& failure : part.failures) outcome.failures.emplace(failure.client, failure);
    return outcome;
  };
  const ClientId name = cohort.members->id(trickster);
  /// The others' sum comes out, and the trickster's failure is of this id.
  const auto goes_on_without_it = [&](const Tricks& tricks, const std::string& id) {
    const Outcome outcome = round_with(tricks);
    CHECK(outcome.contributors.size() == 5);
    CHECK(std::fabs(outcome.sum - (0.1 + 0.3 + 0.4 + 0.5)) < 1e-8);
    REQUIRE(outcome.failures.size() == 1);
    CHECK(outcome.failures.begin()->first == name);
    CHECK(outcome.failures.begin()->second.error == id);
  };
  /// All six are in the sum, which is right: its trick is noticed, and not needed.
  const auto does_no_harm = [&](const Tricks& tricks) {
    const Outcome outcome = round_with(tricks);
    CHECK(outcome.contributors.size() == 6);
    CHECK(std::fabs(outcome.sum - 1.5) < 1e-8);
    CHECK(outcome.failures.empty());
  };
  does_no_harm({});
  goes_on_without_it({.keys = [](auto& keys) { keys.mask.bytes[3] ^= 1U; }}, "secagg_keys");
  goes_on_without_it({.keys = [](auto& keys) { keys.signature = {}; }}, "secagg_keys");
  goes_on_without_it({.shares = [](auto& shares) { shares.pop_back(); }}, "secagg_shares");
  goes_on_without_it({.shares = [](auto& shares) { shares.push_back(shares.front()); }}, "secagg_shares");
  goes_on_without_it({.shares = [](auto& shares) { shares[1].other = 77; }}, "secagg_shares");
  goes_on_without_it({.shares = [](auto& shares) { shares[0].sealed.resize(3); }}, "secagg_shares");
  goes_on_without_it({.shares = [](auto& shares) { shares.clear(); }}, "secagg_shares");
  goes_on_without_it({.vector = [](auto& vector) { vector = RingVector(64, vector.size() + 1); }},
                     "invalid_reply");
  goes_on_without_it({.vector = [](auto& vector) { vector = RingVector(32, vector.size()); }},
                     "invalid_reply");
  goes_on_without_it({.vector = [](auto&) { throw Error(error::refused, "changed my mind"); }}, "refused");
  does_no_harm({.signature = [](auto& signature) { signature[9] ^= 1U; }});
  does_no_harm({.release = [](auto& release) { spoil(release); }});
  does_no_harm({.release = [](auto& release) { release.self_masks.pop_back(); }});
  does_no_harm({.release = [](auto& release) { release.self_masks[0].of = 99; }});
  does_no_harm({.release = [](auto& release) { release.self_masks[0].share.clear(); }});
  does_no_harm({.release = [](auto& release) { release.self_masks.push_back(release.self_masks[0]); }});
  does_no_harm({.release = [](auto& release) { release = {}; }});
  does_no_harm({.release = [](auto& release) { release.mask_keys.swap(release.self_masks); }});

  // Shares that its neighbours cannot open: they hand in nothing, and say of whom they were.
  const Outcome garbage = round_with({.shares = [](auto& shares) {
    for (SealedShares& one : shares) one.sealed[8] ^= std::byte{1};
  }});
  CHECK(garbage.contributors.empty());
  CHECK(garbage.failures.size() == 6);
  for (const auto& [client, failure] : garbage.failures) {
    const std::string& message = failure.message;
    CAPTURE(message);
    if (client == name) {
      CHECK(failure.error == "below_quorum");
    } else {
      CHECK(failure.error == "secagg_shares");
      CHECK(message.find("the shares of " + name.str() + " were altered") != std::string::npos);
    }
  }
  // A sum that is out of its range is not taken for one: here one word too large by nearly the whole ring.
  const Outcome beyond =
      round_with({.vector = [](auto& vector) { vector.visit([](auto words) { words.front() -= 1000; }); }});
  CHECK(beyond.contributors.empty());
  REQUIRE(beyond.failures.size() == 6);
  CHECK(beyond.failures.at(name).error == "overflow");
}

}  // namespace secagg_hostile_client_test
