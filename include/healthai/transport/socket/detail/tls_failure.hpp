#pragma once

/// \file
/// Why a certificate or a handshake was refused, told with the cure.

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <utility>  // Boost 1.74's Asio uses std::exchange without it

#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <new>
#include <string>

#include "healthai/transport/socket/detail/certificate.hpp"

namespace healthai::detail {

/// Where a connection keeps the sentence about the certificate that it refused.
[[nodiscard]] inline int refusal_index() noexcept {
  static const int index = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* text, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(text); });
  return index;
}

/// What a node expects: a host name, an address, or "" when nobody said.
[[nodiscard]] inline std::string expected_host(X509_VERIFY_PARAM* wanted) {
  if (const char* host = X509_VERIFY_PARAM_get0_host(wanted, 0); host != nullptr) return host;
  // To ask for an address that is not there is an error to OpenSSL. Left in its queue, it would make a handshake that has to
  // wait for more bytes look like one that failed.
  ERR_set_mark();
  const std::unique_ptr<char, void (*)(char*)> address(X509_VERIFY_PARAM_get1_ip_asc(wanted),
                                                       [](char* p) { OPENSSL_free(p); });
  ERR_pop_to_mark();
  if (!address) return "";
  boost::system::error_code unreadable;
  const auto parsed =
      boost::asio::ip::make_address(address.get(), unreadable);  // "::1", not "0:0:0:0:0:0:0:1"
  return unreadable ? std::string(address.get()) : parsed.to_string();
}

/// Why `certificate`, `depth` steps above the peer's own, is not accepted. \param peer the role that the peer claims
[[nodiscard]] inline std::string refusal_text(X509* certificate, int depth, int code, TlsRole peer,
                                              const std::string& host) {
  const std::string whose =
      peer == TlsRole::site ? "the node's certificate" : "the coordinator's certificate";
  if (certificate == nullptr) return whose + " was refused: " + X509_verify_cert_error_string(code);
  const std::string who = (depth == 0 ? whose : "a CA certificate that " + whose + " depends on") + " (" +
                          distinguished_name(X509_get_subject_name(certificate)) + ')';
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return who + " expired on " + time_text(X509_get0_notAfter(certificate)) +
             ": it needs a new one, unless the clock here is wrong, which says " + time_text_now();
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return who + " is not valid before " + time_text(X509_get0_notBefore(certificate)) +
             ": probably one of the clocks is wrong; the one here says " + time_text_now();
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return who + " is signed by an unknown CA (" + distinguished_name(X509_get_issuer_name(certificate)) +
             "): if that CA is to be believed, add its certificate to TlsFiles::authorities here";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return who + " has a signature that its CA (" + distinguished_name(X509_get_issuer_name(certificate)) +
             ") did not make: either a forgery, or another CA of the same name";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return who + " is for " + alternative_names(certificate).host_text() + ", not for \"" +
             ascii_text(host) +
             "\": connect to a name that it is for, or make it a certificate that has this name too";
    case X509_V_ERR_INVALID_PURPOSE:
      if (depth == 0) {
        return who + " is not made for " + (peer == TlsRole::site ? "a site: " : "a coordinator: ") +
               usage_text(certificate, peer);
      }
      break;
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return "a node did not say which host it expects: expect_coordinator must be called before the "
             "handshake";
    default:
      break;
  }
  return who + " was refused: " + X509_verify_cert_error_string(code);
}

