#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "sanitized.hpp"
#include "transport/socket/faults/raw_peer.hpp"
#include "transport/socket/faults/watched.hpp"

namespace transport_socket_faults_crowd_test {

using namespace healthai;
using namespace socket_test;

namespace {

/// Raises the number of files that may be open as far as that is allowed. \return how many connections may be made
std::size_t connections_allowed(std::size_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t enough = wanted + 1000;
  if (limit.rlim_cur < enough) {
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? enough : (std::min)(limit.rlim_max, enough);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return (std::min)(wanted, static_cast<std::size_t>(limit.rlim_cur) - 700);
}
/// This process's memory, in bytes.
std::size_t resident() {
  std::size_t all = 0;
  std::size_t here = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  if (std::fscanf(file, "%zu %zu", &all, &here) != 2) here = 0;
  std::fclose(file);
  return here * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE("5000 connections that say nothing keep nobody out, and cost the coordinator next to nothing") {
  SocketServer server{plaintext()};
  TestNode first("first", scales(), to_port(server.port()));
  REQUIRE(server.wait_for_clients(1, 10s));
  const std::size_t count = connections_allowed(5000);
  CHECK(count >= 300);  // otherwise the waiting room would not be full
  std::vector<Handle> silent;
  silent.reserve(count);
  const std::size_t before = resident();
  for (std::size_t i = 0; i < count; ++i) {
    silent.push_back(connect_to(server.port()));
    if (i % 4 == 0) ::send(silent.back().get(), "h", 1, MSG_NOSIGNAL);  // that could become a hello
  }
  TestNode north("north", scales(), to_port(server.port()));
  REQUIRE(server.wait_for_clients(2, 10s));
  server.send<Scale>(server.clients(), counted(2, 3));
  std::vector<std::string> texts{next_text(server), next_text(server)};
  std::sort(texts.begin(), texts.end());
  CHECK(texts == std::vector<std::string>{"first: 6", "north: 6"});
  if (!sanitized) CHECK(resident() - before < std::size_t{16} << 20U);
  CHECK(first.heard().count(SocketEvent::Kind::disconnected) == 0);
  // The coordinator keeps as many as its waiting room holds of either kind, and its clients.
  std::size_t open = 0;
  for (const Handle& handle : silent) {
    char byte = 0;
    open += ::recv(handle.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN ? 1 : 0;
  }
  CHECK(open <= 512);
  CHECK(open > 0);
}

TEST_CASE("Who says nothing, or only half a hello, is shown out after a while") {
  SocketServerOptions options = plaintext();
  options.hello_within = 300ms;
  SocketServer server{options};
  RawPeer silent(server.port());
  RawPeer slow(server.port());
  const Bytes hello = frame_of(FrameKind::hello, protocol_version, Hello{"by hand", "slow", 1, {}, 0, {}});
  bool open = true;
  std::size_t sent = 0;
  for (const auto until = Clock::now() + 5s; open && Clock::now() < until && sent < hello.size(); ++sent) {
    open = slow.send(std::span(hello).subspan(sent, 1));  // never silent, and never done
    std::this_thread::sleep_for(20ms);
  }
  CHECK(sent < hello.size() / 2);
  CHECK(silent.is_closed(5s));
  CHECK(server.clients().empty());
}

TEST_CASE("A node that does not read, and one that sends by drops, hold up nobody but themselves") {
  Heard heard;
  SocketServerOptions options = plaintext();
  options.reply_memory = 100'000;  // less than one reply
  options.heartbeat = {1s, 3s};
  options.on_event = heard.observer();
  SocketServer server{options};
  constexpr std::size_t size = 1'000'000;  // 8 MB: more than the system buffers
  std::vector<std::unique_ptr<TestNode>> honest;
  for (const char* id : {"a", "b", "c"})
    honest.push_back(std::make_unique<TestNode>(id, scales(), to_port(server.port())));
  RawPeer deaf(server.port());
  RawPeer slow(server.port());
  REQUIRE(deaf.come_in("deaf"));
  REQUIRE(slow.come_in("slow"));
  REQUIRE(server.wait_for_clients(5, 10s));
  // The slow one has its turn first.
  const auto request = server.send<Scale>(std::vector<ClientId>{"slow"}, counted(2, 1)).front();
  REQUIRE(slow.frame());
  slow.send(frame_of(FrameKind::announce, request, Announcement{8 * size}));
  REQUIRE(slow.frame()->kind() == FrameKind::grant);
  const Bytes reply =
      frame_of(FrameKind::reply, request, Scale::Reply{Parameters<double>(Layout{{"x", {size}}}), "slow"});
  const auto begin = Clock::now();
  server.send<Scale>(std::vector<ClientId>{"a", "b", "c", "deaf"}, counted(2, size));
  std::atomic<bool> over = false;
  std::thread drops([&] {
    for (std::size_t at = 0; at < reply.size() && !over; at += 100) {
      if (!slow.send(std::span(reply).subspan(at, 100))) return;
      deaf.send(frame_bytes(FrameKind::ping, 0));  // it speaks, but does not hear
      std::this_thread::sleep_for(20ms);
    }
  });
  std::string answered;
  for (int i = 0; i < 3; ++i) answered += next_text(server, 10s).substr(0, 1);
  std::sort(answered.begin(), answered.end());
  CHECK(answered == "abc");
  CHECK(Clock::now() - begin < 8s);
  CHECK(heard.wait_for("client deaf is disconnected") ==
        "client deaf is disconnected: nothing could be sent for 3 s");
  server.give_up<Scale>();
  std::vector<std::string> late{next_text(server), next_text(server)};
  std::sort(late.begin(), late.end());
  CHECK(late[0].find("deaf failed (deadline)") == 0);
  CHECK(late[1].find("slow failed (deadline)") == 0);
  over = true;
  drops.join();
  CHECK(heard.count(SocketEvent::Kind::disconnected) == 1);
}

}  // namespace transport_socket_faults_crowd_test
