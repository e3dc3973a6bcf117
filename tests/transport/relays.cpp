#include "healthai/transport/relays.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "regions.hpp"

namespace transport_relays_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

static_assert(SummingTransport<Relays<InProcess>, Train<double>>);
static_assert(SummingTransport<Relays<InProcess>, Evaluate<float>>);
static_assert(!Transport<Relays<InProcess>, Train<double>>, "a relay shows no reply of its clients");

const Layout layout{{"w", {2}}};
using Part = PartialAggregate<WeightedMean, double>;
using Sum = PartialSum<Train<double>, WeightedMean>;

Parameters<double> vector_of(double a, double b) {
  return {layout, std::vector<double>{a, b}};
}
auto work() {
  return shared(TrainBroadcast<double>{{1, 1, 0}, 0, vector_of(0, 0), {}});
}

template <class Aggregator = WeightedMean, class World>
auto sum_of(World& world, const std::vector<ClientId>& ids, Deadline deadline = Deadline::max(),
            const SumRules& rules = {}) {
  return world.template sum<Train<double>>(Aggregator{}, ids, work(), deadline, rules);
}

std::vector<std::string> errors_of(const std::vector<Failure>& failures) {
  std::vector<std::string> texts;
  for (const Failure& failure : failures) texts.push_back(failure.client.str() + ":" + failure.error);
  return texts;
}

std::shared_ptr<InProcess> hosting(const std::vector<std::pair<std::string, Scripted>>& clients) {
  auto region = std::make_shared<InProcess>(InProcessOptions{.threads = 2});
  for (const auto& [id, client] : clients) region->add(id, client);
  return region;
}

struct Leaf {
  Parameters<double> update;
  double rows;
};

/// Any tree of relays over `leaves`, the first of which is called `c1000 + first`.
template <class Aggregator>
TaskHandlers any_region(const std::vector<Leaf>& leaves, std::size_t first, std::size_t count, int depth) {
  const auto groups = depth == 0 ? 0 : *rc::gen::inRange<std::size_t>(0, 4);
  if (groups == 0) {
    auto region = std::make_shared<InProcess>(InProcessOptions{.threads = 1});
    for (std::size_t i = first; i < first + count; ++i)
      region->add("c" + std::to_string(1000 + i), fixed(leaves[i].update, leaves[i].rows));
    return relay_handlers(region, Aggregator{});
  }
  auto level = std::make_shared<Level>(RelaysOptions{}, 1);
  for (std::size_t g = 0; g < groups; ++g) {
    const auto size = g + 1 == groups ? count : *rc::gen::inRange<std::size_t>(0, count + 1);
    // In reverse, so that the order of relays is not that of clients.
    level->hosts.add("r" + std::to_string(9 - g), any_region<Aggregator>(leaves, first, size, depth - 1));
    first += size;
    count -= size;
  }
  return relay_handlers(region_of(level), Aggregator{});
}

/// The sum over any tree, beside the sum over the same clients without one. \return the number of clients
template <class Aggregator>
std::size_t any_sums(Parameters<double>& flat, Parameters<double>& tree, double magnitude) {
  std::vector<Leaf> leaves;
  std::vector<ClientId> ids;
  auto state = Aggregator{}.template begin<double>(layout);
  const auto count = *rc::gen::inRange<std::size_t>(1, 30);
  for (std::size_t i = 0; i < count; ++i) {
    const auto number = [magnitude] {
      const double fraction = 1e-9 * *rc::gen::inRange(-1000000000, 1000000000);
      return std::ldexp(fraction, *rc::gen::inRange(-static_cast<int>(magnitude), 1));
    };
    leaves.push_back({vector_of(number(), number()), 0.125 * *rc::gen::inRange(1, 1000)});
    ids.push_back("c" + std::to_string(1000 + i));
    state.add(Update<double>{leaves[i].update, leaves[i].rows});
  }
  flat = state.finish();
  Level world({}, 1);
  world.hosts.add("all", any_region<Aggregator>(leaves, 0, count, 2));
  RC_ASSERT(world.world.clients() == ids);
  auto sum = sum_of<Aggregator>(world.world, ids);
  RC_ASSERT(sum.failures.empty());
  RC_ASSERT(sum.contributors == ids);
  RC_ASSERT(sum.states.size() == 1U);
  RC_ASSERT(sum.states[0].count() == count);
  tree = sum.states[0].finish();
  return count;
}

}  // namespace

