#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "transport/socket/faults/raw_peer.hpp"
#include "transport/socket/faults/watched.hpp"

namespace transport_socket_faults_hostile_node_test {

using namespace healthai;
using namespace socket_test;

namespace {

/// Bytes without a pattern, the same in every run.
Bytes junk(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 8U);
  return bytes;
}
Bytes header_bytes(FrameKind kind, std::uint64_t request, std::uint64_t head, std::uint64_t arrays) {
  const auto bytes = to_frame_header_bytes({static_cast<std::uint32_t>(kind), request, head, arrays});
  return {bytes.begin(), bytes.end()};
}
Scale::Reply reply_of(std::size_t size) {
  return {Parameters<double>(Layout{{"x", {size}}}), "by hand"};
}

/// A coordinator with an honest node, "south", which works through whatever the others do, and a hostile one, "north".
struct Scene {
  Heard heard;
  SocketServer server;
  TestNode south;
  RawPeer north;

  explicit Scene(SocketServerOptions options = plaintext())
      : server(with_observer(std::move(options), heard)),
        south("south", scales(), to_port(server.port())),
        north(server.port()) {
    REQUIRE(server.wait_for_clients(1, 10s));
  }
  void let_in() {
    REQUIRE(north.come_in("north"));
    REQUIRE(server.wait_for_clients(2, 10s));
  }
  /// Asks both; south has answered, and north has the request when this returns. \return its number
  std::uint64_t ask() {
    const auto numbers = server.send<Scale>(std::vector<ClientId>{"north", "south"}, counted(2, 3));
    CHECK(next_text(server) == "south: 6");
    auto request = north.frame();
    // What became of an earlier reply may be told first.
    while (request && (request->kind() == FrameKind::accepted || request->kind() == FrameKind::discarded)) {
      request = north.frame();
    }
    REQUIRE(request);
    CHECK(request->kind() == FrameKind::request);
    CHECK(request->header.request == numbers.front());
    return numbers.front();
  }
  void check_that_south_works() {
    server.send<Scale>(std::vector<ClientId>{"south"}, counted(2, 3));
    CHECK(next_text(server) == "south: 6");
  }
  static SocketServerOptions with_observer(SocketServerOptions options, Heard& heard) {
    options.on_event = heard.observer();
    return options;
  }
};

}  // namespace

TEST_CASE("Who says something else than hello first is told so, and not let in") {
  SUBCASE("a megabyte of random bytes") {
    Scene scene;
    for (unsigned seed = 1; seed <= 5; ++seed) {
      RawPeer peer(scene.server.port());
      peer.send(junk(1 << 20, seed));
      CHECK(peer.hears() == "refused: what came is not a message of healthai: it does not begin with hAI");
      peer.close();
    }
    CHECK(scene.heard.wait_for("was not let in: what came is not a message of healthai") != "");
    scene.check_that_south_works();
  }
  SUBCASE("a browser's request") {
    Scene scene;
    scene.north.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(scene.north.hears() ==
          "refused: what came is not a message of healthai: it does not begin with hAI");
    CHECK(scene.north.hears() == "the end");
  }
  SUBCASE("another frame") {
    Scene scene;
    scene.north.send(frame_bytes(FrameKind::reply, 1));
    CHECK(scene.north.hears() == "refused: the first frame must be a hello");
    scene.check_that_south_works();
  }
  SUBCASE("a hello that promises 2^62 bytes, in its head or in arrays") {
    Scene scene;
    const std::uint64_t much = std::uint64_t{1} << 62U;
    scene.north.send(header_bytes(FrameKind::hello, 1, much, 0));
    CHECK(scene.north.hears() ==
          "refused: a message promises 4611686018427387904 and 0 bytes, more than the 65536 that are allowed "
          "here");
    RawPeer other(scene.server.port());
    other.send(header_bytes(FrameKind::hello, 1, 10, std::numeric_limits<std::uint64_t>::max()));
    CHECK(other.hears().find("more than the 65536 that are allowed here") != std::string::npos);
  }
  SUBCASE("a hello that is garbage, has arrays, or names nobody") {
    Scene scene;
    scene.north.send(frame_bytes(FrameKind::hello, protocol_version, junk(500, 1)));
    CHECK(scene.north.hears().find("refused: ") == 0);
    RawPeer other(scene.server.port());
    other.send(frame_bytes(FrameKind::hello, protocol_version, {}, junk(8, 1)));
    CHECK(other.hears() == "refused: a frame that is no reply has arrays");
    RawPeer nobody(scene.server.port());
    nobody.send(frame_of(FrameKind::hello, protocol_version, Hello{"by hand", {}, 1, {"scale"}, 0, {}}));
    CHECK(nobody.hears() == "refused for good: the hello names no client");
    RawPeer bad_name(scene.server.port());
    Bytes hello =
        frame_of(FrameKind::hello, protocol_version, Hello{"by hand", "north", 1, {"scale"}, 0, {}});
    const std::string name = "north";
    const auto at = std::search(hello.begin(), hello.end(), name.begin(), name.end(),
                                [](std::byte a, char b) { return static_cast<char>(a) == b; });
    *at = std::byte{'\n'};
    bad_name.send(hello);
    CHECK(bad_name.hears().find("refused: a client id is 1 to 64 characters") == 0);
    scene.check_that_south_works();
  }
}

