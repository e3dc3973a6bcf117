#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/crypto/detail/key_file.hpp"
#include "healthai/crypto/detail/openssl.hpp"

namespace healthai {

/// An Ed25519 signature (RFC 8032).
using Signature = std::array<std::uint8_t, 64>;

/// The public half of a SigningKey: who has it can check a log, and write none. A value that is cheap to copy; safe to use from any
/// thread.
class VerifyKey {
 public:
  /// \param source what messages call it
  /// \throws Error (`crypto`) if `pem` is not an Ed25519 public key
  [[nodiscard]] static VerifyKey from_pem(std::string_view pem,
                                          const std::string& source = "the public key") {
    const detail::Bio bio = detail::memory_bio(pem);
    detail::Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, detail::no_passphrase, nullptr));
    if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
      detail::throw_crypto_error(source +
                                 ": expected an Ed25519 public key in PEM, which begins with "
                                 "-----BEGIN PUBLIC KEY-----");
    }
    return VerifyKey(std::move(key));
  }
  /// \throws Error (`file`, `crypto`)
  [[nodiscard]] static VerifyKey read(const std::string& path) {
    return from_pem(detail::read_key_file(path).text(), path);
  }
  /// From the 32 bytes of RFC 8032, section 5.1.5, which a roster holds as 64 hexadecimal digits. Any 32 bytes are taken: that they
  /// come from the key's owner is the roster's business. (There are a few points of low order, under which anybody can sign.)
  /// \throws Error (`crypto`)
  [[nodiscard]] static VerifyKey from_bytes(std::span<const std::uint8_t, 32> bytes) {
    detail::Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), bytes.size()));
    if (!key) detail::throw_crypto_error("cannot make an Ed25519 public key of 32 bytes");
    return VerifyKey(std::move(key));
  }
  /// What `from_bytes` takes. \throws Error (`crypto`)
  [[nodiscard]] std::array<std::uint8_t, 32> bytes() const {
    std::array<std::uint8_t, 32> bytes{};
    std::size_t size = bytes.size();
    if (EVP_PKEY_get_raw_public_key(key_.get(), bytes.data(), &size) != 1 || size != bytes.size())
      detail::throw_crypto_error("cannot read an Ed25519 public key");
    return bytes;
  }
  /// Whether it was the owner of this key who signed `message`. \throws Error (`crypto`)
  [[nodiscard]] bool verifies(std::span<const std::byte> message, const Signature& signature) const {
    const detail::DigestContext context(EVP_MD_CTX_new());
    if (!context || EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1) {
      detail::throw_crypto_error("cannot check a signature");
    }
    const bool good =
        EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                         reinterpret_cast<const unsigned char*>(message.data()), message.size()) == 1;
    ERR_clear_error();
    return good;
  }

 private:
  explicit VerifyKey(detail::Key key) : key_(std::move(key)) {}
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace healthai
