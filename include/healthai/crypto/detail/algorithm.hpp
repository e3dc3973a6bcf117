#pragma once

/// \file
/// The algorithms of OpenSSL that this room uses often, looked up once a program: each look-up takes locks and time.
/// What is handed out is constant and safe to use from any thread.

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>
#include <string>

#include "healthai/crypto/detail/openssl.hpp"

namespace healthai::detail {

struct FreeAlgorithm {
  void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
  void operator()(EVP_KDF* derivation) const noexcept { EVP_KDF_free(derivation); }
};
template <class T>
using Algorithm = std::unique_ptr<T, FreeAlgorithm>;

[[nodiscard]] inline Algorithm<EVP_CIPHER> fetch_cipher(const char* name) {
  Algorithm<EVP_CIPHER> cipher(EVP_CIPHER_fetch(nullptr, name, nullptr));
  if (!cipher) throw_crypto_error(std::string("OpenSSL offers no ") + name);
  return cipher;
}

/// \throws Error (`crypto`) where OpenSSL does not have it, as the others here
[[nodiscard]] inline const EVP_CIPHER* aes_256_ctr() {
  static const Algorithm<EVP_CIPHER> cipher = fetch_cipher("AES-256-CTR");
  return cipher.get();
}
[[nodiscard]] inline const EVP_CIPHER* aes_256_gcm() {
  static const Algorithm<EVP_CIPHER> cipher = fetch_cipher("AES-256-GCM");
  return cipher.get();
}
[[nodiscard]] inline EVP_KDF* hkdf() {
  static const Algorithm<EVP_KDF> derivation = [] {
    Algorithm<EVP_KDF> found(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
    if (!found) throw_crypto_error("OpenSSL offers no HKDF");
    return found;
  }();
  return derivation.get();
}

}  // namespace healthai::detail
