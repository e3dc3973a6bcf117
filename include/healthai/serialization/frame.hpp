#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/serialization/detail/wire.hpp"

namespace healthai {

/// What stands before every message on a connection, in 32 bytes:
///
/// | bytes | content |
/// | --- | --- |
/// | 4 | `hAI` and the byte 1 |
/// | 4 | kind, lowest byte first like all that follows |
/// | 8 | which request it is about; 0 if none |
/// | 8 | length of the head in bytes: an archive (archive.hpp) without its detached arrays |
/// | 8 | length of the detached arrays in bytes, which follow the head one after the other |
///
/// What the kinds mean is their protocol's (transport/socket/protocol.hpp).
struct FrameHeader {
  std::uint32_t kind = 0;
  std::uint64_t request = 0;
  std::uint64_t head = 0;
  std::uint64_t arrays = 0;
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

inline constexpr std::size_t frame_header_size = 32;
using FrameHeaderBytes = std::array<std::byte, frame_header_size>;

namespace detail {
inline constexpr std::array<std::byte, 4> frame_magic{std::byte{'h'}, std::byte{'A'}, std::byte{'I'},
                                                      std::byte{1}};
}  // namespace detail

[[nodiscard]] inline FrameHeaderBytes to_frame_header_bytes(const FrameHeader& header) noexcept {
  FrameHeaderBytes bytes{};
  std::size_t at = 0;
  const auto put = [&bytes, &at](const auto& field) {
    std::memcpy(bytes.data() + at, field.data(), field.size());
    at += field.size();
  };
  put(detail::frame_magic);
  put(detail::to_little_endian(header.kind));
  put(detail::to_little_endian(header.request));
  put(detail::to_little_endian(header.head));
  put(detail::to_little_endian(header.arrays));
  return bytes;
}

/// \param largest  how long head and arrays together may be
/// \throws Error (`archive_corrupt`) for bytes that do not begin a frame, (`archive_limit`) for a longer one
[[nodiscard]] inline FrameHeader frame_header(const FrameHeaderBytes& bytes, std::uint64_t largest) {
  if (std::memcmp(bytes.data(), detail::frame_magic.data(), detail::frame_magic.size()) != 0) {
    throw Error(error::archive_corrupt, "what came is not a message of healthai: it does not begin with hAI");
  }
  std::size_t at = detail::frame_magic.size();
  const auto take = [&bytes, &at]<class T>(T& field) {
    std::array<std::byte, sizeof(T)> part{};
    std::memcpy(part.data(), bytes.data() + at, sizeof(T));
    field = detail::from_little_endian<T>(part);
    at += sizeof(T);
  };
  FrameHeader header;
  take(header.kind);
  take(header.request);
  take(header.head);
  take(header.arrays);
  if (header.head > largest || header.arrays > largest - header.head) {
    throw Error(error::archive_limit, "a message promises " + std::to_string(header.head) + " and " +
                                          std::to_string(header.arrays) + " bytes, more than the " +
                                          std::to_string(largest) + " that are allowed here");
  }
  return header;
}

}  // namespace healthai
