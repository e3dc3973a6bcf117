#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "transport/socket/faults/bad_wire.hpp"
#include "transport/socket/faults/raw_peer.hpp"
#include "transport/socket/faults/watched.hpp"

namespace transport_socket_faults_http_proxy_test {

using namespace healthai;
using namespace socket_test;

namespace {

/// Hears a CONNECT, gives its answer, and then carries bytes to `through` if that is a port.
class Proxy {
 public:
  Proxy(std::string answer, std::uint16_t through) : answer_(std::move(answer)) {
    thread_ = std::jthread([this, through](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        Handle client = listener_.accept(20ms);
        if (client.get() >= 0) serve(std::move(client), through, stop);
      }
    });
  }
  [[nodiscard]] HttpProxy options(const std::string& credentials_file = {}) const {
    return {"127.0.0.1", listener_.port(), credentials_file};
  }
  /// What the last client said, up to the empty line.
  [[nodiscard]] std::string request() {
    const std::lock_guard lock(mutex_);
    return request_;
  }

 private:
  void serve(Handle client, std::uint16_t through, const std::stop_token& stop) {
    RawPeer peer(std::move(client));
    std::string said;
    while (said.find("\r\n\r\n") == std::string::npos) {
      const Bytes bytes = peer.receive(1);  // not a byte of what comes after it
      if (bytes.empty()) return;
      said += static_cast<char>(bytes.front());
    }
    {
      const std::lock_guard lock(mutex_);
      request_ = said;
    }
    peer.send(answer_);
    if (through == 0) {
      peer.is_closed(2s);
      return;
    }
    RawPeer there(through);
    while (!stop.stop_requested()) {
      pollfd both[2]{{peer.get(), POLLIN, 0}, {there.get(), POLLIN, 0}};
      ::poll(both, 2, 20);
      if (both[0].revents != 0 && !carry(peer, there)) return;
      if (both[1].revents != 0 && !carry(there, peer)) return;
    }
  }
  static bool carry(RawPeer& from, RawPeer& to) {
    const Bytes bytes = from.receive(1 << 16, 0ms);
    return !bytes.empty() && to.send(bytes);
  }
  std::string answer_;
  Listener listener_;
  std::mutex mutex_;
  std::string request_;
  std::jthread thread_;
};

const std::string yes = "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n";

/// What a node that meets this answer says.
std::string complaint(const std::string& answer) {
  Proxy proxy(answer, 0);
  SocketClientOptions options = eager(9);
  options.proxy = proxy.options();
  options.connect_within = 500ms;
  Heard heard;
  options.on_event = heard.observer();
  TestNode north("north", scales(), options);
  return heard.wait_for("no connection");
}

}  // namespace

TEST_CASE("Through a proxy that asks for nothing, or for a password") {
  SocketServer server{plaintext()};
  Proxy proxy(yes, server.port());
  SocketClientOptions options = eager(server.port());
  options.host = "fl.example.org";  // the proxy looks that up
  std::string expected = "CONNECT fl.example.org:" + std::to_string(server.port()) +
                         " HTTP/1.1\r\nHost: fl.example.org:" + std::to_string(server.port()) + "\r\n";
  std::filesystem::path file;
  SUBCASE("nothing") {
    options.proxy = proxy.options();
  }
  SUBCASE("a password") {
    file = std::filesystem::temp_directory_path() / ("healthai-proxy-" + std::to_string(::getpid()));
    std::ofstream(file) << "Aladdin:open sesame\nwhat comes after the first line does not count\n";
    options.proxy = proxy.options(file.string());
    expected += "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";  // RFC 7617, section 2
  }
  SUBCASE("an IPv6 address") {
    options.host = "2001:db8::1";
    options.proxy = proxy.options();
    const std::string there = "[2001:db8::1]:" + std::to_string(server.port());
    expected = "CONNECT " + there + " HTTP/1.1\r\nHost: " + there + "\r\n";
  }
  TestNode north("north", scales(), options);
  REQUIRE(server.wait_for_clients(1, 10s));
  CHECK(proxy.request() == expected + "\r\n");
  for (const std::size_t size : {std::size_t{3}, std::size_t{100'000}}) {
    server.send<Scale>(server.clients(), counted(2, size));
    CHECK(next_text(server) == "north: " + std::to_string(size * (size - 1)));
  }
  server.finish();
  CHECK(north.ended() == "finished");
  if (!file.empty()) std::filesystem::remove(file);
}

TEST_CASE("A proxy that does not let through is told of, in one line") {
  const std::string begins = "no connection to 127.0.0.1:9: ";
  CHECK(complaint("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") ==
        begins + "the proxy answered \"HTTP/1.1 403 Forbidden\" to CONNECT");
  CHECK(complaint("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") ==
        begins + "the proxy answered \"HTTP/1.1 407 Proxy Authentication Required\" to CONNECT");
  CHECK(complaint("220 mail.example.org ESMTP\r\n\r\n") ==
        begins + "the proxy answered \"220 mail.example.org ESMTP\" to CONNECT");
  CHECK(complaint("HTTP/1.1 2000 x\r\n\r\n") == begins + "the proxy answered \"HTTP/1.1 2000 x\" to CONNECT");
  CHECK(complaint("\x1b[2J\n\x07\r\n\r\n") == begins + "the proxy answered \"?[2J??\" to CONNECT");
  CHECK(complaint(std::string(5000, 'x') + "\r\n\r\n") ==
        begins + "the proxy answered \"" + std::string(100, 'x') + "...\" to CONNECT");
  CHECK(complaint(std::string(10'000, 'x')) ==
        begins + "the proxy gave no answer to CONNECT: it is longer than 8192 bytes");
  CHECK(complaint("HTTP/1.1 200 OK\r\n") == begins + "there was no answer within 500 ms");
  CHECK(complaint("") == begins + "there was no answer within 500 ms");
}

TEST_CASE("Credentials that cannot be read, and a proxy that is not there") {
  Heard heard;
  SocketClientOptions options = eager(9);
  options.on_event = heard.observer();
  Proxy proxy(yes, 0);
  options.proxy = proxy.options("/nowhere/credentials");
  {
    TestNode north("north", scales(), options);
    CHECK(heard.wait_for("credentials") ==
          "no connection to 127.0.0.1:9: the file /nowhere/credentials should hold USER:PASSWORD for the "
          "proxy");
  }
  CHECK(proxy.request().empty());
  options.proxy->port = Listener().port();  // closed again
  options.proxy->credentials_file.clear();
  TestNode north("north", scales(), options);
  CHECK(heard.wait_for("refused") == "no connection to 127.0.0.1:9: Connection refused");
}

}  // namespace transport_socket_faults_http_proxy_test
