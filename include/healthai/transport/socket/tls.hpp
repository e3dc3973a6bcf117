#pragma once

/// \file
/// TLS 1.3 with certificates on both sides (Rescorla: The Transport Layer Security (TLS) Protocol Version 1.3, RFC 8446,
/// 2018). Needs OpenSSL 3: link `healthai::socket`.
///
/// Sessions are never resumed, so that each connection proves anew that it holds its key, and taking a site off the
/// roster is enough to keep it out; there are no revocation lists.

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <utility>  // Boost 1.74's Asio uses std::exchange without it

#include <boost/asio/ssl/context.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/transport/socket/detail/certificate.hpp"
#include "healthai/transport/socket/detail/pem.hpp"
#include "healthai/transport/socket/detail/tls_failure.hpp"
#include "healthai/transport/socket/peer_identity.hpp"

namespace healthai {

/// The PEM files of one end of a connection.
struct TlsFiles {
  /// Its certificate, followed by the intermediate ones up to the authority, if any.
  std::string certificate{};
  /// The certificate's key. Only its owner may be able to open the file, or root and a group.
  std::string private_key{};
  /// CA certificates. Each one is believed, about everybody.
  std::string authorities{};
  /// If the key is encrypted: a file, as private as the key's, whose first line is the passphrase.
  std::string passphrase_file{};
};

namespace detail {

/// \throws Error (`tls`, `identity`) unless the certificate fits its role and is valid now
inline void require_usable(X509* certificate, TlsRole role, const std::string& path) {
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
    throw Error(error::tls, path + ": this certificate expired on " +
                                time_text(X509_get0_notAfter(certificate)) +
                                ": renew it (the clock here says " + time_text_now() + ')');
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    throw Error(error::tls, path + ": this certificate is not valid before " +
                                time_text(X509_get0_notBefore(certificate)) + ": set the clock, which says " +
                                time_text_now());
  }
  const bool site = role == TlsRole::site;
  if (!made_for(certificate, role)) {
    throw Error(error::tls, path + ": expected a " + (site ? "site's" : "coordinator's") +
                                " certificate, but " + usage_text(certificate, role));
  }
  try {
    const AlternativeNames names = alternative_names(certificate);
    if (site) {
      (void)site_of(certificate);
    } else if (names.hosts.empty() && names.addresses.empty()) {
      throw Error(error::identity,
                  "expected a certificate with the coordinator's host name or IP address among its "
                  "alternative names, got one for " +
                      names.text());
    }
  } catch (const Error& e) {
    throw Error(e.id(), path + ": " + e.what());
  }
}

/// Believes the CA certificates of the file, and nobody else. \throws Error (`file`, `tls`)
inline void believe(SSL_CTX* context, const std::string& path) {
  const auto authorities = read_certificates(path, "CA certificates (TlsFiles::authorities)");
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  bool usable = false;
  for (const auto& authority : authorities) {
    const std::string name = distinguished_name(X509_get_subject_name(authority.get()));
    if (X509_check_ca(authority.get()) != 1) {
      throw Error(error::tls, path +
                                  ": expected CA certificates (TlsFiles::authorities), but this one is not "
                                  "made for a CA: " +
                                  name);
    }
    // One that has expired may stay beside its successor.
    usable = usable || X509_cmp_current_time(X509_get0_notAfter(authority.get())) > 0;
    if (X509_STORE_add_cert(store, authority.get()) != 1)
      throw Error(error::tls, path + ": OpenSSL does not take " + name + " (" + openssl_reason() + ')');
  }
  if (!usable) {
    throw Error(error::tls,
                path +
                    ": expected a CA certificate that is valid (TlsFiles::authorities), but all have "
                    "expired, the last on " +
                    time_text(X509_get0_notAfter(authorities.back().get())));
  }
  // Each is believed, also an intermediate one without its root.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
}

/// Shows the certificate of the files, and holds its key. \throws Error (`file`, `tls`, `identity`)
inline void show_certificate(SSL_CTX* context, const TlsFiles& files, TlsRole role) {
  const auto chain = read_certificates(files.certificate, "a certificate (TlsFiles::certificate)");
  X509* const own = chain.front().get();
  require_usable(own, role, files.certificate);
  const auto key = read_private_key(files.private_key, files.passphrase_file);
  ERR_clear_error();
  if (X509_check_private_key(own, key.get()) != 1) {
    ERR_clear_error();
    throw Error(error::tls, files.private_key + ": expected the private key of the certificate in " +
                                files.certificate + ", got the key of another");
  }
  bool taken = SSL_CTX_use_certificate(context, own) == 1 && SSL_CTX_use_PrivateKey(context, key.get()) == 1;
  for (std::size_t i = 1; i < chain.size(); ++i)
    taken = taken && SSL_CTX_add1_chain_cert(context, chain[i].get()) == 1;
  if (!taken) {
    throw Error(error::tls, files.certificate + ": OpenSSL does not take this certificate or its key (" +
                                openssl_reason() + "): make one with a P-256 or Ed25519 key");
  }
}

[[nodiscard]] inline boost::asio::ssl::context tls_context(const TlsFiles& files, TlsRole role) {
  const bool server = role == TlsRole::coordinator;
  boost::asio::ssl::context result(server ? boost::asio::ssl::context::tls_server
                                          : boost::asio::ssl::context::tls_client);
  SSL_CTX* const context = result.native_handle();
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1)
    throw Error(error::tls, "OpenSSL offers no TLS 1.3 here (" + openssl_reason() + ')');
  // At least 112 bits, whatever the machine's openssl.cnf says: RSA from 2048 bits, no SHA-1.
  if (SSL_CTX_get_security_level(context) < 2) SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_max_cert_list(context, 32768);  // nobody is known yet who sends one
  if (server) {
    static constexpr unsigned char name[] = {'h', 'e', 'a', 'l', 't', 'h', 'a', 'i'};
    if (SSL_CTX_set_num_tickets(context, 0) != 1 ||
        SSL_CTX_set_session_id_context(context, name, sizeof name) != 1)
      throw Error(error::tls, "OpenSSL cannot do without session tickets (" + openssl_reason() + ')');
  }
  SSL_CTX_set_verify(context, server ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER,
                     &verify_certificate);
  believe(context, files.authorities);
  show_certificate(context, files, role);
  return result;
}

}  // namespace detail

