/// \file
/// libFuzzer target: whatever comes over a connection, a frame's header and head give a value and places for exactly the
/// arrays that were promised, or an Error; and a header that is accepted is written as the very bytes it was read from.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>

#include "healthai/core/failure.hpp"
#include "healthai/core/training.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/serialization/frame.hpp"
#include "healthai/transport/socket/protocol.hpp"

namespace {

using namespace healthai;

/// As an end of a connection does it: places first, then the bytes that go there.
template <class T>
void decode(const FrameHeader& header, std::span<const std::byte> head, std::span<const std::byte> arrays) {
  T value{};
  const auto places = decode_head(head, header.arrays, value);
  std::uint64_t room = 0;
  for (const auto& place : places) room += place.size();
  if (room != header.arrays) std::abort();
  for (const auto& place : places) {
    const std::size_t part = (std::min)(place.size(), arrays.size());
    if (part > 0) std::memcpy(place.data(), arrays.data(), part);
    arrays = arrays.subspan(part);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FrameHeaderBytes bytes{};
  if (size < bytes.size()) return 0;
  std::memcpy(bytes.data(), data, bytes.size());
  const auto rest = std::as_bytes(std::span(data, size)).subspan(bytes.size());
  try {
    // Memory that is promised is not touched, but the fuzzer counts it: so no more than a few megabytes.
    const FrameHeader header = frame_header(bytes, std::uint64_t{1} << 22U);
    if (to_frame_header_bytes(header) != bytes) std::abort();
    const auto head =
        rest.first(static_cast<std::size_t>((std::min<std::uint64_t>)(header.head, rest.size())));
    const auto arrays = rest.subspan(head.size());
    switch (static_cast<FrameKind>(header.kind)) {
      case FrameKind::hello:
        decode<Hello>(header, head, arrays);
        break;
      case FrameKind::welcome:
        decode<Welcome>(header, head, arrays);
        break;
      case FrameKind::refused:
        decode<EntryRefusal>(header, head, arrays);
        break;
      case FrameKind::announce:
        decode<Announcement>(header, head, arrays);
        break;
      case FrameKind::failure:
        decode<Failure>(header, head, arrays);
        break;
      case FrameKind::anchor:
        decode<AuditAnchor>(header, head, arrays);
        break;
      case FrameKind::request:
        decode<TrainBroadcast<float>>(header, head, arrays);
        break;
      default:
        decode<TrainReply<double>>(header, head, arrays);
    }
  } catch (const Error&) {
  }
  return 0;
}
