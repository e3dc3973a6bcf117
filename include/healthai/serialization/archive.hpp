#pragma once

/// \file
/// The binary archive in which models, messages and checkpoints travel.
///
/// It implements the Archive concept of Boost.Serialization (without its compiled library), so that a type with a
/// `serialize` member or free function, as Boost documents it, works unchanged. What is written:
///
/// | value | bytes |
/// | --- | --- |
/// | integer, float, double | fixed width, lowest byte first; `long` and `size_t` as 64 bits |
/// | bool | one byte, 0 or 1 |
/// | enumeration | as its underlying type; whoever reads checks that the value is one it knows |
/// | string, vector, map, set (unordered ones too) | the number of elements in 64 bits, then the elements |
/// | std::array, T[N], array_wrapper, pair | the elements |
/// | optional | a bool, then the value if there is one |
/// | class | its version in 32 bits (`BOOST_CLASS_VERSION`, 0 by default), then what `serialize` writes |
///
/// A class declared `object_serializable` (`BOOST_CLASS_IMPLEMENTATION`) has no version. Every other has one from the
/// start, so that adding a version later needs no new format: an older value is handed to `serialize` with its old
/// number, a newer one than the program knows is an Error (`archive_version`). A class may also have a constant `newest_version` and a
/// `std::uint32_t oldest_version() const`, the oldest one that can say what this value says: then it is written as that one, so that what
/// does not use what is new can be read by older programs; written as a newer one it is an Error (`archive_corrupt`), so that a
/// value has one form only. Other containers work through Boost's own headers (`<boost/serialization/deque.hpp>` and so on).
///
/// Reading is safe on hostile data. A length is compared with the bytes that remain before anything is allocated: numbers
/// and characters get as much memory as there are bytes, a vector of objects grows as its elements arrive. (Boost's own
/// list and deque headers allocate all elements at once, at most one a byte.) Classes nest at most 256 deep. There are no
/// pointers.
///
/// An element of a container takes at least one byte; a container of elements without any is refused when written.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "healthai/serialization/binary_reader.hpp"
#include "healthai/serialization/binary_writer.hpp"

namespace healthai {

/// Appends to a vector that it does not own.
class BytesSink {
 public:
  explicit BytesSink(std::vector<std::byte>& bytes) noexcept : bytes_(bytes) {}
  template <class Bytes>
  void write(const Bytes& bytes) {
    bytes_.insert(bytes_.end(), bytes.data(), bytes.data() + bytes.size());
  }

 private:
  std::vector<std::byte>& bytes_;
};

/// Only counts.
struct CountingSink {
  std::uint64_t count = 0;
  void write(std::span<const std::byte> bytes) noexcept { count += bytes.size(); }
};

/// Reads from memory that it does not own.
class SpanSource {
 public:
  explicit SpanSource(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t remaining() const noexcept { return bytes_.size(); }
  void read(std::span<std::byte> bytes) noexcept {
    std::memcpy(bytes.data(), bytes_.data(), bytes.size());
    bytes_ = bytes_.subspan(bytes.size());
  }

 private:
  std::span<const std::byte> bytes_;
};

/// How many bytes `value` takes in an archive. Arrays of numbers are not touched, so it costs next to nothing.
/// \throws Error as BinaryWriter does
template <class T>
[[nodiscard]] std::uint64_t encoded_size(const T& value) {
  CountingSink sink;
  BinaryWriter(sink) << value;
  return sink.count;
}

/// `value` as an archive, in one allocation of exactly that size.
/// \throws Error as BinaryWriter does; std::bad_alloc
template <class T>
[[nodiscard]] std::vector<std::byte> to_bytes(const T& value) {
  std::vector<std::byte> bytes;
  bytes.reserve(static_cast<std::size_t>(encoded_size(value)));
  BytesSink sink(bytes);
  BinaryWriter(sink) << value;
  return bytes;
}

/// The value that `bytes` hold, and nothing but it.
/// \throws Error as BinaryReader does; (`archive_corrupt`) if bytes are left over
template <class T>
[[nodiscard]] T from_bytes(std::span<const std::byte> bytes) {
  SpanSource source(bytes);
  BinaryReader reader(source);
  T value{};
  reader >> value;
  reader.finish();
  return value;
}

}  // namespace healthai