TEST_CASE("in the reproducible mode any tree of relays gives the bits of none") {
  CHECK(rc::check([] {
    Parameters<double> flat, tree;
    any_sums<ReproducibleMean>(flat, tree, 200);
    RC_ASSERT(std::memcmp(flat.data(), tree.data(), flat.size_bytes()) == 0);
  }));
}

TEST_CASE("in the default mode only roundings of the sums differ") {
  CHECK(rc::check([] {
    Parameters<double> flat, tree;
    const std::size_t count = any_sums<WeightedMean>(flat, tree, 20);
    // Two orders of n products of at most rows * 1: each sum is off by (n + 1) 2^-53 of the sum of magnitudes at most, which after
    // division is at most 1; and each quotient is rounded.
    const double bound = 2 * (static_cast<double>(count) + 3) * 0x1p-53;
    RC_ASSERT(bound < 1e-12);
    for (std::size_t i = 0; i < 2; ++i) RC_ASSERT(std::abs(flat.data()[i] - tree.data()[i]) <= bound);
  }));
}

TEST_CASE("a failing client is named with its relay, at any depth") {
  Level inner;
  inner.hosts.add(
      "town", relay_handlers(hosting({{"a", fixed(vector_of(1, 2), 3)},
                                      {"b", Scripted{[](const auto&, std::stop_token) -> TrainReply<double> {
                                         throw std::runtime_error("no GPU");
                                       }}}})));
  Level outer;
  outer.hosts.add("country", relay_handlers(inner.world));
  outer.hosts.add("city", relay_handlers(hosting({{"c", fixed(vector_of(5, 2), 1)}})));
  CHECK(outer.world.clients() == std::vector<ClientId>{"a", "b", "c"});
  CHECK(outer.world.relay_of().at("b") == ClientId("country"));
  const auto sum = sum_of(outer.world, {"c", "b", "a", "nobody"});
  CHECK(sum.contributors == std::vector<ClientId>{"a", "c"});
  CHECK(sum.weight == 4);
  REQUIRE(sum.failures.size() == 2);
  CHECK(sum.failures[0] ==
        Failure{"b", "client_failed", "relay country: relay town: client b threw: no GPU"});
  CHECK(sum.failures[1] == Failure{"nobody", "no_clients", "client nobody is in the region of no relay"});
}

TEST_CASE("a relay that fails is a failure of each of its clients that was asked") {
  Level level;
  level.hosts.add("north", relay_handlers(hosting({{"a", fixed(vector_of(1, 2), 3)}})));
  TaskHandlers broken;
  broken.offer<RegionRoster>([](const Request<RegionRoster::Broadcast>&, std::stop_token) {
    return RegionRoster::Reply{{"b", "c", "d"}};
  });
  SUBCASE("it throws") {
    broken.offer<Sum>([](const Request<Sum::Broadcast>&, std::stop_token) -> Part {
      throw std::runtime_error("out of memory");
    });
    level.hosts.add("south", broken);
    const auto sum = sum_of(level.world, {"a", "b", "d"});
    CHECK(sum.contributors == std::vector<ClientId>{"a"});
    REQUIRE(errors_of(sum.failures) == std::vector<std::string>{"b:client_failed", "d:client_failed"});
    CHECK(sum.failures[1].message ==
          "client d is in the region of relay south: client south threw: out of memory");
  }
  SUBCASE("it sums with another aggregator") {
    level.hosts.add("south", broken);
    const auto sum = sum_of(level.world, {"a", "b"});
    REQUIRE(errors_of(sum.failures) == std::vector<std::string>{"b:unsupported_task"});
    CHECK(sum.failures[0].message.find("sum.train.f64/WeightedMean") != std::string::npos);
  }
  SUBCASE("it hangs") {
    broken.offer<Sum>([](const Request<Sum::Broadcast>&, std::stop_token) -> Part {
      std::this_thread::sleep_for(800ms);
      return {};
    });
    level.hosts.add("south", broken);
    const auto begin = Clock::now();
    const auto sum = sum_of(level.world, {"a", "b", "c", "d"}, begin + 200ms);
    CHECK(Clock::now() - begin < 700ms);
    CHECK(sum.contributors == std::vector<ClientId>{"a"});
    CHECK(errors_of(sum.failures) == std::vector<std::string>{"b:deadline", "c:deadline", "d:deadline"});
    // It is busy still, and says nothing: it keeps its clients, and the report says so.
    CHECK(level.world.clients() == std::vector<ClientId>{"a", "b", "c", "d"});
    const auto next = sum_of(level.world, {"a", "b"}, Clock::now() + 200ms);
    CHECK(next.contributors == std::vector<ClientId>{"a"});
    REQUIRE(errors_of(next.failures) == std::vector<std::string>{"b:deadline", "south:deadline"});
    CHECK(next.failures[1].message.find("relay south does not say who its clients are") == 0);
  }
}

