#pragma once

/// \file
/// Certificates and keys from PEM files, with the path in every error.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/crypto/secret_bytes.hpp"
#include "healthai/serialization/detail/os_file.hpp"
#include "healthai/transport/socket/detail/certificate.hpp"

namespace healthai::detail {

/// A small file. \param what it should hold, and where it was named: "a certificate chain (TlsFiles::certificate)".
/// \param secret refuses a file that anybody but its owner can open.
/// \throws Error (`file`, `tls`)
[[nodiscard]] inline SecretBytes read_small_file(const std::string& path, const std::string& what,
                                                 bool secret) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 20U;
  if (path.empty()) throw Error(error::tls, "expected the path of " + what + ", got an empty one");
  try {
    InputFile file(path);
    if (secret && !file.is_private()) {
      throw Error(error::tls, path + ": expected " + what +
                                  " that only its owner can open, but others can: chmod 600 \"" + path +
                                  "\" (and if others may have seen it, make a new one)");
    }
    if (file.size() > limit)
      throw Error(error::tls, path + ": expected " + what + ", got a file of " + std::to_string(file.size()) +
                                  " bytes, which is more than 1 MiB");
    SecretBytes bytes(static_cast<std::size_t>(file.size()));
    file.read(bytes.writable_bytes());
    return bytes;
  } catch (const Error& e) {
    if (e.id() == error::tls) throw;
    throw Error(e.id(), std::string(e.what()) + "; expected " + what);
  }
}

/// What a text that is not the PEM expected seems to be: its first label, or that it has none.
[[nodiscard]] inline std::string first_pem_label(std::string_view text) {
  constexpr std::string_view begin = "-----BEGIN ";
  const std::size_t at = text.find(begin);
  if (at == std::string_view::npos)
    return "a file without a line \"-----BEGIN ...\" (DER becomes PEM with openssl x509 -inform DER, or "
           "openssl pkey -inform DER)";
  const std::string_view rest = text.substr(at + begin.size());
  return "\"" + ascii_text(rest.substr(0, (std::min)(rest.find("-----"), std::size_t{40}))) +
         "\" that cannot be read or is not that";
}

/// To read from `text`, which must live as long.
[[nodiscard]] inline OpensslPointer<BIO> memory_of(std::string_view text) {
  // It takes no null pointer, not even for an empty text.
  OpensslPointer<BIO> bio(BIO_new_mem_buf(text.empty() ? "" : text.data(), static_cast<int>(text.size())));
  if (!bio) throw std::bad_alloc();
  return bio;
}

/// Why OpenSSL's last call failed, in its own words; empties its list of errors.
[[nodiscard]] inline std::string openssl_reason() {
  const char* reason = nullptr;
  while (const unsigned long code = ERR_get_error()) {
    if (reason == nullptr) reason = ERR_reason_error_string(code);
  }
  return reason == nullptr ? "no reason given" : reason;
}

/// All certificates of a PEM file, at least one. \throws Error (`file`, `tls`)
[[nodiscard]] inline std::vector<OpensslPointer<X509>> read_certificates(const std::string& path,
                                                                         const std::string& what) {
  const SecretBytes text = read_small_file(path, what, false);
  const OpensslPointer<BIO> in = memory_of(text.text());
  std::vector<OpensslPointer<X509>> certificates;
  ERR_clear_error();
  // No prompt for the passphrase of an encrypted certificate: nobody has such, and a server must not wait for it.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  while (X509* certificate = PEM_read_bio_X509(in.get(), nullptr, no_passphrase, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const unsigned long problem = ERR_peek_last_error();
  ERR_clear_error();
  if (certificates.empty()) {
    throw Error(error::tls, path + ": expected " + what + " in PEM (\"-----BEGIN CERTIFICATE-----\"), got " +
                                first_pem_label(text.text()));
  }
  if (ERR_GET_REASON(problem) != PEM_R_NO_START_LINE) {
    const char* reason = ERR_reason_error_string(problem);
    throw Error(error::tls, path + ": expected " + what + " in PEM, got a damaged one after " +
                                std::to_string(certificates.size()) + " good ones (" +
                                (reason == nullptr ? "no reason given" : reason) + ')');
  }
  return certificates;
}

/// The private key of a PEM file. Never asks at a terminal. \throws Error (`file`, `tls`)
[[nodiscard]] inline OpensslPointer<EVP_PKEY> read_private_key(const std::string& path,
                                                               const std::string& passphrase_file) {
  const SecretBytes text = read_small_file(path, "a private key (TlsFiles::private_key)", true);
  struct Passphrase {
    std::string_view text{};
    bool asked = false;
  } passphrase;
  const SecretBytes line =
      passphrase_file.empty()
          ? SecretBytes(0)
          : read_small_file(passphrase_file, "a passphrase (TlsFiles::passphrase_file)", true);
  passphrase.text = line.text().substr(0, (std::min)(line.text().find_first_of("\r\n"), line.text().size()));
  if (!passphrase_file.empty() && passphrase.text.empty())
    throw Error(error::tls, passphrase_file + ": expected a passphrase on its first line, got nothing");

  const OpensslPointer<BIO> in = memory_of(text.text());
  ERR_clear_error();
  OpensslPointer<EVP_PKEY> key(PEM_read_bio_PrivateKey(
      in.get(), nullptr,
      [](char* buffer, int size, int, void* user) {
        auto& known = *static_cast<Passphrase*>(user);
        known.asked = true;
        if (known.text.empty() || known.text.size() > static_cast<std::size_t>(size)) return -1;
        std::memcpy(buffer, known.text.data(), known.text.size());
        return static_cast<int>(known.text.size());
      },
      &passphrase));
  ERR_clear_error();
  if (key) return key;
  if (passphrase.asked && passphrase_file.empty())
    throw Error(error::tls, path +
                                ": the private key is encrypted: put its passphrase on the first line of a "
                                "file that only you can read, and name that file in "
                                "TlsFiles::passphrase_file");
  if (passphrase.asked)
    throw Error(error::tls,
                path + ": the passphrase in " + passphrase_file + " does not open this private key");
  throw Error(error::tls, path + ": expected a private key in PEM (\"-----BEGIN PRIVATE KEY-----\"), got " +
                              first_pem_label(text.text()));
}

}  // namespace healthai::detail
