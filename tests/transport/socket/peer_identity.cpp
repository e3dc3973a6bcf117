#include "healthai/transport/socket/peer_identity.hpp"

#include <doctest/doctest.h>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <string>

#include "certificates.hpp"
#include "handshake.hpp"
#include "messages.hpp"

namespace transport_socket_peer_identity_test {

using healthai::certificate_expiry;
using healthai::certificate_identity;
using healthai::Error;
using socket_test::contains;
using socket_test::Contents;
using socket_test::message_of;
using socket_test::TestCertificates;
namespace error = healthai::error;

namespace {

TestCertificates& certificates() {
  static TestCertificates made;
  return made;
}
/// What a coordinator says to a site's certificate of these names.
std::string refusal(const std::string& names) {
  const healthai::TlsFiles files =
      certificates().issue_files("named", {.subject = "named", .names = names, .usage = "clientAuth"});
  boost::asio::ssl::context server = healthai::server_tls(certificates().coordinator());
  boost::asio::ssl::context client = socket_test::unchecked_tls(files, false);
  SSL_CTX_set_verify(client.native_handle(), SSL_VERIFY_PEER, nullptr);
  const socket_test::Handshake both(server.native_handle(), client.native_handle());
  REQUIRE(both.good());
  const std::string said =
      message_of(error::identity, [&] { (void)healthai::peer_identity(both.server.get()); });
  // The file says the same, with its path; and the node does not even start.
  CHECK(message_of(error::identity, [&] { (void)certificate_identity(files.certificate); }) ==
        files.certificate + ": " + said);
  CHECK(message_of(error::identity, [&] { (void)healthai::client_tls(files); }) ==
        files.certificate + ": " + said);
  return said;
}

}  // namespace

TEST_CASE("a certificate names one site in one URI") {
  const std::string expected =
      "expected a certificate whose alternative names hold one URI, urn:healthai:site:ID, got ";
  CHECK(refusal("") == expected + "one without a URI; it is for nobody");
  CHECK(refusal("DNS:north.example,IP:10.0.0.1") ==
        expected + "one without a URI; it is for \"north.example\", \"10.0.0.1\"");
  CHECK(refusal("URI:urn:healthai:site:north,URI:urn:healthai:site:south") ==
        expected + "one with 2 URIs; it is for \"urn:healthai:site:north\", \"urn:healthai:site:south\"");
  CHECK(contains(refusal("URI:urn:healthai:site:north,URI:https://north.example"), "got one with 2 URIs"));
  CHECK(contains(refusal("URI:urn:healthai:site:north,URI:urn:healthai:site:north"), "got one with 2 URIs"));
  CHECK(refusal("URI:https://north.example") == expected + "\"https://north.example\"");
  for (const std::string id : {"", "North", "a b", "../north", "north/", "b\u00fccher"}) {
    CAPTURE(id);
    CHECK(contains(refusal("URI:urn:healthai:site:" + id),
                   "\"; an id is 1 to 64 characters of a-z, 0-9, '_' and '-'"));
  }
  CHECK(contains(refusal("URI:urn:healthai:site:" + std::string(65, 'a')), "an id is 1 to 64 characters"));
  CHECK(contains(refusal("URI:urn:healthai:sites:north"), "got \"urn:healthai:sites:north\""));
}

TEST_CASE("text from a certificate cannot break a line or hide its end") {
  // A zero byte: what comes before it would be a good name to a program that reads C strings.
  const auto make = [](const std::string& uri) {
    auto pair = socket_test::issue({.subject = "bad\nname\033[2J", .usage = "clientAuth"},
                                   &certificates().authority());
    GENERAL_NAMES* const names = sk_GENERAL_NAME_new_null();
    GENERAL_NAME* const name = GENERAL_NAME_new();
    ASN1_IA5STRING* const text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size()));
    GENERAL_NAME_set0_value(name, GEN_URI, text);
    sk_GENERAL_NAME_push(names, name);
    X509_add1_ext_i2d(pair.certificate.get(), NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
    GENERAL_NAMES_free(names);
    X509_sign(pair.certificate.get(), certificates().authority().key.get(), EVP_sha256());
    return certificates().write_pair("zero", pair);
  };
  CHECK(contains(message_of(error::identity,
                            [&] {
                              (void)certificate_identity(
                                  make(std::string("urn:healthai:site:north\0evil", 28)).certificate);
                            }),
                 "got \"urn:healthai:site:north\\x00evil\"; an id is"));
  CHECK(contains(
      message_of(error::identity, [&] { (void)certificate_identity(make("line\nfeed\033[2J").certificate); }),
      "got \"line\\x0afeed\\x1b[2J\""));
  const auto pair = socket_test::issue({.subject = "bad\nname\033[2J"});
  const std::string name =
      healthai::detail::distinguished_name(X509_get_subject_name(pair.certificate.get()));
  CHECK(name == "CN=bad\\0Aname\\1B[2J");
}

