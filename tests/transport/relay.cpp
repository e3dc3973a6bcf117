#include "healthai/transport/relay.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/compression/compressed.hpp"
#include "healthai/compression/top_k.hpp"
#include "regions.hpp"

namespace transport_relay_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

const Layout layout{{"w", {2}}};
using Sum = PartialSum<Train<double>, WeightedMean>;

Parameters<double> vector_of(double a, double b) {
  return {layout, std::vector<double>{a, b}};
}

Sum::Broadcast request() {
  Sum::Broadcast broadcast;
  broadcast.work = shared(TrainBroadcast<double>{{1, 1, 0}, 0, vector_of(0, 0), {}});
  return broadcast;
}

/// What a relay called "north" answers.
std::variant<Sum::Reply, Failure> answer(const TaskHandlers& relay, Sum::Broadcast broadcast = request()) {
  InProcess relays({.threads = 2});
  relays.add("north", relay);
  const std::vector<ClientId> ids{"north"};
  relays.send<Sum>(ids, shared(std::move(broadcast)));
  return relays.next<Sum>(Deadline::max())->result;
}
Sum::Reply sum_of(const TaskHandlers& relay, Sum::Broadcast broadcast = request()) {
  auto result = answer(relay, std::move(broadcast));
  if (const auto* failure = std::get_if<Failure>(&result)) throw std::runtime_error(failure->message);
  return std::get<Sum::Reply>(std::move(result));
}

std::vector<std::string> errors_of(const std::vector<Failure>& failures) {
  std::vector<std::string> texts;
  for (const Failure& failure : failures) texts.push_back(failure.client.str() + ":" + failure.error);
  return texts;
}

/// A reply of one row that `change` has made different.
template <class Change>
Scripted changed(Change change) {
  return {[change](const auto&, std::stop_token) {
    TrainReply<double> reply{vector_of(1, 1), 1, {}, 1, false};
    change(reply);
    return reply;
  }};
}

/// Hands in one step when it is asked to stop.
Scripted patient() {
  return {[](const auto&, std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
    TrainReply<double> reply{vector_of(5, 5), 1, {}, 1, true};
    return reply;
  }};
}

}  // namespace

TEST_CASE("a relay answers with the sum of its region") {
  InProcess north({.threads = 1});
  north.add("a", fixed(vector_of(1, 2), 3)).add("b", fixed(vector_of(5, -2), 1));
  auto part = sum_of(relay_handlers(north));
  REQUIRE(part.states.size() == 1);
  CHECK(part.states[0].weight() == 4);
  CHECK(part.states[0].count() == 2);
  CHECK(part.weight == 4);
  CHECK(part.contributors == std::vector<ClientId>{"a", "b"});
  CHECK(part.failures.empty());
  CHECK(part.scalars ==
        std::vector<SummandScalar>{{"local_steps", 2}, {"metric/loss/n", 4}, {"metric/loss/d", 8}});
  const auto mean = part.states[0].finish();
  CHECK(mean.data()[0] == 2);  // (3 * 1 + 5) / 4
  CHECK(mean.data()[1] == 1);  // (3 * 2 - 2) / 4
}

TEST_CASE("it makes the checks of a federation") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  InProcess north({.threads = 1});
  north.add("good", fixed(vector_of(1, 2), 3));
  north.add("layout", changed([](auto& r) { r.update = Parameters<double>(Layout{{"v", {2}}}); }));
  north.add("metric", changed([nan](auto& r) { r.metrics.add("loss", nan, 1); }));
  north.add("nan", changed([nan](auto& r) { r.update.data()[0] = nan; }));
  north.add("partial", changed([](auto& r) { r.partial = true; }));
  north.add("rows", changed([](auto& r) { r.num_examples = 0; }));
  north.add("throws", Scripted{[](const auto&, std::stop_token) -> TrainReply<double> {
              throw std::runtime_error("no GPU");
            }});
  north.add("undecodable", changed([](auto& r) {
              r.update = {};
              r.compressed.emplace();
            }));
  const auto relay = relay_handlers(north);
  auto part = sum_of(relay);
  CHECK(part.contributors == std::vector<ClientId>{"good"});
  CHECK(part.weight == 3);
  CHECK(part.states.at(0).finish().data()[1] == 2);
  REQUIRE(part.failures.size() == 7);
  CHECK(part.failures[5].message == "client throws threw: no GPU");
  part.failures.pop_back();  // whatever the decoder says
  CHECK(errors_of(part.failures) == std::vector<std::string>{"layout:layout_mismatch", "metric:not_finite",
                                                             "nan:not_finite", "partial:partial_work",
                                                             "rows:invalid_reply", "throws:client_failed"});

  auto lenient = request();
  lenient.accepts_partial_work = true;
  CHECK(sum_of(relay, lenient).contributors == std::vector<ClientId>{"good", "partial"});
}

