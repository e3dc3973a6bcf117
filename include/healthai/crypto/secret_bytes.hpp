#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace healthai {

/// A Secret whose length is known when the program runs: the content of a key file, a message that was opened. Overwritten when it
/// goes; moved, never copied, printed or serialised; its memory never moves, so that no copy stays behind.
/// Thread safety: as of an array.
class SecretBytes {
 public:
  SecretBytes() noexcept = default;
  /// So many zeros, to be written into. \throws std::bad_alloc
  explicit SecretBytes(std::size_t size)
      : bytes_(size == 0 ? nullptr : std::make_unique<std::byte[]>(size)), size_(size) {}
  SecretBytes(SecretBytes&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_ = std::move(other.bytes_);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(); }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Good as long as this object is, and not moved from.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_.get(), size_}; }
  [[nodiscard]] std::span<std::byte> writable_bytes() noexcept { return {bytes_.get(), size_}; }
  /// The same bytes, read as text.
  [[nodiscard]] std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.get()), size_};
  }

  /// In a time that depends on the lengths only.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b) noexcept {
    return a.size_ == b.size_ &&
           (a.size_ == 0 || CRYPTO_memcmp(a.bytes_.get(), b.bytes_.get(), a.size_) == 0);
  }
  template <class Out>
  friend Out& operator<<(Out&, const SecretBytes&) = delete;

 private:
  void wipe() noexcept {
    if (bytes_) OPENSSL_cleanse(bytes_.get(), size_);
  }
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace healthai
