#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "healthai/crypto/detail/algorithm.hpp"
#include "healthai/crypto/detail/openssl.hpp"
#include "healthai/crypto/secret.hpp"
#include "healthai/crypto/secret_bytes.hpp"

namespace healthai {

/// AES-256-GCM (NIST SP 800-38D; Dworkin: Recommendation for Block Cipher Modes of Operation: Galois/Counter Mode, 2007): what it seals
/// nobody without the key can read, or change unnoticed.
///
/// A nonce is used once under a key: two messages with the same one give away both, and the means to forge more. Where every
/// message has a key of its own, derived for it, the nonce may be constant; else count messages. Additional data travel
/// elsewhere, in the clear, and are bound to the message: who sends it, to whom, when.
/// Thread safety: constant; safe from any thread.
class AuthenticatedCipher {
 public:
  using Nonce = std::array<std::uint8_t, 12>;
  static constexpr std::size_t tag_size = 16;  ///< by so much is what was sealed longer

  explicit AuthenticatedCipher(Secret<32> key) noexcept : key_(std::move(key)) {}

  /// The ciphertext, and behind it the tag. \throws Error (`crypto`) when OpenSSL refuses: a message of more than 64 GiB, say
  [[nodiscard]] std::vector<std::byte> seal(const Nonce& nonce, std::span<const std::byte> message,
                                            std::span<const std::byte> additional = {}) const {
    std::vector<std::byte> sealed(message.size() + tag_size);
    const detail::CipherContext context(EVP_CIPHER_CTX_new());
    int written = 0;
    if (!context ||
        EVP_EncryptInit_ex2(context.get(), detail::aes_256_gcm(), key_.bytes().data(), nonce.data(),
                            nullptr) != 1 ||
        !pass(*context, nullptr, additional) || !pass(*context, sealed.data(), message) ||
        EVP_EncryptFinal_ex(context.get(), octets(sealed.data()) + message.size(), &written) != 1 ||
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, int{tag_size},
                            sealed.data() + message.size()) != 1) {
      detail::throw_crypto_error("cannot seal a message");
    }
    return sealed;
  }
  /// The message that was sealed, or nothing: for another key, nonce or additional data, or where a single bit was changed.
  /// \throws Error (`crypto`) when OpenSSL has no AES-256-GCM or no memory; never for what `sealed` is
  [[nodiscard]] std::optional<SecretBytes> open(const Nonce& nonce, std::span<const std::byte> sealed,
                                                std::span<const std::byte> additional = {}) const {
    if (sealed.size() < tag_size) return std::nullopt;
    const std::span<const std::byte> hidden = sealed.first(sealed.size() - tag_size);
    std::array<std::byte, tag_size> tag{};
    std::copy(sealed.end() - tag_size, sealed.end(), tag.begin());
    SecretBytes message(hidden.size());
    const detail::CipherContext context(EVP_CIPHER_CTX_new());
    if (!context || EVP_DecryptInit_ex2(context.get(), detail::aes_256_gcm(), key_.bytes().data(),
                                        nonce.data(), nullptr) != 1) {
      detail::throw_crypto_error("cannot open a message");
    }
    std::byte nothing{};
    int written = 0;
    const bool genuine =
        pass(*context, nullptr, additional) && pass(*context, message.writable_bytes().data(), hidden) &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, int{tag_size}, tag.data()) == 1 &&
        EVP_DecryptFinal_ex(context.get(), octets(&nothing), &written) == 1;
    if (!genuine) {
      ERR_clear_error();
      return std::nullopt;
    }
    return message;
  }

 private:
  [[nodiscard]] static unsigned char* octets(std::byte* bytes) noexcept {
    return reinterpret_cast<unsigned char*>(bytes);
  }
  /// OpenSSL's lengths are of type int. No `out`: additional data.
  [[nodiscard]] static bool pass(EVP_CIPHER_CTX& context, std::byte* out, std::span<const std::byte> in) {
    constexpr std::size_t most = std::size_t{1} << 30U;
    for (std::size_t done = 0; done < in.size();) {
      const std::size_t size = (std::min)(most, in.size() - done);
      int written = 0;
      if (EVP_CipherUpdate(&context, out == nullptr ? nullptr : octets(out + done), &written,
                           reinterpret_cast<const unsigned char*>(in.data() + done),
                           static_cast<int>(size)) != 1) {
        return false;
      }
      done += size;
    }
    return true;
  }
  Secret<32> key_;
};

}  // namespace healthai