TEST_CASE("the pin is the SHA-256 of the public key") {
  // openssl ecparam -name prime256v1 -genkey; openssl req -x509 -days 36500 ... -addext ...; then
  // openssl x509 -in c.pem -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum (OpenSSL 3.0.19)
  const std::string path = certificates().write("known.pem", R"(-----BEGIN CERTIFICATE-----
MIIBsTCCAVigAwIBAgIUfLbUfzJQWKXyGO+uUvYzH0OVZW8wCgYIKoZIzj0EAwIw
EDEOMAwGA1UEAwwFbm9ydGgwIBcNMjYxMTIyMjEwODQwWhgPMjEyNjEwMjkyMTA4
NDBaMBAxDjAMBgNVBAMMBW5vcnRoMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
3G1zlPPFq2Tbp86tcNXoL1/cH5jspw0CZx6aIgSnqk/i03dAevN74lu0FeoMooal
BvsC+jZn3PpfYT7LLoYNPaOBjTCBijAdBgNVHQ4EFgQU5FPGymeefuzB6yUg1RI6
V0ntvMIwHwYDVR0jBBgwFoAU5FPGymeefuzB6yUg1RI6V0ntvMIwDwYDVR0TAQH/
BAUwAwEB/zAiBgNVHREEGzAZhhd1cm46aGVhbHRoYWk6c2l0ZTpub3J0aDATBgNV
HSUEDDAKBggrBgEFBQcDAjAKBggqhkjOPQQDAgNHADBEAiADShNPDExSbwDVnTsy
/N61eKpCyNZLSeKjTf9Y2aNjSAIgXfUkoeSyj6oPAJ46A2xfky3os/cDxTDlh8vg
rzjgptk=
-----END CERTIFICATE-----
)");
  const healthai::PeerIdentity identity = certificate_identity(path);
  CHECK(identity.id == "north");
  CHECK(identity.key_pin == "24bed05ef455771568944f2a7d9fc4006f750d51c30e2ce0514013da0452b445");
  CHECK(certificate_expiry(path) == identity.expires);
  using namespace std::chrono;
  CHECK(duration_cast<seconds>(identity.expires.time_since_epoch()).count() == 4948981720);

  // Of the key, not of the certificate: a renewed certificate of the same key has the same pin.
  const auto first = socket_test::issue(TestCertificates::site_contents("east"), &certificates().authority());
  const auto renewed = socket_test::issue(TestCertificates::site_contents("east"),
                                          &certificates().authority(), first.key.get());
  const auto other = socket_test::issue(TestCertificates::site_contents("east"), &certificates().authority());
  const auto pin = [](const socket_test::Pair& pair) {
    return certificate_identity(certificates().write_certificates("pin.pem", {&pair})).key_pin;
  };
  CHECK(pin(first) == pin(renewed));
  CHECK(pin(first) != pin(other));
}

TEST_CASE("when a file's certificates expire") {
  using namespace std::chrono;
  const auto days_left = [](const std::string& path) {
    return static_cast<double>(
               duration_cast<seconds>(certificate_expiry(path) - system_clock::now()).count()) /
           86400;
  };
  const auto leaf = socket_test::issue({.to_days = 40});
  const auto middle = socket_test::issue({.authority = true, .to_days = 20});
  const auto gone = socket_test::issue({.from_days = -9, .to_days = -3});
  CHECK(days_left(certificates().write_certificates("a.pem", {&leaf})) == doctest::Approx(40).epsilon(1e-3));
  CHECK(days_left(certificates().write_certificates("b.pem", {&leaf, &middle})) ==
        doctest::Approx(20).epsilon(1e-3));
  CHECK(days_left(certificates().write_certificates("b.pem", {&middle, &leaf})) ==
        doctest::Approx(20).epsilon(1e-3));
  CHECK(days_left(certificates().write_certificates("c.pem", {&gone})) == doctest::Approx(-3).epsilon(1e-3));
  // "Never" (RFC 5280, 4.1.2.5) is beyond what the clock's nanoseconds can count.
  auto never = socket_test::issue({.subject = "never"});
  ASN1_TIME_set_string(X509_getm_notAfter(never.certificate.get()), "99991231235959Z");
  X509_sign(never.certificate.get(), never.key.get(), EVP_sha256());
  CHECK(days_left(certificates().write_certificates("d.pem", {&never})) > 50000);
  CHECK(healthai::detail::time_text(X509_get0_notAfter(never.certificate.get())) ==
        "9999-12-31 23:59:59 UTC");
  CHECK(contains(message_of(error::tls, [] { (void)certificate_expiry(certificates().write("e.pem", "x")); }),
                 "e.pem: expected a certificate in PEM"));
}

}  // namespace transport_socket_peer_identity_test
