#include "healthai/transport/socket/roster.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <string>
#include <vector>

#include "certificates.hpp"
#include "handshake.hpp"
#include "messages.hpp"

namespace transport_socket_roster_test {

using healthai::ClientId;
using healthai::Error;
using healthai::PeerIdentity;
using healthai::Roster;
using healthai::RosterSite;
using socket_test::contains;
using socket_test::message_of;
namespace error = healthai::error;

namespace {

const std::string a(64, 'a');
const std::string b(64, 'b');
const std::string c(64, 'c');
const std::string one(64, '1');

std::string roster_error(const std::string& text) {
  return message_of(error::roster, [&] { (void)Roster::parse(text, "r.json"); });
}
/// PINS with ' for ".
Roster of(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  return Roster::parse(text, "r.json");
}
std::string error_of(std::string text) {
  std::replace(text.begin(), text.end(), '\'', '"');
  return roster_error(text);
}

const std::string two_sites = "{'sites': [{'id': 'south', 'pins': ['" + b + "', '" + one +
                              "'], 'signing_keys': ['" + c + "']}, {'pins': ['" + a + "'], 'id': 'north'}]}";

}  // namespace

TEST_CASE("a roster lets in whoever is listed, with the key that is listed") {
  const Roster roster = of(two_sites);
  CHECK(roster.ids() == std::vector<ClientId>{"north", "south"});
  CHECK(roster.contains("north"));
  CHECK_FALSE(roster.contains("west"));
  CHECK_FALSE(roster.contains("nort"));
  CHECK_NOTHROW(roster.require({.id = "north", .key_pin = a}));
  CHECK_NOTHROW(roster.require({.id = "south", .key_pin = b}));  // both of a rotation
  CHECK_NOTHROW(roster.require({.id = "south", .key_pin = one}));
  CHECK(message_of(error::identity, [&] { roster.require({.id = "west", .key_pin = c}); }) ==
        "\"west\" is not on the roster: its certificate is of a CA that is believed, but no such site takes "
        "part; to "
        "admit it, ask the site for its key's pin by another way, compare it with " +
            c + ", and add both");
  CHECK(message_of(error::identity, [&] { roster.require({.id = "north", .key_pin = b}); }) ==
        "\"north\" is on the roster, but with another key: expected the pin " + a + ", got " + b +
            "; if the site has renewed its key, it confirms so by another way");
  CHECK(contains(message_of(error::identity, [&] { roster.require({.id = "south", .key_pin = c}); }),
                 "expected the pin " + one + " or " + b + ", got " + c));
  CHECK_THROWS_AS(roster.require(PeerIdentity{}), Error);
}

TEST_CASE("the digest is the SHA-256 of a text that anybody can write") {
  // printf 'healthai roster 1\nsite north\npin aa...\nsite south\npin 11...\npin bb...\nsigning_key cc...\n' | sha256sum
  // (coreutils 9.1)
  CHECK(of(two_sites).digest() == "71a75923b7781705fddae1ab2a0c107849d601adff47c5d0cfaefdcb96e2fd8a");
}

TEST_CASE("the order in a file means nothing, everything else does") {
  const Roster roster = of(two_sites);
  const Roster turned = of("{'sites': [{'id': 'north', 'pins': ['" + a +
                           "'], 'signing_keys': []}, {'id': 'south', "
                           "'signing_keys': ['" +
                           c + "'], 'pins': ['" + one + "', '" + b + "']}]}");
  CHECK(roster == turned);
  CHECK(roster.digest() == turned.digest());
  const std::vector<std::vector<RosterSite>> others{
      {{"north", {a}}},
      {{"north", {a}}, {"south", {one, b}}},
      {{"north", {a}}, {"south", {one}, {c}}},
      {{"north", {a}}, {"south", {one, c}, {b}}},
      {{"north", {b}}, {"south", {one, a}, {c}}},
      {{"north", {a}}, {"west", {one, b}, {c}}},
      {{"north", {a}, {c}}, {"south", {one, b}}},
  };
  for (const auto& sites : others) {
    CHECK_FALSE(Roster(sites) == roster);
    CHECK(Roster(sites).digest() != roster.digest());
  }
}

TEST_CASE("a roster is the same in whatever order it is given") {
  CHECK(rc::check("sites and pins shuffled", [] {
    const auto seed = *rc::gen::inRange<std::size_t>(1, 8);
    std::vector<RosterSite> sites;
    for (std::size_t i = 0; i < seed; ++i) {
      const auto key = [&](char kind) {
        std::string digits(64, kind);
        digits.back() = static_cast<char>('0' + i);
        return digits;
      };
      sites.push_back({"site-" + std::to_string(i), {key('d'), key('e')}, {key('f')}});
    }
    const Roster sorted(sites);
    std::vector<RosterSite> shuffled;
    while (!sites.empty()) {
      const auto i = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, sites.size()));
      shuffled.push_back(sites[static_cast<std::size_t>(i)]);
      if (*rc::gen::arbitrary<bool>()) std::swap(shuffled.back().pins[0], shuffled.back().pins[1]);
      sites.erase(sites.begin() + i);
    }
    const Roster other(shuffled);
    RC_ASSERT(other == sorted);
    RC_ASSERT(other.digest() == sorted.digest());
  }));
}

