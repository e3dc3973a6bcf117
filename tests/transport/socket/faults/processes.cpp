#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "healthai/core/random.hpp"
#include "transport/socket/faults/bad_wire.hpp"
#include "transport/socket/faults/process.hpp"
#include "transport/socket/faults/watched.hpp"

namespace transport_socket_faults_processes_test {

using namespace healthai;
using namespace socket_test;

namespace {

SocketClientOptions to_parent() {
  SocketClientOptions options = eager(port_of_parent());
  return options;
}
[[nodiscard]] bool works_on_something(SocketServer& server) {
  const auto status = server.status();
  return status.size() == 1 && status.front().connected && !status.front().task.empty();
}
/// At a port where the last one was just killed.
std::unique_ptr<SocketServer> server_at(std::uint16_t port) {
  SocketServerOptions options = plaintext();
  options.port = port;
  options.address = "127.0.0.1";
  return std::make_unique<SocketServer>(options);
}

}  // namespace

TEST_CASE("(process) a node" * doctest::skip()) {
  TestNode north("north", scales(), to_parent());
  CHECK(north.ended() == "finished");
}
TEST_CASE("(process) a node that never answers" * doctest::skip()) {
  TestNode north(
      "north",
      [](const ScaleRequest&, std::stop_token) -> Scale::Reply {
        for (;;) std::this_thread::sleep_for(1s);
      },
      to_parent());
  static_cast<void>(north.ended());
}
TEST_CASE("(process) a coordinator" * doctest::skip()) {
  const auto server = server_at(port_of_parent());
  server->wait_for_clients(2, 60s);
  for (int round = 0;; ++round) {
    const std::size_t size = round % 2 == 0 ? 3 : 200'000;
    server->send<Scale>(server->clients(), counted(2, size));
    for (int i = 0; i < 2; ++i) next_text(*server);
  }
}

TEST_CASE("A node is killed while it trains; started again, it is asked again") {
  SocketServer server{plaintext()};
  Process first(__FILE__, "a node that never answers", server.port());
  REQUIRE(server.wait_for_clients(1, 20s));
  server.send<Scale>(server.clients(), counted(2, 3));
  REQUIRE(eventually([&] { return works_on_something(server); }));
  std::this_thread::sleep_for(50ms);
  CHECK(first.kill());
  CHECK(next_text(server, 100ms) == "nothing");  // it may come again
  Process second(__FILE__, "a node", server.port());
  CHECK(next_text(server) == "north: 6");
  server.finish();
}

TEST_CASE("A node is killed while it sends a large reply, and again, until one gets through") {
  SocketServer server{plaintext()};
  constexpr std::size_t size =
      4'000'000;  // 32 MB: more than the system's buffers keep for a sender that is no more
  BadWire wire(server.port());
  Process first(__FILE__, "a node", wire.port());
  REQUIRE(server.wait_for_clients(1, 20s));
  wire.crumble(1 << 15, 1ms);  // from the start: an idle machine would have sent the reply before we look
  server.send<Scale>(server.clients(), counted(2, size));
  REQUIRE(eventually([&] { return wire.carried(BadWire::Way::up) > 100'000; }));
  CHECK(first.kill());
  wire.crumble(1 << 16, 0us);
  CHECK(next_text(server, 50ms) == "nothing");
  Process second(__FILE__, "a node", wire.port());
  CHECK(next_text(server) == "north: " + std::to_string(size * (size - 1)));
  server.finish();
}

TEST_CASE("The coordinator is killed at any moment; its nodes come to the next one, and the work goes on") {
  std::uint16_t port = Listener().port();
  Tally tallies[2];
  TestNode north(watched("north", tallies[0], scales()), eager(port));
  TestNode south(watched("south", tallies[1], scales()), eager(port));
  Stream random(1, Purpose::test);
  for (int i = 0; i < 6; ++i) {
    const int before = tallies[0].trained;
    Process coordinator(__FILE__, "a coordinator", port);
    REQUIRE(eventually([&] { return tallies[0].trained > before; }, 30s));
    std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(40 * uniform(random)));
    CHECK(coordinator.kill());
  }
  const auto server = server_at(port);
  REQUIRE(server->wait_for_clients(2, 10s));
  for (const std::size_t size : {std::size_t{3}, std::size_t{100'000}}) {
    server->send<Scale>(server->clients(), counted(2, size));
    std::vector<std::string> texts{next_text(*server), next_text(*server)};
    std::sort(texts.begin(), texts.end());
    const std::string sum = std::to_string(size * (size - 1));
    CHECK(texts == std::vector<std::string>{"north: " + sum, "south: " + sum});
  }
  server->finish();
  CHECK(north.ended() == "finished");
  CHECK(south.ended() == "finished");
}

TEST_CASE("A server that goes while its nodes are at work makes room for the next at its port") {
  auto server = server_at(0);
  const std::uint16_t port = server->port();
  Tally tally;
  std::atomic<bool> holds = true;
  TestNode north(watched("north", tally,
                         [&holds](const ScaleRequest& request, std::stop_token) {
                           while (holds) std::this_thread::sleep_for(1ms);
                           return scaled(request);
                         }),
                 eager(port));
  REQUIRE(server->wait_for_clients(1, 10s));
  server->send<Scale>(server->clients(), counted(2, 3));
  REQUIRE(eventually([&] { return tally.trained == 1; }));
  server.reset();
  server = server_at(port);
  REQUIRE(server->wait_for_clients(1, 10s));
  server->send<Scale>(server->clients(), counted(3, 3));
  holds = false;
  CHECK(next_text(*server) == "north: 9");
  CHECK(tally.trained == 2);
}

}  // namespace transport_socket_faults_processes_test