/// OpenSSL's verify callback: asks for the extended key usage, and for a host on a node, where OpenSSL would be content
/// without; notes why a certificate was refused.
inline int verify_certificate(int accepted, X509_STORE_CTX* chain) noexcept try {
  auto* const connection =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (connection == nullptr) return 0;
  X509* const certificate = X509_STORE_CTX_get_current_cert(chain);
  const int depth = X509_STORE_CTX_get_error_depth(chain);
  const TlsRole peer = SSL_is_server(connection) == 1 ? TlsRole::site : TlsRole::coordinator;
  const std::string host = expected_host(SSL_get0_param(connection));
  if (accepted == 1 && depth == 0) {
    int problem = X509_V_OK;
    if (certificate == nullptr || !made_for(certificate, peer)) {
      problem = X509_V_ERR_INVALID_PURPOSE;
    } else if (peer == TlsRole::coordinator && host.empty()) {
      problem = X509_V_ERR_APPLICATION_VERIFICATION;
    }
    if (problem != X509_V_OK) {
      X509_STORE_CTX_set_error(chain, problem);
      accepted = 0;
    }
  }
  if (accepted == 1) return 1;
  auto text = std::make_unique<std::string>(
      refusal_text(certificate, depth, X509_STORE_CTX_get_error(chain), peer, host));
  delete static_cast<std::string*>(SSL_get_ex_data(connection, refusal_index()));
  SSL_set_ex_data(connection, refusal_index(), nullptr);
  if (SSL_set_ex_data(connection, refusal_index(), text.get()) == 1) text.release();
  return 0;
} catch (...) {  // out of memory, or names that cannot be read: no sentence, and no connection
  if (X509_STORE_CTX_get_error(chain) == X509_V_OK)
    X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

/// What the other side means by ending the connection with this alert (RFC 8446, 6.2).
[[nodiscard]] inline std::string alert_text(int alert, TlsRole self) {
  const bool node = self == TlsRole::site;
  const std::string other = node ? "the coordinator" : "the node";
  const std::string ours = node ? "this node's certificate" : "the coordinator's certificate";
  switch (alert) {
    case SSL_AD_UNKNOWN_CA:
      return other + " does not know the CA that signed " + ours +
             " (alert \"unknown CA\"): that CA's certificate must be in its TlsFiles::authorities";
    case SSL_AD_CERTIFICATE_REQUIRED:
      return other +
             " requires a client certificate and got none (alert \"certificate required\"): give "
             "TlsFiles::certificate and TlsFiles::private_key";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return other + " says that " + ours +
             " has expired (alert \"certificate expired\"): renew it, or compare the clocks";
    case SSL_AD_BAD_CERTIFICATE:
      return other + " refused " + ours + " (alert \"bad certificate\"): " +
             (node ? "perhaps it is not valid yet by its clock; its log says why"
                   : "perhaps the node reached the coordinator by a name that is not in the certificate, or "
                     "it is not valid yet by the node's clock; the node's log says why");
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
      return other + " says that " + ours +
             " is not made for this role (alert \"unsupported certificate\"): " +
             (node ? "a site's needs the extended key usage clientAuth"
                   : "a coordinator's needs the extended key usage serverAuth");
    case SSL_AD_PROTOCOL_VERSION:
      return other + " does not speak TLS 1.3 (alert \"protocol version\"): it must, on both sides";
    case SSL_AD_HANDSHAKE_FAILURE:
      return other +
             " found no common ground in the TLS handshake (alert \"handshake failure\"): is it "
             "healthai, with OpenSSL 3?";
    default:
      break;
  }
  return other + " ended the TLS connection with the alert \"" + SSL_alert_desc_string_long(alert) + '"';
}

/// See `tls_error`.
[[nodiscard]] inline std::string tls_failure_text(SSL* connection, const boost::system::error_code& failure) {
  const bool server = connection != nullptr && SSL_is_server(connection) == 1;
  if (connection != nullptr && SSL_get_verify_result(connection) != X509_V_OK) {
    const auto* noted = static_cast<const std::string*>(SSL_get_ex_data(connection, refusal_index()));
    if (noted != nullptr) return *noted;
    return std::string(server ? "the node's" : "the coordinator's") +
           " certificate was refused: " + X509_verify_cert_error_string(SSL_get_verify_result(connection));
  }
  const std::string other = server ? "the node" : "the coordinator";
  if (failure.category() == boost::asio::error::get_ssl_category()) {
    const auto code = static_cast<unsigned long>(static_cast<unsigned>(failure.value()));
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
      if (reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
        return alert_text(reason - SSL_AD_REASON_OFFSET, server ? TlsRole::coordinator : TlsRole::site);
      switch (reason) {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
          return other + " showed no certificate: it needs TlsFiles::certificate and TlsFiles::private_key";
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_UNKNOWN_PROTOCOL:
        case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
          return other + " does not speak TLS 1.3 (" + ERR_reason_error_string(code) +
                 "): it must, on both sides";
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
          return other + " does not speak TLS (" + ERR_reason_error_string(code) +
                 "): is it another service, or a proxy in between?";
        default:
          break;
      }
    }
    const char* words = ERR_reason_error_string(code);
    return "TLS with " + other + " failed: " + (words == nullptr ? failure.message() : std::string(words));
  }
  const bool early = connection != nullptr && SSL_is_init_finished(connection) == 0;
  if (failure == boost::asio::ssl::error::stream_truncated || failure == boost::asio::error::eof ||
      failure == boost::asio::error::connection_reset || failure == boost::asio::error::broken_pipe) {
    if (early) {
      return other + " closed the connection during the TLS handshake, without saying why (" +
             failure.message() +
             "): perhaps it is no TLS service, or something in between forbids the connection";
    }
    return other + " closed the connection (" + failure.message() + ')' +
           (server ? "" : "; if it refused this node, its log says why");
  }
  return "the connection to " + other + " failed: " + failure.message();
}

}  // namespace healthai::detail
