#include "healthai/transport/socket/tls.hpp"

#include <doctest/doctest.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string>
#include <vector>

#include "certificates.hpp"
#include "handshake.hpp"
#include "messages.hpp"

namespace transport_socket_tls_test {

using healthai::client_tls;
using healthai::Error;
using healthai::server_tls;
using healthai::TlsFiles;
using socket_test::contains;
using socket_test::Contents;
using socket_test::Handshake;
using socket_test::message_of;
using socket_test::TestCertificates;
using socket_test::unchecked_tls;
namespace error = healthai::error;
namespace asio = boost::asio;

namespace {

/// Keys cost a millisecond each: one set for all tests.
TestCertificates& certificates() {
  static TestCertificates made;
  return made;
}

std::string client_error(const TlsFiles& files, healthai::ErrorId id = error::tls) {
  return message_of(id, [&] { (void)client_tls(files); });
}
std::string server_error(const TlsFiles& files, healthai::ErrorId id = error::tls) {
  return message_of(id, [&] { (void)server_tls(files); });
}

/// A node's context that its own side would have refused.
asio::ssl::context careless_node(const TlsFiles& files) {
  asio::ssl::context context = unchecked_tls(files, false);
  SSL_CTX_set_verify(context.native_handle(), SSL_VERIFY_PEER, &healthai::detail::verify_certificate);
  return context;
}

}  // namespace

TEST_CASE("a coordinator and a site that know each other's CA") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  asio::ssl::context client = client_tls(certificates().site("north"));
  for (const std::string host : {"localhost", "LOCALHOST", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1"}) {
    CAPTURE(host);
    const Handshake both(server.native_handle(), client.native_handle(), host);
    CHECK(both.server_error == "");
    CHECK(both.client_error == "");
    CHECK(std::string(SSL_get_version(both.server.get())) == "TLSv1.3");
    CHECK(sk_X509_num(SSL_get_peer_cert_chain(both.client.get())) == 1);  // no more than the file holds
    CHECK(healthai::peer_identity(both.server.get()) ==
          healthai::certificate_identity(certificates().site("north").certificate));
    const char* told = SSL_get_servername(both.server.get(), TLSEXT_NAMETYPE_host_name);
    CHECK((told == nullptr ? std::string() : told) == (contains(host, ":") || host[0] == '1' ? "" : host));
  }
}

TEST_CASE("a CA that the other side does not know") {
  TestCertificates elsewhere;  // the same names, another CA
  asio::ssl::context server = server_tls(certificates().coordinator());
  asio::ssl::context client = client_tls(certificates().site("north"));
  {
    TlsFiles files =
        elsewhere.site("north");  // a site of another federation, which knows this coordinator's CA
    files.authorities = certificates().path("authority.pem");
    asio::ssl::context stranger = client_tls(files);
    const Handshake both(server.native_handle(), stranger.native_handle());
    CHECK(both.server_error ==
          "the node's certificate (CN=north) has a signature that its CA (CN=healthai test CA) did not make: "
          "either a forgery, or another CA of the same name");
    CHECK(contains(both.client_error, "the coordinator "));
    CHECK_THROWS_AS((void)healthai::peer_identity(both.server.get()), Error);
  }
  const auto other_ca = socket_test::issue({.subject = "another CA", .authority = true});
  elsewhere.write_certificates("authority.pem", {&other_ca});
  {
    TlsFiles files =
        elsewhere.issue_files("site-of-another-ca", TestCertificates::site_contents("north"), &other_ca);
    files.authorities = certificates().path("authority.pem");
    asio::ssl::context stranger = client_tls(files);
    const Handshake both(server.native_handle(), stranger.native_handle());
    CHECK(both.server_error ==
          "the node's certificate (CN=north) is signed by an unknown CA (CN=another CA): if that CA is to be "
          "believed, add its certificate to TlsFiles::authorities here");
    CHECK(both.client_error ==
          "the coordinator does not know the CA that signed this node's certificate (alert \"unknown CA\"): "
          "that CA's certificate must be in its TlsFiles::authorities");
  }
  {
    TlsFiles files = elsewhere.issue_files(
        "coordinator-of-another-ca",
        {.subject = "coordinator", .names = "DNS:localhost", .usage = "serverAuth"}, &other_ca);
    asio::ssl::context impostor = server_tls(files);
    const Handshake both(impostor.native_handle(), client.native_handle());
    CHECK(contains(
        both.client_error,
        "the coordinator's certificate (CN=coordinator) is signed by an unknown CA (CN=another CA)"));
    CHECK(contains(both.server_error,
                   "the node does not know the CA that signed the coordinator's certificate"));
  }
}

TEST_CASE("certificates that have expired or are not valid yet") {
  const auto coordinator_until = [](long from, long to) {
    return Contents{.subject = "coordinator",
                    .names = "DNS:localhost",
                    .usage = "serverAuth",
                    .from_days = from,
                    .to_days = to};
  };
  Contents past = TestCertificates::site_contents("north");
  past.from_days = -100;
  past.to_days = -1;
  Contents future = TestCertificates::site_contents("north");
  future.from_days = 1;
  const TlsFiles expired = certificates().issue_files("expired", past);
  const TlsFiles early = certificates().issue_files("early", future);
  const TlsFiles expired_coordinator = certificates().issue_files("expired-c", coordinator_until(-100, -1));
  const TlsFiles early_coordinator = certificates().issue_files("early-c", coordinator_until(1, 100));

  SUBCASE("are refused by their own side, before anything is sent") {
    CHECK(contains(client_error(expired), expired.certificate + ": this certificate expired on 20"));
    CHECK(contains(client_error(expired), " UTC: renew it (the clock here says 20"));
    CHECK(contains(client_error(early), early.certificate + ": this certificate is not valid before 20"));
    CHECK(contains(server_error(expired_coordinator), "this certificate expired on 20"));
    CHECK(contains(server_error(early_coordinator), "this certificate is not valid before 20"));
  }
  SUBCASE("and by the other") {
    asio::ssl::context server = server_tls(certificates().coordinator());
    asio::ssl::context client = client_tls(certificates().site("north"));
    asio::ssl::context expired_client = careless_node(expired);
    const Handshake a(server.native_handle(), expired_client.native_handle());
    CHECK(contains(a.server_error, "the node's certificate (CN=north) expired on 20"));
    CHECK(
        contains(a.server_error, " UTC: it needs a new one, unless the clock here is wrong, which says 20"));
    CHECK(a.client_error ==
          "the coordinator says that this node's certificate has expired (alert \"certificate expired\"): "
          "renew it, or compare the clocks");

    asio::ssl::context early_client = careless_node(early);
    const Handshake b(server.native_handle(), early_client.native_handle());
    CHECK(contains(b.server_error, "the node's certificate (CN=north) is not valid before 20"));
    CHECK(contains(b.client_error, "(alert \"bad certificate\"): perhaps it is not valid yet by its clock"));

    asio::ssl::context expired_server = unchecked_tls(expired_coordinator, true);
    const Handshake c(expired_server.native_handle(), client.native_handle());
    CHECK(contains(c.client_error, "the coordinator's certificate (CN=coordinator) expired on 20"));
    asio::ssl::context early_server = unchecked_tls(early_coordinator, true);
    const Handshake d(early_server.native_handle(), client.native_handle());
    CHECK(contains(d.client_error, "the coordinator's certificate (CN=coordinator) is not valid before 20"));
  }
  SUBCASE("and so is an authority that has expired") {
    const auto old_ca =
        socket_test::issue({.subject = "old CA", .authority = true, .from_days = -100, .to_days = -1});
    TlsFiles files = certificates().site("north");
    files.authorities = certificates().write_certificates("old-ca.pem", {&old_ca});
    CHECK(contains(client_error(files), files.authorities +
                                            ": expected a CA certificate that is valid "
                                            "(TlsFiles::authorities), but all have expired, the last on 20"));
    files.authorities =
        certificates().write_certificates("both-cas.pem", {&old_ca, &certificates().authority()});
    CHECK_NOTHROW((void)client_tls(files));
    const TlsFiles of_old =
        certificates().issue_files("of-old", TestCertificates::site_contents("north"), &old_ca);
    TlsFiles coordinator = certificates().coordinator();
    coordinator.authorities = files.authorities;
    asio::ssl::context server = server_tls(coordinator);
    asio::ssl::context client = careless_node(of_old);
    const Handshake both(server.native_handle(), client.native_handle());
    CHECK(contains(both.server_error,
                   "a CA certificate that the node's certificate depends on (CN=old CA) expired on 20"));
  }
}

TEST_CASE("a certificate stands for one role") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  asio::ssl::context client = client_tls(certificates().site("north"));
  const std::string hosts = "DNS:localhost,IP:127.0.0.1";

