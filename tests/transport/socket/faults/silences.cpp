#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "transport/socket/faults/bad_wire.hpp"
#include "transport/socket/faults/watched.hpp"

namespace transport_socket_faults_silences_test {

using namespace healthai;
using namespace socket_test;

namespace {

SocketServerOptions soon(Heard& heard) {
  SocketServerOptions options = plaintext();
  options.heartbeat = {1s, 2s};
  options.on_event = heard.observer();
  return options;
}
SocketClientOptions soon(std::uint16_t port) {
  SocketClientOptions options = eager(port);
  options.heartbeat = {1s, 2s};
  options.connect_within = 1s;
  return options;
}

}  // namespace

TEST_CASE("Nothing passes any more: both sides notice, the node comes again, and the work goes on") {
  Heard heard;
  SocketServer server{soon(heard)};
  BadWire wire(server.port());
  Tally tally;
  std::atomic<bool> holds = true;
  TestNode north(watched("north", tally,
                         [&holds](const ScaleRequest& request, std::stop_token) {
                           while (holds) std::this_thread::sleep_for(1ms);
                           return scaled(request);
                         }),
                 soon(wire.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  server.send<Scale>(server.clients(), counted(2, 3));
  REQUIRE(eventually([&] { return tally.trained == 1; }));
  wire.freeze();
  holds = false;
  CHECK(next_text(server) == "north: 6");
  CHECK(tally.trained == 1);
  CHECK(eventually([&] { return tally.accepted == 1; }));
  CHECK(north.heard().wait_for("nothing has come for").find("disconnected from 127.0.0.1:") == 0);
  const std::string why = heard.wait_for("client north is disconnected: ");  // depends on who noticed first
  CHECK((why == "client north is disconnected: nothing has come for 2 s" ||
         why == "client north is disconnected: came back on another connection"));
  CHECK(wire.connections() == 2);
  server.finish();
  CHECK(north.ended() == "finished");
}

TEST_CASE("A node that falls silent without closing is noticed") {
  Heard heard;
  SocketServer server{soon(heard)};
  RawPeer mute(server.port());
  REQUIRE(mute.come_in("mute"));
  CHECK(heard.wait_for("disconnected") == "client mute is disconnected: nothing has come for 2 s");
  CHECK(mute.is_closed());
}

TEST_CASE("Who is only silent, because there is nothing to say or much to do, is not cut off") {
  Heard heard;
  SocketServerOptions options = soon(heard);
  options.heartbeat = {2s, 6s};
  SocketServer server{options};
  SocketClientOptions impatient = soon(server.port());
  impatient.heartbeat = {60s, 1s};  // follows its coordinator in both
  TestNode north("north", scales(), impatient);
  REQUIRE(server.wait_for_clients(1, 10s));
  std::this_thread::sleep_for(4500ms);
  CHECK(heard.count(SocketEvent::Kind::disconnected) == 0);
  CHECK(north.heard().count(SocketEvent::Kind::disconnected) == 0);
  server.send<Scale>(server.clients(), counted(2, 3));
  CHECK(next_text(server) == "north: 6");
}

TEST_CASE("A node that stays away fails after reconnect_within, and is a client no more; it may come again") {
  Heard heard;
  SocketServerOptions options = soon(heard);
  options.reconnect_within = 300ms;
  SocketServer server{options};
  Tally tally;
  {
    TestNode north(watched("north", tally,
                           [](const ScaleRequest& request, std::stop_token stop) {
                             while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
                             return scaled(request);
                           }),
                   soon(server.port()));
    REQUIRE(server.wait_for_clients(1, 10s));
    server.send<Scale>(server.clients(), counted(2, 3));
    server.send<Scale>(server.clients(), counted(2, 3));
    REQUIRE(eventually([&] { return tally.trained == 1; }));
    north.stop();
    CHECK(north.ended() == "stopped");
  }
  CHECK(server.clients().size() == 1);
  for (int i = 0; i < 2; ++i) {
    CHECK(next_text(server) ==
          "north failed (disconnected): client north was away for more than 300 ms while its reply to scale "
          "was "
          "waited for");
  }
  CHECK(eventually([&] { return server.clients().empty(); }));
  server.send<Scale>(std::vector<ClientId>{"north"}, counted(2, 3));
  CHECK(next_text(server) == "north failed (disconnected): client north is not connected");
  TestNode again("north", scales(), soon(server.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  server.send<Scale>(server.clients(), counted(2, 3));
  CHECK(next_text(server) == "north: 6");
}

TEST_CASE("A reply counted, its node away too long to hear of it: it hears so when it comes again") {
  Heard heard;
  SocketServerOptions options = soon(heard);
  options.reconnect_within = 200ms;
  SocketServer server{options};
  BadWire wire(server.port());
  Tally tally;
  SocketClientOptions patient = eager(wire.port());
  patient.retry_after = 1500ms;
  patient.retry_at_most = 1500ms;
  TestNode north(watched("north", tally, scales()), patient);
  REQUIRE(server.wait_for_clients(1, 10s));
  // Two replies come; the driver takes none of them while the node is there.
  server.send<Scale>(server.clients(), counted(2, 3));
  server.send<Scale>(server.clients(), counted(3, 3));
  REQUIRE(eventually([&] { return tally.trained == 2; }));
  REQUIRE(eventually([&] { return server.status().front().task.empty(); }));
  wire.drop();
  REQUIRE(eventually([&] { return server.clients().empty(); }));
  CHECK(next_text(server) == "north: 6");
  CHECK(next_text(server) == "north: 9");
  REQUIRE(server.wait_for_clients(1, 10s));
  CHECK(eventually([&] { return tally.accepted == 2; }));
  CHECK(tally.discarded == 0);
  CHECK(tally.trained == 2);
}

TEST_CASE("One of ten is stuck: the rest are in time, and its late reply is dropped by name") {
  Heard heard;
  SocketServer server{soon(heard)};
  std::atomic<bool> stuck = true;
  std::vector<std::unique_ptr<Tally>> tallies;
  std::vector<std::unique_ptr<TestNode>> nodes;
  for (int i = 0; i < 10; ++i) {
    tallies.push_back(std::make_unique<Tally>());
    nodes.push_back(
        std::make_unique<TestNode>(watched("site" + std::to_string(i), *tallies.back(),
                                           [&stuck, i](const ScaleRequest& request, std::stop_token) {
                                             while (i == 7 && stuck) std::this_thread::sleep_for(1ms);
                                             return scaled(request);
                                           }),
                                   soon(server.port())));
  }
  REQUIRE(server.wait_for_clients(10, 10s));
  server.send<Scale>(server.clients(), counted(2, 20'000));  // large: it would wait for its turn
  for (int i = 0; i < 9; ++i) CHECK(next_text(server).find(": 399980000") == 5);
  CHECK(next_text(server, 100ms) == "nothing");
  server.give_up<Scale>();
  CHECK(next_text(server) == "site7 failed (deadline): client site7 did not reply before the deadline");
  stuck = false;
  CHECK(eventually([&] { return tallies[7]->discarded == 1; }));
  server.send<Scale>(server.clients(), counted(3, 3));
  for (int i = 0; i < 10; ++i) CHECK(next_text(server).find(": 9") == 5);
  CHECK(tallies[7]->accepted + tallies[7]->discarded <= 2);
}

TEST_CASE("A reply given up while it comes goes nowhere, and its client works on") {
  Heard heard;
  SocketServer server{soon(heard)};
  BadWire wire(server.port());
  wire.crumble(4096, 2ms);  // 2 MB/s
  Tally tally;
  TestNode north(watched("north", tally, scales()), soon(wire.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  for (const auto pause : {0ms, 10ms, 300ms, 500ms, 700ms}) {
    server.send<Scale>(server.clients(), counted(2, 100'000));  // 0.8 MB: 0.4 s each way
    std::this_thread::sleep_for(pause);
    server.give_up<Scale>();
    CHECK(next_text(server) == "north failed (deadline): client north did not reply before the deadline");
  }
  wire.crumble(1 << 16, 0us);
  server.send<Scale>(server.clients(), counted(2, 3));
  CHECK(next_text(server) == "north: 6");
  CHECK(eventually([&] { return tally.accepted == 1; }));
  CHECK(tally.discarded == tally.trained - 1);
  CHECK(wire.connections() == 1);
}

TEST_CASE("Asked to stop while its node is away, a request hears of it when the node comes again") {
  Heard heard;
  SocketServer server{soon(heard)};
  BadWire wire(server.port());
  Tally tally;
  SocketClientOptions slow = eager(wire.port());
  slow.retry_after = 400ms;
  TestNode north(watched("north", tally,
                         [](const ScaleRequest& request, std::stop_token stop) {
                           while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
                           return scaled(request);
                         }),
                 slow);
  REQUIRE(server.wait_for_clients(1, 10s));
  server.send<Scale>(server.clients(), counted(2, 3));
  REQUIRE(eventually([&] { return tally.trained == 1; }));
  wire.drop();
  CHECK(heard.wait_for("client north is disconnected").find("client north is disconnected") == 0);
  server.stop<Scale>();
  CHECK(next_text(server) == "north: 6");
  CHECK(tally.trained == 1);
}

}  // namespace transport_socket_faults_silences_test