TEST_CASE("what is wrong in a file is told, and where") {
  const std::string north = "{'id': 'north', 'pins': ['" + a + "']}";
  const auto sites = [](const std::string& list) { return "{'sites': [" + list + "]}"; };
  CHECK(contains(error_of(""), "r.json: expected JSON, but parse error at line 1, column 1"));
  CHECK(contains(error_of("{'sites': [}"), "r.json: expected JSON, but parse error at line 1, column 12"));
  CHECK(contains(error_of(sites(north) + " x"), "r.json: expected JSON, but parse error"));
  CHECK(error_of("[]") == "r.json: /: expected an object, {\"sites\": [...]}, got array");
  CHECK(error_of("{}") == "r.json: /sites: expected a list of sites, got none");
  CHECK(error_of("{'sites': 3}") == "r.json: /sites: expected a list of sites, got number");
  CHECK(error_of("{'sites': []}") == "r.json: /sites: expected at least one site, got none");
  CHECK(error_of("{'sites': [" + north + "], 'Sites': []}") ==
        "r.json: /: \"Sites\" is not understood; expected {\"sites\": [...]}");
  CHECK(error_of("{'sites': [" + north + "], 'sites': [" + north + "]}") ==
        "r.json: expected every name once in an object, got \"sites\" twice");
  CHECK(error_of(sites(north + ", 'south'")) ==
        "r.json: /sites/1: expected an object, {\"id\": ..., \"pins\": [...]}, and perhaps \"signing_keys\": "
        "[...], got string");
  CHECK(contains(error_of(sites("{'id': 'north', 'pin': ['" + a + "']}")),
                 "r.json: /sites/0: \"pin\" is not understood; expected {\"id\""));
  CHECK(error_of(sites("{'pins': ['" + a + "']}")) == "r.json: /sites/0: expected an \"id\", got none");
  CHECK(error_of(sites("{'id': 7, 'pins': ['" + a + "']}")) ==
        "r.json: /sites/0/id: expected text between quotes, got number");
  CHECK(error_of(sites("{'id': 'North', 'pins': ['" + a + "']}")) ==
        "r.json: /sites/0/id: expected 1 to 64 characters of a-z, 0-9, '_' and '-', got \"North\"");
  CHECK(contains(error_of(sites("{'id': '', 'pins': ['" + a + "']}")), "/sites/0/id: expected 1 to 64"));
  CHECK(contains(error_of(sites("{'id': '../x\\u0007', 'pins': ['" + a + "']}")), "got \"../x\\x07\""));
  CHECK(error_of(sites(north + ", {'id': 'north', 'pins': ['" + b + "']}")) ==
        "r.json: /sites/1/id: expected every site once, but \"north\" is also at /sites/0");
  CHECK(error_of(sites("{'id': 'north'}")) ==
        "r.json: /sites/0/pins: expected one pin, or two while a key is renewed, got none");
  CHECK(error_of(sites("{'id': 'north', 'pins': []}")) ==
        "r.json: /sites/0/pins: expected one pin, or two while a key is renewed, got none");
  CHECK(error_of(sites("{'id': 'north', 'pins': '" + a + "'}")) ==
        "r.json: /sites/0/pins: expected a list in [ ], got string");
  CHECK(error_of(sites("{'id': 'north', 'pins': ['" + a + "', '" + b + "', '" + c + "']}")) ==
        "r.json: /sites/0/pins: expected at most two, the key and the next one, got 3");
  CHECK(error_of(sites("{'id': 'north', 'pins': ['" + a + "', null]}")) ==
        "r.json: /sites/0/pins/1: expected text between quotes, got null");
  CHECK(error_of(sites("{'id': 'north', 'pins': ['AB:CD']}")) ==
        "r.json: /sites/0/pins/0: expected 64 lower-case hexadecimal digits, got \"AB:CD\"");
  CHECK(contains(error_of(sites("{'id': 'north', 'pins': ['" + std::string(64, 'A') + "']}")),
                 "/sites/0/pins/0: expected 64 lower-case"));
  CHECK(error_of(sites(north + ", {'id': 'south', 'pins': ['" + b + "', '" + a + "']}")) ==
        "r.json: /sites/1/pins/1: expected a key of its own, but it is also at /sites/0/pins/0");
  CHECK(error_of(sites("{'id': 'north', 'pins': ['" + a + "', '" + a + "']}")) ==
        "r.json: /sites/0/pins/1: expected a key of its own, but it is also at /sites/0/pins/0");
  CHECK(error_of(sites("{'id': 'north', 'pins': ['" + a + "'], 'signing_keys': ['x']}")) ==
        "r.json: /sites/0/signing_keys/0: expected 64 lower-case hexadecimal digits, got \"x\"");
  CHECK(message_of(error::file, [] { (void)Roster::read("/no/such/roster.json"); }) ==
        "/no/such/roster.json: cannot open the file: No such file or directory; expected a roster");
  CHECK(contains(message_of(error::roster,
                            [] {
                              (void)Roster({{ClientId(), {a}}});
                            }),
                 "/sites/0/id: expected an id"));
}

