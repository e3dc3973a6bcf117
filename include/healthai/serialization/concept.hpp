#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "healthai/config.hpp"

namespace healthai {

/// Where a BinaryWriter puts its bytes.
///
/// - `sink.write(bytes)` takes all of them, in order, or throws an Error. The span is valid during the call only.
/// - Large arrays arrive in one call that points at the value's own memory, so that a sink can send them without a copy;
///   numbers arrive a few bytes at a time, so that a sink over something slow has a buffer of its own.
///
/// Thread safety: none is asked for; one writer on one thread uses it. Not required: that it can be copied or flushed.
/// The smallest model is a struct that appends to a vector (`BytesSink`).
template <class S>
concept ByteSink = requires(S& sink, std::span<const std::byte> bytes) {
  sink.write(bytes);
};

/// Where a BinaryReader gets its bytes.
///
/// - `source.remaining()` is how many bytes are still to come. The reader believes lengths, and allocates, up to this
///   number and not beyond: it must count bytes that are *there* (a buffer in memory, a file whose size was checked),
///   never what a peer has merely announced.
/// - `source.read(bytes)` fills the whole span and moves on; the reader asks for at most `remaining()` bytes. It throws an
///   Error when the medium fails.
///
/// Thread safety: none is asked for. Not required: seeking, or that it can be copied. The smallest model is a pointer into
/// a buffer and an end (`SpanSource`).
template <class S>
concept ByteSource = requires(S& source, const S& constant, std::span<std::byte> bytes) {
  { constant.remaining() } -> std::convertible_to<std::uint64_t>;
  source.read(bytes);
};

}  // namespace healthai
