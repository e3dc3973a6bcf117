#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "transport/socket/faults/raw_peer.hpp"
#include "transport/socket/faults/watched.hpp"

namespace transport_socket_faults_endings_test {

using namespace healthai;
using namespace socket_test;

namespace {

/// How far a request has come: to a node by hand, which lets it come no further.
enum class Stage { away, queued, sent, announced, granted, half_received, whole };
const std::vector<Stage> stages{Stage::away,    Stage::queued,        Stage::sent, Stage::announced,
                                Stage::granted, Stage::half_received, Stage::whole};
const std::vector<ClientId> north_only{"north"};
constexpr std::size_t size = 20'000;  // 160 KB: large

/// Another task with a large reply.
struct Copy {
  struct Broadcast {
    template <class Archive>
    void serialize(Archive& /*archive*/, unsigned /*version*/) {}
  };
  using Reply = Scale::Reply;
  static constexpr std::string_view name = "copy";
  static std::size_t bytes(const Broadcast& /*broadcast*/) { return 0; }
  static std::size_t bytes(const Reply& reply) { return Scale::bytes(reply); }
};

struct Scene {
  Heard heard;
  std::optional<SocketServer> server;
  std::optional<RawPeer> north;
  RequestId request = 0;

  explicit Scene(Stage stage) {
    SocketServerOptions options = plaintext();
    options.on_event = heard.observer();
    server.emplace(options);
    north.emplace(server->port());
    REQUIRE(north->come_in("north"));
    REQUIRE(server->wait_for_clients(1, 10s));
    if (stage == Stage::away) {
      north->close();
      CHECK(heard.wait_for("is disconnected") != "");
    }
    if (stage == Stage::queued) server->send<Scale>(north_only, counted(1, 1));  // is before it
    request = server->send<Scale>(north_only, counted(2, size)).front();
    if (stage == Stage::away) return;
    const auto came = north->frame();
    REQUIRE(came);
    CHECK(came->header.request == (stage == Stage::queued ? 1 : request));
    if (stage <= Stage::sent) return;
    const Bytes reply = reply_frame();
    north->send(frame_of(FrameKind::announce, request, Announcement{reply.size() - frame_header_size}));
    if (stage == Stage::announced) return;  // or granted: that depends on who is quicker
    const auto grant = north->frame();
    REQUIRE(grant);
    CHECK(grant->kind() == FrameKind::grant);
    if (stage == Stage::granted) return;
    north->send(std::span(reply).first(stage == Stage::whole ? reply.size() : reply.size() / 2));
    if (stage == Stage::half_received) std::this_thread::sleep_for(20ms);
    if (stage == Stage::whole) eventually([&] { return server->status().front().task.empty(); });
  }
  [[nodiscard]] Bytes reply_frame() const {
    return frame_of(FrameKind::reply, request,
                    Scale::Reply{Parameters<double>(Layout{{"x", {size}}}), "by hand"});
  }
};

}  // namespace

TEST_CASE("Given up at any stage, all or this one request, it is over at once") {
  for (const Stage stage : stages) {
    for (const bool single : {false, true}) {
      CAPTURE(static_cast<int>(stage));
      CAPTURE(single);
      Scene scene(stage);
      const std::vector<RequestId> only{scene.request};
      single ? scene.server->give_up<Scale>(only) : scene.server->give_up<Scale>();
      if (stage == Stage::whole) {
        CHECK(next_text(*scene.server) == "north: 0");  // it had come
      } else if (stage == Stage::away) {
        CHECK(
            next_text(*scene.server) ==
            "north failed (deadline): client north did not reply before the deadline (it was not connected)");
      } else {
        CHECK(next_text(*scene.server) ==
              "north failed (deadline): client north did not reply before the deadline");
      }
      if (stage == Stage::queued && !single) next_text(*scene.server);  // the one before it too
      CHECK(next_text(*scene.server, 10ms) == "nothing");
      scene.server->give_up<Scale>();  // has nothing to do, except for the one before
      if (stage == Stage::queued && single)
        CHECK(next_text(*scene.server).find("north failed (deadline)") == 0);
      if (stage == Stage::away) continue;
      // The rest of what it was sending goes nowhere, and the next request is answered.
      const Bytes reply = scene.reply_frame();
      if (stage == Stage::half_received) scene.north->send(std::span(reply).subspan(reply.size() / 2));
      const auto next = scene.server->send<Scale>(north_only, counted(2, 3)).front();
      for (;;) {
        const auto frame = scene.north->frame();
        REQUIRE(frame);
        CHECK(frame->header.request !=
              (stage == Stage::queued ? scene.request : 0));  // it never heard of that
        if (frame->kind() == FrameKind::request && frame->header.request == next) break;
      }
      scene.north->send(
          frame_of(FrameKind::reply, next, Scale::Reply{Parameters<double>(Layout{{"x", {3}}}), ""}));
      CHECK(next_text(*scene.server) == "north: 0");
      const std::size_t late = scene.heard.count(SocketEvent::Kind::late_reply);
      if (stage == Stage::announced) {
        CHECK(late <= 1);  // the announcement may come after the end
      } else {
        CHECK(late == (stage == Stage::half_received ? 1 : 0));
      }
    }
  }
}

TEST_CASE("Asked to stop at any stage: what has not begun fails, the rest hears of it and may still answer") {
  for (const Stage stage : stages) {
    for (const bool single : {false, true}) {
      CAPTURE(static_cast<int>(stage));
      CAPTURE(single);
      Scene scene(stage);
      const std::vector<RequestId> only{scene.request};
      single ? scene.server->stop<Scale>(only) : scene.server->stop<Scale>();
      if (stage == Stage::away || stage == Stage::queued) {
        CHECK(next_text(*scene.server) ==
              std::string(
                  "north failed (deadline): client north had not begun when it was asked to hand in what "
                  "it has") +
                  (stage == Stage::away ? " (it was not connected)" : ""));
      } else if (stage != Stage::whole) {
        auto frame = scene.north->frame();
        if (stage == Stage::announced && frame) {  // the grant and the question to stop pass each other
          const auto second = scene.north->frame();
          REQUIRE(second);
          CHECK((frame->kind() == FrameKind::grant || second->kind() == FrameKind::grant));
          if (frame->kind() == FrameKind::grant) frame = second;
        }
        REQUIRE(frame);
        CHECK(frame->kind() == FrameKind::stop);
        CHECK(frame->header.request == scene.request);
        const Bytes reply = scene.reply_frame();
        if (stage == Stage::sent) {
          scene.north->send(frame_of(FrameKind::announce, scene.request, Announcement{reply.size()}));
          CHECK(scene.north->frame()->kind() == FrameKind::grant);
        }
        scene.north->send(std::span(reply).subspan(stage == Stage::half_received ? reply.size() / 2 : 0));
      }
      if (stage >= Stage::sent) CHECK(next_text(*scene.server) == "north: 0");
      if (stage == Stage::queued && !single) {  // the one before it was sent
        CHECK(scene.north->frame()->kind() == FrameKind::stop);
      }
    }
  }
}

TEST_CASE("The server can go at any stage") {
  for (const Stage stage : stages) {
    CAPTURE(static_cast<int>(stage));
    Scene scene(stage);
    const auto before = Clock::now();
    scene.server.reset();
    CHECK(Clock::now() - before < 2s);
    if (stage != Stage::away) CHECK(scene.north->is_closed());
  }
}

TEST_CASE("The federation can be finished at any stage; who does not listen cannot hold it up for long") {
  for (const Stage stage : stages) {
    CAPTURE(static_cast<int>(stage));
    Scene scene(stage);
    const auto before = Clock::now();
    scene.server->finish(200ms);  // the node by hand does not close
    CHECK(Clock::now() - before < 2s);
    if (stage == Stage::away) {
      CHECK(Clock::now() - before < 150ms);  // nobody was there to wait for
      scene.north.emplace(scene.server->port());
      CHECK_FALSE(scene.north->come_in("north"));  // but heard it when it came
      continue;
    }
    std::string heard;
    for (std::string frame; (frame = scene.north->hears()) != "the end" && frame != "nothing";) heard = frame;
    CHECK(heard == std::to_string(static_cast<unsigned>(FrameKind::goodbye)));
    const auto until_closed = Clock::now();
    scene.north->close();
    scene.server->finish(5s);  // now it is quick
    CHECK(Clock::now() - until_closed < 2s);
  }
}

TEST_CASE("An on_event that throws harms nobody") {
  SocketServerOptions options = plaintext();
  std::atomic<int> thrown = 0;
  const SocketObserver throws = [&thrown](const SocketEvent&) {
    ++thrown;
    throw std::runtime_error("the display is broken");
  };
  options.on_event = throws;
  SocketServer server{options};
  SocketClientOptions of_node = to_port(server.port());
  of_node.on_event = throws;
  TestNode north("north", scales(), of_node);
  REQUIRE(server.wait_for_clients(1, 10s));
  RawPeer stranger(server.port());
  stranger.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(stranger.hears().find("refused: ") == 0);
  stranger.close();
  server.send<Scale>(server.clients(), counted(2, 3));
  CHECK(next_text(server) == "north: 6");
  server.finish();
  CHECK(north.ended() == "finished");
  CHECK(thrown >= 4);
}

TEST_CASE("Whole replies to one task do not stand in the way of another that is waited for") {
  SocketServerOptions options = plaintext();
  options.reply_memory = 200'000;  // one large reply
  SocketServer server{options};
  const auto serve_both = [](const std::string& id) {
    TaskHandlers handlers;
    handlers.offer<Scale>(scales());
    handlers.offer<Copy>([](const Request<Copy::Broadcast>& request, std::stop_token) {
      return Copy::Reply{Parameters<double>(Layout{{"x", {size}}}), request.client.str()};
    });
    auto service = std::make_unique<TaskService>(id, std::move(handlers));
    service->serve_task<Scale>().serve_task<Copy>();
    return service;
  };
  TestNode north(serve_both("north"), to_port(server.port()));
  TestNode south(serve_both("south"), to_port(server.port()));
  REQUIRE(server.wait_for_clients(2, 10s));
  server.send<Scale>(server.clients(), counted(1, size));
  std::this_thread::sleep_for(200ms);  // one reply is there, the other waits for its turn
  server.send<Copy>(server.clients(), std::make_shared<const Copy::Broadcast>());
  for (int i = 0; i < 2; ++i) {
    const auto copy = server.next<Copy>(Clock::now() + 5s);
    REQUIRE(copy);
    CHECK(std::holds_alternative<Copy::Reply>(copy->result));
  }
  for (int i = 0; i < 2; ++i) CHECK(next_text(server).find(": 199990000") == 5);
}

}  // namespace transport_socket_faults_endings_test
