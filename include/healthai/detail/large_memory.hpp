#pragma once

#include <cstddef>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define HEALTHAI_MEMORY_IS_WATCHED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEALTHAI_MEMORY_IS_WATCHED true
#endif
#endif
#if !defined(HEALTHAI_MEMORY_IS_WATCHED)
#define HEALTHAI_MEMORY_IS_WATCHED false
#endif

#if defined(__linux__) && !HEALTHAI_MEMORY_IS_WATCHED
#include <sys/mman.h>
#define HEALTHAI_MAPS_MEMORY true
#else
#define HEALTHAI_MAPS_MEMORY false
#endif

namespace healthai::detail {

/// Memory for models is the system's own business from here on. From the heap, models that come and go would leave holes that
/// small things settle in, so that the next model does not fit and the heap grows with every one; and from there on large
/// pages pay: the first touch of a page costs a trip into the kernel, and with pages of 2 MiB instead of 4 KiB a model's
/// memory is there in a fraction of the time (a tenth and less on virtual machines).
inline constexpr std::size_t large_memory = std::size_t{4} << 20U;

inline constexpr std::align_val_t model_alignment{64};

/// Whether the address sanitizer is here, which has to see what is asked for and given back.
inline constexpr bool memory_is_watched = HEALTHAI_MEMORY_IS_WATCHED;

/// Aligned to `model_alignment`, not initialised. \throws std::bad_alloc
[[nodiscard]] inline void* allocate_large(std::size_t bytes) {
#if HEALTHAI_MAPS_MEMORY
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  static_cast<void>(
      ::madvise(memory, bytes, MADV_HUGEPAGE));  // a wish: whatever comes of it, the memory is as good
  return memory;
#else
  return ::operator new(bytes, model_alignment);
#endif
}
/// What `allocate_large` gave, or null. \param bytes  as then
inline void free_large(void* memory, [[maybe_unused]] std::size_t bytes) noexcept {
#if HEALTHAI_MAPS_MEMORY
  if (memory != nullptr) ::munmap(memory, bytes);
#else
  ::operator delete(memory, model_alignment);
#endif
}

}  // namespace healthai::detail

#undef HEALTHAI_MAPS_MEMORY
#undef HEALTHAI_MEMORY_IS_WATCHED