TEST_CASE("extra vectors are those that the coordinator asks for, else those of the first") {
  InProcess north({.threads = 1});
  north.add("a", changed([](auto& r) { r.extra.push_back({"c", true, vector_of(1, 0)}); }));
  north.add("b", changed([](auto& r) { r.extra.push_back({"c", true, vector_of(3, 0)}); }));
  north.add("c", changed([](auto&) {}));
  north.add("d", changed([](auto& r) { r.extra.push_back({"c", false, vector_of(3, 0)}); }));
  const auto relay = relay_handlers(north);
  auto part = sum_of(relay);
  CHECK(part.contributors == std::vector<ClientId>{"a", "b"});
  REQUIRE(part.states.size() == 2);
  CHECK(part.states[1].finish().data()[0] == 2);
  CHECK(errors_of(part.failures) == std::vector<std::string>{"c:invalid_reply", "d:invalid_reply"});

  auto none = request();
  none.extra_vectors.emplace();
  part = sum_of(relay, none);
  CHECK(part.contributors == std::vector<ClientId>{"c"});
  CHECK(part.states.size() == 1);
}

TEST_CASE("compressed updates are summed as what they stand for") {
  struct Trains {
    TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
      return {vector_of(0.5, 8), 2, {}, 1, false};
    }
    EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {1, {}}; }
  };
  InProcess north({.threads = 1});
  north.add("a", Compressed{Trains{}, TopK{.share = 0.5}});
  auto part = sum_of(relay_handlers(north));
  REQUIRE(part.contributors.size() == 1);
  const auto mean = part.states[0].finish();
  CHECK(mean.data()[0] == 0);
  CHECK(mean.data()[1] == 8);
}

TEST_CASE("only those are asked that the coordinator means") {
  InProcess north({.threads = 1});
  north.add("a", fixed(vector_of(1, 2), 3)).add("b", fixed(vector_of(5, -2), 1));
  const auto relay = relay_handlers(north);
  auto some = request();
  some.shares = {{"east", {"x"}}, {"north", {"absent", "b"}}};
  const auto part = sum_of(relay, some);
  CHECK(part.contributors == std::vector<ClientId>{"b"});
  CHECK(errors_of(part.failures) == std::vector<std::string>{"absent:no_clients"});

  some.shares = {{"east", {"x"}}};
  auto result = answer(relay, some);
  REQUIRE(std::holds_alternative<Failure>(result));
  CHECK(std::get<Failure>(result).message ==
        "relay north was sent a request that is for the clients of other relays only");
  auto empty = request();
  empty.work = nullptr;
  CHECK_THROWS_WITH_AS((void)relay.handle<Sum>({shared(empty), "north"}, {}),
                       "a partial sum was asked for without any work", Error);
}

TEST_CASE("the roster is who is there") {
  auto north = std::make_shared<InProcess>();
  north->add("b", TaskHandlers{}).add("a", TaskHandlers{});
  const auto relay = relay_handlers(north);
  CHECK(relay.offers<RegionRoster>());
  CHECK(relay.offers<Sum>());
  CHECK_FALSE(relay.offers<PartialSum<Train<float>, WeightedMean>>());
  const Request<RegionRoster::Broadcast> who{shared(RegionRoster::Broadcast{}), "north"};
  CHECK(relay.handle<RegionRoster>(who, {}).clients == std::vector<ClientId>{"a", "b"});
  north->add("c", TaskHandlers{});
  CHECK(relay.handle<RegionRoster>(who, {}).clients == std::vector<ClientId>{"a", "b", "c"});
}

TEST_CASE("a region past its deadline hands in those who replied") {
  auto north = std::make_shared<InProcess>(InProcessOptions{.threads = 2});
  north->add("a", fixed(vector_of(1, 2), 3)).add("slow", patient());
  SUBCASE("the coordinator's") {
    auto hurried = request();
    hurried.patience_ms = 50;
    const auto part = sum_of(relay_handlers(north), hurried);
    CHECK(part.contributors == std::vector<ClientId>{"a"});
    CHECK(errors_of(part.failures) == std::vector<std::string>{"slow:deadline"});
  }
  SUBCASE("its own, when that is earlier") {
    auto late = request();
    late.patience_ms = std::numeric_limits<std::uint64_t>::max();
    const auto part = sum_of(relay_handlers(north, WeightedMean{}, {.deadline = 50ms}), late);
    CHECK(part.contributors == std::vector<ClientId>{"a"});
    CHECK(errors_of(part.failures) == std::vector<std::string>{"slow:deadline"});
  }
  SUBCASE("with a time of grace for partial work") {
    auto kind = request();
    kind.patience_ms = 50;
    kind.grace_ms = 20000;
    kind.accepts_partial_work = true;
    const auto part = sum_of(relay_handlers(north), kind);
    CHECK(part.contributors == std::vector<ClientId>{"a", "slow"});
  }
}