TEST_CASE("damage gives an Error or a roster, and nothing else") {
  std::string good = two_sites;
  std::replace(good.begin(), good.end(), '\'', '"');
  CHECK(rc::check("changed bytes", [&good] {
    std::string text = good;
    const auto changes = *rc::gen::inRange(1, 5);
    for (int i = 0; i < changes; ++i)
      text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
    try {
      RC_ASSERT(Roster::parse(text, "r.json").sites().size() == 2U);
    } catch (const Error& e) {
      RC_ASSERT(e.id() == error::roster);
      RC_ASSERT(std::string(e.what()).find_first_of("\r\n\033") == std::string::npos);
    }
  }));
  const std::string deep(100000, '[');
  CHECK(contains(roster_error(deep), "expected JSON"));
}

TEST_CASE("right CA, but not listed; and a key that is renewed") {
  socket_test::TestCertificates certificates;
  boost::asio::ssl::context server = healthai::server_tls(certificates.coordinator());
  const auto peer = [&](const healthai::TlsFiles& files) {
    boost::asio::ssl::context client = healthai::client_tls(files);
    const socket_test::Handshake both(server.native_handle(), client.native_handle());
    REQUIRE(both.good());
    return healthai::peer_identity(both.server.get());
  };
  const Roster before = Roster::read(certificates.roster({"north", "south"}));
  CHECK_NOTHROW(before.require(peer(certificates.site("north"))));
  CHECK(contains(message_of(error::identity, [&] { before.require(peer(certificates.site("west"))); }),
                 "\"west\" is not on the roster"));

  const healthai::TlsFiles renewed =
      certificates.issue_files("north-next", socket_test::TestCertificates::site_contents("north"));
  const std::string next = healthai::certificate_identity(renewed.certificate).key_pin;
  CHECK(contains(message_of(error::identity, [&] { before.require(peer(renewed)); }),
                 "\"north\" is on the roster, but with another key"));
  const Roster during({{"north", {certificates.pin("north"), next}}, {"south", {certificates.pin("south")}}});
  CHECK_NOTHROW(during.require(peer(certificates.site("north"))));
  CHECK_NOTHROW(during.require(peer(renewed)));
  const Roster after({{"north", {next}}, {"south", {certificates.pin("south")}}});
  CHECK_NOTHROW(after.require(peer(renewed)));
  CHECK_THROWS_AS(after.require(peer(certificates.site("north"))), Error);
}

}  // namespace transport_socket_roster_test