  SUBCASE("a hospital cannot pose as the coordinator") {
    CHECK(contains(server_error(certificates().site("south")),
                   "expected a coordinator's certificate, but its extended key usage is clientAuth, not "
                   "serverAuth"));
    // Even with a host name in its certificate.
    Contents contents = TestCertificates::site_contents("south");
    contents.names += "," + hosts;
    asio::ssl::context impostor = unchecked_tls(certificates().issue_files("impostor", contents), true);
    const Handshake both(impostor.native_handle(), client.native_handle());
    CHECK(both.client_error ==
          "the coordinator's certificate (CN=south) is not made for a coordinator: its extended key usage is "
          "clientAuth, not serverAuth");
    CHECK(both.server_error ==
          "the node says that the coordinator's certificate is not made for this role (alert \"unsupported "
          "certificate\"): a coordinator's needs the extended key usage serverAuth");
  }
  SUBCASE("nor the coordinator as a hospital") {
    CHECK(
        contains(client_error(certificates().coordinator()),
                 "expected a site's certificate, but its extended key usage is serverAuth, not clientAuth"));
    const TlsFiles files = certificates().issue_files(
        "double", {.subject = "double", .names = "URI:urn:healthai:site:north", .usage = "serverAuth"});
    asio::ssl::context impostor = careless_node(files);
    const Handshake both(server.native_handle(), impostor.native_handle());
    CHECK(both.server_error ==
          "the node's certificate (CN=double) is not made for a site: its extended key usage is serverAuth, "
          "not clientAuth");
    CHECK(contains(both.client_error,
                   "the coordinator says that this node's certificate is not made for this role"));
  }
  SUBCASE("one without extended key usage stands for none, though OpenSSL would take it for both") {
    Contents contents = TestCertificates::site_contents("north");
    contents.usage = "";
    contents.names += "," + hosts;
    const TlsFiles files = certificates().issue_files("no-usage", contents);
    CHECK(contains(client_error(files), "its extended key usage is absent, not clientAuth"));
    CHECK(contains(server_error(files), "its extended key usage is absent, not serverAuth"));
    asio::ssl::context bare_client = careless_node(files);
    const Handshake a(server.native_handle(), bare_client.native_handle());
    CHECK(contains(a.server_error, "is not made for a site: its extended key usage is absent"));
    asio::ssl::context bare_server = unchecked_tls(files, true);
    const Handshake b(bare_server.native_handle(), client.native_handle());
    CHECK(contains(b.client_error, "is not made for a coordinator: its extended key usage is absent"));
    // The twin: plain OpenSSL does accept it.
    asio::ssl::context plain_client = unchecked_tls(certificates().site("north"), false);
    SSL_CTX_set_verify(plain_client.native_handle(), SSL_VERIFY_PEER, nullptr);
    CHECK(Handshake(bare_server.native_handle(), plain_client.native_handle(), "").good());
    contents.usage = "codeSigning";
    CHECK(contains(client_error(certificates().issue_files("code", contents)),
                   "its extended key usage is something else, not clientAuth"));
  }
  SUBCASE("one with both usages is what its names say") {
    Contents contents = TestCertificates::site_contents("north");
    contents.usage = "clientAuth,serverAuth";
    const TlsFiles files = certificates().issue_files("both-usages", contents);
    CHECK_NOTHROW((void)client_tls(files));
    CHECK(contains(server_error(files, error::identity),
                   "expected a certificate with the coordinator's host name or IP address among its "
                   "alternative names, got one for \"urn:healthai:site:north\""));
    asio::ssl::context impostor = unchecked_tls(files, true);
    const Handshake both(impostor.native_handle(), client.native_handle());
    CHECK(contains(both.client_error, "is for no host at all, not for \"localhost\""));
  }
}