TEST_CASE("Another version of the protocol is refused for good, with a sentence") {
  Scene scene;
  for (const std::uint64_t version : {protocol_version - 1, protocol_version + 1, std::uint64_t{1} << 63U}) {
    RawPeer peer(scene.server.port());
    peer.send(frame_of(FrameKind::hello, version, std::string("whatever such a version says")));
    CHECK(peer.hears() == "refused for good: this coordinator (healthai 0.1) speaks protocol 1, the node " +
                              std::to_string(version) + ": run the same version of healthai on both sides");
    CHECK(peer.hears() == "the end");
  }
}

TEST_CASE("A second node of one name is refused with a sentence; when the first has gone it gets in") {
  Scene scene;
  scene.let_in();
  RawPeer second(scene.server.port());
  second.send(frame_of(FrameKind::hello, protocol_version, Hello{"by hand", "north", 2, {"scale"}, 0, {}}));
  const std::string answer = second.hears();
  CHECK(answer.find("refused: a node called north is connected already, from 127.0.0.1:") == 0);
  CHECK(answer.find(": is this one's name used twice?") != std::string::npos);
  const auto id = scene.ask();  // the first works on
  scene.north.send(frame_of(FrameKind::reply, id, reply_of(3)));
  CHECK(next_text(scene.server) == "north: 0");
  CHECK(scene.north.frame()->kind() == FrameKind::accepted);  // what is unread would reset the connection
  scene.north.close();
  CHECK(scene.heard.wait_for("client north is disconnected") ==
        "client north is disconnected: the other side closed the connection");
  RawPeer third(scene.server.port());
  CHECK(third.come_in("north", {"scale"}, 2));
}

TEST_CASE("The same node on another connection takes the place of its first one") {
  Scene scene;
  scene.let_in();
  const auto id = scene.ask();
  RawPeer again(scene.server.port());
  REQUIRE(again.come_in("north"));
  CHECK(scene.north.is_closed());
  const auto request = again.frame();  // it holds nothing, so it is asked anew
  REQUIRE(request);
  CHECK(request->header.request == id);
  again.send(frame_of(FrameKind::reply, id, reply_of(3)));
  CHECK(next_text(scene.server) == "north: 0");
}

