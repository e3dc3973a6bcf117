#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// Whole numbers of a few bits each, one after the other, the lowest bit first; the last byte is filled up with zeros.
namespace healthai::detail {

/// The bytes that `count` numbers of `width` bits take.
[[nodiscard]] constexpr std::size_t packed_size(std::size_t count, unsigned width) noexcept {
  return count / 8 * width + (count % 8 * width + 7) / 8;
}

/// Appends to a vector that it does not own.
class BitPacker {
 public:
  explicit BitPacker(std::vector<std::byte>& bytes) noexcept : bytes_(bytes) {}

  /// `number` < 2^width; `width` <= 32.
  void put(std::uint32_t number, unsigned width) {
    held_ |= std::uint64_t{number} << bits_;
    for (bits_ += width; bits_ >= 8; bits_ -= 8) {
      bytes_.push_back(static_cast<std::byte>(held_ & 0xFFU));
      held_ >>= 8U;
    }
  }
  void finish() {
    if (bits_ > 0) bytes_.push_back(static_cast<std::byte>(held_));
    held_ = 0;
    bits_ = 0;
  }

 private:
  std::vector<std::byte>& bytes_;
  std::uint64_t held_ = 0;
  unsigned bits_ = 0;
};

/// Reads from memory that it does not own, in which there are `packed_size` bytes for what is read.
class BitUnpacker {
 public:
  explicit BitUnpacker(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] std::uint32_t get(unsigned width) noexcept {
    for (; bits_ < width; bits_ += 8) {
      held_ |= std::to_integer<std::uint64_t>(bytes_[next_++]) << bits_;
    }
    const auto number = static_cast<std::uint32_t>(held_ & ((std::uint64_t{1} << width) - 1));
    held_ >>= width;
    bits_ -= width;
    return number;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t next_ = 0;
  std::uint64_t held_ = 0;
  unsigned bits_ = 0;
};

}  // namespace healthai::detail
