// Regions with secure sums of their own: the coordinator above sees the sum of each region, and no relay sees a single update.
#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/relay.hpp"
#include "healthai/transport/relays.hpp"
#include "secagg/steps.hpp"

namespace secagg_regions_test {

using namespace healthai;
using namespace secagg_steps_test;

namespace {

/// Members first, first + 1, ... with keys and a coordinator of their own, of whom member `lost` is absent in round 2.
struct Region {
  Keys keys;
  InProcess hospitals{{.threads = 1}};
  SecureAggregation<InProcess> secure;

  Region(std::size_t first, std::size_t count, std::size_t lost)
      : keys(count), secure(with_hospitals(first, lost), renamed(first), secagg_steps_test::options()) {}

 private:
  static ClientId name(std::size_t i) { return ClientId("site" + std::to_string(i)); }
  [[nodiscard]] std::shared_ptr<const secagg::Members> renamed(std::size_t first) const {
    std::vector<secagg::Member> list;
    for (std::size_t i = 0; i < keys.own.size(); ++i)
      list.push_back({name(first + i), {keys.own[i].public_key()}});
    return std::make_shared<const secagg::Members>(std::move(list));
  }
  InProcess& with_hospitals(std::size_t first, std::size_t lost) {
    const auto members = renamed(first);
    for (std::size_t i = 0; i < keys.own.size(); ++i) {
      Exact client{first + i, {}};
      if (first + i == lost) client.absent = {2};
      hospitals.add(name(first + i), secagg::secure_handlers<Train<double>>(
                                         TaskHandlers::of(client),
                                         {name(first + i), keys.own[i], members, {.options = lenient}, {}}));
    }
    return hospitals;
  }
};

}  // namespace

TEST_CASE("Two regions with secure sums have the bits of the plain federation, with a drop-out too") {
  constexpr std::size_t lost = 5;
  Region south(0, 4, lost);
  Region north(4, 5, lost);
  InProcess both({.threads = 1});
  both.add("south", relay_handlers<Train<double>>(south.secure));
  both.add("north", relay_handlers<Train<double>>(north.secure));
  Relays relays{both};
  InProcess flat({.threads = 1});
  for (std::size_t i = 0; i < 9; ++i) {
    Exact client{i, {}};
    if (i == lost) client.absent = {2};
    flat.add(ClientId("site" + std::to_string(i)), client);
  }
  FederationOptions options{.rounds = 3};
  Federation federation{FedAvg{}, relays, options};
  Federation plain{FedAvg{}, flat, options};
  const auto found = federation.run(Parameters<double>(layout));
  const auto expected = plain.run(Parameters<double>(layout));
  CHECK(found.parameters.flat() == expected.parameters.flat());
  CHECK(found.parameters.flat().norm() > 1);
  for (std::size_t r = 0; r < 3; ++r)
    CHECK(found.history.at(r).participants == expected.history.at(r).participants);
  REQUIRE(found.history[1].failures.size() == 1);
  CHECK(found.history[1].failures[0].message == "relay north: client site5 threw: not in this round");
}

}  // namespace secagg_regions_test
