#pragma once

#include <cstddef>

#include "healthai/aggregation/detail/simd.hpp"
#include "healthai/aggregation/detail/weighted_sum.hpp"

namespace healthai::detail {

/// Σ (a[i] - b[i])^2 in double. The order of the additions depends on the instruction set.
template <class Lanes, class Scalar>
HEALTHAI_ALWAYS_INLINE double squared_distance_body(const Scalar* a, const Scalar* b,
                                                    std::size_t size) noexcept {
  using Doubles = typename Lanes::Doubles;
  Doubles sums[4]{};  // so that additions need not wait for each other
  std::size_t i = 0;
  for (; i + 4 * Lanes::lanes <= size; i += 4 * Lanes::lanes) {
    for (std::size_t l = 0; l < 4; ++l) {
      Doubles x, y;
      Lanes::load(x, a + i + l * Lanes::lanes);
      Lanes::load(y, b + i + l * Lanes::lanes);
      x -= y;
      sums[l] += x * x;
    }
  }
  const Doubles all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double lanes[Lanes::lanes];
  Lanes::store(lanes, all);
  double total = 0;
  for (const double lane : lanes) total += lane;
  for (; i < size; ++i) {
    const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    total += difference * difference;
  }
  return total;
}

template <class Scalar>
using SquaredDistance = double (*)(const Scalar* a, const Scalar* b, std::size_t size) noexcept;

template <class Scalar>
double squared_distance_baseline(const Scalar* a, const Scalar* b, std::size_t size) noexcept {
  return squared_distance_body<BaselineLanes>(a, b, size);
}
#if HEALTHAI_X86_DISPATCH
template <class Scalar>
HEALTHAI_TARGET_AVX2 double squared_distance_avx2(const Scalar* a, const Scalar* b,
                                                  std::size_t size) noexcept {
  return squared_distance_body<Lanes4>(a, b, size);
}
template <class Scalar>
HEALTHAI_TARGET_AVX512 double squared_distance_avx512(const Scalar* a, const Scalar* b,
                                                      std::size_t size) noexcept {
  return squared_distance_body<Lanes8>(a, b, size);
}
#endif

/// \pre `simd` is one of `supported_simd()`.
template <class Scalar>
[[nodiscard]] SquaredDistance<Scalar> squared_distance_kernel(
    [[maybe_unused]] Simd simd = best_simd()) noexcept {
#if HEALTHAI_X86_DISPATCH
  if (simd == Simd::avx512) return squared_distance_avx512<Scalar>;
  if (simd == Simd::avx2) return squared_distance_avx2<Scalar>;
#endif
  return squared_distance_baseline<Scalar>;
}

}  // namespace healthai::detail
