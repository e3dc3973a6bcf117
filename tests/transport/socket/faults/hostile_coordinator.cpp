#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "transport/socket/faults/raw_peer.hpp"
#include "transport/socket/faults/watched.hpp"

namespace transport_socket_faults_hostile_coordinator_test {

using namespace healthai;
using namespace socket_test;

namespace {

Bytes junk(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() >> 8U);
  return bytes;
}
/// As `SocketServer` sends it.
Bytes request_of(std::uint64_t id, double factor, std::size_t size, const std::string& task = "scale") {
  const auto message = encode(counted(factor, size), task);
  Bytes arrays;
  for (const auto& array : message->arrays) arrays.insert(arrays.end(), array.begin(), array.end());
  return frame_bytes(FrameKind::request, id, message->head, arrays);
}
Welcome answer(std::uint64_t coordinator, std::vector<std::uint64_t> known = {},
               std::vector<std::uint64_t> counted_ones = {}) {
  return {"by hand", coordinator, 10, std::move(known), std::move(counted_ones)};
}

struct Scene {
  Listener listener;
  Tally tally;
  std::atomic<bool> holds = false;  // back the answer of the request under way
  TestNode north;

  Scene()
      : north(watched("north", tally,
                      [this](const ScaleRequest& request, std::stop_token stop) {
                        while (holds && !stop.stop_requested()) std::this_thread::sleep_for(1ms);
                        return scaled(request);
                      }),
              eager(listener.port())) {}
  RawPeer come() {
    RawPeer peer(listener.accept());
    REQUIRE(peer.get() >= 0);
    return peer;
  }
  /// Whether it answers a request on that connection.
  static void check_that_it_works(RawPeer& peer, std::uint64_t id) {
    peer.send(request_of(id, 2, 3));
    const auto reply = peer.frame();
    REQUIRE(reply);
    CHECK(reply->kind() == FrameKind::reply);
    CHECK(reply->header.request == id);
    CHECK(reply->header.arrays == 24);
  }
};

}  // namespace

