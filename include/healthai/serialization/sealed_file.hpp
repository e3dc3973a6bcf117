#pragma once

/// \file
/// One value in one file, so that a reader gets the whole of it or a clear error. A sealed file is:
///
/// | bytes | content |
/// | --- | --- |
/// | 8 | `HEALTHAI` |
/// | 4 | kind: what the value is, four printable characters such as `CKPT` |
/// | 4 | version of this format, lowest byte first |
/// | 8 | length of the payload in bytes, lowest byte first |
/// | length | payload: the value as an archive (archive.hpp) |
/// | 8 | checksum of all that precedes, lowest byte first |
///
/// The checksum is CRC-64/XZ (the polynomial of ECMA-182, 1992): it finds every change within 64 consecutive bits and
/// every change of two bits in a file of any size. It guards against accidents, not against forgery.

#include <array>
#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/serialization/archive.hpp"
#include "healthai/serialization/detail/os_file.hpp"

namespace healthai {

namespace detail {

using SealChecksum =
    boost::crc_optimal<64, 0x42F0E1EBA9EA3693U, 0xFFFFFFFFFFFFFFFFU, 0xFFFFFFFFFFFFFFFFU, true, true>;

inline constexpr std::string_view seal_magic = "HEALTHAI";
inline constexpr std::size_t seal_kind_size = 4;
inline constexpr std::uint32_t seal_version = 1;
inline constexpr std::size_t seal_header_size = 8 + 4 + 4 + 8;
inline constexpr std::size_t seal_checksum_size = 8;
/// Small enough for the processor's cache, so that checksum and copy read memory once.
inline constexpr std::size_t seal_block = std::size_t{1} << 17U;

/// A ByteSink: what it writes goes through a buffer and the checksum into the file; arrays larger than the buffer go
/// past it.
template <class File>
class SealSink {
 public:
  explicit SealSink(File& file) : file_(file) { buffer_.reserve(seal_block); }
  void write(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > seal_block) flush();
    if (bytes.size() > seal_block) {
      pass(bytes);
    } else {
      buffer_.insert(buffer_.end(), bytes.data(), bytes.data() + bytes.size());
    }
  }
  /// What is left in the buffer, then the checksum.
  void finish() {
    flush();
    file_.write(to_little_endian(static_cast<std::uint64_t>(checksum_.checksum())));
  }

 private:
  void flush() {
    pass(buffer_);
    buffer_.clear();
  }
  void pass(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const auto block = bytes.first(bytes.size() < seal_block ? bytes.size() : seal_block);
      checksum_.process_bytes(block.data(), block.size());
      file_.write(block);
      bytes = bytes.subspan(block.size());
    }
  }
  File& file_;
  SealChecksum checksum_;
  std::vector<std::byte> buffer_;
};

/// A ByteSource: the payload of a file that was already checked. Large arrays are read straight into their place.
template <class File>
class SealSource {
 public:
  SealSource(File& file, std::uint64_t size) : file_(file), unread_(size), buffer_(seal_block) {
    file_.seek(seal_header_size);
  }
  [[nodiscard]] std::uint64_t remaining() const noexcept { return unread_ + (end_ - begin_); }
  void read(std::span<std::byte> bytes) {
    if (bytes.size() > end_ - begin_) {
      const std::size_t buffered = end_ - begin_;
      take(bytes.first(buffered));
      bytes = bytes.subspan(buffered);
      if (bytes.size() >= seal_block) {
        file_.read(bytes);
        unread_ -= bytes.size();
        return;
      }
      begin_ = 0;
      end_ = unread_ < seal_block ? static_cast<std::size_t>(unread_) : seal_block;
      file_.read(std::span(buffer_).first(end_));
      unread_ -= end_;
    }
    take(bytes);
  }

