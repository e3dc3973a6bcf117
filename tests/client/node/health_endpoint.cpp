#include "healthai/client/node/health_endpoint.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <string>

namespace client_node_health_endpoint_test {

using namespace healthai;

namespace {

/// Everything that comes back for these bytes.
std::string say(std::uint16_t port, const std::string& text) {
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port});
  asio::write(socket, asio::buffer(text));
  std::string answer;
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(answer), end);
  return answer;
}
const std::string get = "GET /health HTTP/1.1\r\nHost: here\r\n\r\n";

}  // namespace

TEST_CASE("Monitoring hears whether all is well, and what there is to tell") {
  std::atomic<bool> connected = true;
  const HealthEndpoint health{0, [&connected] {
                                return Health{connected, {{"connected", connected.load()}}};
                              }};
  const std::string good = say(health.port(), get);
  CHECK(good.find("HTTP/1.1 200 OK\r\n") == 0);
  CHECK(good.find("\"connected\": true") != std::string::npos);
  connected = false;
  const std::string bad = say(health.port(), get);
  CHECK(bad.find("HTTP/1.1 503 ") == 0);
  CHECK(bad.find("\"connected\": false") != std::string::npos);
}

TEST_CASE("A report that throws, another path, and nonsense leave it standing") {
  const HealthEndpoint health{0, []() -> Health { throw std::runtime_error("no"); }};
  CHECK(say(health.port(), get).find("HTTP/1.1 503 ") == 0);
  CHECK(say(health.port(), "GET /etc/passwd HTTP/1.1\r\n\r\n").find("HTTP/1.1 404 ") == 0);
  CHECK(say(health.port(), "POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n").find("HTTP/1.1 404 ") == 0);
  CHECK(say(health.port(), "\x16\x03\x01 nonsense\r\n\r\n").empty());
  CHECK(say(health.port(), "GET /" + std::string(20000, 'x') + " HTTP/1.1\r\n\r\n").empty());
  CHECK(say(health.port(), get).find("HTTP/1.1 503 ") == 0);
}

TEST_CASE("An address or port that it cannot have is an error that names it") {
  CHECK_THROWS_WITH_AS(HealthEndpoint(0, {}, "here"),
                       "the health endpoint needs an IPv4 or IPv6 address, not \"here\"", Error);
  const HealthEndpoint first{0, [] { return Health{}; }};
  CHECK_THROWS_AS(HealthEndpoint(first.port(), {}), Error);
}

}  // namespace client_node_health_endpoint_test
