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

/// FedAvg over secure sums of so many members over TLS, with random drop-outs in every step: up to the limit it has the bits of the plain one, and
/// past it nothing is opened. Members throw; in the last rounds their connections break off.
inline void require_plain_bits_over_tls(std::size_t count, std::uint64_t seed) {
  CAPTURE(count);
  const std::size_t threshold = secagg::SecAggParameters::of(count, lenient).threshold;
  const DropOuts drop_outs(count, threshold, seed);
  Sites sites(count);
  SocketServer server{sites.listens()};
  std::vector<std::unique_ptr<Member>> nodes;
  for (std::size_t i = 0; i < count; ++i) {
    nodes.push_back(std::make_unique<Member>(
        sites, i, server.port(), [i, &drop_outs](std::uint64_t round, unsigned step) {
          if (drop_outs.silent_in(round, i) != step) return Fate::none;
          return round < DropOuts::leaving ? Fate::refuses : Fate::leaves;
        }));
  }
  REQUIRE(server.wait_for_clients(count, 60s));
  SecureAggregation secure{server, secagg::members_of(sites.roster()), secagg_steps_test::options()};
  REQUIRE(secure.parameters().threshold == threshold);
  Federation federation{FedAvg{}, secure, {.rounds = DropOuts::rounds}};
  drop_outs.require_plain_bits(federation.run(Parameters<double>(secagg_steps_test::layout)));
  server.finish();
}

}  // namespace socket_test
