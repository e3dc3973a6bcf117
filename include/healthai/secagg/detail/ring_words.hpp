#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "healthai/config.hpp"

/// \file
/// Words of a ring, many at a time: with vectors of the processor, the longest that it has, where the compiler alone would take word by
/// word (as GCC 12 does at -O2).

namespace healthai::secagg::detail {

#if defined(__GNUC__)  // GCC and Clang
/// Vectors of so many bytes, as many as are full. \return how many words those were
template <std::size_t bytes, bool subtract, class Ring>
[[gnu::always_inline]] inline std::size_t combine_vectors(Ring* sum, const void* words,
                                                          std::size_t count) noexcept {
  typedef Ring Vector __attribute__((vector_size(bytes)));
  constexpr std::size_t lanes = bytes / sizeof(Ring);
  const auto* const from = static_cast<const unsigned char*>(words);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    Vector to, word;
    std::memcpy(&to, sum + i, bytes);
    std::memcpy(&word, from + i * sizeof(Ring), bytes);
    to = subtract ? to - word : to + word;
    std::memcpy(sum + i, &to, bytes);
  }
  return i;
}
#if defined(__x86_64__)
template <bool subtract, class Ring>
[[gnu::target("avx2")]] inline std::size_t combine_avx2(Ring* sum, const void* words,
                                                        std::size_t count) noexcept {
  return combine_vectors<32, subtract>(sum, words, count);
}
[[nodiscard]] inline bool has_avx2() noexcept {
  static const bool has = [] {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") != 0;
  }();
  return has;
}
#endif
#endif

/// sum[i] += words[i], or -=, for i < count, modulo the ring; the words as they are in memory, not aligned.
template <bool subtract, class Ring>
void combine_words(Ring* sum, const void* words, std::size_t count) noexcept {
  std::size_t i = 0;
#if defined(__GNUC__)
#if defined(__x86_64__)
  if (has_avx2()) {
    i = combine_avx2<subtract>(sum, words, count);
  } else {
    i = combine_vectors<16, subtract>(sum, words, count);
  }
#else
  i = combine_vectors<16, subtract>(sum, words, count);
#endif
#endif
  for (; i < count; ++i) {
    Ring word = 0;
    std::memcpy(&word, static_cast<const unsigned char*>(words) + i * sizeof(Ring), sizeof word);
    sum[i] = static_cast<Ring>(subtract ? sum[i] - word : sum[i] + word);
  }
}

}  // namespace healthai::secagg::detail
