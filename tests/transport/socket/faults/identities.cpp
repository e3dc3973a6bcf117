#include <doctest/doctest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string>
#include <vector>

#include "transport/socket/certificates.hpp"
#include "transport/socket/faults/raw_peer.hpp"
#include "transport/socket/faults/watched.hpp"
#include "transport/socket/messages.hpp"

namespace transport_socket_faults_identities_test {

using namespace healthai;
using namespace socket_test;

namespace {

TestCertificates& certificates() {
  static TestCertificates made;
  return made;
}
Roster roster_of(const std::vector<std::string>& ids) {
  return Roster::read(certificates().roster(ids));
}

struct Scene {
  Heard heard;
  SocketServer server;
  explicit Scene(const std::vector<std::string>& listed) : server(options(listed, heard)) {}

  static SocketServerOptions options(const std::vector<std::string>& listed, Heard& heard) {
    SocketServerOptions made;
    made.tls = certificates().coordinator();
    made.roster = roster_of(listed);
    made.on_event = heard.observer();
    return made;
  }
  [[nodiscard]] SocketClientOptions with(TlsFiles files) const {
    SocketClientOptions made = to_port(server.port());
    made.plaintext = false;
    made.tls = std::move(files);
    return made;
  }
  [[nodiscard]] SocketClientOptions as(const std::string& id) const { return with(certificates().site(id)); }
  void check_that_it_works(const std::string& id) {
    REQUIRE(server.wait_for_clients(std::vector<ClientId>{id}, 10s).empty());
    server.send<Scale>(std::vector<ClientId>{id}, counted(2, 3));
    CHECK(next_text(server) == id + ": 6");
  }
};

}  // namespace

TEST_CASE("TLS from end to end: rounds with models of any size") {
  Scene scene({"north", "south"});
  TestNode north("north", scales(), scene.as("north"));
  SocketClientOptions by_name = scene.as("south");
  by_name.host = "localhost";
  TestNode south("south", scales(), by_name);
  REQUIRE(scene.server.wait_for_clients(2, 10s));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{3}, std::size_t{20'000}, std::size_t{1'000'000}}) {
    scene.server.send<Scale>(scene.server.clients(), counted(2, size));
    for (int i = 0; i < 2; ++i) {
      const auto delivery = scene.server.next<Scale>(Clock::now() + 20s);
      REQUIRE(delivery);
      REQUIRE(std::holds_alternative<Scale::Reply>(delivery->result));
      CHECK(std::get<Scale::Reply>(delivery->result).values.flat() == 2 * counted(2, size)->values.flat());
    }
  }
  scene.server.finish();
  CHECK(north.ended() == "finished");
  CHECK(south.ended() == "finished");
}

TEST_CASE("A site of another CA is not let in, and both logs say why") {
  Scene scene({"north"});
  TestCertificates elsewhere;
  const Pair other = issue({.subject = "another CA", .authority = true});
  TlsFiles files = elsewhere.issue_files("north", TestCertificates::site_contents("north"), &other);
  files.authorities = certificates().path("authority.pem");
  TestNode impostor("north", scales(), scene.with(files));
  const std::string there = scene.heard.wait_for("was not let in");
  CHECK(contains(there, "the node's certificate (CN=north) is signed by an unknown CA (CN=another CA)"));
  const std::string here = impostor.heard().wait_for("the coordinator does not know the CA");
  CHECK(contains(here, "no connection to 127.0.0.1:"));
  CHECK(contains(here, "the coordinator does not know the CA that signed this node's certificate"));
  TestNode north("north", scales(), scene.as("north"));
  scene.check_that_it_works("north");
  CHECK(scene.server.clients().size() == 1);
}

TEST_CASE("A node whose own certificate has expired says so, and does not try") {
  Scene scene({"north"});
  Contents past = TestCertificates::site_contents("north");
  past.from_days = -100;
  past.to_days = -1;
  TestNode north("north", scales(), scene.with(certificates().issue_files("expired", past)));
  CHECK(contains(north.ended(), "this certificate expired on 20"));
}

TEST_CASE("The right CA is not enough: a site must be listed, with its key; it is let in once it is") {
  Scene scene({"north"});
  TestNode south("south", scales(), scene.as("south"));
  const std::string sentence = south.heard().wait_for("is not on the roster");
  CHECK(contains(sentence, "does not let this node in: \"south\" is not on the roster: "));
  CHECK(contains(sentence, certificates().pin("south")));
  CHECK(contains(scene.heard.wait_for("is not on the roster"),
                 "was not let in: \"south\" is not on the roster"));

  const TlsFiles other_key =
      certificates().issue_files("other-key", TestCertificates::site_contents("north"));
  TestNode north("north", scales(), scene.with(other_key));
  CHECK(contains(north.heard().wait_for("with another key"),
                 "\"north\" is on the roster, but with another key"));

  scene.server.set_roster(
      Roster(std::vector<RosterSite>{{"north", {certificate_identity(other_key.certificate).key_pin}, {}},
                                     {"south", {certificates().pin("south")}, {}}}));
  scene.check_that_it_works("north");
  scene.check_that_it_works("south");
  // Off the roster again, one by its name and one by its key.
  scene.server.set_roster(roster_of({"north"}));
  CHECK(contains(scene.heard.wait_for("client south is disconnected"),
                 "the roster has changed: \"south\" is not on"));
  CHECK(contains(scene.heard.wait_for("client north is disconnected"),
                 "but with another key: expected the pin"));
  CHECK(contains(south.heard().wait_for("the roster has changed"), "the roster has changed"));
}

TEST_CASE("A certificate of another site than the node says it is ends the node with a sentence") {
  Scene scene({"north", "south"});
  TestNode liar("south", scales(), scene.as("north"));
  CHECK(liar.ended() ==
        "the coordinator at 127.0.0.1:" + std::to_string(scene.server.port()) +
            " does not let this node in: the certificate is that of north, but the node says that "
            "it is south");
  CHECK(scene.server.clients().empty());
}

TEST_CASE("Two nodes with one identity: the second waits, with a sentence, until the first has gone") {
  Scene scene({"north"});
  auto first = std::make_unique<TestNode>("north", scales(), scene.as("north"));
  scene.check_that_it_works("north");
  TestNode second("north", scales(), scene.as("north"));
  CHECK(contains(second.heard().wait_for("is connected already"), "is this one's name used twice?"));
  scene.check_that_it_works("north");
  CHECK(first->heard().count(SocketEvent::Kind::disconnected) == 0);
  first->stop();
  CHECK(first->ended() == "stopped");
  first.reset();
  CHECK(contains(second.heard().wait_for("connected to"), "connected to 127.0.0.1:"));
  scene.check_that_it_works("north");
}

TEST_CASE("A node's certificate makes no coordinator") {
  Heard heard;
  SocketServerOptions options = Scene::options({"north"}, heard);
  options.tls = certificates().site("south");
  CHECK(message_of(error::tls, [&] { SocketServer{options}; }) != "(no Error)");

  // One that does not look at its own files.
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ssl::context tls = unchecked_tls(certificates().site("south"), true);
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  SocketClientOptions to = eager(acceptor.local_endpoint().port());
  to.plaintext = false;
  to.tls = certificates().site("north");
  Tally tally;
  TestNode north(watched("north", tally, scales()), to);
  asio::ssl::stream<asio::ip::tcp::socket> stream(acceptor.accept(), tls);
  boost::system::error_code failure;
  stream.handshake(asio::ssl::stream_base::server, failure);
  char byte = 0;
  if (!failure) stream.read_some(asio::buffer(&byte, 1), failure);  // a hello would be here
  CHECK(failure);
  CHECK(contains(north.heard().wait_for("no connection"), "the coordinator's certificate (CN=south)"));
  CHECK(north.heard().count(SocketEvent::Kind::connected) == 0);
}

TEST_CASE(
    "Who speaks without TLS to a coordinator with TLS, or the other way round, hears that it does not go") {
  Scene scene({"north"});
  RawPeer plain(scene.server.port());
  CHECK_FALSE(plain.come_in("north"));
  CHECK(plain.is_closed());
  CHECK(contains(scene.heard.wait_for("was not let in"), "was not let in: "));
  SocketServer open{plaintext()};
  SocketClientOptions to = scene.as("north");
  to.port = open.port();
  TestNode north("north", scales(), to);
  CHECK(contains(north.heard().wait_for("no connection"), "no connection to 127.0.0.1:"));
  CHECK(open.clients().empty());
}

TEST_CASE("Without TLS a roster lets in those whose names are on it") {
  Heard heard;
  SocketServerOptions options = plaintext();
  options.roster = roster_of({"north"});
  SocketServer server{options};
  RawPeer south(server.port());
  south.send(frame_of(FrameKind::hello, protocol_version, Hello{"by hand", "south", 1, {}, 0, {}}));
  CHECK(south.hears() == "refused: \"south\" is not on the roster");
  RawPeer north(server.port());
  CHECK(north.come_in("north"));
}

}  // namespace transport_socket_faults_identities_test
