#include "healthai/secagg/secure_handlers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>

#include "healthai/secagg/ranges.hpp"
#include "refusals.hpp"
#include "secagg/members.hpp"
#include "test_folder.hpp"

namespace secagg_secure_handlers_test {

using namespace secagg_test;
using refusals_test::error_of;

namespace {

using First = Advertise<Train<double>>;
constexpr Index n = 5;

/// An update that rounding is needed for, and a count of how often it was made.
struct Trainer {
  Index site = 0;
  std::shared_ptr<std::map<Index, int>> trained{};
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    ++(*trained)[site];
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& value : reply.update.span()) value = 0.1 * (site + 1) + 0.01 * value;
    reply.num_examples = 10.0 + site;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {1, {}}; }
};

/// Five members with files of their own, and a coordinator that says what a test wants it to.
struct Scene {
  TestFolder folder{};
  Cohort cohort{n, {.corrupt = 0, .dropout = 0}};
  std::shared_ptr<std::map<Index, int>> trained = std::make_shared<std::map<Index, int>>();
  std::vector<TaskHandlers> clients{};
  First::Broadcast start{};

  explicit Scene(bool keep_vector = true) {
    for (Index i = 0; i < n; ++i) clients.push_back(client(i, keep_vector));
    ask({1, 1, 0});
  }
  /// A member whose process has just been started.
  [[nodiscard]] TaskHandlers client(Index i, bool keep_vector = true) const {
    SecureMember self{cohort.members->id(i), cohort.keys[i], cohort.members, {}, {}};
    self.rules.options = {.corrupt = 0, .dropout = 0};
    self.joined_file = folder.file(std::to_string(i));
    self.keep_vector = keep_vector;
    return secure_handlers<Train<double>>(TaskHandlers::of(Trainer{i, trained}), std::move(self));
  }
  void restart(Index i) { clients[i] = client(i); }

  /// What is asked for from now on. \param nonce  makes it another request, of the same round
  void ask(const RoundId& id, std::uint8_t nonce = 0, double parameter = 0.3) {
    const Layout layout{{"w", {4}}};
    start.id = start.terms.id = id;
    start.terms.members = cohort.members->ids();
    start.terms.parameters = cohort.terms.parameters;
    start.terms.graph_seed[0] = nonce;
    const TrainBroadcast<double> work{
        id, 0, Parameters<double>(layout, std::vector<double>(4, parameter)), {}};
    SumRanges ranges;
    ranges.levels = 256;  // coarse: a second rounding would not be the first
    ranges.most_examples = 100;
    start.terms.plan = ranges.plan<Train<double>>(work, {}, n);
    start.work = std::make_shared<const TrainBroadcast<double>>(work);
  }
  [[nodiscard]] Digest digest() const {
    const auto message = encode(start.work);
    std::vector<std::span<const std::byte>> pieces{message->head};
    pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
    return request_digest(Train<double>::name, start.terms, pieces);
  }
  template <class T>
  typename T::Reply handle(Index i, typename T::Broadcast broadcast) const {
    return clients[i].handle<T>({std::make_shared<const typename T::Broadcast>(std::move(broadcast)), "any"},
                                {});
  }
  template <class T, class Message>
  typename T::Reply step(Index i, const Message& message) const {
    return handle<T>(i, typename T::Broadcast{start.id, digest(), message});
  }

  // The honest course of a sum, as far as it is wanted.
  KeyList keys{};
  std::vector<Index> have_shared{};
  std::map<Index, std::vector<SealedShares>> inbox{};
  RingVector masked{};
  std::vector<Index> survivors{};
  std::vector<Confirmation> signatures{};

  void advertise(const std::vector<Index>& who) {
    keys.clear();
    for (const Index i : who) keys.push_back({i, handle<First>(i, start)});
  }
  void share(const std::vector<Index>& who) {
    have_shared = who;
    inbox.clear();
    for (const Index i : who) {
      for (const SealedShares& one : step<ShareSecrets>(i, keys).shares)
        inbox[one.other].push_back({i, one.sealed});
    }
  }
  void hand_in(const std::vector<Index>& who) {
    masked = RingVector(start.terms.plan.ring_bits(), start.terms.plan.size());
    for (const Index i : who) masked += step<HandIn>(i, inbox.at(i));
    survivors = who;
  }
  void confirm(const std::vector<Index>& who) {
    signatures.clear();
    for (const Index i : who) signatures.push_back({i, step<Confirm>(i, survivors).signature});
  }
  /// \return the sum
  Summand<double> release(const std::vector<Index>& who) {
    const auto session = std::make_shared<const Session>(cohort.members, start.terms, digest());
    MaskedSum sum{digest(), {}, survivors, masked};
    for (const KeysOfMember& one : keys) {
      if (std::find(have_shared.begin(), have_shared.end(), one.member) != have_shared.end())
        sum.keys.emplace(one.member, one.keys);
    }
    CollectingConfirmations confirmations(session, sum);
    for (const Confirmation& one : signatures) REQUIRE_FALSE(confirmations.add(one.member, one.signature));
    CollectingReleases releases(std::move(confirmations));
    for (const Index i : who) REQUIRE_FALSE(releases.add(i, step<Release>(i, releases.message())));
    const RingVector opened = std::move(releases).open();
    return opened.visit([&](auto words) { return start.terms.plan.decode(words, survivors.size()); });
  }
};
const std::vector<Index> all{0, 1, 2, 3, 4};
const std::vector<Index> fewer{0, 1, 2};

