#pragma once

/// \file
/// What a certificate says, in the words of this library. Text that comes out is fit for one line of a message,
/// whoever wrote the certificate.

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"

namespace healthai::detail {

struct OpensslFree {
  void operator()(ASN1_TIME* p) const noexcept { ASN1_TIME_free(p); }
  void operator()(BIO* p) const noexcept { BIO_free_all(p); }
  void operator()(EVP_PKEY* p) const noexcept { EVP_PKEY_free(p); }
  void operator()(GENERAL_NAMES* p) const noexcept { GENERAL_NAMES_free(p); }
  void operator()(X509* p) const noexcept { X509_free(p); }
};
/// Owns something of OpenSSL's.
template <class T>
using OpensslPointer = std::unique_ptr<T, OpensslFree>;

/// Printable ASCII, anything else as `\xNN`; cut off after about `limit` characters.
[[nodiscard]] inline std::string ascii_text(std::string_view text, std::size_t limit = 100) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string line;
  for (const char c : text) {
    if (line.size() >= limit) return line + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      line += c;
    } else {
      line += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return line;
}

/// Two lower-case digits a byte.
[[nodiscard]] inline std::string hex_text(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) text += {digits[byte >> 4U], digits[byte & 15U]};
  return text;
}

/// "CN=The federation's CA,O=Somewhere" (RFC 2253).
[[nodiscard]] inline std::string distinguished_name(const X509_NAME* name) {
  const OpensslPointer<BIO> out(BIO_new(BIO_s_mem()));
  if (!out) throw std::bad_alloc();
  if (name == nullptr || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0)
    return "an unreadable name";
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return size <= 0 ? "an empty name" : ascii_text({text, static_cast<std::size_t>(size)}, 200);
}

/// "2027-03-31 23:59:59 UTC"
[[nodiscard]] inline std::string time_text(const ASN1_TIME* time) {
  std::tm at{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &at) != 1) return "an unreadable date";
  char text[80];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d UTC", at.tm_year + 1900, at.tm_mon + 1,
                at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
  return text;
}

[[nodiscard]] inline std::string time_text_now() {
  const OpensslPointer<ASN1_TIME> now(X509_gmtime_adj(nullptr, 0));
  return time_text(now.get());
}

/// As a point of time; what the system's clock cannot hold ("99991231235959Z": never, RFC 5280, 4.1.2.5) becomes its
/// last or its first day. \throws Error (`tls`) for a date that is none
[[nodiscard]] inline std::chrono::system_clock::time_point time_point_of(const ASN1_TIME* time) {
  std::tm at{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &at) != 1)
    throw Error(error::tls, "expected a date in the certificate, got something else");
  using namespace std::chrono;
  const sys_days day = year_month_day(year(at.tm_year + 1900), month(static_cast<unsigned>(at.tm_mon) + 1),
                                      std::chrono::day(static_cast<unsigned>(at.tm_mday)));
  const auto first = ceil<days>((system_clock::time_point::min)());
  const auto last = floor<days>((system_clock::time_point::max)()) - days(1);
  if (day < first) return first;
  if (day > last) return last;
  return system_clock::time_point(day) + hours(at.tm_hour) + minutes(at.tm_min) + seconds(at.tm_sec);
}

/// The names that a certificate is for (subjectAltName, RFC 5280, 4.2.1.6), as far as this library knows them.
struct AlternativeNames {
  std::vector<std::string> uris{};
  std::vector<std::string> hosts{};
  std::vector<std::string> addresses{};

  /// `"urn:healthai:site:north", "coordinator.example", "10.0.0.1"`, or "nobody" (hosts only: or "no host")
  [[nodiscard]] std::string text() const { return list({&uris, &hosts, &addresses}, "nobody"); }
  [[nodiscard]] std::string host_text() const { return list({&hosts, &addresses}, "no host at all"); }

 private:
  [[nodiscard]] static std::string list(const std::vector<const std::vector<std::string>*>& kinds,
                                        const char* none) {
    std::string text;
    for (const auto* kind : kinds) {
      for (const std::string& name : *kind) {
        if (text.size() > 300) return text + ", ...";
        text += (text.empty() ? "\"" : ", \"") + ascii_text(name) + '"';
      }
    }
    return text.empty() ? none : text;
  }
};