TEST_CASE("the coordinator is reached by a name of its certificate") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  asio::ssl::context client = client_tls(certificates().site("north"));
  const auto error_for = [&](const std::string& host) {
    return Handshake(server.native_handle(), client.native_handle(), host).client_error;
  };
  CHECK(
      error_for("coordinator.example") ==
      "the coordinator's certificate (CN=coordinator) is for \"localhost\", \"127.0.0.1\", \"::1\", not for "
      "\"coordinator.example\": connect to a name that it is for, or make it a certificate that has this "
      "name too");
  CHECK(contains(error_for("127.0.0.2"), "not for \"127.0.0.2\""));
  CHECK(contains(error_for("::2"), "not for \"::2\""));
  CHECK(contains(error_for("localhost.example"), "not for \"localhost.example\""));
  CHECK(contains(error_for("coordinator"), "not for \"coordinator\""));  // its subject's CN does not count
  {
    const Handshake both(server.native_handle(), client.native_handle(), "coordinator.example");
    CHECK(contains(both.server_error,
                   "(alert \"bad certificate\"): perhaps the node reached the coordinator by a name that is "
                   "not in the certificate"));
  }
  {  // Not even when it is the only name that there is: OpenSSL's own default would take it.
    asio::ssl::context named =
        unchecked_tls(certificates().issue_files("named", {.subject = "localhost",
                                                           .names = "URI:urn:healthai:site:south",
                                                           .usage = "clientAuth,serverAuth"}),
                      true);
    CHECK(contains(Handshake(named.native_handle(), client.native_handle()).client_error,
                   "is for no host at all, not for \"localhost\""));
  }
  {
    asio::ssl::context wild = server_tls(certificates().issue_files(
        "wild", {.subject = "wild", .names = "DNS:*.example.org", .usage = "serverAuth"}));
    const auto wild_error = [&](const std::string& host) {
      return Handshake(wild.native_handle(), client.native_handle(), host).client_error;
    };
    CHECK(wild_error("fl.example.org") == "");
    CHECK(contains(wild_error("a.fl.example.org"), "is for \"*.example.org\", not for"));
    CHECK(contains(wild_error("example.org"), "is for \"*.example.org\", not for"));
    asio::ssl::context partial = server_tls(certificates().issue_files(
        "partial", {.subject = "partial", .names = "DNS:f*.example.org", .usage = "serverAuth"}));
    CHECK(contains(Handshake(partial.native_handle(), client.native_handle(), "fl.example.org").client_error,
                   "is for \"f*.example.org\", not for \"fl.example.org\""));
  }
  {  // The last of several calls counts.
    const std::unique_ptr<SSL, socket_test::SslFree> twice(SSL_new(client.native_handle()));
    healthai::expect_coordinator(twice.get(), "127.0.0.1");
    healthai::expect_coordinator(twice.get(), "a.example");
    CHECK(healthai::detail::expected_host(SSL_get0_param(twice.get())) == "a.example");
    healthai::expect_coordinator(twice.get(), "::1");
    CHECK(healthai::detail::expected_host(SSL_get0_param(twice.get())) == "::1");
  }
  CHECK(contains(error_for(""), "expect_coordinator must be called before the handshake"));
  const std::unique_ptr<SSL, socket_test::SslFree> connection(SSL_new(client.native_handle()));
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("[::1]"), std::string(".a"),
                                 std::string("a\0b", 3), std::string("host:443"), std::string(254, 'a')}) {
    CAPTURE(bad);
    CHECK(contains(
        message_of(error::invalid_argument, [&] { healthai::expect_coordinator(connection.get(), bad); }),
        "expected the coordinator's host name or IP address"));
  }
}

