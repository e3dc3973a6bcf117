#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "transport/socket/faults/bad_wire.hpp"
#include "transport/socket/faults/watched.hpp"

namespace socket_test {

/// How the two ends of a wire are set up: without encryption, unless otherwise said.
struct Ends {
  healthai::SocketServerOptions server = plaintext();
  std::optional<healthai::TlsFiles> node_tls{};
  [[nodiscard]] healthai::SocketClientOptions to(std::uint16_t port) const {
    healthai::SocketClientOptions options = eager(port);
    options.tls = node_tls;
    options.plaintext = !node_tls;
    return options;
  }
};

/// Rounds with one node, over a wire that is cut at `after` bytes of each round's first connection. In every round the node
/// trains once and its reply is delivered once, whole.
inline void cut_at(std::size_t size, BadWire::Way way, const std::vector<std::size_t>& places,
                   const Ends& ends = {}) {
  healthai::SocketServer server{ends.server};
  BadWire wire(server.port());
  Tally tally;
  TestNode north(watched("north", tally, scales()), ends.to(wire.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  const auto broadcast = counted(2, size);
  const std::string expected = "north: " + std::to_string(size * (size - 1));
  int rounds = 0;
  for (const std::size_t after : places) {
    CAPTURE(after);
    wire.cut_next(way, after);
    server.send<Scale>(server.clients(), broadcast);
    REQUIRE(next_text(server) == expected);
    REQUIRE(tally.trained == ++rounds);
  }
  // Without a cut, to see that nothing is left over, and that the node learns what has become of its replies.
  wire.cut_next(way, 1 << 30);
  server.send<Scale>(server.clients(), broadcast);
  REQUIRE(next_text(server) == expected);
  CHECK(next_text(server, 20ms) == "nothing");
  CHECK(eventually([&] { return tally.accepted == rounds + 1; }));
  CHECK(tally.trained == rounds + 1);
  CHECK(tally.discarded == 0);
  CHECK(wire.connections() > static_cast<unsigned>(rounds));
  server.finish();
  CHECK(north.ended() == "finished");
}

/// How many bytes a connection with one round carries.
inline std::size_t bytes_of_a_round(std::size_t size, BadWire::Way way, const Ends& ends = {}) {
  healthai::SocketServer server{ends.server};
  BadWire wire(server.port());
  TestNode north("north", scales(), ends.to(wire.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  server.send<Scale>(server.clients(), counted(2, size));
  next_text(server);
  std::size_t bytes = 0;
  while (bytes != wire.carried(way)) {
    bytes = wire.carried(way);
    std::this_thread::sleep_for(50ms);
  }
  return bytes;
}

}  // namespace socket_test