TEST_CASE("asked to stop, it hands in those who replied") {
  auto north = std::make_shared<InProcess>(InProcessOptions{.threads = 2});
  const auto replied = std::make_shared<std::atomic<bool>>(false);
  north->add("a", Scripted{[replied](const auto&, std::stop_token) {
               *replied = true;
               return TrainReply<double>{vector_of(1, 2), 3, {}, 1, false};
             }});
  north->add("slow", patient());
  InProcess relays({.threads = 1});
  relays.add("north", relay_handlers(north));
  const std::vector<ClientId> ids{"north"};
  relays.send<Sum>(ids, shared(request()));
  CHECK_FALSE(relays.next<Sum>(Clock::now() + 10ms));
  while (!*replied) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(50ms);
  relays.stop<Sum>();
  const auto delivery = relays.next<Sum>(Clock::now() + 20s);
  REQUIRE(delivery);
  REQUIRE(std::holds_alternative<Sum::Reply>(delivery->result));
  const auto& part = std::get<Sum::Reply>(delivery->result);
  CHECK(part.contributors == std::vector<ClientId>{"a"});
  CHECK(errors_of(part.failures) == std::vector<std::string>{"slow:deadline"});
}

TEST_CASE("a sum of fewer than the quorum does not leave the region") {
  InProcess north({.threads = 1});
  north.add("a", fixed(vector_of(1, 2), 3)).add("b", fixed(vector_of(5, -2), 1));
  const auto relay = relay_handlers(north, WeightedMean{}, {.quorum = 2});
  CHECK(sum_of(relay).contributors.size() == 2);
  auto one = request();
  one.shares = {{"north", {"b"}}};
  const auto part = sum_of(relay, one);
  CHECK(part.contributors.empty());
  CHECK(part.states.empty());
  CHECK(part.scalars.empty());
  CHECK(part.weight == 0);
  REQUIRE(errors_of(part.failures) == std::vector<std::string>{"b:below_quorum"});
  CHECK(part.failures[0].message ==
        "client b replied, but only 1 of the region did, and a sum of fewer than 2 does not leave it");
}

TEST_CASE("options outside their range are refused") {
  InProcess north;
  CHECK_THROWS_WITH_AS((void)relay_handlers(north, WeightedMean{}, {.quorum = 0}),
                       "relay: quorum must be at least 1", Error);
  CHECK_THROWS_WITH_AS((void)relay_handlers(north, WeightedMean{}, {.deadline = 0ms}),
                       "relay: deadline must be positive", Error);
  CHECK_THROWS_WITH_AS((void)relay_handlers(std::shared_ptr<InProcess>()), "relay: there is no region",
                       Error);
}

namespace {

/// Additive work that the relay knows nothing of.
struct Count {
  using Scalar = double;
  struct Broadcast {
    template <class Archive>
    void serialize(Archive&, unsigned) {}
  };
  struct Reply {
    Summand<double> summand{};
    template <class Archive>
    void serialize(Archive& archive, unsigned) {
      archive& summand;
    }
  };
  static constexpr std::string_view name = "count";
  static Summand<double> summand(Reply reply) {
    if (reply.summand.weight == 13) throw Error(error::invalid_data, "an unlucky number");
    return std::move(reply.summand);
  }
  static std::size_t bytes(const Broadcast&) { return 0; }
  static std::size_t bytes(const Reply&) { return 0; }
};

TaskHandlers counts(Summand<double> summand) {
  TaskHandlers handlers;
  handlers.offer<Count>(
      [summand](const Request<Count::Broadcast>&, std::stop_token) { return Count::Reply{summand}; });
  return handlers;
}

}  // namespace

TEST_CASE("other tasks are summed too, after checks of their own") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  using CountSum = PartialSum<Count, ReproducibleMean>;
  InProcess north({.threads = 1});
  const auto vectors = [](double a, const char* name = "v") {
    return std::vector<SummandVector<double>>{{name, true, vector_of(a, 1)}};
  };
  north.add("a", counts({2, vectors(1), {{"rows", 5}}}));
  north.add("b", counts({1, vectors(4), {{"rows", 6}}}));
  north.add("c", counts({-1, vectors(4), {}}));
  north.add("d", counts({1, vectors(nan), {}}));
  north.add("e", counts({1, vectors(4), {{"rows", nan}}}));
  north.add("f", counts({1, vectors(4, "u"), {}}));
  north.add("g", counts({13, vectors(4), {}}));
  const auto relay = relay_handlers<Count>(north, ReproducibleMean{});
  CHECK_FALSE(relay.offers<PartialSum<Train<double>, ReproducibleMean>>());
  CountSum::Broadcast broadcast;
  broadcast.work = std::make_shared<const Count::Broadcast>();
  auto part = relay.handle<CountSum>({shared(broadcast), "north"}, {});
  CHECK(part.contributors == std::vector<ClientId>{"a", "b"});
  CHECK(part.scalars == std::vector<SummandScalar>{{"rows", 11}});
  CHECK(part.states.at(0).finish().data()[0] == 2);
  CHECK(errors_of(part.failures) == std::vector<std::string>{"c:invalid_reply", "d:not_finite",
                                                             "e:not_finite", "f:invalid_reply",
                                                             "g:invalid_data"});
  CHECK(part.failures[2].message == "client e sent the number rows, which is NaN or infinite");
}

}  // namespace transport_relay_test