/// \throws Error (`identity`) for an extension that cannot be read, or is there twice
[[nodiscard]] inline AlternativeNames alternative_names(const X509* certificate) {
  int critical = -1;
  const OpensslPointer<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  if (!names && critical != -1)
    throw Error(
        error::identity,
        "expected a certificate with one list of alternative names, got several or an unreadable one");
  AlternativeNames result;
  for (int i = 0; i < (names ? sk_GENERAL_NAME_num(names.get()) : 0); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    int kind = 0;
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &kind));
    if (kind != GEN_URI && kind != GEN_DNS && kind != GEN_IPADD) continue;
    const unsigned char* data = ASN1_STRING_get0_data(value);
    const auto size = static_cast<std::size_t>(ASN1_STRING_length(value));
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (kind == GEN_URI) {
      result.uris.push_back(text);
    } else if (kind == GEN_DNS) {
      result.hosts.push_back(text);
    } else if (size == 4) {
      result.addresses.push_back(
          boost::asio::ip::address_v4({data[0], data[1], data[2], data[3]}).to_string());
    } else if (size == 16) {
      boost::asio::ip::address_v6::bytes_type bytes{};
      for (std::size_t j = 0; j < 16; ++j) bytes[j] = data[j];
      result.addresses.push_back(boost::asio::ip::address_v6(bytes).to_string());
    }
  }
  return result;
}

/// What a certificate is made for.
enum class TlsRole { site, coordinator };

/// Whether the extended key usage names the role: clientAuth for a site, serverAuth for the coordinator. OpenSSL itself
/// also accepts a certificate without that extension, for either.
[[nodiscard]] inline bool made_for(X509* certificate, TlsRole role) noexcept {
  const std::uint32_t usage = role == TlsRole::site ? XKU_SSL_CLIENT : XKU_SSL_SERVER;
  return (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
         (X509_get_extended_key_usage(certificate) & usage) != 0;
}

/// "its extended key usage is serverAuth, not clientAuth"
[[nodiscard]] inline std::string usage_text(X509* certificate, TlsRole role) {
  std::string has;
  if (made_for(certificate, TlsRole::coordinator)) has = "serverAuth";
  if (made_for(certificate, TlsRole::site)) has += has.empty() ? "clientAuth" : " and clientAuth";
  if (has.empty())
    has = (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 ? "something else" : "absent";
  return "its extended key usage is " + has + ", not " +
         (role == TlsRole::site ? "clientAuth" : "serverAuth");
}

/// The site that a certificate names. \throws Error (`identity`) unless its one URI is urn:healthai:site:ID
[[nodiscard]] inline ClientId site_of(const X509* certificate) {
  constexpr std::string_view prefix = "urn:healthai:site:";
  const AlternativeNames names = alternative_names(certificate);
  const auto fail = [&](const std::string& got) {
    throw Error(
        error::identity,
        "expected a certificate whose alternative names hold one URI, urn:healthai:site:ID, got " + got);
  };
  if (names.uris.empty()) fail("one without a URI; it is for " + names.text());
  if (names.uris.size() > 1)
    fail("one with " + std::to_string(names.uris.size()) + " URIs; it is for " + names.text());
  const std::string_view uri = names.uris.front();
  if (!uri.starts_with(prefix)) fail('"' + ascii_text(uri) + '"');
  if (!ClientId::valid(uri.substr(prefix.size())))
    fail('"' + ascii_text(uri) + "\"; an id is 1 to 64 characters of a-z, 0-9, '_' and '-'");
  return ClientId(std::string(uri.substr(prefix.size())));
}

/// SHA-256 of the public key (SubjectPublicKeyInfo, in DER), 64 hexadecimal digits.
[[nodiscard]] inline std::string key_pin_of(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) throw Error(error::identity, "expected a public key in the certificate, got something else");
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> guard(
      der, [](unsigned char* p) { OPENSSL_free(p); });
  std::array<unsigned char, 32> digest{};
  if (EVP_Digest(der, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(), nullptr) != 1)
    throw Error(error::tls, "OpenSSL offers no SHA-256");
  return hex_text(digest);
}

}  // namespace healthai::detail