TEST_CASE("a client certificate is required") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  asio::ssl::context nobody = careless_node({.authorities = certificates().site("north").authorities});
  const Handshake both(server.native_handle(), nobody.native_handle());
  CHECK(both.server_error ==
        "the node showed no certificate: it needs TlsFiles::certificate and TlsFiles::private_key");
  CHECK(both.client_error ==
        "the coordinator requires a client certificate and got none (alert \"certificate required\"): give "
        "TlsFiles::certificate and TlsFiles::private_key");
  CHECK(message_of(error::identity, [&] { (void)healthai::peer_identity(both.server.get()); }) ==
        "expected a verified client certificate, got none");
}

TEST_CASE("an identity is not read from a certificate that was not verified") {
  TestCertificates elsewhere;
  asio::ssl::context gullible = unchecked_tls(certificates().coordinator(), true);
  SSL_CTX_set_verify(gullible.native_handle(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  TlsFiles files = elsewhere.site("north");
  files.authorities = certificates().path("authority.pem");
  asio::ssl::context stranger = client_tls(files);
  const Handshake both(gullible.native_handle(), stranger.native_handle());
  REQUIRE(both.good());
  CHECK(message_of(error::identity, [&] { (void)healthai::peer_identity(both.server.get()); }) ==
        "expected a verified client certificate, got none");
}

TEST_CASE("TLS 1.3 and nothing older") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  asio::ssl::context client = client_tls(certificates().site("north"));
  asio::ssl::context old_client = careless_node(certificates().site("north"));
  SSL_CTX_set_max_proto_version(old_client.native_handle(), TLS1_2_VERSION);
  const Handshake a(server.native_handle(), old_client.native_handle());
  CHECK(a.server_error == "the node does not speak TLS 1.3 (unsupported protocol): it must, on both sides");
  CHECK(a.client_error ==
        "the coordinator does not speak TLS 1.3 (alert \"protocol version\"): it must, on both sides");
  asio::ssl::context old_server = unchecked_tls(certificates().coordinator(), true);
  SSL_CTX_set_max_proto_version(old_server.native_handle(), TLS1_2_VERSION);
  const Handshake b(old_server.native_handle(), client.native_handle());
  CHECK(contains(b.client_error, "does not speak TLS 1.3"));
  // The twin: the old ones understand each other.
  CHECK(Handshake(old_server.native_handle(), old_client.native_handle()).good());
}

namespace {

/// Whether a second connection takes up the session of a first, and how many tickets the first one was given.
std::pair<bool, int> resumes(SSL_CTX* server) {
  static int tickets = 0;
  tickets = 0;
  asio::ssl::context client = careless_node(certificates().site("north"));
  SSL_CTX_set_session_cache_mode(client.native_handle(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(client.native_handle(), [](SSL*, SSL_SESSION*) {
    ++tickets;
    return 0;
  });
  const Handshake first(server, client.native_handle());
  REQUIRE(first.good());
  const std::unique_ptr<SSL_SESSION, socket_test::SslFree> session(SSL_get1_session(first.client.get()));
  const Handshake second(server, client.native_handle(), "localhost", session.get());
  REQUIRE(second.good());
  return {SSL_session_reused(second.server.get()) == 1, tickets};
}

}  // namespace

TEST_CASE("no session is resumed: every connection proves its key anew") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  CHECK(resumes(server.native_handle()) == std::pair{false, 0});
  asio::ssl::context plain = unchecked_tls(certificates().coordinator(), true);  // the twin
  CHECK(resumes(plain.native_handle()).first);
}

TEST_CASE("a chain through an intermediate CA") {
  const auto middle =
      socket_test::issue({.subject = "middle CA", .authority = true}, &certificates().authority());
  const auto leaf = socket_test::issue(TestCertificates::site_contents("north"), &middle);
  TlsFiles files = certificates().write_pair("leaf", leaf);
  asio::ssl::context server = server_tls(certificates().coordinator());
  asio::ssl::context incomplete = client_tls(files);
  CHECK(contains(Handshake(server.native_handle(), incomplete.native_handle()).server_error,
                 "is signed by an unknown CA (CN=middle CA)"));
  files.certificate = certificates().write_certificates("chain.pem", {&leaf, &middle});
  asio::ssl::context client = client_tls(files);
  CHECK(Handshake(server.native_handle(), client.native_handle()).good());
  // The intermediate one may be believed by itself.
  TlsFiles coordinator = certificates().coordinator();
  coordinator.authorities = certificates().write_certificates("middle.pem", {&middle});
  asio::ssl::context narrow = server_tls(coordinator);
  CHECK(Handshake(narrow.native_handle(), incomplete.native_handle()).good());
  asio::ssl::context north = client_tls(certificates().site("north"));
  CHECK_FALSE(Handshake(narrow.native_handle(), north.native_handle()).good());
}

TEST_CASE("files that are not what they should be are named, with what to do") {
  const TlsFiles good = certificates().site("north");
  TlsFiles files = good;
  SUBCASE("missing") {
    files.certificate = certificates().path("none.pem");
    CHECK(client_error(files, error::file) ==
          files.certificate +
              ": cannot open the file: No such file or directory; expected a certificate "
              "(TlsFiles::certificate)");
    files = good;
    files.private_key = certificates().path("");
    CHECK(contains(client_error(files, error::file),
                   "expected a regular file, but this is a folder or a device: give another path; expected a "
                   "private key (TlsFiles::private_key)"));
    files.private_key = "";
    CHECK(client_error(files) ==
          "expected the path of a private key (TlsFiles::private_key), got an empty one");
    files = good;
    files.authorities = certificates().path("none.pem");
    CHECK(contains(client_error(files, error::file), "expected CA certificates (TlsFiles::authorities)"));
  }
  SUBCASE("of another kind") {
    files.certificate = good.private_key;
    CHECK(
        client_error(files) ==
        good.private_key +
            ": expected a certificate (TlsFiles::certificate) in PEM (\"-----BEGIN CERTIFICATE-----\"), got "
            "\"PRIVATE KEY\" that cannot be read or is not that");
    files = good;
    files.private_key = certificates().write("public.key", certificates().read("site-north.pem"), 0600);
    CHECK(contains(client_error(files),
                   "public.key: expected a private key in PEM (\"-----BEGIN PRIVATE KEY-----\"), got "
                   "\"CERTIFICATE\" that cannot be read or is not that"));
    files = good;
    files.authorities = good.certificate;
    CHECK(client_error(files) == good.certificate +
                                     ": expected CA certificates (TlsFiles::authorities), but this one is "
                                     "not made for a CA: CN=north");
  }
  SUBCASE("garbage") {
    const std::string pem = certificates().read("site-north.pem");
    for (const std::string& text : {std::string(), std::string("garbage\n"), std::string(1000, '\0'),
                                    std::string("\x30\x82\x01\xff", 4)}) {
      files.certificate = certificates().write("garbage.pem", text);
      CHECK(contains(client_error(files),
                     "got a file without a line \"-----BEGIN ...\" (DER becomes PEM with"));
    }
    for (std::size_t size = 30; size < pem.size() - 2; size += 13) {
      CAPTURE(size);
      files.certificate = certificates().write("garbage.pem", pem.substr(0, size));
      CHECK(contains(client_error(files),
                     "garbage.pem: expected a certificate (TlsFiles::certificate) in PEM"));
    }
    files.certificate = certificates().write("garbage.pem", pem + pem.substr(0, pem.size() / 2));
    CHECK(contains(client_error(files), "got a damaged one after 1 good ones"));
    files.certificate = certificates().write("garbage.pem", std::string((1U << 20U) + 1, 'x'));
    CHECK(contains(client_error(files), "got a file of 1048577 bytes, which is more than 1 MiB"));
  }
  SUBCASE("a key that others can read") {
    for (const unsigned mode : {0644U, 0604U, 0660U, 0602U}) {
      CAPTURE(mode);
      files.private_key = certificates().write("open.key", certificates().read("site-north.key"), mode);
      CHECK(client_error(files) ==
            files.private_key +
                ": expected a private key (TlsFiles::private_key) that only its owner can open, but others "
                "can: chmod 600 \"" +
                files.private_key + "\" (and if others may have seen it, make a new one)");
    }
    certificates().write("open.key", certificates().read("site-north.key"), 0400);
    CHECK_NOTHROW((void)client_tls(files));
    // A group may read what is root's, as packages install keys for a service.
    certificates().write("open.key", certificates().read("site-north.key"), 0640);
    if (::geteuid() == 0) {
      CHECK_NOTHROW((void)client_tls(files));
    } else {
      CHECK(contains(client_error(files), "that only its owner can open"));
    }
  }
  SUBCASE("another certificate's key") {
    files.private_key = certificates().site("south").private_key;
    CHECK(client_error(files) == files.private_key + ": expected the private key of the certificate in " +
                                     files.certificate + ", got the key of another");
  }
  SUBCASE("an encrypted key") {
    const auto pair =
        socket_test::issue(TestCertificates::site_contents("west"), &certificates().authority());
    files = certificates().write_pair("west", pair);
    files.private_key = certificates().write_key("secret.key", pair, "open sesame");
    CHECK(contains(client_error(files), files.private_key +
                                            ": the private key is encrypted: put its passphrase on the first "
                                            "line of a file that only you can read"));
    files.passphrase_file = certificates().write("passphrase", "open sesame\n", 0600);
    CHECK_NOTHROW((void)client_tls(files));
    certificates().write("passphrase", "open sesame\r\nand more", 0600);
    CHECK_NOTHROW((void)client_tls(files));
    certificates().write("passphrase", "swordfish", 0600);
    CHECK(client_error(files) == files.private_key + ": the passphrase in " + files.passphrase_file +
                                     " does not open this private key");
    certificates().write("passphrase", std::string(5000, 'x'), 0600);
    CHECK(contains(client_error(files), "does not open this private key"));
    certificates().write("passphrase", "\n", 0600);
    CHECK(client_error(files) ==
          files.passphrase_file + ": expected a passphrase on its first line, got nothing");
    certificates().write("passphrase", "open sesame\n", 0644);
    CHECK(contains(client_error(files),
                   "expected a passphrase (TlsFiles::passphrase_file) that only its owner "
                   "can open"));
  }
  SUBCASE("a key too weak") {
    const healthai::detail::OpensslPointer<EVP_PKEY> weak(EVP_RSA_gen(1024));
    const auto pair =
        socket_test::issue(TestCertificates::site_contents("weak"), &certificates().authority(), weak.get());
    CHECK(contains(
        client_error(certificates().write_pair("weak", pair)),
        "OpenSSL does not take this certificate or its key (ee key too small): make one with a P-256 "
        "or Ed25519 key"));
  }
}

TEST_CASE("keys of other kinds: Ed25519, P-384, RSA") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  const healthai::detail::OpensslPointer<EVP_PKEY> keys[] = {
      healthai::detail::OpensslPointer<EVP_PKEY>(EVP_EC_gen("P-384")),
      healthai::detail::OpensslPointer<EVP_PKEY>(EVP_RSA_gen(2048)),
      healthai::detail::OpensslPointer<EVP_PKEY>(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))};
  for (const auto& key : keys) {
    const auto pair =
        socket_test::issue(TestCertificates::site_contents("other"), &certificates().authority(), key.get());
    asio::ssl::context client = client_tls(certificates().write_pair("other", pair));
    const Handshake both(server.native_handle(), client.native_handle());
    CHECK(both.server_error == "");
    CHECK(both.client_error == "");
  }
}

