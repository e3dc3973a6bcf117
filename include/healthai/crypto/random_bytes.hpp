#pragma once

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "healthai/crypto/detail/openssl.hpp"
#include "healthai/crypto/secret.hpp"
#include "healthai/crypto/secret_bytes.hpp"

namespace healthai {

/// N bytes that nobody can foresee and that others may see: a nonce, the number of a run. From OpenSSL's public generator.
/// Thread-safe. \throws Error (`crypto`) when the system gives OpenSSL no randomness
template <std::size_t N>
[[nodiscard]] std::array<std::uint8_t, N> random_bytes() {
  std::array<std::uint8_t, N> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(N)) != 1) detail::throw_crypto_error("no random numbers");
  return bytes;
}

/// N bytes for a key or a seed. From OpenSSL's private generator, of whose output others never see any. Thread-safe.
/// \throws Error (`crypto`) when the system gives OpenSSL no randomness
template <std::size_t N>
[[nodiscard]] Secret<N> random_secret() {
  Secret<N> secret;
  if (RAND_priv_bytes(secret.writable_bytes().data(), static_cast<int>(N)) != 1)
    detail::throw_crypto_error("no random numbers");
  return secret;
}

/// Random 64-bit numbers that nobody can foresee: for the noise of differential privacy, for polynomials that share a secret.
/// Satisfies UniformRandomBitGenerator. OpenSSL's private generator makes 16 KiB at a time (one call a number would cost a
/// hundred times as much); a number is wiped from that store when it is handed out, and the rest when the object goes.
/// Not to be used on both sides of a fork(), which would draw the same numbers. Not thread-safe: one a thread.
class RandomBits {
 public:
  using result_type = std::uint64_t;

  /// \throws std::bad_alloc
  RandomBits() : store_(stored) {}
  RandomBits(RandomBits&& other) noexcept
      : store_(std::move(other.store_)), left_(std::exchange(other.left_, 0)) {}
  RandomBits& operator=(RandomBits&& other) noexcept {
    store_ = std::move(other.store_);
    left_ = std::exchange(other.left_, 0);
    return *this;
  }

  [[nodiscard]] static constexpr result_type min() noexcept { return 0; }
  [[nodiscard]] static constexpr result_type max() noexcept {
    return std::numeric_limits<result_type>::max();
  }
  /// \throws Error (`crypto`) when the system gives OpenSSL no randomness
  [[nodiscard]] result_type operator()() {
    if (left_ == 0) refill();
    left_ -= sizeof(result_type);
    std::byte* const at = store_.writable_bytes().data() + left_;
    result_type number = 0;
    std::memcpy(&number, at, sizeof number);
    std::memset(at, 0, sizeof number);
    return number;
  }

 private:
  static constexpr std::size_t stored = 16384;

  void refill() {
    if (store_.size() != stored) store_ = SecretBytes(stored);  // moved from
    if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(store_.writable_bytes().data()),
                        static_cast<int>(stored)) != 1) {
      detail::throw_crypto_error("no random numbers");
    }
    left_ = stored;
  }
  SecretBytes store_;
  std::size_t left_ = 0;
};

}  // namespace healthai
