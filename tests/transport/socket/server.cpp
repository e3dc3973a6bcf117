#include "healthai/transport/socket/server.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "transport/socket/certificates.hpp"
#include "transport/socket/nodes.hpp"

namespace transport_socket_server_test {

using namespace healthai;
using namespace socket_test;

static_assert(Transport<SocketServer, Scale> && EndsSingleRequests<SocketServer, Scale>);

namespace {

/// `count` results, by client: a sum of what came, or the error's id.
std::map<std::string, std::string> collect(SocketServer& server, std::size_t count,
                                           std::chrono::milliseconds patience = 20s) {
  std::map<std::string, std::string> results;
  for (std::size_t i = 0; i < count; ++i) {
    const auto delivery = server.next<Scale>(Clock::now() + patience);
    if (!delivery) {
      results["nothing came"] = std::to_string(i);
      break;
    }
    const auto* failure = std::get_if<Failure>(&delivery->result);
    results[delivery->client.str()] =
        failure
            ? failure->error
            : std::to_string(static_cast<long>(std::get<Scale::Reply>(delivery->result).values.flat().sum()));
  }
  return results;
}
using Results = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("A model of any size goes out and comes back") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, std::size_t{3'000'000}}) {
    CAPTURE(size);
    SocketServer server{plaintext()};
    TestNode north("north", scales(), to_port(server.port()));
    TestNode south("south", scales(), to_port(server.port()));
    REQUIRE(server.wait_for_clients(2, 10s));
    const std::vector<ClientId> ids = server.clients();
    CHECK(ids == std::vector<ClientId>{"north", "south"});
    for (int round = 1; round <= 3; ++round) {
      CHECK(server.send<Scale>(ids, counted(round, size)).size() == 2);
      for (int i = 0; i < 2; ++i) {
        const auto delivery = server.next<Scale>(Clock::now() + 20s);
        REQUIRE(delivery);
        REQUIRE(std::holds_alternative<Scale::Reply>(delivery->result));
        const auto& reply = std::get<Scale::Reply>(delivery->result);
        CHECK(reply.text == delivery->client.str());
        REQUIRE(reply.values.size() == size);
        const auto expected = counted(round, size);
        CHECK(reply.values.flat() == round * expected->values.flat());
      }
    }
    CHECK(server.traffic().sent > 6 * 8 * size);
    CHECK(server.traffic().received > 6 * 8 * size);
    server.finish();
    CHECK(north.ended() == "finished");
    CHECK(south.ended() == "finished");
  }
}

