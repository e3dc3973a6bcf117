// examples/make_certificates.sh makes what the library takes, and refuses what would harm.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <array>
#include <boost/asio/ssl/context.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "certificates.hpp"
#include "examples/run_example.hpp"
#include "folders.hpp"
#include "handshake.hpp"
#include "healthai/transport/socket/roster.hpp"
#include "messages.hpp"

namespace transport_socket_make_certificates_test {

using healthai::Roster;
using healthai::TlsFiles;
using socket_test::contains;
using socket_test::Handshake;
using socket_test::TestCertificates;

namespace {

using Result = ProgramResult;

Result shell(const std::string& command) {
  return run_command(command);
}
Result script(const std::string& arguments) {
  return shell("bash \"" + source_folder() + "/examples/make_certificates.sh\" " + arguments);
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<unsigned>(info.st_mode) & 07777U : 0U;
}

TlsFiles files_in(const std::string& folder, const std::string& id, const std::string& authorities) {
  return {.certificate = folder + "/" + id + ".pem",
          .private_key = folder + "/" + id + ".key",
          .authorities = authorities,
          .passphrase_file = {}};
}

}  // namespace

TEST_CASE("a demonstration is made at once, works, and says what it is") {
  const TestCertificates place;  // for its folder
  const std::string folder = place.path("demonstration");
  const Result made = script("demonstration \"" + folder + "\" localhost,127.0.0.1,::1 north south");
  CAPTURE(made.output);
  REQUIRE(made.status == 0);
  CHECK(contains(made.output, "DEMONSTRATION ONLY. The private keys of all parties"));
  CHECK(contains(place.read("demonstration/DEMONSTRATION_ONLY"), "DEMONSTRATION ONLY"));
  CHECK(mode_of(folder) == 0700);
  for (const std::string key : {"authority/authority.key", "coordinator.key", "north.key", "south.key"})
    CHECK(mode_of(folder + "/" + key) == 0600);

  const std::string authorities = folder + "/authority.pem";
  const Roster roster = Roster::read(folder + "/roster.json");
  CHECK(roster.ids() == std::vector<healthai::ClientId>{"north", "south"});
  boost::asio::ssl::context server = healthai::server_tls(files_in(folder, "coordinator", authorities));
  for (const std::string id : {"north", "south"}) {
    boost::asio::ssl::context client = healthai::client_tls(files_in(folder, id, authorities));
    for (const std::string host : {"localhost", "127.0.0.1", "::1"}) {
      const Handshake both(server.native_handle(), client.native_handle(), host);
      CHECK(both.server_error == "");
      CHECK(both.client_error == "");
      const healthai::PeerIdentity peer = healthai::peer_identity(both.server.get());
      CHECK(peer.id == id);
      CHECK_NOTHROW(roster.require(peer));
    }
  }
  const std::string key = place.read("demonstration/north.key");
  const Result again = script("demonstration \"" + folder + "\" localhost north");
  CHECK(again.status == 2);
  CHECK(contains(again.output, "exists already"));
  CHECK(place.read("demonstration/north.key") == key);
}

TEST_CASE("each party makes its own key, and the authority signs") {
  TestCertificates place;
  const std::string home = place.path("");
  place.write("passphrase", "open sesame\n", 0600);
  const auto run = [&](const std::string& arguments) {
    const Result result = shell("cd \"" + home + "\" && bash \"" + source_folder() +
                                "/examples/make_certificates.sh\" " + arguments);
    INFO(arguments);
    CAPTURE(result.output);
    CHECK(result.status == 0);
    return result.output;
  };
  const auto refused = [&](const std::string& arguments) {
    const Result result = shell("cd \"" + home + "\" && bash \"" + source_folder() +
                                "/examples/make_certificates.sh\" " + arguments);
    INFO(arguments);
    CHECK(result.status == 2);
    return result.output;
  };
  run("authority ca --passphrase-file passphrase --name \"Research / Ring\"");
  CHECK(contains(place.read("ca/authority.key"), "ENCRYPTED PRIVATE KEY"));
  run("request hq hq --coordinator coordinator.example 10.1.2.3 2001:db8::7");
  const std::string asked = run("request north north --passphrase-file passphrase");
  run("sign ca hq/hq.csr --passphrase-file passphrase --coordinator coordinator.example 10.1.2.3 "
      "2001:db8::7");
  const std::string signed_north = run("sign ca north/north.csr --passphrase-file passphrase --days 200");

  const healthai::PeerIdentity identity = healthai::certificate_identity(place.path("north/north.pem"));
  CHECK(identity.id == "north");
  CHECK(contains(asked, identity.key_pin));  // what the two compare by telephone
  CHECK(contains(signed_north, identity.key_pin));
  const auto left = identity.expires - std::chrono::system_clock::now();
  CHECK(left > std::chrono::hours(24 * 199));
  CHECK(left <= std::chrono::hours(24 * 200));

  TlsFiles north = files_in(place.path("north"), "north", place.path("ca/authority.pem"));
  north.passphrase_file = place.path("passphrase");
  boost::asio::ssl::context client = healthai::client_tls(north);
  boost::asio::ssl::context server =
      healthai::server_tls(files_in(place.path("hq"), "hq", place.path("ca/authority.pem")));
  for (const std::string host : {"coordinator.example", "10.1.2.3", "2001:db8::7"})
    CHECK(Handshake(server.native_handle(), client.native_handle(), host).good());
  CHECK_FALSE(Handshake(server.native_handle(), client.native_handle(), "hq").good());

  // The next key: two certificates of one site give two pins.
  run("request north-next north");
  run("sign ca north-next/north.csr --passphrase-file passphrase");
  place.write("roster.json", shell("cd \"" + home + "\" && bash \"" + source_folder() +
                                   "/examples/make_certificates.sh\" roster north/north.pem "
                                   "north-next/north.pem north/north.pem")
                                 .output);
  const Roster roster = Roster::read(place.path("roster.json"));
  REQUIRE(roster.sites().size() == 1);
  CHECK(roster.sites()[0].pins.size() == 2);
  CHECK_NOTHROW(roster.require(identity));
  CHECK_NOTHROW(roster.require(healthai::certificate_identity(place.path("north-next/north.pem"))));

  // What would harm is refused.
  run("request hq2 hq2 --coordinator evil.example");
  CHECK(contains(
      refused("sign ca hq2/hq2.csr --passphrase-file passphrase"),
      "asks for names of its own, as a coordinator does. If it shall be the coordinator, say so with "
      "--coordinator HOST..."));
  CHECK(
      contains(refused("sign ca north/north.csr --passphrase-file passphrase"), "north.pem exists already"));
  CHECK(contains(refused("request north north"), "north.csr exists already"));
  CHECK(contains(refused("request x ../evil"), "expected an id of 1 to 64 characters"));
  CHECK(contains(refused("request x North"), "got \"North\""));
  CHECK(contains(refused("request x y --coordinator \"a,URI:urn:healthai:site:north\""),
                 "expected a host name or an IP address"));
  CHECK(contains(refused("request x y --coordinator"), "--coordinator needs the host names"));
  CHECK(contains(refused("authority ca --passphrase-file passphrase"), "authority.pem exists already"));
  CHECK(contains(refused("sign ca none.csr --passphrase-file passphrase"), "there is no such file"));
  place.write("garbage.csr", "garbage");
  CHECK(contains(refused("sign ca garbage.csr --passphrase-file passphrase"), "expected a request in PEM"));
  CHECK(contains(refused("sign north north/north.csr"), "expected authority.key and authority.pem there"));
  // A request whose signature is not its own key's: the last character before the padding of its last line is changed.
  std::string forged = place.read("north-next/north.csr");
  const std::size_t at = forged.find("-----END") - 12;
  forged[at] = forged[at] == 'A' ? 'B' : 'A';
  place.write("forged.csr", forged);
  CHECK(refused("sign ca forged.csr --passphrase-file passphrase") != "");
  CHECK(place.read("forged.pem") == "");
  place.write("wrong", "swordfish\n", 0600);
  CHECK(
      contains(refused("sign ca north/north.csr --passphrase-file wrong --out other.pem"), "openssl failed"));
  place.write("passphrase", "open sesame\n", 0644);
  CHECK(contains(refused("sign ca north/north.csr --passphrase-file passphrase --out other.pem"),
                 "everybody can read this passphrase: chmod 600"));
  CHECK(contains(refused("roster hq/hq.pem"), "hq.pem: expected a site's certificate"));
  CHECK(contains(refused("roster garbage.csr"), "expected a certificate in PEM"));
  CHECK(contains(refused("sign ca x --days 0"), "--days: expected a whole number"));
  CHECK(contains(refused("sign ca"), "expected other arguments than 1"));
  CHECK(contains(refused("frobnicate"), "there is no command \"frobnicate\""));
  CHECK(contains(refused("check x --key y"), "there is no option --key"));
  CHECK(contains(run("--help"), "usage: bash examples/make_certificates.sh COMMAND"));
}

TEST_CASE("a request gets nothing but what its role has") {
  TestCertificates place;
  const std::string home = place.path("");
  const std::string make =
      "cd \"" + home + "\" && bash \"" + source_folder() + "/examples/make_certificates.sh\" ";
  REQUIRE(shell(make + "authority ca --no-passphrase").status == 0);
  // It asks to be a CA, for every usage.
  REQUIRE(shell("cd \"" + home +
                "\" && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
                "greedy.key -subj "
                "/CN=greedy -addext basicConstraints=critical,CA:TRUE -addext "
                "extendedKeyUsage=serverAuth,clientAuth -out greedy.csr")
              .status == 0);
  const Result result = shell(make + "sign ca greedy.csr");
  CAPTURE(result.output);
  REQUIRE(result.status == 0);
  const std::string text = shell("openssl x509 -noout -text -in \"" + home + "/greedy.pem\"").output;
  CHECK(contains(text, "CA:FALSE"));
  CHECK_FALSE(contains(text, "CA:TRUE"));
  CHECK(contains(text, "TLS Web Client Authentication"));
  CHECK_FALSE(contains(text, "TLS Web Server Authentication"));
  CHECK(contains(text, "URI:urn:healthai:site:greedy\n"));
  // Its subject is no id.
  REQUIRE(
      shell(
          "cd \"" + home +
          "\" && openssl req -new -key greedy.key -subj /CN=a/O=b -out several.csr && openssl req -new -key "
          "greedy.key -subj '/CN=a,b' -out comma.csr")
          .status == 0);
  CHECK(contains(shell(make + "sign ca several.csr").output, "expected an id of 1 to 64 characters"));
  CHECK(contains(shell(make + "sign ca comma.csr").output, "expected an id of 1 to 64 characters"));
}

TEST_CASE("check warns 30 days ahead") {
  TestCertificates place;
  const auto check = [&](const std::string& name) { return script("check \"" + place.path(name) + "\""); };
  const auto until = [&](long from, long to) {
    socket_test::Contents contents = TestCertificates::site_contents("north");
    contents.from_days = from;
    contents.to_days = to;
    (void)place.issue_files("some", contents);
    return check("some.pem");
  };
  const Result fine = until(-1, 31);
  CHECK(fine.status == 0);
  CHECK(contains(fine.output, "some.pem: site north, pin " +
                                  healthai::certificate_identity(place.path("some.pem")).key_pin +
                                  ", until "));
  CHECK_FALSE(contains(fine.output, "WARNING"));
  const Result soon = until(-1, 29);
  CHECK(soon.status == 1);
  CHECK(contains(soon.output, "expires within 30 days: ask for a new certificate"));
  const Result gone = until(-9, -1);
  CHECK(gone.status == 1);
  CHECK(contains(gone.output, "EXPIRED: "));
  CHECK(contains(check("coordinator.pem").output, "coordinator for DNS:localhost"));
  CHECK(contains(check("authority.pem").output, "authority, until"));
  (void)place.issue_files("odd", {.names = "URI:urn:healthai:site:north"});
  CHECK(check("odd.pem").status == 1);
  CHECK(contains(check("odd.pem").output, "of no use here"));
}

}  // namespace transport_socket_make_certificates_test
