#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

#include "healthai/aggregation/detail/order_statistics.hpp"
#include "healthai/detail/parallel_for.hpp"

namespace healthai::detail {

/// out[i] for i < size from the numbers in place i of all rows, on several threads. `out` may be one of the rows. The result
/// does not depend on the number of threads, nor, but for ties that are broken toward the smaller value, on the order of
/// the rows.
template <class Scalar>
void apply_order_statistic(const OrderStatistic& what, std::span<const Scalar* const> rows, Scalar* out,
                           std::size_t size, std::size_t threads) {
  constexpr std::size_t block = 16384;
  const std::size_t tile_size = what.n * widest_order_tile<Scalar>;
  const std::size_t blocks = (size + block - 1) / block;
  const std::size_t workers = (std::min)(blocks, worker_count(threads));
  struct Free {
    void operator()(Scalar* memory) const noexcept { ::operator delete (memory, std::align_val_t{64}); }
  };
  const std::unique_ptr<Scalar, Free> tiles(
      static_cast<Scalar*>(::operator new (workers* tile_size * sizeof(Scalar), std::align_val_t{64})));
  const auto kernel = order_statistic_kernel<Scalar>();
  parallel_for(workers, blocks, [&](std::size_t b, std::size_t worker) {
    kernel(out, rows.data(), what, b * block, (std::min)(block, size - b * block),
           tiles.get() + worker * tile_size);
  });
}

}  // namespace healthai::detail
