#pragma once

// The same secure sum by hand: OpenSSL's EVP with contexts that are made once, and plain loops. No messages are read, nothing is checked
// but signatures, tags and secrets, and every answer is thrown away but the vector.

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "secagg_setup.hpp"

namespace secagg_bench {

using Bytes32 = std::array<unsigned char, 32>;

inline void require(bool good) {
  if (!good) healthai::detail::throw_crypto_error("a primitive failed");
}

/// OpenSSL, with everything that can be made once.
class Bare {
 public:
  Bare() {
    char digest[] = "SHA2-256";
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    require(EVP_KDF_CTX_set_params(hkdf_.get(), parameters.data()) == 1);
  }
  [[nodiscard]] static healthai::detail::Key x25519(std::span<const std::uint8_t> secret) {
    healthai::detail::Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), 32));
    require(key != nullptr);
    return key;
  }
  [[nodiscard]] static Bytes32 public_half(const healthai::detail::Key& key) {
    Bytes32 bytes{};
    std::size_t size = 32;
    require(EVP_PKEY_get_raw_public_key(key.get(), bytes.data(), &size) == 1);
    return bytes;
  }
  /// Of one key with many others: the context is made once a key, and the other's key is put into the same object each time.
  class Agreements {
   public:
    explicit Agreements(healthai::detail::Key key)
        : key_(std::move(key)),
          context_(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr)),
          peer_(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, public_half(key_).data(), 32)) {
      require(EVP_PKEY_derive_init(context_.get()) == 1);
    }
    void operator()(const X25519PublicKey& other, Bytes32& shared) {
      std::size_t size = 32;
      require(EVP_PKEY_set1_encoded_public_key(peer_.get(), other.bytes.data(), 32) == 1 &&
              EVP_PKEY_derive_set_peer_ex(context_.get(), peer_.get(), 0) == 1 &&
              EVP_PKEY_derive(context_.get(), shared.data(), &size) == 1);
    }

   private:
    healthai::detail::Key key_;
    healthai::detail::KeyContext context_;
    healthai::detail::Key peer_;
  };
  void derive(const Bytes32& key, std::span<const std::byte> info, Bytes32& out) {
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<unsigned char*>(key.data()), 32),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<std::byte*>(info.data()),
                                          info.size()),
        OSSL_PARAM_construct_end()};
    require(EVP_KDF_derive(hkdf_.get(), out.data(), 32, parameters.data()) == 1);
  }
  void sign(EVP_PKEY* key, std::span<const std::byte> text) {
    std::array<unsigned char, 64> signature{};
    std::size_t size = 64;
    EVP_MD_CTX_reset(digest_.get());
    require(EVP_DigestSignInit(digest_.get(), nullptr, nullptr, nullptr, key) == 1 &&
            EVP_DigestSign(digest_.get(), signature.data(), &size, octets(text.data()), text.size()) == 1);
  }
  void verify(EVP_PKEY* key, std::span<const std::byte> text, const Signature& signature) {
    EVP_MD_CTX_reset(digest_.get());
    require(EVP_DigestVerifyInit(digest_.get(), nullptr, nullptr, nullptr, key) == 1 &&
            EVP_DigestVerify(digest_.get(), signature.data(), 64, octets(text.data()), text.size()) == 1);
  }
  void seal(const Bytes32& key, std::span<const std::byte> text, std::span<const unsigned char> message) {
    const std::array<unsigned char, 12> nonce{};
    std::array<unsigned char, 128> sealed{};
    int written = 0;
    require(EVP_EncryptInit_ex2(gcm_.get(), gcm_cipher_.get(), key.data(), nonce.data(), nullptr) == 1 &&
            EVP_EncryptUpdate(gcm_.get(), nullptr, &written, octets(text.data()),
                              static_cast<int>(text.size())) == 1 &&
            EVP_EncryptUpdate(gcm_.get(), sealed.data(), &written, message.data(),
                              static_cast<int>(message.size())) == 1 &&
            EVP_EncryptFinal_ex(gcm_.get(), sealed.data() + message.size(), &written) == 1 &&
            EVP_CIPHER_CTX_ctrl(gcm_.get(), EVP_CTRL_AEAD_GET_TAG, 16, sealed.data() + message.size()) == 1);
  }
  void open(const Bytes32& key, std::span<const std::byte> text, std::span<const std::byte> sealed) {
    const std::array<unsigned char, 12> nonce{};
    std::array<unsigned char, 128> message{};
    std::array<unsigned char, 16> tag{};
    std::memcpy(tag.data(), sealed.data() + sealed.size() - 16, 16);
    int written = 0;
    require(EVP_DecryptInit_ex2(gcm_.get(), gcm_cipher_.get(), key.data(), nonce.data(), nullptr) == 1 &&
            EVP_DecryptUpdate(gcm_.get(), nullptr, &written, octets(text.data()),
                              static_cast<int>(text.size())) == 1 &&
            EVP_DecryptUpdate(gcm_.get(), message.data(), &written, octets(sealed.data()),
                              static_cast<int>(sealed.size()) - 16) == 1 &&
            EVP_CIPHER_CTX_ctrl(gcm_.get(), EVP_CTRL_AEAD_SET_TAG, 16, tag.data()) == 1 &&
            EVP_DecryptFinal_ex(gcm_.get(), message.data(), &written) == 1);
  }
  /// One mask after the other, 16 KiB at a time.
  template <class Ring>
  void mask(std::span<Ring> values, std::span<const std::uint8_t> seed, bool add) {
    constexpr std::size_t step = 16384 / sizeof(Ring);
    static const std::vector<Ring> zeros(step);
    thread_local std::vector<Ring> words(step);
    const std::array<unsigned char, 16> counter{};
    require(EVP_EncryptInit_ex2(ctr_.get(), ctr_cipher_.get(), seed.data(), counter.data(), nullptr) == 1);
    for (std::size_t at = 0; at < values.size(); at += step) {
      const std::size_t count = (std::min)(step, values.size() - at);
      int written = 0;
      require(EVP_EncryptUpdate(ctr_.get(), reinterpret_cast<unsigned char*>(words.data()), &written,
                                reinterpret_cast<const unsigned char*>(zeros.data()),
                                static_cast<int>(count * sizeof(Ring))) == 1);
      Ring* const out = values.data() + at;
      if (add) {
        for (std::size_t i = 0; i < count; ++i) out[i] += words[i];
      } else {
        for (std::size_t i = 0; i < count; ++i) out[i] -= words[i];
      }
    }
  }
  [[nodiscard]] static const unsigned char* octets(const std::byte* bytes) {
    return reinterpret_cast<const unsigned char*>(bytes);
  }

 private:
  healthai::detail::DerivationContext hkdf_{EVP_KDF_CTX_new(healthai::detail::hkdf())};
  healthai::detail::DigestContext digest_{EVP_MD_CTX_new()};
  healthai::detail::CipherContext gcm_{EVP_CIPHER_CTX_new()}, ctr_{EVP_CIPHER_CTX_new()};
  healthai::detail::Algorithm<EVP_CIPHER> gcm_cipher_{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
  healthai::detail::Algorithm<EVP_CIPHER> ctr_cipher_{EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr)};
};

