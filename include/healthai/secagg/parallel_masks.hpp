#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "healthai/detail/parallel_for.hpp"
#include "healthai/secagg/detail/try_in_parallel.hpp"
#include "healthai/secagg/mask.hpp"

namespace healthai::secagg {

/// Masks on one thread or on several, each of which has a part of the vector and all the seeds: no thread needs a vector of its
/// own, and the result is the same for any number. The memory is that of one MaskStream a thread, some 30 KiB, whatever is masked; it
/// is kept for the next vector, and wiped when the object goes. Not thread-safe.
class ParallelMasks {
 public:
  /// \param threads  how many add up masks where there is enough to do; 0: one for each processor
  /// \throws Error (`crypto`) when OpenSSL has no AES-256-CTR
  explicit ParallelMasks(std::size_t threads = 1) : streams_(healthai::detail::worker_count(threads)) {}

  /// How many threads there are, the calling one among them.
  [[nodiscard]] std::size_t workers() const noexcept { return streams_.size(); }

  /// As MaskStream::add_masks of the whole vector. \throws Error (`crypto`) when OpenSSL refuses; `values` are then good for nothing
  void add_masks(std::span<std::uint32_t> values, std::span<const SignedSeed> seeds) { apply(values, seeds); }
  void add_masks(std::span<std::uint64_t> values, std::span<const SignedSeed> seeds) { apply(values, seeds); }

 private:
  static constexpr std::size_t least_bytes = std::size_t{1}
                                             << 20U;  ///< of masks, that are worth a thread's start
  static constexpr std::size_t parts_each = 4;  ///< so that nobody waits long for a thread that came late
  static constexpr std::size_t cache_line = 64;

  template <class Ring>
  void apply(std::span<Ring> values, std::span<const SignedSeed> seeds) {
    const std::size_t worth = seeds.empty() ? 0 : values.size_bytes() / (least_bytes / seeds.size() + 1);
    const std::size_t parts = (std::min)(parts_each * streams_.size(), worth);
    if (parts < 2 || streams_.size() < 2) {
      streams_.front().add_masks(values, seeds);
      return;
    }
    constexpr std::size_t grain = cache_line / sizeof(Ring);
    const std::size_t each = (values.size() / parts + grain) / grain * grain;
    detail::try_in_parallel(streams_.size(), parts, [&](std::size_t part, std::size_t worker) {
      const std::size_t begin = (std::min)(part * each, values.size());
      const std::size_t size = (std::min)(each, values.size() - begin);
      streams_[worker].add_masks(values.subspan(begin, size), seeds, begin);
    });
  }

  std::vector<MaskStream> streams_;
};

}  // namespace healthai::secagg
