#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/detail/mean_support.hpp"
#include "healthai/aggregation/detail/weighted_sum.hpp"
#include "healthai/detail/parallel_for.hpp"

namespace healthai::detail {

/// Σ weights[k] values[k] / Σ weights into `result`, which may be one of the vectors, on several threads; the bits are those of
/// WeightedMean.
/// \throws Error (`invalid_argument`) if all weights are zero, (`overflow`) if the mean does not fit
template <class Scalar>
void parallel_mean(const Terms<Scalar>& terms, Parameters<Scalar>& result, std::size_t threads) {
  double total = 0;
  for (std::size_t k = 0; k < terms.count; ++k) total += terms.weights[k];
  require_mean_exists(terms.count, total);
  struct alignas(64) Sums {
    double values[weighted_sum_block];
  };
  const std::size_t size = result.size();
  const std::size_t blocks = (size + weighted_sum_block - 1) / weighted_sum_block;
  const std::size_t workers = (std::min)(blocks, worker_count(threads));
  const std::unique_ptr<Sums[]> sums(new Sums[workers]);  // not initialised
  const auto kernels = weighted_sum_kernels<Scalar>();
  std::atomic<std::size_t> bad_block{blocks};
  parallel_for(workers, blocks, [&](std::size_t b, std::size_t worker) {
    const std::size_t begin = b * weighted_sum_block;
    if (!kernels.finish(result.data() + begin, total, sums[worker].values, terms, begin,
                        (std::min)(weighted_sum_block, size - begin), true)) {
      bad_block = b;
    }
  });
  if (bad_block != blocks) {
    mean_overflow(result.layout(), bad_block * weighted_sum_block,
                  "or a number near it; divide the weights by a common factor");
  }
}

/// The mean of some of the updates, weighted by examples.
template <class Scalar>
void mean_of_selected(std::span<const Update<Scalar>> updates, std::span<const std::size_t> selected,
                      Parameters<Scalar>& result, std::size_t threads) {
  std::vector<const Scalar*> values;
  std::vector<double> weights;
  for (const std::size_t k : selected) {
    values.push_back(updates[k].values.data());
    weights.push_back(updates[k].weight);
  }
  parallel_mean(Terms<Scalar>{values.data(), weights.data(), values.size()}, result, threads);
}

}  // namespace healthai::detail