TEST_CASE("a region ends before its coordinator's deadline, so that its sum is in time") {
  const Scripted hangs{[](const auto&, std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
    return TrainReply<double>{vector_of(7, 7), 1, {}, 1, true};
  }};
  const auto region = hosting({{"a", fixed(vector_of(1, 2), 3)}, {"slow", hangs}});
  Level inner;
  inner.hosts.add("town", relay_handlers(region));
  Level outer;
  outer.hosts.add("country", relay_handlers(inner.world));
  SUBCASE("what is not ready is left out") {
    const auto sum = sum_of(outer.world, {"a", "slow"}, Clock::now() + 2s);
    CHECK(sum.contributors == std::vector<ClientId>{"a"});
    REQUIRE(errors_of(sum.failures) == std::vector<std::string>{"slow:deadline"});
    CHECK(sum.failures[0].message ==
          "relay country: relay town: client slow did not reply before the deadline");
  }
  SUBCASE("or handed in, where unfinished work counts") {
    SumRules rules;
    rules.accepts_partial_work = true;
    rules.grace = 10s;
    const auto sum = sum_of(outer.world, {"a", "slow"}, Clock::now() + 400ms, rules);
    CHECK(sum.contributors == std::vector<ClientId>{"a", "slow"});
    CHECK(sum.failures.empty());
  }
  SUBCASE("a stop ends it at once") {
    std::stop_source stop;
    SumRules rules;
    rules.stop = stop.get_token();
    const std::jthread stopper([&stop] {
      std::this_thread::sleep_for(50ms);
      stop.request_stop();
    });
    const auto begin = Clock::now();
    CHECK(sum_of(outer.world, {"a", "slow"}, Clock::now() + 60s, rules).contributors.empty());
    CHECK(Clock::now() - begin < 20s);
  }
}

TEST_CASE("a client in two regions is an error that names both") {
  Level level;
  level.hosts.add("north", relay_handlers(hosting({{"a", fixed(vector_of(1, 2), 3)}})));
  const auto south = hosting({{"b", fixed(vector_of(1, 2), 1)}});
  const auto west = hosting({{"d", fixed(vector_of(1, 2), 1)}});
  SUBCASE("when they are first asked") {
    south->add("a", fixed(vector_of(9, 9), 1));
    level.hosts.add("south", relay_handlers(south));
    CHECK_THROWS_WITH_AS((void)level.world.clients(),
                         "client a is in the regions of two relays, north and south; rename one of the two "
                         "clients, or remove it from one region",
                         Error);
    CHECK_THROWS_AS((void)sum_of(level.world, {"a"}), Error);
  }
  SUBCASE("later it stays where it was") {
    level.hosts.add("south", relay_handlers(south)).add("east", relay_handlers(west));
    CHECK(level.world.clients() == std::vector<ClientId>{"a", "b", "d"});
    south->add("a", fixed(vector_of(9, 9), 1));  // after its owner in order
    west->add("b", fixed(vector_of(9, 9), 1));   // before
    (void)sum_of(level.world, {"a"});
    CHECK(level.world.clients() == std::vector<ClientId>{"a", "b", "d"});
    CHECK(level.world.relay_of().at("a") == ClientId("north"));
    CHECK(level.world.relay_of().at("b") == ClientId("south"));
    const auto sum = sum_of(level.world, {"a", "b", "d"});
    CHECK(sum.contributors == std::vector<ClientId>{"a", "b", "d"});
    CHECK(sum.weight == 5);
    REQUIRE(errors_of(sum.failures) == std::vector<std::string>{"east:invalid_id", "south:invalid_id"});
    CHECK(sum.failures[0].message.find("client b is in the regions of two relays, east and south") == 0);
  }
  SUBCASE("and one that is new to both is in neither") {
    level.hosts.add("south", relay_handlers(south)).add("east", relay_handlers(west));
    (void)sum_of(level.world, {"a"});
    south->add("x", fixed(vector_of(9, 9), 1));
    west->add("x", fixed(vector_of(9, 9), 1));
    CHECK(level.world.clients() == std::vector<ClientId>{"a", "b", "d"});
    const auto sum = sum_of(level.world, {"a", "b", "d", "x"});
    CHECK(sum.contributors == std::vector<ClientId>{"a", "b", "d"});
    REQUIRE(errors_of(sum.failures) == std::vector<std::string>{"x:invalid_id"});
    CHECK(sum.failures[0].message.find("client x is in the regions of two relays, east and south") == 0);
  }
}

