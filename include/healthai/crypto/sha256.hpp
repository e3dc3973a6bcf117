#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "healthai/core/error.hpp"
#include "healthai/crypto/detail/openssl.hpp"

namespace healthai {

/// A SHA-256 value (FIPS 180-4): 32 bytes.
using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of bytes that come in pieces, by OpenSSL. Pieces that are one after another in memory, and pieces that are not,
/// give the same value. Not thread-safe.
class Sha256 {
 public:
  /// \throws Error (`crypto`) when OpenSSL has no SHA-256 or no memory.
  Sha256() : context_(EVP_MD_CTX_new()) { restart(); }

  Sha256& update(std::span<const std::byte> bytes) {
    require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
    return *this;
  }
  Sha256& update(std::string_view text) { return update(std::as_bytes(std::span(text))); }

  /// The value of all that came since the object was made or last finished; begins anew.
  [[nodiscard]] Digest finish() {
    Digest digest{};
    require(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
    restart();
    return digest;
  }

 private:
  static void require(bool good) {
    if (!good)
      throw Error(error::crypto, "OpenSSL cannot compute SHA-256: is a provider loaded that has it?");
  }
  void restart() {
    require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  detail::DigestContext context_;
};

[[nodiscard]] inline Digest sha256(std::span<const std::byte> bytes) {
  return Sha256().update(bytes).finish();
}
[[nodiscard]] inline Digest sha256(std::string_view text) {
  return Sha256().update(text).finish();
}

}  // namespace healthai
