#pragma once

#include <openssl/evp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "healthai/core/error.hpp"

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
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  static void require(bool good) {
    if (!good)
      throw Error(error::crypto, "OpenSSL cannot compute SHA-256: is a provider loaded that has it?");
  }
  void restart() {
    require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
  }
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

[[nodiscard]] inline Digest sha256(std::span<const std::byte> bytes) {
  return Sha256().update(bytes).finish();
}
[[nodiscard]] inline Digest sha256(std::string_view text) {
  return Sha256().update(text).finish();
}

/// Two lower-case hexadecimal digits a byte.
[[nodiscard]] inline std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

/// The bytes that `text` is the hexadecimal form of; nothing if it is not.
template <std::size_t N>
[[nodiscard]] constexpr std::optional<std::array<std::uint8_t, N>> from_hex(std::string_view text) {
  if (text.size() != 2 * N) return std::nullopt;
  std::array<std::uint8_t, N> bytes{};
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    unsigned digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10U;
    } else {
      return std::nullopt;
    }
    bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] * 16U + digit);
  }
  return bytes;
}

}  // namespace healthai