void require_sum_of_all(const Summand<double>& sum) {
  REQUIRE(sum.weight == 10 + 11 + 12 + 13 + 14);
  double expected = 0;
  for (const Index i : all) expected += (10.0 + i) * (0.1 * (i + 1) + 0.01 * 0.3);
  // Each update is off by less than a level, 2 / 256, times its weight.
  for (const double value : sum.vectors[0].values.span()) CHECK(std::abs(value - expected) < 60 * 2.0 / 256);
}

}  // namespace

TEST_CASE("every step that is asked again is answered with the same bytes, and the work is done once") {
  Scene scene;
  const auto twice = [](const auto& ask) {
    const auto first = to_bytes(ask());
    const auto second = to_bytes(ask());
    CHECK(first == second);
  };
  twice([&] { return scene.handle<First>(0, scene.start); });
  scene.advertise(all);
  twice([&] { return scene.step<ShareSecrets>(0, scene.keys); });
  twice([&] { return scene.handle<First>(0, scene.start); });  // of an earlier step, too
  scene.share(all);
  twice([&] { return scene.step<HandIn>(0, scene.inbox.at(0)); });
  scene.hand_in(all);
  CHECK((*scene.trained)[0] == 1);
  twice([&] { return scene.step<Confirm>(0, scene.survivors); });
  scene.confirm(all);
  twice([&] { return scene.step<Release>(0, scene.signatures); });
  require_sum_of_all(scene.release(all));
  // A coordinator that was killed in step 5 begins at step 4 again, with the same list. Whoever signs now, the shares are the same.
  const auto shares = to_bytes(scene.step<Release>(1, scene.signatures));
  scene.confirm(fewer);
  CHECK(to_bytes(scene.step<Release>(1, scene.signatures)) == shares);
  require_sum_of_all(scene.release(fewer));
  for (const Index i : all) CHECK((*scene.trained)[i] == 1);
}

TEST_CASE("a step that is asked again with something else in it is refused, and what was answered stands") {
  Scene scene;
  scene.advertise(all);
  scene.share(all);
  KeyList other_keys = scene.keys;
  other_keys.pop_back();
  CHECK(error_of([&] { (void)scene.step<ShareSecrets>(0, other_keys); }) == "secagg_replay");
  scene.hand_in(all);
  CHECK(error_of([&] { (void)scene.step<HandIn>(0, scene.inbox.at(1)); }) == "secagg_replay");
  scene.confirm(all);
  CHECK(error_of([&] { (void)scene.step<Confirm>(0, fewer); }) == "secagg_survivors");
  CHECK(error_of([&] { (void)scene.step<HandIn>(0, scene.inbox.at(0)); }) == "secagg_replay");  // it has come
  require_sum_of_all(scene.release(all));
  CHECK(error_of([&] { (void)scene.step<Confirm>(0, fewer); }) == "secagg_survivors");
}

TEST_CASE("without a kept vector a second hand-in is refused") {
  Scene scene(false);
  scene.advertise(all);
  scene.share(all);
  scene.hand_in(all);
  CHECK(error_of([&] { (void)scene.step<HandIn>(0, scene.inbox.at(0)); }) == "secagg_replay");
  scene.confirm(all);
  require_sum_of_all(scene.release(all));
}

TEST_CASE("a member that was restarted within a sum has dropped out of it, at whatever step") {
  for (int at = 2; at <= 5; ++at) {
    CAPTURE(at);
    Scene scene;
    std::vector<Index> here = all;
    const auto lose = [&](int step, const std::function<void()>& ask) {
      if (step != at) return;
      scene.restart(4);
      CHECK(error_of(ask) == "secagg_replay");
      here = {0, 1, 2, 3};
    };
    scene.advertise(all);
    lose(2, [&] { (void)scene.step<ShareSecrets>(4, scene.keys); });
    scene.share(here);
    lose(3, [&] { (void)scene.step<HandIn>(4, scene.inbox.at(4)); });
    scene.hand_in(here);
    lose(4, [&] { (void)scene.step<Confirm>(4, scene.survivors); });
    scene.confirm(here);
    lose(5, [&] { (void)scene.step<Release>(4, scene.signatures); });
    const Summand<double> sum = scene.release(here);
    CHECK(sum.weight == (at <= 3 ? 10 + 11 + 12 + 13 : 10 + 11 + 12 + 13 + 14));
  }
}

