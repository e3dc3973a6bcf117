#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "transport/socket/faults/cutting.hpp"

namespace transport_socket_faults_cuts_test {

using namespace healthai;
using namespace socket_test;

TEST_CASE("Cut after any byte of a round, whatever it is in, the round ends right and is trained for once") {
  for (const auto way : {BadWire::Way::up, BadWire::Way::down}) {
    CAPTURE(static_cast<int>(way));
    const std::size_t all = bytes_of_a_round(3, way);
    CHECK(all > 200);
    CHECK(all < 800);
    std::vector<std::size_t> places(all + 1);
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
    cut_at(3, way, places);
  }
}

TEST_CASE("Cut anywhere in a large reply, which waits for its turn, or in a large request") {
  const std::size_t size = 20'000;  // 160 KB
  for (const auto way : {BadWire::Way::up, BadWire::Way::down}) {
    CAPTURE(static_cast<int>(way));
    const std::size_t all = bytes_of_a_round(size, way);
    CHECK(all > 8 * size);
    std::vector<std::size_t> places;
    for (std::size_t i = 100; i < 500; i += 7) places.push_back(i);
    for (std::size_t i = 500; i < all; i += 6007) places.push_back(i);
    for (std::size_t i = all - 40; i <= all; ++i) places.push_back(i);
    cut_at(size, way, places);
  }
}

TEST_CASE("One byte at a time is as good as all at once") {
  SocketServer server{plaintext()};
  BadWire wire(server.port());
  wire.crumble(1, 20us);
  Tally tally;
  TestNode north(watched("north", tally, scales()), eager(wire.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{500}}) {
    server.send<Scale>(server.clients(), counted(2, size));
    CHECK(next_text(server) == "north: " + std::to_string(size == 0 ? 0 : size * (size - 1)));
  }
  wire.crumble(1009, 0us);
  server.send<Scale>(server.clients(), counted(2, 30'000));
  CHECK(next_text(server) == "north: 899970000");
  CHECK(tally.trained == 4);
  CHECK(wire.connections() == 1);
}

}  // namespace transport_socket_faults_cuts_test
