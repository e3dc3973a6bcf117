#pragma once

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace healthai {

namespace detail {
template <class>
inline constexpr bool is_serialised_on_purpose = false;
}  // namespace detail

/// N bytes that nobody else may see: a key, a seed. They are overwritten when the object goes or is moved from
/// (`OPENSSL_cleanse`, which the compiler cannot leave out), copied only by `copy()`, printed never, and put into no
/// archive: who has to send one, or to keep it, seals its `bytes()` first. Two are compared in a time that does not depend
/// on what they are. It does not lock its memory: a system that swaps can still write it to a disk.
/// Thread safety: as of an array.
template <std::size_t N>
class Secret {
  static_assert(N > 0, "a Secret has at least one byte");

 public:
  /// All zeros, to be written into.
  Secret() noexcept = default;
  /// A copy of `bytes`; wiping those is their owner's business.
  explicit Secret(std::span<const std::uint8_t, N> bytes) noexcept {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  /// A second one with the same bytes.
  [[nodiscard]] Secret copy() const noexcept { return Secret(bytes()); }
  [[nodiscard]] static constexpr std::size_t size() noexcept { return N; }
  /// Good as long as this object is.
  [[nodiscard]] std::span<const std::uint8_t, N> bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::span<std::uint8_t, N> writable_bytes() noexcept { return bytes_; }

  friend bool operator==(const Secret& a, const Secret& b) noexcept {
    return CRYPTO_memcmp(a.bytes_.data(), b.bytes_.data(), N) == 0;
  }
  template <class Out>
  friend Out& operator<<(Out&, const Secret&) = delete;
  template <class Archive>
  void serialize(Archive& /*archive*/, unsigned /*version*/) {
    static_assert(detail::is_serialised_on_purpose<Archive>,
                  "a Secret is not serialised by accident: seal its bytes() with an AuthenticatedCipher, and "
                  "serialise what comes out");
  }

 private:
  void wipe() noexcept { OPENSSL_cleanse(bytes_.data(), N); }
  std::array<std::uint8_t, N> bytes_{};
};

}  // namespace healthai