TEST_CASE("relays that come, and clients that come and go, are seen") {
  Level level;
  CHECK(level.world.clients().empty());
  const auto north = hosting({{"a", fixed(vector_of(1, 2), 3)}});
  level.hosts.add("north", relay_handlers(north));
  CHECK(level.world.clients() == std::vector<ClientId>{"a"});
  north->add("b", fixed(vector_of(3, 2), 3));
  CHECK(level.world.clients() == std::vector<ClientId>{"a"});  // nobody was asked again
  CHECK(sum_of(level.world, {"a"}).contributors.size() == 1);
  CHECK(level.world.clients() == std::vector<ClientId>{"a", "b"});
  level.hosts.add("south", relay_handlers(hosting({{"c", fixed(vector_of(1, 2), 3)}})));
  CHECK(level.world.clients() == std::vector<ClientId>{"a", "b", "c"});
  const auto traffic = level.world.traffic();
  CHECK(traffic.sent > 0);
  CHECK(traffic.received > 0);
}

TEST_CASE("what cannot be is believed of no relay, and costs nobody else's sum") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto honest = [](const std::vector<ClientId>& clients) {
    Part part;
    part.states.push_back(WeightedMean{}.begin<double>(layout));
    for (const ClientId& client : clients) {
      part.states[0].add({vector_of(1, 1), 2});
      part.weight += 2;
      part.contributors.push_back(client);
    }
    return part;
  };
  /// What becomes of b and c when the relay "south" answers `lie` for them; a is with another relay.
  const auto told = [](Part lie) {
    InProcess hosts({.threads = 2});
    hosts.add("north", relay_handlers(hosting({{"a", fixed(vector_of(5, 5), 2)}})));
    TaskHandlers liar;
    liar.offer<RegionRoster>([](const Request<RegionRoster::Broadcast>&, std::stop_token) {
      return RegionRoster::Reply{{"b", "c"}};
    });
    liar.offer<Sum>([lie](const Request<Sum::Broadcast>&, std::stop_token) { return lie; });
    hosts.add("south", liar).add("aaa", TaskHandlers{});
    Relays world{hosts};
    SumRules rules;
    rules.extra_vectors.emplace();
    auto sum = sum_of(world, {"a", "b", "c"}, Deadline::max(), rules);
    std::string text;
    if (sum.contributors == std::vector<ClientId>{"a"}) {
      CHECK(sum.weight == 2);
      CHECK(sum.states.at(0).finish().data()[0] == 5);
    } else {
      text = std::to_string(sum.contributors.size()) + " summed; ";
    }
    for (const Failure& failure : sum.failures) {
      if (failure.client != ClientId("aaa")) text += failure.error + ": " + failure.message + "; ";
    }
    return text;
  };
  const auto both = [](const std::string& what) {
    std::string text;
    for (const char* client : {"b", "c"}) {
      text += "invalid_reply: client " + std::string(client) +
              " is in the region of relay south: relay south sent " + what + "; ";
    }
    return text;
  };
  CHECK(told(honest({"b", "c"})) == "3 summed; ");
  CHECK(told(honest({"b"})) ==
        "2 summed; invalid_reply: relay south was asked for client c and does not say what became of it; ");
  CHECK(told({}) ==
        "invalid_reply: relay south was asked for client b and does not say what became of it; "
        "invalid_reply: relay south was asked for client c and does not say what became of it; ");
  CHECK(told(honest({"b", "a"})) == both("a sum that client a is in, who was not asked"));
  CHECK(told(honest({"b", "b"})) == both("client b twice"));
  Part part = honest({"b", "c"});
  part.weight = nan;
  CHECK(told(part) == both("a weight that is negative or not finite"));
  part.weight = 0;
  CHECK(told(part) == both("a sum of the weight 0"));
  part = honest({"b", "c"});
  part.contributors.pop_back();
  CHECK(told(part) == both("a sum of 2 updates of 1 clients"));
  part = honest({"b", "c"});
  part.states[0] = WeightedMean{}.begin<double>(layout);
  CHECK(told(part) == both("a sum of 0 updates of 2 clients"));
  part.states.clear();
  CHECK(told(part) == both("a sum without an update"));
  part = honest({"b", "c"});
  part.states.push_back(part.states[0]);
  CHECK(told(part) == both("the sums of 2 vectors; expected 1"));
  part = honest({"b", "c"});
  part.states[0] = WeightedMean{}.begin<double>(Layout{{"v", {2}}});
  CHECK(told(part) == both("a sum of the layout v[2]; expected w[2]"));
  part = honest({"b"});
  part.failures = {{"c", "refused", "no"}, {"a", "refused", "not its own to say"}};
  CHECK(told(part) == "2 summed; refused: relay south: no; ");
}