/// For the coordinator's side: TLS 1.3, a client certificate is required, no session is resumed. The connections made
/// from one context may be used by different threads.
/// \throws Error (`file`, `tls`, `identity`) with the path, when a file is missing or not what it should be, a key is
///   readable by others or not the certificate's, or the certificate has expired or is not a coordinator's.
[[nodiscard]] inline boost::asio::ssl::context server_tls(const TlsFiles& files) {
  return detail::tls_context(files, detail::TlsRole::coordinator);
}

/// For a node's side: TLS 1.3, the coordinator's certificate is verified. Give every connection to `expect_coordinator`
/// before its handshake: without, that fails. Errors and threads as for `server_tls`.
[[nodiscard]] inline boost::asio::ssl::context client_tls(const TlsFiles& files) {
  return detail::tls_context(files, detail::TlsRole::site);
}

/// Before the handshake, on a node: whom it means to reach. The certificate must be for exactly this DNS name or IP
/// address (its subject does not count, a wildcard may stand for a whole first label) and be made for serverAuth. A
/// DNS name is also told to the other side (SNI). Do not set another verify callback on the connection.
/// \param host as the node's configuration names it: "coordinator.example", "10.1.2.3", "::1"
/// \throws Error (`invalid_argument`) for what is neither name nor address
inline void expect_coordinator(SSL* connection, const std::string& host) {
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(connection);
  X509_VERIFY_PARAM_set_hostflags(wanted,
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  SSL_set_verify(connection, SSL_VERIFY_PEER, &detail::verify_certificate);
  X509_VERIFY_PARAM_set1_host(wanted, nullptr, 0);  // what an earlier call may have set
  X509_VERIFY_PARAM_set1_ip(wanted, nullptr, 0);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return;
  ERR_clear_error();
  constexpr const char* allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (host.empty() || host.size() > 253 || host.front() == '.' ||
      host.find_first_not_of(allowed) != std::string::npos) {
    throw Error(
        error::invalid_argument,
        "expected the coordinator's host name or IP address, such as coordinator.example, 10.1.2.3 or "
        "::1, got \"" +
            detail::ascii_text(host) + '"');
  }
  if (X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size()) != 1 ||
      SSL_set_tlsext_host_name(connection, host.c_str()) != 1) {
    throw Error(error::tls,
                "OpenSSL does not take the host name \"" + host + "\" (" + detail::openssl_reason() + ')');
  }
}

/// Why a handshake, or the first read after it, failed: a sentence with the cause and what to do, for a log. A node
/// learns only from its first read that the coordinator refused its certificate: in TLS 1.3 its own part is over before.
/// \param connection may be null, when there is none left
[[nodiscard]] inline std::string tls_error(SSL* connection, const boost::system::error_code& failure) {
  return detail::tls_failure_text(connection, failure);
}

}  // namespace healthai