TEST_CASE("A node that hears what it does not understand leaves, and comes again") {
  const std::vector<std::pair<std::string, Bytes>> nonsense{
      {"what came is not a message of healthai", junk(1 << 20, 1)},
      {"longer than the", frame_bytes(FrameKind::welcome, 0)},
      {"a request before the welcome", request_of(1, 2, 3)},
      {"the data end too early", frame_bytes(FrameKind::welcome, 0)},
      {"a coordinator does not send frames of the kind 1", frame_bytes(FrameKind::hello, 0)},
      {"a frame that is no request has arrays", frame_bytes(FrameKind::welcome, 0, {}, junk(9, 1))},
  };
  Scene scene;
  for (const auto& one : nonsense) {
    const std::string& sentence = one.first;
    Bytes bytes = one.second;
    CAPTURE(sentence);
    if (sentence == "longer than the") {
      const auto header = to_frame_header_bytes({2, 0, std::uint64_t{1} << 62U, 1});
      bytes.assign(header.begin(), header.end());
    }
    RawPeer peer = scene.come();
    peer.send(bytes);
    CHECK(peer.is_closed());
    CHECK(scene.north.heard().wait_for(sentence).find(sentence) != std::string::npos);
  }
  const std::vector<std::pair<std::string, Bytes>> later{
      {"a second welcome", frame_of(FrameKind::welcome, 0, answer(77))},
      {"not begin with hAI", junk(1 << 20, 2)},
      {"kind 4000000000", frame_bytes(static_cast<FrameKind>(4'000'000'000U), 1)},
  };
  for (const auto& one : later) {
    const std::string& sentence = one.first;
    CAPTURE(sentence);
    RawPeer peer = scene.come();
    CHECK(peer.welcome().client.str() == "north");
    peer.send(one.second);
    CHECK(peer.is_closed());
    CHECK(scene.north.heard().wait_for(sentence).find(sentence) != std::string::npos);
  }
  RawPeer peer = scene.come();
  peer.welcome();
  Scene::check_that_it_works(peer, 5);
  peer.send(frame_bytes(FrameKind::goodbye, 0));
  CHECK(scene.north.ended() == "finished");
  CHECK(scene.tally.trained == 1);
}

TEST_CASE("A request that cannot be read or done is a failure; the next one is done") {
  Scene scene;
  RawPeer peer = scene.come();
  peer.welcome();
  const auto fails = [&](const Bytes& request, std::uint64_t id) -> std::string {
    peer.send(request);
    const auto frame = peer.frame();
    REQUIRE(frame);
    CHECK(frame->kind() == FrameKind::failure);
    CHECK(frame->header.request == id);
    const auto failure = from_bytes<Failure>(frame->head);
    CHECK(failure.client.str() == "north");
    CHECK(failure.message.find("client north") == 0);
    return failure.error;
  };
  CHECK(fails(request_of(1, 2, 3, "dance"), 1) == "unsupported_task");
  CHECK(fails(request_of(2, 2, 100'000, std::string(1000, '\n')), 2) == "unsupported_task");
  CHECK(fails(frame_bytes(FrameKind::request, 3), 3) == "archive_truncated");
  fails(frame_bytes(FrameKind::request, 4, junk(5000, 1), junk(200'000, 2)), 4);
  const Bytes good = request_of(5, 2, 3);
  const Bytes head(good.begin() + frame_header_size, good.end() - 24);
  CHECK(fails(frame_bytes(FrameKind::request, 5, head, Bytes(16)), 5) == "archive_limit");
  CHECK(fails(frame_bytes(FrameKind::request, 6, head, Bytes(32)), 6) == "archive_corrupt");
  Scene::check_that_it_works(peer, 7);
  CHECK(scene.tally.trained == 1);
}

TEST_CASE("A request longer than the node allows is a failure, and does not end the connection") {
  Listener listener;
  Tally tally;
  SocketClientOptions options = eager(listener.port());
  options.largest_message = 1'000'000;
  TestNode north(watched("north", tally, scales()), options);
  RawPeer peer(listener.accept());
  peer.welcome();
  peer.send(request_of(1, 2, 200'000));
  const auto frame = peer.frame();
  REQUIRE(frame);
  CHECK(frame->kind() == FrameKind::failure);
  CHECK(from_bytes<Failure>(frame->head)
            .message.find("bytes is longer than the 1000000 of SocketClientOptions::largest_message") !=
        std::string::npos);
  Scene::check_that_it_works(peer, 2);
}

TEST_CASE("Who is refused for good stops with that sentence; who is refused otherwise comes again") {
  Scene scene;
  for (int i = 0; i < 3; ++i) {
    RawPeer peer = scene.come();
    peer.send(frame_of(FrameKind::refused, 0, EntryRefusal{"identity", "not today", false}));
    CHECK(peer.frame()->kind() == FrameKind::hello);
    CHECK(peer.hears() == "the end");
  }
  RawPeer peer = scene.come();
  peer.send(frame_of(FrameKind::refused, 0,
                     EntryRefusal{"protocol", "this coordinator speaks protocol 9, the node 1", true}));
  CHECK(scene.north.ended() ==
        "the coordinator at 127.0.0.1:" + std::to_string(scene.listener.port()) +
            " does not let this node in: this coordinator speaks protocol 9, the node 1");
}

TEST_CASE("A request of the same number twice at a time is not done twice") {
  Scene scene;
  scene.holds = true;
  RawPeer peer = scene.come();
  peer.welcome();
  peer.send(request_of(1, 2, 3));
  REQUIRE(eventually([&] { return scene.tally.trained == 1; }));
  peer.send(request_of(1, 2, 3));
  CHECK(peer.is_closed());
  scene.holds = false;
  RawPeer again = scene.come();
  CHECK(again.welcome(answer(77, {1})).holding == std::vector<std::uint64_t>{1});
  const auto reply = again.frame();  // sent without being asked again
  REQUIRE(reply);
  CHECK(reply->kind() == FrameKind::reply);
  again.send(frame_bytes(FrameKind::accepted, 1));
  CHECK(eventually([&] { return scene.tally.accepted == 1; }));
  CHECK(scene.tally.trained == 1);
}

TEST_CASE("What has become of a reply is learnt when the connection is made again") {
  Scene scene;
  RawPeer peer = scene.come();
  peer.welcome();
  for (std::uint64_t id = 1; id <= 3; ++id) Scene::check_that_it_works(peer, id);
  peer.close();  // nothing of it was accepted yet
  RawPeer again = scene.come();
  CHECK(again.welcome(answer(77, {3}, {1})).holding == std::vector<std::uint64_t>{1, 2, 3});
  const auto reply = again.frame();  // the one that is still waited for
  REQUIRE(reply);
  CHECK(reply->header.request == 3);
  again.send(frame_bytes(FrameKind::accepted, 3));
  CHECK(eventually([&] { return scene.tally.accepted == 2 && scene.tally.discarded == 1; }));
  CHECK(scene.tally.trained == 3);
}

TEST_CASE(
    "Another coordinator, or the same one started again, does not get the replies that the last one asked "
    "for") {
  Scene scene;
  scene.holds = true;
  {
    RawPeer peer = scene.come();
    peer.welcome(answer(1));
    peer.send(request_of(1, 2, 3));
    REQUIRE(eventually([&] { return scene.tally.trained == 1; }));
    peer.send(request_of(2, 2, 3));  // waits behind it
    peer.send(frame_bytes(FrameKind::ping, 0));
    std::this_thread::sleep_for(50ms);
  }
  RawPeer peer = scene.come();
  const Hello hello = peer.welcome(answer(2, {1, 2}, {1, 2}));  // says that it knows what it cannot know
  CHECK(hello.coordinator == 1);
  CHECK(hello.holding == std::vector<std::uint64_t>{1, 2});
  std::this_thread::sleep_for(50ms);
  scene.holds = false;
  peer.send(request_of(1, 3, 3));  // the same number, another question
  const auto reply = peer.frame();
  REQUIRE(reply);
  CHECK(reply->header.request == 1);
  double last = 0;
  REQUIRE(reply->arrays.size() == 24);
  std::memcpy(&last, reply->arrays.data() + 16, 8);
  CHECK(last == 6);                 // 2 times 3: the answer to the new question
  CHECK(scene.tally.trained == 2);  // the one under way, and the new one; not what had only waited
  CHECK(scene.tally.accepted == 0);
}

TEST_CASE("Called off while it waits, while it is done, when its reply is there") {
  Scene scene;
  scene.holds = true;
  RawPeer peer = scene.come();
  peer.welcome();
  peer.send(request_of(1, 2, 3));
  REQUIRE(eventually([&] { return scene.tally.trained == 1; }));
  peer.send(request_of(2, 2, 3));
  peer.send(frame_bytes(FrameKind::discarded, 2));  // waits
  peer.send(frame_bytes(FrameKind::cancel, 99));    // is nobody's
  peer.send(frame_bytes(FrameKind::cancel, 1));     // under way: stops it
  CHECK(eventually([&] { return scene.tally.discarded == 1; }));
  scene.holds = false;
  Scene::check_that_it_works(peer, 3);
  peer.send(frame_bytes(FrameKind::discarded, 3));
  CHECK(eventually([&] { return scene.tally.discarded == 2; }));
  peer.send(frame_bytes(FrameKind::accepted, 3));  // too late to change that
  Scene::check_that_it_works(peer, 4);
  CHECK(scene.tally.trained == 3);
  CHECK(scene.tally.accepted == 0);
}

TEST_CASE("The federation ends while the node works: it stops working, and undoes what it did") {
  Scene scene;
  scene.holds = true;
  RawPeer peer = scene.come();
  peer.welcome();
  peer.send(request_of(1, 2, 3));
  peer.send(request_of(2, 2, 3));
  REQUIRE(eventually([&] { return scene.tally.trained == 1; }));
  peer.send(frame_bytes(FrameKind::goodbye, 0));
  CHECK(scene.north.ended() == "finished");
  CHECK(scene.tally.trained == 1);
  CHECK(scene.tally.discarded == 1);
}

}  // namespace transport_socket_faults_hostile_coordinator_test
