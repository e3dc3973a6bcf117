#pragma once

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/crypto/detail/algorithm.hpp"
#include "healthai/crypto/detail/openssl.hpp"
#include "healthai/crypto/secret.hpp"

namespace healthai {

/// The longest `info` of `hkdf_sha256`, in bytes: what OpenSSL 3.0 takes.
inline constexpr std::size_t most_hkdf_info = 1024;

namespace detail {

inline void hkdf_sha256(std::span<const std::uint8_t> key, std::span<const std::byte> salt,
                        std::span<const std::byte> info, std::span<std::uint8_t> out) {
  if (info.size() > most_hkdf_info) {
    throw Error(error::invalid_argument, "the info of a derived key has at most " +
                                             std::to_string(most_hkdf_info) + " bytes, but this one has " +
                                             std::to_string(info.size()) + ": put its SHA-256 there");
  }
  const DerivationContext context(EVP_KDF_CTX_new(hkdf()));
  // OpenSSL only reads what these point to.
  char digest[] = "SHA2-256";
  const auto octets = [&](const char* name, const void* data, std::size_t size) {
    // An empty parameter has to point somewhere, too.
    return OSSL_PARAM_construct_octet_string(name, size == 0 ? digest : const_cast<void*>(data), size);
  };
  const std::array<OSSL_PARAM, 5> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      octets(OSSL_KDF_PARAM_KEY, key.data(), key.size()),
      octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
  if (!context || EVP_KDF_derive(context.get(), out.data(), out.size(), parameters.data()) != 1)
    throw_crypto_error("cannot derive a key");
}

}  // namespace detail

/// HKDF with SHA-256 (Krawczyk, Eronen: HMAC-based Extract-and-Expand Key Derivation Function, RFC 5869, 2010): N bytes that look
/// random to whoever does not know `key`, and have nothing to do with those of any other `info`. Thread-safe.
///
///     const Secret<32> seed = hkdf_sha256<32>(shared.bytes(), {}, "healthai/mask/v1 run 7 round 3 north south");
///
/// \param key   what is secret: the result of a key agreement, say
/// \param salt  not secret; empty is as good as RFC 5869's default, 32 zeros
/// \param info  what the result is for, at most `most_hkdf_info` bytes. Two uses must not have the same one: separate its parts so
///              that no two lists of parts read alike
/// \throws Error (`invalid_argument`) for too long an info, (`crypto`) for an empty key or when OpenSSL refuses
template <std::size_t N>
[[nodiscard]] Secret<N> hkdf_sha256(std::span<const std::uint8_t> key, std::span<const std::byte> salt,
                                    std::span<const std::byte> info) {
  static_assert(N <= 255 * std::size_t{32}, "HKDF with SHA-256 gives at most 8160 bytes (RFC 5869, 2.3)");
  if (key.empty()) throw Error(error::crypto, "expected a secret to derive a key from, got an empty one");
  Secret<N> derived;
  detail::hkdf_sha256(key, salt, info, derived.writable_bytes());
  return derived;
}
template <std::size_t N>
[[nodiscard]] Secret<N> hkdf_sha256(std::span<const std::uint8_t> key, std::span<const std::byte> salt,
                                    std::string_view info) {
  return hkdf_sha256<N>(key, salt, std::as_bytes(std::span(info)));
}

}  // namespace healthai
