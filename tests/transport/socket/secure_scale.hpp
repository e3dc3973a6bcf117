#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "secagg/drop_outs.hpp"
#include "transport/socket/secure_sites.hpp"

namespace socket_test {

/// FedAvg over secure sums of so many members over TLS, some of whom are lost in certain steps, has the bits of the plain one. Members throw; from
/// the round on in which they leave their connections break off.
inline void require_plain_bits_over_tls(std::size_t count, const secagg::SecAggOptions& protocol,
                                        const DropOuts& drop_outs) {
  CAPTURE(count);
  Sites sites(count);
  SocketServer server{sites.listens()};
  std::vector<std::unique_ptr<Member>> nodes;
  for (std::size_t i = 0; i < count; ++i) {
    nodes.push_back(std::make_unique<Member>(
        sites, i, server.port(),
        [i, &drop_outs](std::uint64_t round, unsigned step) {
          if (drop_outs.silent_in(round, i) != step) return Fate::none;
          return round < drop_outs.leaving() ? Fate::refuses : Fate::leaves;
        },
        protocol));
  }
  const bool all_there = server.wait_for_clients(count, 180s);
  if (!all_there) server.finish();  // or the members would wait for ever
  REQUIRE(all_there);
  SecureAggregation secure{server, secagg::members_of(sites.roster()),
                           secagg_steps_test::options(protocol, 4000)};
  REQUIRE(secure.parameters() == secagg::SecAggParameters::of(count, protocol));
  Federation federation{FedAvg{}, secure, {.rounds = drop_outs.rounds()}};
  const auto outcome = federation.run(Parameters<double>(secagg_steps_test::layout));
  server.finish();
  drop_outs.require_plain_bits(outcome);
}
/// The same in a full graph, up to the limit; and past it nothing is opened.
inline void require_plain_bits_over_tls(std::size_t count, std::uint64_t seed) {
  const std::size_t threshold = secagg::SecAggParameters::of(count, lenient).threshold;
  require_plain_bits_over_tls(count, lenient, DropOuts(count, threshold, seed));
}

}  // namespace socket_test
