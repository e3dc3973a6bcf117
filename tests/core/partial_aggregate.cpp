#include "healthai/core/partial_aggregate.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/serialization/archive.hpp"

namespace core_partial_aggregate_test {

using namespace healthai;

namespace {

const Layout layout{{"w", {2}}};

/// A sum of clients called `prefix`0, `prefix`1, ... of these values and weights.
template <class Aggregator>
PartialAggregate<Aggregator, double> part_of(const std::string& prefix,
                                             const std::vector<std::pair<double, double>>& clients) {
  PartialAggregate<Aggregator, double> part;
  for (const auto& [value, weight] : clients) {
    if (part.states.empty()) part.states.push_back(Aggregator{}.template begin<double>(layout));
    part.states[0].add({Parameters<double>(layout, std::vector<double>{value, -value}), weight});
    part.weight += weight;
    part.contributors.emplace_back(prefix + std::to_string(part.contributors.size()));
    detail::add_scalars(part.scalars, {{"rows", weight}, {"one", 1}});
  }
  return part;
}

template <class Aggregator>
std::string refused(const PartialAggregate<Aggregator, double>& part) {
  try {
    (void)from_bytes<PartialAggregate<Aggregator, double>>(to_bytes(part));
  } catch (const Error& e) {
    CHECK(e.id() == error::archive_corrupt);
    return e.what();
  }
  return "taken";
}

/// Bytes that were changed, cut off or made longer.
std::vector<std::byte> damaged(std::vector<std::byte> bytes) {
  const auto changes = *rc::gen::inRange(1, 6);
  for (int i = 0; i < changes; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    bytes[at] = static_cast<std::byte>(*rc::gen::element<unsigned>(0, 1, 2, 0x7f, 0x80, 0xf0, 0xff));
  }
  if (*rc::gen::inRange(0, 4) == 0) bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size() + 9));
  return bytes;
}

/// Whether damaged bytes are refused with an Error, or give an aggregate that can be merged and finished, with an Error at
/// worst. \return how many were refused
template <class Aggregator>
int survive_damage() {
  int refusals = 0;
  REQUIRE(rc::check([&refusals] {
    auto part = part_of<Aggregator>("a", {{1.5, 2}, {-3, 1}});
    part.failures.push_back({"b", "deadline", "too late"});
    const auto bytes = damaged(to_bytes(part));
    try {
      auto read = from_bytes<PartialAggregate<Aggregator, double>>(bytes);
      part.merge(std::move(read));
      for (auto& state : part.states) (void)state.finish();
    } catch (const Error&) {
      ++refusals;
    }
  }));
  return refusals;
}

}  // namespace

TEST_CASE("two regions' partial aggregates merge into the mean of all their clients") {
  auto north = part_of<WeightedMean>("n", {{1, 2}, {4, 1}});
  auto south = part_of<WeightedMean>("s", {{-2, 3}});
  south.failures.push_back({"s9", "deadline", "late"});
  north.merge(std::move(south));
  CHECK(north.states[0].finish().data()[0] == 0.0);  // (1*2 + 4*1 - 2*3) / 6
  CHECK(north.weight == 6);
  CHECK(north.scalars == std::vector<SummandScalar>{{"rows", 6}, {"one", 3}});
  CHECK(north.contributors == std::vector<ClientId>{"n0", "n1", "s0"});
  CHECK(north.failures == std::vector<Failure>{{"s9", "deadline", "late"}});
}

TEST_CASE("nobody's aggregate changes nothing but who failed") {
  auto nobody = part_of<WeightedMean>("x", {});
  nobody.failures.push_back({"x", "refused", "no"});
  auto some = part_of<WeightedMean>("a", {{1, 2}});
  auto first = nobody;
  first.merge(part_of<WeightedMean>("a", {{1, 2}}));
  some.merge(std::move(nobody));
  for (auto* sum : {&first, &some}) {
    CHECK(sum->states[0].finish().data()[0] == 1.0);
    CHECK(sum->contributors == std::vector<ClientId>{"a0"});
    CHECK(sum->failures.size() == 1);
  }
}

TEST_CASE("aggregates of other vectors do not merge") {
  auto one = part_of<WeightedMean>("a", {{1, 2}});
  auto two = part_of<WeightedMean>("b", {{1, 2}});
  two.states.push_back(two.states[0]);
  CHECK_THROWS_WITH_AS(one.merge(std::move(two)), "a partial aggregate of 2 vectors was merged into one of 1",
                       Error);
  auto other = part_of<WeightedMean>("c", {{1, 2}});
  other.states[0] = WeightedMean{}.begin<double>(Layout{{"v", {2}}});
  CHECK_THROWS_AS(one.merge(std::move(other)), Error);
}

TEST_CASE("over a network nothing is rounded: any grouping gives the same bits in the reproducible mode") {
  CHECK(rc::check([] {
    const auto clients = *rc::gen::inRange<std::size_t>(1, 20);
    std::vector<std::pair<double, double>> all;
    for (std::size_t i = 0; i < clients; ++i) {
      const int exponent = *rc::gen::inRange(-60, 60);
      all.emplace_back(std::ldexp(*rc::gen::inRange(-1000000, 1000000), exponent),
                       0.25 * *rc::gen::inRange(1, 100));
    }
    auto flat = part_of<ReproducibleMean>("f", all);
    PartialAggregate<ReproducibleMean, double> grouped;
    for (std::size_t begin = 0; begin < all.size();) {
      const auto size = *rc::gen::inRange<std::size_t>(1, all.size() - begin + 1);
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto part = part_of<ReproducibleMean>("g" + std::to_string(begin) + "-",
                                                  {first, first + static_cast<std::ptrdiff_t>(size)});
      grouped.merge(from_bytes<PartialAggregate<ReproducibleMean, double>>(to_bytes(part)));
      begin += size;
    }
    const auto a = flat.states[0].finish();
    const auto b = grouped.states[0].finish();
    RC_ASSERT(std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
    RC_ASSERT(grouped.contributors.size() == clients);
  }));
}

TEST_CASE("what no clients can have contributed is refused") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const auto good = part_of<WeightedMean>("a", {{1, 2}, {4, 1}});
  CHECK(refused(good) == "taken");
  auto part = good;
  part.weight = -1;
  CHECK(refused(part) == "a partial aggregate holds a weight that is negative or not finite");
  part = good;
  part.weight = nan;
  CHECK(refused(part) == "a partial aggregate holds a weight that is negative or not finite");
  part = good;
  part.scalars[1].value = nan;
  CHECK(refused(part) == "a partial aggregate holds the number one, which is NaN or infinite");
  part = good;
  part.contributors.clear();
  CHECK(refused(part) == "a partial aggregate holds sums to which nobody has contributed");
  part = good;
  part.contributors[1] = part.contributors[0];
  CHECK(refused(part) == "a partial aggregate holds client a0 twice");
  part = good;
  part.failures.push_back({"a1", "deadline", ""});
  CHECK(refused(part) == "a partial aggregate holds client a1 twice");
  part = good;
  part.contributors[0] = ClientId();
  CHECK(refused(part) == "a partial aggregate holds a client without an id");
  part = good;
  part.states[0].add_sum(std::vector<double>{nan, 0}, 1);
  CHECK(refused(part).find("a sum that is not finite") != std::string::npos);
}

TEST_CASE("damaged bytes are an Error at worst, for every state that travels") {
  // Most changes hit numbers, which may be any finite ones; so a few are taken.
  CHECK(survive_damage<WeightedMean>() > 20);
  CHECK(survive_damage<ReproducibleMean>() > 20);
}

}  // namespace core_partial_aggregate_test
