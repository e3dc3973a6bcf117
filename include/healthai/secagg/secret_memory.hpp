#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "healthai/config.hpp"

namespace healthai::secagg {

/// Fills memory with zeros, which no compiler leaves out, though nobody reads the memory afterwards.
inline void wipe(void* memory, std::size_t bytes) noexcept {
  // Whoever compiles cannot know that a volatile pointer still points to memset.
  using Fill = void* (*)(void*, int, std::size_t);
  static const volatile Fill fill = std::memset;
  if (bytes != 0) fill(memory, 0, bytes);
}

/// An allocator whose memory is wiped before `Base` takes it back. A container that grows leaves nothing behind either.
template <class T, template <class> class Base = std::allocator>
struct WipingAllocator {
  using value_type = T;
  /// As std::allocator_traits asks, for a Base that is a template.
  template <class U>
  struct rebind {
    using other = WipingAllocator<U, Base>;
  };

  WipingAllocator() noexcept = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U, Base>& /*other*/) noexcept {
  }  // NOLINT(google-explicit-constructor)

  [[nodiscard]] T* allocate(std::size_t count) { return Base<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    wipe(memory, count * sizeof(T));
    Base<T>().deallocate(memory, count);
  }
  template <class U>
  friend bool operator==(const WipingAllocator& /*a*/, const WipingAllocator<U, Base>& /*b*/) noexcept {
    return true;
  }
};

/// Bytes, or numbers, that must not be found in memory once they are gone: keys, seeds, shares. Cannot be printed. Comparing
/// two of them with == takes longer the later they differ: only tests do that.
using WipedBytes = std::vector<std::byte, WipingAllocator<std::byte>>;
using WipedNumbers = std::vector<std::uint64_t, WipingAllocator<std::uint64_t>>;  ///< see WipedBytes

}  // namespace healthai::secagg