TEST_CASE("Who breaks the protocol while it is asked fails, and the round goes on") {
  const auto breaks = [](const std::string& error, const std::string& sentence, auto&& how) {
    CAPTURE(sentence);
    Scene scene;
    scene.let_in();
    const auto id = scene.ask();
    how(scene.north, id);
    CHECK(next_text(scene.server) ==
          "north failed (" + error + "): client north broke the protocol: " + sentence);
    CHECK(scene.north.hears() == "refused: " + sentence);
    CHECK(scene.north.hears() == "the end");
    scene.north.close();
    CHECK(scene.heard.wait_for("client north is disconnected: " + sentence) != "");
    scene.check_that_south_works();
  };
  breaks("archive_corrupt", "what came is not a message of healthai: it does not begin with hAI",
         [](RawPeer& north, std::uint64_t) { north.send(junk(1 << 20, 7)); });
  breaks(
      "archive_limit",
      "a message promises 4611686018427387904 and 0 bytes, more than the 1099511627776 that are allowed here",
      [](RawPeer& north, std::uint64_t id) {
        north.send(header_bytes(FrameKind::reply, id, std::uint64_t{1} << 62U, 0));
      });
  breaks("protocol", "a reply of 80000 bytes came without its turn", [](RawPeer& north, std::uint64_t id) {
    north.send(header_bytes(FrameKind::reply, id, 70'000, 10'000));
  });
  breaks("protocol", "a reply of 1000000000 bytes came without its turn",
         [](RawPeer& north, std::uint64_t id) {
           north.send(header_bytes(FrameKind::failure, id, 1'000'000'000, 0));
         });
  breaks("protocol", "a frame of 1000000000 bytes is neither a reply nor a failure",
         [](RawPeer& north, std::uint64_t id) {
           north.send(header_bytes(FrameKind::announce, id, 1'000'000'000, 0));
         });
  breaks("protocol", "a second hello", [](RawPeer& north, std::uint64_t) {
    north.send(frame_of(FrameKind::hello, protocol_version, Hello{"by hand", "north", 1, {"scale"}, 0, {}}));
  });
  breaks("protocol", "a node does not send frames of the kind 5",
         [](RawPeer& north, std::uint64_t id) { north.send(frame_bytes(FrameKind::request, id)); });
  breaks("protocol", "a node does not send frames of the kind 4000000000",
         [](RawPeer& north, std::uint64_t id) {
           north.send(frame_bytes(static_cast<FrameKind>(4'000'000'000U), id));
         });
}

TEST_CASE("A reply that is none is its client's failure, and its connection lives on") {
  Scene scene;
  scene.let_in();
  const auto answered = [&](const Bytes& frame) {
    scene.north.send(frame);
    const std::string text = next_text(scene.server);
    const std::string begins = "north failed (";
    CHECK(text.find(begins) == 0);
    CHECK(text.find("client north sent a reply that is none: ") != std::string::npos);
    return text.substr(begins.size(), text.find(')') - begins.size());
  };
  auto id = scene.ask();
  CHECK(answered(frame_bytes(FrameKind::reply, id)) == "archive_truncated");
  id = scene.ask();
  answered(frame_bytes(FrameKind::reply, id, junk(300, 3), junk(100, 4)));
  for (const int more : {-8, -1, 1, 8, 4000}) {  // arrays that are shorter or longer than the layout says
    CAPTURE(more);
    id = scene.ask();
    const Bytes good = frame_of(FrameKind::reply, id, reply_of(3));
    const Bytes head(good.begin() + frame_header_size, good.end() - 24);
    CHECK(answered(frame_bytes(FrameKind::reply, id, head, Bytes(static_cast<std::size_t>(24 + more)))) ==
          (more < 0 ? "archive_limit" : "archive_corrupt"));
  }
  id = scene.ask();
  Failure failure{"south", "client_failed", "in the name of another"};
  scene.north.send(frame_of(FrameKind::failure, id, failure));
  CHECK(next_text(scene.server) == "north failed (client_failed): in the name of another");
  id = scene.ask();
  scene.north.send(frame_of(FrameKind::reply, id, reply_of(3)));
  CHECK(next_text(scene.server) == "north: 0");
  CHECK(scene.north.hears() == std::to_string(static_cast<unsigned>(FrameKind::accepted)));
}

TEST_CASE("A reply to nobody's question is dropped by name, whatever its size, and nobody else's is ended") {
  Scene scene;
  scene.let_in();
  const auto is_dropped = [&](const Bytes& frame, std::uint64_t id) {
    scene.north.send(frame);
    const auto answer = scene.north.frame();
    REQUIRE(answer);
    CHECK(answer->kind() == FrameKind::discarded);
    CHECK(answer->header.request == id);
  };
  is_dropped(frame_of(FrameKind::reply, 4711, reply_of(3)), 4711);
  CHECK(scene.heard.wait_for("4711") ==
        "the reply of client north to request 4711 came when nobody waited for it any more, and was dropped");
  CHECK(scene.heard.count(SocketEvent::Kind::late_reply) == 1);
  is_dropped(frame_of(FrameKind::reply, 4712, reply_of(1'000'000)), 4712);
  is_dropped(frame_bytes(FrameKind::reply, 4713, junk(300'000, 1)), 4713);
  is_dropped(frame_bytes(FrameKind::failure, 4714, junk(300'000, 1)), 4714);
  is_dropped(frame_of(FrameKind::announce, 4715, Announcement{100'000}), 4715);
  // To the question that another client was asked.
  const auto numbers = scene.server.send<Scale>(std::vector<ClientId>{"south"}, counted(2, 3));
  is_dropped(frame_of(FrameKind::reply, numbers.front(), reply_of(3)), numbers.front());
  CHECK(next_text(scene.server) == "south: 6");
  // Twice to its own.
  const auto id = scene.ask();
  scene.north.send(frame_of(FrameKind::reply, id, reply_of(3)));
  CHECK(next_text(scene.server) == "north: 0");
  CHECK(scene.north.frame()->kind() == FrameKind::accepted);
  is_dropped(frame_of(FrameKind::reply, id, reply_of(3)), id);
  CHECK(next_text(scene.server, 20ms) == "nothing");
}

TEST_CASE("A reply longer than the coordinator allows is a failure, not a connection made for ever anew") {
  SocketServerOptions options = plaintext();
  options.largest_message = 1'000'000;
  Scene scene{options};
  Tally tally;
  TestNode honest(watched("west", tally,
                          [](const ScaleRequest& request, std::stop_token) {
                            Scale::Reply reply = reply_of(static_cast<std::size_t>(request->factor));
                            return reply;
                          }),
                  to_port(scene.server.port()));
  REQUIRE(scene.server.wait_for_clients(2, 10s));
  const std::vector<ClientId> west{"west"};
  scene.server.send<Scale>(west, counted(200'000, 1));
  CHECK(next_text(scene.server).find("west failed (archive_limit): client west has a reply of 16000") == 0);
  CHECK(eventually([&] { return tally.discarded == 1; }));
  scene.server.send<Scale>(west, counted(100'000, 1));
  CHECK(next_text(scene.server) == "west: 0");
  CHECK(eventually([&] { return tally.accepted == 1; }));
  CHECK(scene.heard.count(SocketEvent::Kind::disconnected) == 0);
}

}  // namespace transport_socket_faults_hostile_node_test
