#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace healthai {

/// An update as it travels when its client compresses it (see Compressed). The bytes say all that decoding needs, the
/// compressor's settings too, but for the layout, which the coordinator knows: it decodes into memory of that layout and no more.
struct CompressedUpdate {
  std::string compressor{};        ///< `name` of the Compressor
  std::uint64_t fingerprint = 0;   ///< of the update's layout
  std::vector<std::byte> bytes{};  ///< what the Compressor's `encode` made of it

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& compressor& fingerprint& bytes;
  }
};

}  // namespace healthai
