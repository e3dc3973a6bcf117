#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "healthai/detail/parallel_for.hpp"

namespace healthai::secagg::detail {

/// `parallel_for` for work that may throw: `work(i, worker)` for every i < count, on `workers` threads. \throws what the first i that
/// failed threw, when all others are done
template <class Work>
void try_in_parallel(std::size_t workers, std::size_t count, const Work& work) {
  std::vector<std::exception_ptr> problems(count);
  healthai::detail::parallel_for(workers, count, [&](std::size_t i, std::size_t worker) noexcept {
    try {
      work(i, worker);
    } catch (...) {
      problems[i] = std::current_exception();
    }
  });
  for (const std::exception_ptr& problem : problems) {
    if (problem) std::rethrow_exception(problem);
  }
}

}  // namespace healthai::secagg::detail