TEST_CASE("a coordinator that runs a round again with other survivors is refused, whoever was restarted") {
  for (const bool restarted : {false, true}) {
    CAPTURE(restarted);
    Scene scene;
    scene.advertise(all);
    scene.share(all);
    scene.hand_in(all);
    scene.confirm(all);
    require_sum_of_all(scene.release(all));
    if (restarted) {
      for (const Index i : all) scene.restart(i);
    }
    // Were they to take part, the difference of the two sums would be that of members 3 and 4.
    const auto all_refuse = [&] {
      for (const Index i : fewer)
        CHECK(error_of([&] { (void)scene.handle<First>(i, scene.start); }) == "secagg_replay");
    };
    all_refuse();
    scene.ask({1, 1, 0}, 1);  // the same round on other terms
    all_refuse();
    scene.ask({1, 1, 1});  // another attempt
    all_refuse();
    scene.ask({1, 1, 0}, 0, 0.30001);  // a model that is hardly another
    all_refuse();
    for (const Index i : all) CHECK((*scene.trained)[i] == 1);
    scene.ask({1, 2, 0});  // a round that follows
    scene.advertise(all);
    scene.share(all);
    scene.hand_in(all);
    scene.confirm(all);
    require_sum_of_all(scene.release(all));
    scene.ask({1, 1, 5});  // and the one before, replayed
    all_refuse();
  }
}

TEST_CASE("a coordinator that begins anew can no more open what it had begun") {
  Scene scene;
  scene.advertise(all);
  scene.share(all);
  scene.hand_in(all);
  scene.confirm(all);
  const Digest before = scene.digest();
  const auto signatures = scene.signatures;
  // Three of five hear of a new attempt: their keys of the old one are gone, and two are too few to open it.
  scene.ask({1, 1, 0}, 1);
  scene.advertise(fewer);
  for (const Index i : fewer) {
    CHECK(error_of([&] {
            (void)scene.handle<Confirm>(i, Confirm::Broadcast{scene.start.id, before, all});
          }) == "secagg_replay");
    CHECK(error_of([&] {
            (void)scene.handle<Release>(i, Release::Broadcast{scene.start.id, before, signatures});
          }) == "secagg_replay");
  }
  scene.share(fewer);
  scene.hand_in(fewer);
  scene.confirm(fewer);
  CHECK(scene.release(fewer).weight == 10 + 11 + 12);
  // The same request as before: nobody has trained again.
  for (const Index i : all) CHECK((*scene.trained)[i] == 1);
}

TEST_CASE("a message of another sum, and one that is refused, change nothing") {
  Scene scene;
  scene.advertise(all);
  scene.share(all);
  scene.hand_in(all);
  CHECK(error_of([&] {
          (void)scene.handle<Confirm>(0, Confirm::Broadcast{scene.start.id, {{9}}, scene.survivors});
        }) == "secagg_replay");
  First::Broadcast weak = scene.start;
  weak.terms.parameters.threshold = 2;
  CHECK(error_of([&] { (void)scene.handle<First>(0, weak); }) == "secagg_terms");
  scene.confirm(all);
  require_sum_of_all(scene.release(all));
}

TEST_CASE("the round of the work, which a policy judges, is that of the terms and of each step") {
  Scene scene;
  First::Broadcast two_faced = scene.start;
  auto work = *two_faced.work;
  work.id = {17, 5, 0};
  two_faced.work = std::make_shared<const TrainBroadcast<double>>(std::move(work));
  CHECK(error_of([&] { (void)scene.handle<First>(0, two_faced); }) == "secagg_terms");
  scene.advertise(all);
  CHECK(
      error_of([&] {
        (void)scene.handle<ShareSecrets>(0, ShareSecrets::Broadcast{{17, 5, 0}, scene.digest(), scene.keys});
      }) == "secagg_replay");
  scene.share(all);
  scene.hand_in(all);
  scene.confirm(all);
  require_sum_of_all(scene.release(all));
}

TEST_CASE("nothing is released that cannot be written down before") {
  Scene scene;
  scene.advertise(all);
  scene.share(all);
  scene.hand_in(all);
  scene.confirm(all);
  std::filesystem::create_directory(scene.folder.file("0"));  // where its file would be
  CHECK(error_of([&] { (void)scene.step<Release>(0, scene.signatures); }) == "file");
  CHECK(error_of([&] { (void)scene.step<Release>(0, scene.signatures); }) == "secagg_replay");
  require_sum_of_all(scene.release({1, 2, 3}));
}

}  // namespace secagg_secure_handlers_test
