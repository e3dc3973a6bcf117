#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/serialization/archive.hpp"

namespace healthai {

/// A value on its way out: its archive without the large arrays, and those where they are, in the value's own memory. So a
/// model is encoded once for all who get it, and never copied. Safe to read from any thread.
struct EncodedMessage {
  std::vector<std::byte> head{};
  std::vector<std::span<const std::byte>> arrays{};  ///< in the order in which they follow the head
  std::shared_ptr<const void> value{};               ///< whose memory the arrays are

  [[nodiscard]] std::uint64_t array_bytes() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& array : arrays) sum += array.size();
    return sum;
  }
};

namespace detail {

/// A ByteSink that leaves detached arrays where they are.
class MessageSink {
 public:
  explicit MessageSink(EncodedMessage& message) noexcept : message_(message) {}
  void write(std::span<const std::byte> bytes) {
    message_.head.insert(message_.head.end(), bytes.begin(), bytes.end());
  }
  void detach(std::span<const std::byte> bytes) {
    if (!bytes.empty()) message_.arrays.push_back(bytes);
  }

 private:
  EncodedMessage& message_;
};

/// A ByteSource over a head that has come, and the promise of arrays that will follow.
class MessageSource {
 public:
  MessageSource(std::span<const std::byte> head, std::uint64_t array_bytes) noexcept
      : head_(head), promised_(array_bytes) {}
  [[nodiscard]] std::uint64_t remaining() const noexcept { return head_.remaining(); }
  void read(std::span<std::byte> bytes) noexcept { head_.read(bytes); }

  void require_attached(std::size_t count, std::size_t bytes_each) const {
    if (count > promised_ / bytes_each) {
      throw Error(error::archive_limit, "the message has an array of " + std::to_string(count) +
                                            " numbers of " + std::to_string(bytes_each) +
                                            " bytes, but only " + std::to_string(promised_) +
                                            " bytes of arrays are to come");
    }
  }
  void attach(std::span<std::byte> bytes) {
    require_attached(bytes.size(), 1);
    promised_ -= bytes.size();
    if (!bytes.empty()) places_.push_back(bytes);
  }
  /// Where the arrays go. \throws Error (`archive_corrupt`) if more were promised than there are places for
  [[nodiscard]] std::vector<std::span<std::byte>> places() && {
    if (promised_ != 0) {
      throw Error(error::archive_corrupt, "the message promises " + std::to_string(promised_) +
                                              " bytes of arrays more than it has arrays for");
    }
    return std::move(places_);
  }

 private:
  SpanSource head_;
  std::uint64_t promised_;
  std::vector<std::span<std::byte>> places_;
};

}  // namespace detail

/// Encodes `value`; with `prefix`, which is short, before it. The message keeps the value alive.
/// \throws Error as BinaryWriter does
template <class T, class... Prefix>
[[nodiscard]] std::shared_ptr<const EncodedMessage> encode(std::shared_ptr<const T> value,
                                                           const Prefix&... prefix) {
  auto message = std::make_shared<EncodedMessage>();
  detail::MessageSink sink(*message);
  BinaryWriter writer(sink);
  static_cast<void>((writer << ... << prefix));
  writer << *value;
  message->value = std::move(value);
  return message;
}

/// Decodes a head into `value`. What is returned are the places, in the value's memory, that its arrays go to; the value is whole
/// when they have been filled, in this order, with `array_bytes` bytes in all. Their memory has not been touched, so that
/// it costs nothing until bytes come.
/// \throws Error as BinaryReader does, and if head and arrays do not belong together; std::bad_alloc
template <class T>
[[nodiscard]] std::vector<std::span<std::byte>> decode_head(std::span<const std::byte> head,
                                                            std::uint64_t array_bytes, T& value) {
  detail::MessageSource source(head, array_bytes);
  BinaryReader reader(source);
  reader >> value;
  reader.finish();
  return std::move(source).places();
}

}  // namespace healthai