/// Σ a[i] b[i] modulo 2^61 - 1.
[[nodiscard]] inline std::uint64_t dot(const std::uint64_t* a, const std::uint64_t* b, std::size_t n) {
  __extension__ using Wide = unsigned __int128;
  constexpr std::uint64_t p = (std::uint64_t{1} << 61U) - 1;
  std::uint64_t total = 0;
  for (std::size_t at = 0; at < n; at += 32) {
    Wide sum = total;
    for (std::size_t i = at; i < (std::min)(at + 32, n); ++i) sum += static_cast<Wide>(a[i]) * b[i];
    sum = (sum & p) + (sum >> 61U);
    total = (static_cast<std::uint64_t>(sum) & p) + static_cast<std::uint64_t>(sum >> 61U);
    if (total >= p) total -= p;
  }
  return total;
}

/// The shares of secrets of 5 elements each, of which these are given the rows of coefficients.
inline void bare_share(const std::vector<std::uint64_t>& rows, std::size_t threshold,
                       std::span<const Index> holders, std::vector<std::uint64_t>& out) {
  std::vector<std::uint64_t> powers(threshold);
  const std::size_t count = rows.size() / threshold;
  out.clear();
  for (const Index holder : holders) {
    powers[0] = 1;
    for (std::size_t i = 1; i < threshold; ++i)
      powers[i] = Mersenne61::multiply(powers[i - 1], point_of(holder));
    for (std::size_t row = 0; row < count; ++row)
      out.push_back(dot(rows.data() + row * threshold, powers.data(), threshold));
  }
}

/// What shares at these points are multiplied with.
[[nodiscard]] inline std::vector<std::uint64_t> lagrange(std::span<const std::uint64_t> points) {
  std::vector<std::uint64_t> all;
  for (const std::uint64_t x : points) {
    std::uint64_t above = 1, below = 1;
    for (const std::uint64_t y : points) {
      if (x == y) continue;
      above = Mersenne61::multiply(above, y);
      below = Mersenne61::multiply(below, Mersenne61::subtract(y, x));
    }
    all.push_back(Mersenne61::multiply(above, inverse<Mersenne61>(below)));
  }
  return all;
}

}  // namespace secagg_bench
