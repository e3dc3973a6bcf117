#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/crypto/detail/key_file.hpp"
#include "healthai/crypto/detail/openssl.hpp"
#include "healthai/crypto/secret.hpp"
#include "healthai/crypto/secret_bytes.hpp"
#include "healthai/crypto/verify_key.hpp"
#include "healthai/serialization/detail/os_file.hpp"

namespace healthai {

/// An Ed25519 key with which a node signs. The secret is in OpenSSL's hands, which overwrites it when the key is freed; it has no way
/// out but the file. Cheap to copy; safe to use from any thread.
class SigningKey {
 public:
  /// The key in a PEM file without a passphrase.
  /// \throws Error (`file`), (`crypto`) if it is not an Ed25519 key, or others than its owner may read the file
  [[nodiscard]] static SigningKey read(const std::string& path) {
    if (detail::open_to_others(path)) {
      throw Error(error::crypto, path +
                                     ": others than its owner may read or write this key: chmod 600 it, and "
                                     "consider whether it is still a secret");
    }
    const SecretBytes pem = detail::read_key_file(path);
    const detail::Bio bio = detail::memory_bio(pem.text());
    detail::Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, detail::no_passphrase, nullptr));
    if (!key || EVP_PKEY_is_a(key.get(), "ED25519") != 1) {
      detail::throw_crypto_error(path + ": expected an Ed25519 private key in PEM without a passphrase");
    }
    return SigningKey(std::move(key));
  }
  /// The key in `path`; where there is no file, a new key, written there with mode 0600. The public half of a new key is written to
  /// `path`.pub, for those who check. \throws Error (`file`, `crypto`)
  [[nodiscard]] static SigningKey read_or_make(const std::string& path) {
    if (detail::file_exists(path)) return read(path);
    SigningKey made = make();
    const detail::Bio bio(BIO_new(BIO_s_secmem()));  // overwritten when it is freed
    if (!bio ||
        PEM_write_bio_PrivateKey(bio.get(), made.key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
      detail::throw_crypto_error(path + ": cannot encode the new key");
    }
    const auto write = [](const std::string& to, std::string_view text) {
      detail::ReplacementFile file(to);
      file.write(std::as_bytes(std::span(text)));
      file.commit();
    };
    write(path + ".pub", made.public_pem());
    char* pem = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &pem);
    write(path, std::string_view(pem, static_cast<std::size_t>(size)));
    return made;
  }
  /// From the secret key of RFC 8032, section 5.1.5: the same seed, the same key. \throws Error (`crypto`)
  [[nodiscard]] static SigningKey from_seed(const Secret<32>& seed) {
    detail::Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.bytes().data(), 32));
    if (!key) detail::throw_crypto_error("cannot make an Ed25519 key from a seed");
    return SigningKey(std::move(key));
  }
  /// A new key, from OpenSSL's generator, in memory only. \throws Error (`crypto`)
  [[nodiscard]] static SigningKey make() {
    detail::Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (!key) detail::throw_crypto_error("cannot make an Ed25519 key");
    return SigningKey(std::move(key));
  }

  /// \throws Error (`crypto`)
  [[nodiscard]] Signature sign(std::span<const std::byte> message) const {
    Signature signature{};
    std::size_t size = signature.size();
    const detail::DigestContext context(EVP_MD_CTX_new());
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size()) != 1) {
      detail::throw_crypto_error("cannot sign");
    }
    return signature;
  }
  /// What VerifyKey::from_pem reads. \throws Error (`crypto`)
  [[nodiscard]] std::string public_pem() const {
    const detail::Bio bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1)
      detail::throw_crypto_error("cannot encode a key");
    char* pem = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &pem);
    return std::string(pem, static_cast<std::size_t>(size));
  }
  /// \throws Error (`crypto`)
  [[nodiscard]] VerifyKey public_key() const { return VerifyKey::from_pem(public_pem()); }

 private:
  explicit SigningKey(detail::Key key) : key_(std::move(key)) {}
  std::shared_ptr<EVP_PKEY> key_;
};

}  // namespace healthai
