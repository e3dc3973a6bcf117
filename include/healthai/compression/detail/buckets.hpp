#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "healthai/core/error.hpp"

// A vector is cut into buckets of neighbours, each with a scale of its own; the last may be smaller.
namespace healthai::detail {

[[nodiscard]] constexpr std::size_t bucket_count(std::size_t size, std::size_t bucket) noexcept {
  return size / bucket + (size % bucket != 0 ? 1 : 0);
}

/// Calls `use(number, begin, end)` for every bucket.
template <class Use>
void for_each_bucket(std::size_t size, std::size_t bucket, Use use) {
  for (std::size_t begin = 0, number = 0; begin < size; ++number) {
    const std::size_t end = begin + (std::min)(bucket, size - begin);
    use(number, begin, end);
    begin = end;
  }
}

/// The size of a bucket as it was read. \throws Error (`archive_corrupt`) for 0
[[nodiscard]] inline std::size_t checked_bucket(std::uint64_t bucket) {
  if (bucket == 0) throw Error(error::archive_corrupt, "a compressed update has buckets of no values");
  return bucket;
}

/// \throws Error (`archive_truncated`, `archive_corrupt`) unless as many bytes are left as are needed
template <class Reader>
void require_rest(const Reader& reader, std::uint64_t needed) {
  if (reader.remaining() == needed) return;
  throw Error(reader.remaining() < needed ? error::archive_truncated : error::archive_corrupt,
              "a compressed update should have " + std::to_string(needed) + " bytes after byte " +
                  std::to_string(reader.position()) + "; it has " + std::to_string(reader.remaining()));
}

}  // namespace healthai::detail
