#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <vector>

namespace healthai::detail {

/// How many threads `threads` asks for: 0 means one for each processor.
[[nodiscard]] inline std::size_t worker_count(std::size_t threads) noexcept {
  return threads != 0 ? threads : (std::max)(1U, std::thread::hardware_concurrency());
}

/// Calls `work(i, worker)` for every i < count, on `workers` threads, the calling one among them (fewer if the machine gives
/// no more); `worker` < `workers` tells who does it, for scratch memory. Which worker does which i is left to chance, so
/// results must not depend on it. `work` must not throw.
/// For work of milliseconds: threads are started anew each time, which takes some 50 microseconds.
template <class Work>
void parallel_for(std::size_t workers, std::size_t count, Work work) {
  std::atomic<std::size_t> next{0};
  const auto loop = [&next, &work, count](std::size_t worker) noexcept {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i, worker);
  };
  std::vector<std::jthread> helpers;
  try {
    for (std::size_t worker = 1; worker < (std::min)(workers, count); ++worker) {
      helpers.emplace_back(loop, worker);
    }
  } catch (const std::system_error&) {  // fewer will do
  }
  loop(0);
}

}  // namespace healthai::detail