TEST_CASE("of vectors that nobody has announced, relays must send the same") {
  InProcess hosts({.threads = 1});
  const auto with_extra = [](TrainReply<double> reply) {
    return Scripted{[reply](const auto&, std::stop_token) { return reply; }};
  };
  TrainReply<double> one{vector_of(1, 1), 1, {}, 1, false};
  TrainReply<double> two = one;
  two.extra.push_back({"c", true, vector_of(2, 2)});
  hosts.add("north", relay_handlers(hosting({{"a", with_extra(two)}})));
  hosts.add("south", relay_handlers(hosting({{"b", with_extra(one)}})));
  Relays world{hosts};
  const auto sum = sum_of(world, {"a", "b"});
  CHECK(sum.contributors == std::vector<ClientId>{"a"});
  CHECK(sum.states.size() == 2);
  REQUIRE(sum.failures.size() == 1);
  CHECK(sum.failures[0].message ==
        "client b is in the region of relay south: relay south sent the sums of 1 vectors; expected 2");
}

TEST_CASE("evaluations are summed, without vectors") {
  Level level;
  level.hosts.add(
      "north", relay_handlers(hosting({{"a", fixed(vector_of(1, 2), 3)}, {"b", fixed(vector_of(1, 2), 3)}})));
  level.hosts.add("south", relay_handlers(hosting({{"c", fixed(vector_of(1, 2), 3)}})));
  const std::vector<ClientId> ids{"a", "b", "c"};
  const auto sum = level.world.sum<Evaluate<double>>(
      WeightedMean{}, ids, shared(EvaluateBroadcast<double>{{}, vector_of(0, 0)}), Deadline::max());
  CHECK(sum.contributors == ids);
  CHECK(sum.states.empty());
  CHECK(sum.weight == 6);
  CHECK(metrics_of(sum.scalars)["loss"] == 1.5);  // (3 * 3) / (3 * 2)
}

TEST_CASE("options outside their range are refused") {
  InProcess hosts;
  CHECK_THROWS_WITH_AS((Relays{hosts, {.margin = -1ms}}), "relays: margin must not be negative", Error);
  CHECK_THROWS_WITH_AS((Relays{hosts, {.roster_deadline = 0ms}}), "relays: roster_deadline must be positive",
                       Error);
}

}  // namespace transport_relays_test
