#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <utility>

#include "healthai/detail/large_memory.hpp"

namespace healthai::detail {

/// Memory of large models that nobody uses any more, kept for the next of the same size: of one model, or of as many as make
/// 64 MiB. Where replies come and go, the system would otherwise clear every one's memory anew, which takes as long as to
/// send it through a socket. All functions may be called from any thread.
class SpareMemory {
 public:
  /// Not under the address sanitizer, which would not see that somebody uses memory that he has given back.
  static constexpr bool keeps = !memory_is_watched;

  /// Of the whole process. It is never destroyed, because what it serves may be destroyed last of all.
  [[nodiscard]] static SpareMemory& instance() {
    static SpareMemory* const one = new SpareMemory;
    return *one;
  }
  /// \return memory of that size, or null if there is none to spare; what has another size is then given back to the system,
  /// so that a process never needs more because of it
  [[nodiscard]] void* take(std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    if (bytes != bytes_) give_back();
    return count_ == 0 ? nullptr : spare_[--count_];
  }
  /// Takes over memory from `allocate_large(bytes)`.
  void keep(void* memory, std::size_t bytes) noexcept {
    if constexpr (keeps) {
      const std::lock_guard lock(mutex_);
      if (bytes != bytes_) give_back();
      bytes_ = bytes;
      if (count_ < (std::max<std::size_t>)(1, at_most * large_memory / bytes)) {
        spare_[count_++] = memory;
        return;
      }
    }
    free_large(memory, bytes);
  }

 private:
  static constexpr std::size_t at_most = 16;

  SpareMemory() = default;
  void give_back() noexcept {
    while (count_ > 0) free_large(spare_[--count_], bytes_);
  }

  std::mutex mutex_;
  void* spare_[at_most]{};
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace healthai::detail
