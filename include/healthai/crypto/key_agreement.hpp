#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/crypto/detail/openssl.hpp"
#include "healthai/crypto/secret.hpp"

namespace healthai {

/// What the owner of an X25519Key tells everybody: a u-coordinate (RFC 7748, section 5).
struct X25519PublicKey {
  std::array<std::uint8_t, 32> bytes{};
  friend bool operator==(const X25519PublicKey&, const X25519PublicKey&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& bytes;
  }
};

/// A key pair for the key agreement X25519 (Langley, Hamburg, Turner: Elliptic Curves for Security, RFC 7748, 2016, section 6.1): two
/// who know each other's public keys get the same 32 bytes, and nobody else does. Those are not yet a key: give them to
/// `hkdf_sha256`, with both public keys in the info. Nor do they say who the other is: sign public keys.
///
/// The private key is in OpenSSL's hands, which overwrites it when the object goes. Moved, not copied. Agreements may be made from
/// any thread.
class X25519Key {
 public:
  /// A new one, from OpenSSL's private generator. \throws Error (`crypto`)
  [[nodiscard]] static X25519Key make() {
    detail::Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
    if (!key) detail::throw_crypto_error("cannot make an X25519 key");
    return X25519Key(std::move(key));
  }
  /// The one whose `secret()` this is. Any 32 bytes are one. \throws Error (`crypto`)
  [[nodiscard]] static X25519Key from_secret(const Secret<32>& secret) {
    detail::Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.bytes().data(), 32));
    if (!key) detail::throw_crypto_error("cannot make an X25519 key from its 32 bytes");
    return X25519Key(std::move(key));
  }

  [[nodiscard]] const X25519PublicKey& public_key() const noexcept { return public_key_; }
  /// The private key, to be shared among others. \throws Error (`crypto`)
  [[nodiscard]] Secret<32> secret() const {
    Secret<32> secret;
    std::size_t size = secret.size();
    if (EVP_PKEY_get_raw_private_key(key_.get(), secret.writable_bytes().data(), &size) != 1 || size != 32)
      detail::throw_crypto_error("cannot read an X25519 key");
    return secret;
  }

  /// The 32 bytes that the owner of `other` gets from `public_key()`.
  /// \throws Error (`crypto`) if `other` is one of the few points of low order, with which everybody agrees on zeros (RFC 7748,
  ///         section 6.1): nobody makes such a key by chance
  [[nodiscard]] Secret<32> agree(const X25519PublicKey& other) const {
    // Copies of a key and of a context that are there, with other bytes in them: a fifth faster than making both from their names,
    // most of which is looking up, and constant. What OpenSSL's check of the peer would look at cannot be wrong here.
    const detail::Key peer(EVP_PKEY_dup(peer_.get()));
    const detail::KeyContext context(EVP_PKEY_CTX_dup(context_.get()));
    Secret<32> shared;
    std::size_t size = shared.size();
    if (!peer || !context ||
        EVP_PKEY_set1_encoded_public_key(peer.get(), other.bytes.data(), other.bytes.size()) != 1 ||
        EVP_PKEY_derive_set_peer_ex(context.get(), peer.get(), 0) != 1) {
      detail::throw_crypto_error("cannot agree on a key");
    }
    if (EVP_PKEY_derive(context.get(), shared.writable_bytes().data(), &size) != 1 || size != 32) {
      detail::throw_crypto_error(
          "expected the X25519 public key of somebody, got one of low order, with which any key agrees on "
          "zeros");
    }
    return shared;
  }

 private:
  explicit X25519Key(detail::Key key) : key_(std::move(key)) {
    std::size_t size = public_key_.bytes.size();
    if (EVP_PKEY_get_raw_public_key(key_.get(), public_key_.bytes.data(), &size) != 1 || size != 32)
      detail::throw_crypto_error("cannot read an X25519 public key");
    peer_.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, public_key_.bytes.data(), size));
    context_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
    if (!peer_ || !context_ || EVP_PKEY_derive_init(context_.get()) != 1)
      detail::throw_crypto_error("cannot prepare an X25519 key");
  }
  detail::Key key_;
  detail::Key peer_;            ///< only to be copied
  detail::KeyContext context_;  ///< only to be copied
  X25519PublicKey public_key_{};
};

}  // namespace healthai