TEST_CASE("A client that is not there, that fails, or that offers something else is a failure that says so") {
  SocketServer server{plaintext()};
  TestNode broken(
      "broken",
      [](const ScaleRequest&, std::stop_token) -> Scale::Reply { throw std::runtime_error("no data today"); },
      to_port(server.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  const std::vector<ClientId> ids{"broken", "nobody"};
  server.send<Scale>(ids, counted(1, 10));
  server.send<CurvatureBound>(std::vector<ClientId>{"broken"},
                              std::make_shared<const CurvatureBound::Broadcast>());
  std::vector<std::string> messages;
  for (int i = 0; i < 2; ++i) {
    const auto delivery = server.next<Scale>(Clock::now() + 10s);
    REQUIRE(delivery);
    messages.push_back(std::get<Failure>(delivery->result).message);
  }
  std::sort(messages.begin(), messages.end());
  CHECK(messages ==
        std::vector<std::string>{"client broken failed: no data today", "client nobody is not connected"});
  const auto delivery = server.next<CurvatureBound>(Clock::now() + 10s);
  REQUIRE(delivery);
  CHECK(std::get<Failure>(delivery->result).message ==
        "client broken does not offer the task " + std::string(CurvatureBound::name) + "; it offers: scale");
}

TEST_CASE("A node forgets a request that failed, and what came with it") {
  SocketServer server{plaintext()};
  std::weak_ptr<const Scale::Broadcast> seen;
  TestNode broken(
      "broken",
      [&seen](const ScaleRequest& request, std::stop_token) -> Scale::Reply {
        seen = request.broadcast;
        throw std::runtime_error("no data today");
      },
      to_port(server.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  server.send<Scale>(std::vector<ClientId>{"broken"}, counted(1, 10));
  const auto delivery = server.next<Scale>(Clock::now() + 10s);
  REQUIRE(delivery);
  CHECK(std::holds_alternative<Failure>(delivery->result));
  for (const auto end = Clock::now() + 10s; !seen.expired() && Clock::now() < end;)
    std::this_thread::sleep_for(1ms);
  CHECK(seen.expired());
}

TEST_CASE(
    "A request that takes too long is given up; its reply is dropped by name, and the client works on") {
  Heard heard;
  SocketServerOptions options = plaintext();
  options.on_event = heard.observer();
  SocketServer server{options};
  std::atomic<bool> slow = true;
  TestNode north(
      "north",
      [&slow](const ScaleRequest& request, std::stop_token) {
        while (slow) std::this_thread::sleep_for(1ms);
        return scaled(request);
      },
      to_port(server.port()));
  TestNode south("south", scales(), to_port(server.port()));
  REQUIRE(server.wait_for_clients(2, 10s));
  server.send<Scale>(server.clients(), counted(1, 4));
  CHECK(collect(server, 1) == Results{{"south", "6"}});
  CHECK_FALSE(server.next<Scale>(Clock::now() + 20ms));
  server.give_up<Scale>();
  CHECK(collect(server, 1) == Results{{"north", "deadline"}});
  slow = false;
  server.send<Scale>(server.clients(), counted(2, 4));
  CHECK(collect(server, 2) == Results{{"north", "12"}, {"south", "12"}});
}

TEST_CASE("Asked to stop, a client hands in what it has, and one that has not begun fails") {
  SocketServer server{plaintext()};
  TestNode north(
      "north",
      [](const ScaleRequest& request, std::stop_token stop) {
        while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
        return scaled(request);
      },
      to_port(server.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  const auto first = server.send<Scale>(server.clients(), counted(1, 4));
  const auto second = server.send<Scale>(server.clients(), counted(2, 4));
  std::this_thread::sleep_for(50ms);
  server.stop<Scale>(second);
  CHECK(collect(server, 1) == Results{{"north", "deadline"}});
  server.stop<Scale>(first);
  CHECK(collect(server, 1) == Results{{"north", "6"}});
}

TEST_CASE("Options that contradict each other are refused") {
  const auto message = [](SocketServerOptions options) -> std::string {
    try {
      const SocketServer server{std::move(options)};
      return "nothing";
    } catch (const Error& e) {
      return e.what();
    }
  };
  CHECK(message({}) ==
        "SocketServer: give it certificates (tls), or ask for no encryption by name (plaintext = true)");
  SocketServerOptions options = plaintext();
  options.address = "0.0.0.0";
  CHECK(message(options).find("without TLS a coordinator listens at the loopback only, not at 0.0.0.0") == 0);
  options.address = "my hospital";
  CHECK(message(options) ==
        "SocketServerOptions::address must be an IPv4 or IPv6 address, not \"my hospital\"");
  const SocketServer first{plaintext()};
  options = plaintext();
  options.port = first.port();
  options.address = "127.0.0.1";
  CHECK(message(options).find("cannot listen at 127.0.0.1, port " + std::to_string(first.port()) + ": ") ==
        0);
}

TEST_CASE("Another roster disconnects who is not on it, or on it with another key") {
  TestCertificates certificates;
  Heard heard;
  SocketServer server{{.tls = certificates.coordinator(),
                       .roster = Roster::read(certificates.roster({"north", "south", "west"})),
                       .on_event = heard.observer()}};
  const auto node = [&](const std::string& id) {
    SocketClientOptions options = to_port(server.port());
    options.plaintext = false;
    options.tls = certificates.site(id);
    options.retry_after = options.retry_at_most = 1h;
    return std::make_unique<TestNode>(id, scales(), options);
  };
  const auto north = node("north");
  const auto south = node("south");
  const auto west = node("west");
  REQUIRE(server.wait_for_clients(3, 20s));
  const std::string other_key = certificates.pin("somebody-else");
  server.set_roster(
      Roster({{"north", {certificates.pin("north"), other_key}}, {"south", {std::string(64, '0')}}}));
  CHECK(south->heard().wait_for("is on the roster, but with another key") ==
        "the coordinator at 127.0.0.1:" + std::to_string(server.port()) +
            " does not let this node in: the roster has changed: \"south\" is on the roster, but with "
            "another key: expected the pin " +
            std::string(64, '0') + ", got " + certificates.pin("south") +
            "; if the site has renewed its key, it confirms so by another way");
  CHECK(west->heard()
            .wait_for("does not let this node in")
            .find("the roster has changed: \"west\" is not on the roster") != std::string::npos);
  server.send<Scale>(std::vector<ClientId>{"north"}, counted(1, 10));
  CHECK(collect(server, 1) == Results{{"north", "45"}});
}

}  // namespace transport_socket_server_test
