#pragma once

/// \file
/// Who is at the other end of a connection, by its certificate. A certificate stands for one role: a site's names it in
/// one alternative name, the URI urn:healthai:site:ID, and has the extended key usage clientAuth; the coordinator's names
/// its hosts (DNS, IP) and has serverAuth. What a role needs must be there, so that no hospital can pose as the
/// coordinator. Needs OpenSSL 3: link `healthai::socket`.

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <chrono>
#include <string>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/transport/socket/detail/certificate.hpp"
#include "healthai/transport/socket/detail/pem.hpp"

namespace healthai {

/// Who is at the other end, as its certificate says. A right name proves no membership: that is `Roster::require`.
struct PeerIdentity {
  ClientId id{};
  std::string
      key_pin{};  ///< SHA-256 of the public key (SubjectPublicKeyInfo): 64 hexadecimal digits, lower case
  std::chrono::system_clock::time_point expires{};  ///< the certificate
  friend bool operator==(const PeerIdentity&, const PeerIdentity&) = default;
};

namespace detail {

/// \throws Error (`identity`) unless the certificate is a site's
[[nodiscard]] inline PeerIdentity identity_in(X509* certificate) {
  if (!made_for(certificate, TlsRole::site))
    throw Error(error::identity,
                "expected a site's certificate, but " + usage_text(certificate, TlsRole::site));
  return {site_of(certificate), key_pin_of(certificate), time_point_of(X509_get0_notAfter(certificate))};
}

}  // namespace detail

/// After the handshake, on the coordinator: who is it?
/// \throws Error (`identity`) unless there is a verified certificate, made for clientAuth, whose one URI is
///   urn:healthai:site:ID
[[nodiscard]] inline PeerIdentity peer_identity(SSL* connection) {
  X509* const certificate = SSL_get0_peer_certificate(connection);
  if (certificate == nullptr || SSL_get_verify_result(connection) != X509_V_OK)
    throw Error(error::identity, "expected a verified client certificate, got none");
  return detail::identity_in(certificate);
}

/// What `peer_identity` will say of the site that uses this certificate file: to write a roster.
/// \throws Error (`file`, `tls`, `identity`)
[[nodiscard]] inline PeerIdentity certificate_identity(const std::string& path) {
  const auto chain = detail::read_certificates(path, "a site's certificate");
  try {
    return detail::identity_in(chain.front().get());
  } catch (const Error& e) {
    throw Error(e.id(), path + ": " + e.what());
  }
}

/// When the certificate of a file expires, or the first of the chain in it: programs warn 30 days ahead. A date beyond
/// the clock's range is its last day. \throws Error (`file`, `tls`)
[[nodiscard]] inline std::chrono::system_clock::time_point certificate_expiry(const std::string& path) {
  auto earliest = (std::chrono::system_clock::time_point::max)();
  for (const auto& certificate : detail::read_certificates(path, "a certificate")) {
    const auto end = detail::time_point_of(X509_get0_notAfter(certificate.get()));
    if (end < earliest) earliest = end;
  }
  return earliest;
}

}  // namespace healthai
