#pragma once

#include <cstdint>
#include <string_view>

#include "healthai/config.hpp"

namespace healthai {

/// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923): the same number for the same text on every machine. It names things
/// (a layout's fingerprint, a client's random stream); it protects nothing.
[[nodiscard]] constexpr std::uint64_t stable_hash(std::string_view text,
                                                  std::uint64_t seed = 0xcbf29ce484222325U) noexcept {
  std::uint64_t hash = seed;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace healthai