TEST_CASE("over Asio's streams") {
  namespace ssl = asio::ssl;
  using Socket = asio::local::stream_protocol::socket;
  const auto run = [](ssl::context& server_context, ssl::context& client_context, const std::string& host) {
    asio::io_context io;
    ssl::stream<Socket> server(io, server_context);
    ssl::stream<Socket> client(io, client_context);
    asio::local::connect_pair(server.lowest_layer(), client.lowest_layer());
    healthai::expect_coordinator(client.native_handle(), host);
    std::string at_server = "good";
    std::string at_client = "good";
    server.async_handshake(ssl::stream_base::server, [&](const boost::system::error_code& e) {
      if (e) at_server = healthai::tls_error(server.native_handle(), e);
      server.lowest_layer().close();  // the node reads until here
    });
    char byte = 0;
    client.async_handshake(ssl::stream_base::client, [&](const boost::system::error_code& e) {
      if (e) {
        at_client = healthai::tls_error(client.native_handle(), e);
        return client.lowest_layer().close();
      }
      asio::async_read(client, asio::buffer(&byte, 1),
                       [&](const boost::system::error_code& failure, std::size_t) {
                         at_client = healthai::tls_error(client.native_handle(), failure);
                       });
    });
    io.run();
    return std::vector<std::string>{at_server, at_client};
  };
  ssl::context server = server_tls(certificates().coordinator());
  ssl::context client = client_tls(certificates().site("north"));
  const auto good = run(server, client, "localhost");
  CHECK(good[0] == "good");
  CHECK(
      good[1] ==
      "the coordinator closed the connection (stream truncated); if it refused this node, its log says why");
  const auto elsewhere = run(server, client, "elsewhere.example");
  CHECK(contains(elsewhere[0], "(alert \"bad certificate\")"));
  CHECK(contains(elsewhere[1], "not for \"elsewhere.example\""));
  ssl::context nobody = careless_node({.authorities = certificates().site("north").authorities});
  const auto none = run(server, nobody, "localhost");
  CHECK(contains(none[0], "the node showed no certificate"));
  CHECK(contains(none[1], "(alert \"certificate required\")"));
}