 private:
  void take(std::span<std::byte> bytes) {
    if (bytes.empty()) return;
    std::memcpy(bytes.data(), buffer_.data() + begin_, bytes.size());
    begin_ += bytes.size();
  }
  File& file_;
  std::uint64_t unread_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

[[nodiscard]] inline bool valid_kind(std::string_view kind) noexcept {
  for (const char c : kind) {
    if (c < '!' || c > '~') return false;
  }
  return kind.size() == seal_kind_size;
}
inline void require_kind(std::string_view kind) {
  if (!valid_kind(kind)) {
    throw Error(error::invalid_argument,
                "the kind of a sealed file is four printable characters such as CKPT, not \"" +
                    std::string(kind) + "\"");
  }
}

/// Checks everything but the payload's meaning, and returns the payload's length.
template <class File>
[[nodiscard]] std::uint64_t check_seal(File& file, std::string_view kind) {
  const auto fail = [&file](ErrorId id, const std::string& what) {
    throw Error(id, file.path() + ": " + what);
  };
  constexpr std::size_t overhead = seal_header_size + seal_checksum_size;
  std::array<std::byte, seal_header_size> header{};
  const std::size_t present =
      file.size() < header.size() ? static_cast<std::size_t>(file.size()) : header.size();
  file.read(std::span(header).first(present));
  const auto field = [&header]<class T>(T& value, std::size_t at) {
    std::array<std::byte, sizeof(T)> bytes{};
    std::memcpy(bytes.data(), header.data() + at, sizeof(T));
    value = from_little_endian<T>(bytes);
  };
  const auto text = [&header](std::size_t at, std::size_t size) {
    std::string result(size, '\0');
    std::memcpy(result.data(), header.data() + at, size);
    return result;
  };
  const std::size_t magic = present < seal_magic.size() ? present : seal_magic.size();
  if (text(0, magic) != seal_magic.substr(0, magic)) {
    fail(error::archive_corrupt, "this is not a file of healthai: it does not begin with HEALTHAI");
  }
  if (file.size() < overhead) {
    fail(error::archive_truncated, "the file is cut off: it has " + std::to_string(file.size()) +
                                       " bytes, and the shortest one has " + std::to_string(overhead));
  }
  const std::string found = text(seal_magic.size(), seal_kind_size);
  if (found != kind) {
    fail(error::archive_corrupt, "expected a file of the kind " + std::string(kind) + ", but this one is " +
                                     (valid_kind(found) ? found : "damaged"));
  }
  std::uint32_t version = 0;
  std::uint64_t length = 0;
  field(version, seal_magic.size() + seal_kind_size);
  field(length, seal_magic.size() + seal_kind_size + sizeof(version));
  if (version > seal_version) {
    fail(error::archive_version, "the file has format version " + std::to_string(version) +
                                     ", this program knows up to " + std::to_string(seal_version) +
                                     ": read it with a newer program");
  }
  if (version == 0) fail(error::archive_corrupt, "there is no format version 0: the file is damaged");
  if (length != file.size() - overhead) {
    const bool cut = length > file.size() - overhead;
    fail(cut ? error::archive_truncated : error::archive_corrupt,
         std::string(cut ? "the file is cut off" : "the file is longer than it should be") +
             ": its payload has " + std::to_string(file.size() - overhead) + " bytes, but should have " +
             std::to_string(length));
  }
  SealChecksum checksum;
  checksum.process_bytes(header.data(), header.size());
  std::vector<std::byte> block(length < seal_block ? static_cast<std::size_t>(length) : seal_block);
  for (std::uint64_t left = length; left != 0;) {
    const auto part =
        std::span(block).first(left < block.size() ? static_cast<std::size_t>(left) : block.size());
    file.read(part);
    checksum.process_bytes(part.data(), part.size());
    left -= part.size();
  }
  std::array<std::byte, seal_checksum_size> stored{};
  file.read(stored);
  if (from_little_endian<std::uint64_t>(stored) != checksum.checksum()) {
    fail(error::archive_corrupt, "the checksum does not match: the file was damaged after it was written");
  }
  return length;
}

}  // namespace detail

/// Writes `value` to `path`, replacing a file that is there. At every instant, whatever is killed or loses power, the
/// path holds either the whole old file or the whole new one: the bytes go to a new file in the same folder, which is
/// flushed to disk, renamed over the old one, and the folder flushed. (On Windows the last step takes two calls, and a
/// kill between them leaves only the temporary file.)
///
/// The value is streamed: no copy of it is made in memory. Only the owner may read the file (mode 0600), whatever the
/// old one allowed. A symbolic link at `path` is replaced, not followed. Several threads or processes may write the same
/// path: the last one to finish wins.
///
/// \param kind four printable characters, for example "CKPT"; reading demands the same
/// \throws Error (`file`) with the system's reason when the disk is full, the folder does not exist, `path` is no regular
/// file and so on: the old file is unchanged and the temporary one removed. (`invalid_argument`) for a bad `kind`, and as
/// BinaryWriter does.
template <class T>
void write_sealed_file(const std::string& path, std::string_view kind, const T& value) {
  detail::require_kind(kind);
  const std::uint64_t length = encoded_size(value);
  detail::ReplacementFile file(path);
  detail::SealSink sink(file);
  BinaryWriter writer(sink);
  writer.save_binary(detail::seal_magic.data(), detail::seal_magic.size());
  writer.save_binary(kind.data(), kind.size());
  writer << detail::seal_version << length << value;
  if (writer.position() != detail::seal_header_size + length) {
    throw Error(error::invalid_argument, path + ": serialising the same value twice gave " +
                                             std::to_string(length) + " and then " +
                                             std::to_string(writer.position() - detail::seal_header_size) +
                                             " bytes: its serialize function must not change what it writes");
  }
  sink.finish();
  file.commit();
}

/// The value that write_sealed_file wrote. The file is read twice: once to check kind, version, length and checksum,
/// and, only when they are right, once more to decode it straight into the value.
///
/// \throws Error (`file`) with the system's reason, (`archive_corrupt`) for a file that is not of this kind or is damaged,
/// (`archive_truncated`) for one that is cut off, (`archive_version`) for one of a newer program, and as BinaryReader
/// does. The message begins with `path`.
template <class T>
[[nodiscard]] T read_sealed_file(const std::string& path, std::string_view kind) {
  detail::require_kind(kind);
  detail::InputFile file(path);
  const std::uint64_t length = detail::check_seal(file, kind);
  try {
    detail::SealSource source(file, length);
    BinaryReader reader(source);
    T value{};
    reader >> value;
    reader.finish();
    return value;
  } catch (const Error& e) {
    const std::string what = e.what();
    throw Error(e.id(), what.starts_with(path) ? what : path + ": " + what);
  }
}

}  // namespace healthai
