#include "healthai/secagg/client/unmasking.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/training.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "refusals.hpp"
#include "secagg/members.hpp"

namespace secagg_hostile_coordinator_test {

using namespace secagg_test;
using refusals_test::error_of;

namespace {

/// Five members up to a step, and what the coordinator would say honestly.
struct Scene {
  Cohort cohort;
  std::shared_ptr<const Session> session = cohort.session();
  std::vector<Advertising> advertising{};
  std::vector<SharingSecrets> sharing{};
  std::vector<Masking> masking{};
  std::vector<Confirming> confirming{};
  KeyList keys{};
  std::map<Index, std::vector<SealedShares>> shares{};
  std::vector<Index> survivors{0, 1, 2, 3, 4};
  std::vector<Confirmation> confirmations{};

  explicit Scene(int step, std::size_t n = 5, double corrupt = 0)
      : cohort(n, {.corrupt = corrupt, .dropout = 0}) {
    CollectingKeys collecting_keys(session);
    for (Index i = 0; i < n; ++i) {
      advertising.emplace_back(session, i, cohort.keys[i]);
      keys.push_back({i, advertising[i].message()});
      REQUIRE_FALSE(collecting_keys.add(i, advertising[i].message()));
    }
    if (step <= 2) return;
    CollectingShares collecting_shares(std::move(collecting_keys));
    for (Index i = 0; i < n; ++i) {
      sharing.emplace_back(std::move(advertising[i]), keys);
      REQUIRE_FALSE(collecting_shares.add(i, sharing[i].message()));
    }
    shares = CollectingVectors(std::move(collecting_shares)).messages();
    if (step <= 3) return;
    for (Index i = 0; i < n; ++i) masking.emplace_back(std::move(sharing[i]), shares.at(i));
    if (step <= 4) return;
    for (Index i = 0; i < n; ++i) {
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

namespace {

/// Of how many shares of each of a member's two secrets a coordinator gets hold, in league with the last member, which signs anything and
/// gives it all that it has.
struct Loot {
  std::map<Index, std::size_t> self_masks{};
  std::map<Index, std::size_t> mask_keys{};
};
/// \param told  for each honest member, which of two lists it is told
Loot loot(std::size_t n, double corrupt, const std::vector<Index> (&lists)[2], unsigned told) {
  Scene scene(4, n, corrupt);
  const auto liar = static_cast<Index>(n - 1);
  std::vector<Confirmation> signatures[2];
  std::vector<std::pair<unsigned, Confirming>> states;
  for (Index i = 0; i < liar; ++i) {
    const unsigned which = told >> i & 1U;
    if (!std::binary_search(lists[which].begin(), lists[which].end(), i)) continue;  // it would refuse
    states.emplace_back(which, Confirming(std::move(scene.masking[i]), lists[which]));
    signatures[which].push_back({i, states.back().second.message()});
  }
  for (const unsigned which : {0U, 1U}) {
    signatures[which].push_back(
        {liar, scene.cohort.keys[liar].sign(scene.session->text_of_survivors(lists[which]))});
  }
  Loot got;
  for (Index i = 0; i < n; ++i)  // what the liar holds, of others
    got.self_masks[i] = got.mask_keys[i] = i == liar ? 0U : 1U;
  for (auto& [which, state] : states) {
    const std::string refusal = error_of([&, which = which, state = &state] {
      const Unmasking unmasking(std::move(*state), signatures[which]);
      for (const ReleasedShare& one : unmasking.message().self_masks)
        got.self_masks[one.of] += one.of == liar ? 0U : 1U;
      for (const ReleasedShare& one : unmasking.message().mask_keys)
        got.mask_keys[one.of] += one.of == liar ? 0U : 1U;
    });
    CHECK((refusal.empty() || refusal == "secagg_survivors"));
  }
  return got;
}
/// Whose two secrets can both be put together.
std::vector<Index> exposed(const Loot& got, std::size_t threshold) {
  std::vector<Index> members;
  for (const auto& [member, count] : got.self_masks) {
    if (count >= threshold && got.mask_keys.at(member) >= threshold) members.push_back(member);
  }
  return members;
}

}  // namespace

TEST_CASE(
    "both shares of one member: whichever two lists a coordinator tells whom, it never gets enough of both") {
  // Four members, one of them corrupt: three open a secret. Every pair of lists (but for who of the honest is who), told to the honest
  // three in every way.
  const std::vector<std::vector<Index>> all{{0, 1, 2, 3}, {0, 1, 2}, {0, 1, 3}, {0, 2, 3}};
  for (const auto& first : all) {
    for (const auto& second : all) {
      if (first >= second) continue;
      for (unsigned told = 0; told < 8; ++told) {
        CAPTURE(told);
        CHECK(exposed(loot(4, 0.25, {first, second}, told), 3).empty());
      }
    }
  }
  // The attack itself works where more are corrupt than was allowed for: of five with none, three open a secret. 0 and 1 are told that
  // all are there, 2 and 3 that these two have gone.
  CHECK(exposed(loot(5, 0, {{0, 1, 2, 3, 4}, {2, 3, 4}}, 0b1100), 3) == std::vector<Index>{0, 1});
}

TEST_CASE("what is released is for each member one of its two shares, never both") {
  for (const std::vector<Index>& list : {std::vector<Index>{0, 1, 2, 3, 4}, {0, 1, 3}, {0, 2, 3, 4}}) {
    Scene scene(4);
    std::vector<Confirming> states;
    std::vector<Confirmation> signatures;
    for (const Index i : list) {
      states.emplace_back(std::move(scene.masking[i]), list);
      signatures.push_back({i, states.back().message()});
    }
    for (Confirming& state : states) {
      const Unmasking unmasking(std::move(state), signatures);
      std::vector<Index> of;
      for (const ReleasedShare& one : unmasking.message().self_masks) {
        CHECK(std::binary_search(list.begin(), list.end(), one.of));
        of.push_back(one.of);
      }
      for (const ReleasedShare& one : unmasking.message().mask_keys) {
        CHECK_FALSE(std::binary_search(list.begin(), list.end(), one.of));
        of.push_back(one.of);
      }
      std::sort(of.begin(), of.end());
      CHECK(of == std::vector<Index>{0, 1, 2, 3, 4});  // each once
    }
  }
}

TEST_CASE("a list of survivors that was shrunk after the first was signed") {
  // A member's state has gone with its signature, so that a second list finds nobody; and signatures on the first do not open it.
  Scene scene(5);
  std::vector<Confirmation> on_shorter;
  const std::vector<Index> shorter{0, 1, 2};
  for (const Index i : {1U, 2U})  // in league
    on_shorter.push_back({i, scene.cohort.keys[i].sign(scene.session->text_of_survivors(shorter))});
  on_shorter.push_back(scene.confirmations[0]);  // an honest one, on the long list
  CHECK(scene.release(on_shorter) == "secagg_survivors");
}

TEST_CASE("members who were told different things make masks that do not cancel") {
  // Their signatures already refuse (above). Who could get around those would open noise, as the request is in the masks too.
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0});
  const auto told = cohort.session({{1}}), told_other = cohort.session({{2}});
  const X25519Key a = X25519Key::make(), b = X25519Key::make();
  const auto seed = [](const X25519Key& own, const X25519Key& other, const std::vector<std::byte>& text) {
    return hkdf_sha256<32>(own.agree(other.public_key()).bytes(), {}, text);
  };
  CHECK(seed(a, b, told->text_of_mask(0, 1)) == seed(b, a, told->text_of_mask(1, 0)));
  CHECK(seed(a, b, told->text_of_mask(0, 1)) != seed(b, a, told_other->text_of_mask(1, 0)));
  CHECK(seed(a, b, told->text_of_mask(0, 1)) != seed(b, a, told->text_of_mask(0, 2)));
  CHECK(seed(a, b, told->text_of_channel(0, 1)) != seed(b, a, told_other->text_of_channel(0, 1)));
  CHECK(seed(a, b, told->text_of_channel(0, 1)) != seed(b, a, told->text_of_channel(1, 0)));
}

TEST_CASE("whatever of a request is changed for one member has another digest") {
  const Cohort cohort(5, {.corrupt = 0, .dropout = 0});
  const std::vector<std::byte> work(40, std::byte{7});
  const std::vector<std::span<const std::byte>> pieces{work};
  const Digest told = request_digest("train.f64", cohort.terms, pieces);
  const auto differs = [&](const std::function<void(Terms&)>& change) {
    Terms terms = cohort.terms;
    change(terms);
    return request_digest("train.f64", terms, pieces) != told;
  };
  CHECK_FALSE(differs([](Terms&) {}));
  CHECK(differs([](Terms& terms) { terms.id.run ^= 1U; }));
  CHECK(differs([](Terms& terms) { terms.id.round ^= 1U; }));
  CHECK(differs([](Terms& terms) { terms.id.attempt ^= 1U; }));
  CHECK(differs([](Terms& terms) { terms.members[2] = ClientId("somebody"); }));
  CHECK(differs([](Terms& terms) { terms.parameters.threshold += 1; }));
  CHECK(differs([](Terms& terms) { terms.parameters.degree -= 1; }));
  CHECK(differs([](Terms& terms) { terms.graph_seed[31] ^= 1U; }));
  CHECK(differs([](Terms& terms) { terms.plan = Cohort::plan_of(6, 64); }));
  CHECK(differs([](Terms& terms) { terms.plan = Cohort::plan_of(5, 32); }));
  for (std::size_t i = 0; i < work.size(); ++i) {  // one number of the model
    std::vector<std::byte> other = work;
    other[i] ^= std::byte{1};
    CHECK(request_digest("train.f64", cohort.terms, std::vector<std::span<const std::byte>>{other}) != told);
  }
  CHECK(request_digest("train.f32", cohort.terms, pieces) != told);
}

TEST_CASE(
    "a graph in which a coordinator could surround a member is refused, and so is one with another seed") {
  const Cohort cohort(300, {.adversary = Adversary::semi_honest, .corrupt = 0.05, .dropout = 0.05});
  const SecAggOptions agreed{.adversary = Adversary::semi_honest, .corrupt = 0.05, .dropout = 0.05};
  const ClientId self = cohort.members->id(7);
  const auto refused = [&](const std::function<void(Terms&)>& change, const SecAggOptions& options) {
    Terms terms = cohort.terms;
    change(terms);
    return error_of([&] {
             require_acceptable(terms, *cohort.members, {options, 0}, self);
           }) == "secagg_terms";
  };
  CHECK_FALSE(refused([](Terms&) {}, agreed));
  CHECK(refused([](Terms& terms) { terms.parameters.degree -= 2; }, agreed));
  CHECK(refused([](Terms& terms) { terms.parameters.degree += 2; }, agreed));
  CHECK(refused([](Terms& terms) { terms.parameters.threshold -= 1; }, agreed));
  CHECK(refused([](Terms& terms) { terms.parameters.threshold = terms.parameters.degree + 1; }, agreed));
  CHECK(refused([](Terms&) {},
                {.corrupt = 0.05, .dropout = 0.05}));  // who wants the promise against an active one
  CHECK(refused([](Terms&) {}, {.adversary = Adversary::semi_honest, .corrupt = 0.2, .dropout = 0.05}));

  // Who was told another seed has other neighbours. The keys of the others are signed for another request.
  Terms other = cohort.terms;
  other.graph_seed[0] ^= 1U;
  const auto told = cohort.session({{1}});
  const auto misled = std::make_shared<const Session>(cohort.members, other, Digest{{2}});
  CHECK(told->holders(7) != misled->holders(7));
  KeyList keys;
  for (const Index i : misled->holders(7))
    keys.push_back({i, Advertising(told, i, cohort.keys[i]).message()});
  Advertising state(misled, 7, cohort.keys[7]);
  const auto place =
      std::find_if(keys.begin(), keys.end(), [](const auto& entry) { return entry.member > 7; });
  keys.insert(place, {7, state.message()});
  CHECK(error_of([&] { const SharingSecrets next(std::move(state), keys); }) == "secagg_keys");
}

TEST_CASE(
    "one member is sent another model: it refuses the others' keys and they its, whatever it is told of the "
    "request") {
  const Cohort cohort(4, {.corrupt = 0, .dropout = 0});
  struct Never {
    TrainReply<double> train(const TrainRequest<double>&, std::stop_token) const {
      FAIL("it has trained");
      return {};
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {1, {}}; }
  };
  using First = Advertise<Train<double>>;
  // What each is sent, what each answers, and the request's digest as each knows it.
  const auto refusals = [&](double number_of_first) {
    std::vector<TaskHandlers> clients;
    std::vector<Digest> digests;
    KeyList keys;
    for (Index i = 0; i < 4; ++i) {
      SecureMember self{cohort.members->id(i), cohort.keys[i], cohort.members, {}, {}};
      self.rules.options = {.corrupt = 0, .dropout = 0};
      clients.push_back(secure_handlers<Train<double>>(Never{}, std::move(self)));
      Parameters<double> model(Layout{{"v", {4}}});
      model.data()[2] = i == 0 ? number_of_first : 0;
      const auto work = std::make_shared<const TrainBroadcast<double>>(
          TrainBroadcast<double>{cohort.terms.id, 0, model, {}});
      First::Broadcast start{cohort.terms, work, cohort.terms.id};
      start.terms.plan = SegmentPlan({{"update", model.layout(), true, 1, 256}}, {}, 10, 4);
      keys.push_back(
          {i, clients[i].handle<First>({std::make_shared<const First::Broadcast>(start), "any"}, {})});
      const auto message = encode(work);
      std::vector<std::span<const std::byte>> pieces{message->head};
      pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
      digests.push_back(request_digest(Train<double>::name, start.terms, pieces));
    }
    std::vector<std::string> errors;
    for (Index i = 0; i < 4; ++i) {
      // First with the digest of somebody who was told the other model, then with its own.
      for (const Digest& told : {digests[i == 0 ? 1 : 0], digests[i]}) {
        const auto message = std::make_shared<const ShareSecrets::Broadcast>(
            ShareSecrets::Broadcast{cohort.terms.id, told, keys});
        errors.push_back(error_of([&] { (void)clients[i].handle<ShareSecrets>({message, "any"}, {}); }));
      }
    }
    return errors;
  };
  for (const std::string& error : refusals(0)) CHECK(error.empty());
  const auto errors = refusals(1e-9);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(errors[2 * i] == "secagg_replay");  // it is asked about another sum than the one that it is in
    CHECK(errors[2 * i + 1] == "secagg_keys");
  }
}

TEST_CASE("a plan that does not fit what the client has, a step again, and a step of another request") {
  const Cohort cohort(3, {.corrupt = 0, .dropout = 0});
  struct Trained {
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
      TrainReply<double> reply;
      reply.update = request->parameters;
      reply.num_examples = 3;
      return reply;
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {1, {}}; }
  };
  std::vector<TaskHandlers> clients;
  for (Index i = 0; i < 3; ++i) {
    SecureMember self{cohort.members->id(i), cohort.keys[i], cohort.members, {}, {}};
    self.rules.options = {.corrupt = 0, .dropout = 0};
    clients.push_back(secure_handlers<Train<double>>(Trained{}, std::move(self)));
  }
  const auto handle = [&](const TaskHandlers& client, auto task, auto broadcast) {
    using T = decltype(task);
    return client.handle<T>({std::make_shared<const typename T::Broadcast>(std::move(broadcast)), "any"}, {});
  };
  using First = Advertise<Train<double>>;
  const auto work = std::make_shared<const TrainBroadcast<double>>(
      TrainBroadcast<double>{cohort.terms.id, 0, Parameters<double>(Layout{{"v", {4}}}), {}});
  const Layout fits{{"v", {4}}};
  /// The way to the third step of member 0 with a plan. \param other  that the third step says it is of another request
  const auto handed_in = [&](const SegmentPlan& plan, bool other = false) {
    First::Broadcast start{cohort.terms, work, cohort.terms.id};
    start.terms.plan = plan;
    KeyList keys;
    for (Index i = 0; i < 3; ++i) keys.push_back({i, handle(clients[i], First(), start)});
    const auto message = encode(work);
    std::vector<std::span<const std::byte>> pieces{message->head};
    pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
    const Digest request = request_digest(Train<double>::name, start.terms, pieces);
    const ShareSecrets::Broadcast share{start.id, request, keys};
    std::vector<SealedShares> inbox;
    for (Index i = 0; i < 3; ++i) {
      for (const SealedShares& one : handle(clients[i], ShareSecrets(), share).shares) {
        if (one.other == 0) inbox.push_back({i, one.sealed});
      }
    }
    // Asked again it says the same; asked with other keys, nothing.
    const auto again = handle(clients[1], ShareSecrets(), share).shares;
    CHECK(std::any_of(again.begin(), again.end(), [&](const SealedShares& one) {
      return one.other == 0 && one.sealed == inbox[0].sealed;
    }));
    ShareSecrets::Broadcast others = share;
    others.message.pop_back();
    CHECK(error_of([&] { (void)handle(clients[1], ShareSecrets(), others); }) == "secagg_replay");
    return error_of([&] {
      (void)handle(clients[0], HandIn(), HandIn::Broadcast{start.id, other ? Digest{{9}} : request, inbox});
    });
  };
  CHECK(handed_in(SegmentPlan({{"update", fits, true, 1, 256}}, {}, 10, 3), true) == "secagg_replay");
  CHECK(handed_in(SegmentPlan({{"update", fits, true, 1, 256}}, {}, 10, 3)).empty());
  CHECK(handed_in(SegmentPlan({{"update", Layout{{"v", {5}}}, true, 1, 256}}, {}, 10, 3)) ==
        "layout_mismatch");
  CHECK(handed_in(SegmentPlan({{"update", Layout{{"w", {4}}}, true, 1, 256}}, {}, 10, 3)) ==
        "layout_mismatch");
  CHECK(handed_in(SegmentPlan({{"weights", fits, true, 1, 256}}, {}, 10, 3)) == "invalid_reply");
  CHECK(handed_in(SegmentPlan({{"update", fits, false, 1, 256}}, {}, 10, 3)) == "invalid_reply");
  CHECK(handed_in(SegmentPlan({}, {}, 10, 3)) == "invalid_reply");
  CHECK(handed_in(SegmentPlan({{"update", fits, true, 1, 256}}, {{"of nobody", 1, 256}}, 10, 3)) ==
        "invalid_reply");
  CHECK(handed_in(SegmentPlan({{"update", fits, true, 1, 256}}, {}, 2, 3)) ==
        "invalid_reply");  // it has 3 rows
}

}  // namespace secagg_hostile_coordinator_test
