#include <doctest/doctest.h>

#include <vector>

#include "transport/socket/certificates.hpp"
#include "transport/socket/faults/cutting.hpp"

namespace transport_socket_faults_tls_cuts_test {

using namespace healthai;
using namespace socket_test;

TEST_CASE("With TLS: cut anywhere, in the handshake or in a large reply, the round ends right") {
  TestCertificates certificates;
  Ends ends;
  ends.server.plaintext = false;
  ends.server.tls = certificates.coordinator();
  ends.server.roster = Roster::read(certificates.roster({"north"}));
  ends.node_tls = certificates.site("north");
  const std::size_t size = 30'000;  // 240 KB: several records of TLS at a time
  for (const auto way : {BadWire::Way::up, BadWire::Way::down}) {
    CAPTURE(static_cast<int>(way));
    const std::size_t all = bytes_of_a_round(size, way, ends);
    CHECK(all > 8 * size);
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < 3500; i += 211) places.push_back(i);
    for (std::size_t i = 3500; i < all; i += 19997) places.push_back(i);
    for (std::size_t i = all - 150; i < all; i += 17) places.push_back(i);
    cut_at(size, way, places, ends);
  }
}

TEST_CASE("With TLS: one byte at a time") {
  TestCertificates certificates;
  Ends ends;
  ends.server.plaintext = false;
  ends.server.tls = certificates.coordinator();
  ends.server.roster = Roster::read(certificates.roster({"north"}));
  ends.node_tls = certificates.site("north");
  SocketServer server{ends.server};
  BadWire wire(server.port());
  wire.crumble(1, 10us);
  TestNode north("north", scales(), ends.to(wire.port()));
  REQUIRE(server.wait_for_clients(1, 20s));
  server.send<Scale>(server.clients(), counted(2, 100));
  CHECK(next_text(server) == "north: 9900");
  CHECK(wire.connections() == 1);
}

}  // namespace transport_socket_faults_tls_cuts_test