TEST_CASE("what is no TLS at all, and what is no handshake's fault") {
  asio::ssl::context server = server_tls(certificates().coordinator());
  const std::unique_ptr<SSL, socket_test::SslFree> connection(SSL_new(server.native_handle()));
  BIO* end = nullptr;
  BIO* peer = nullptr;
  BIO_new_bio_pair(&end, 0, &peer, 0);
  const std::unique_ptr<BIO, healthai::detail::OpensslFree> guard(peer);
  SSL_set_bio(connection.get(), end, end);
  SSL_set_accept_state(connection.get());
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  BIO_write(peer, request.data(), static_cast<int>(request.size()));
  ERR_clear_error();
  CHECK(SSL_do_handshake(connection.get()) != 1);
  const boost::system::error_code failure(static_cast<int>(ERR_get_error()), asio::error::get_ssl_category());
  CHECK(healthai::tls_error(connection.get(), failure) ==
        "the node does not speak TLS (http request): is it another service, or a proxy in between?");
  CHECK(contains(healthai::tls_error(connection.get(), asio::error::eof),
                 "the node closed the connection during the TLS handshake, without saying why"));
  CHECK(healthai::tls_error(nullptr, asio::error::connection_refused) ==
        "the connection to the coordinator failed: Connection refused");
}

}  // namespace transport_socket_tls_test
