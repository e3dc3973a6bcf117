#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "healthai/aggregation/detail/simd.hpp"
#include "healthai/aggregation/detail/sorting_network.hpp"
#include "healthai/aggregation/detail/vector_sort.hpp"
#include "healthai/aggregation/detail/weighted_sum.hpp"

namespace healthai::detail {

/// What is made of the `n` values of one coordinate: the mean of some of them, chosen by rank or by closeness.
struct OrderStatistic {
  std::size_t n = 0;
  std::size_t first =
      0;  ///< without `closest`: the mean of the values of rank [first, last), from 0 for the smallest
  std::size_t last = 0;
  std::size_t closest = 0;  ///< otherwise the mean of so many values, those closest to the median or to zero
  bool to_zero = false;
  std::size_t window_begin =
      0;  ///< the closest are neighbours: ranks [s, s + closest) for an s in [begin, end)
  std::size_t window_end = 0;
  SortingNetwork network{};

  /// \pre n > 0
  [[nodiscard]] static OrderStatistic median(std::size_t n) { return ranks(n, (n - 1) / 2, n / 2 + 1); }
  /// \pre first < last <= n
  [[nodiscard]] static OrderStatistic ranks(std::size_t n, std::size_t first, std::size_t last) {
    return {n, first, last, 0, false, 0, 0, sorting_network(n, first, last)};
  }
  /// \pre 0 < closest <= n
  [[nodiscard]] static OrderStatistic closest_to_zero(std::size_t n, std::size_t closest) {
    return {n, (n - 1) / 2, n / 2 + 1, closest, true, 0, n - closest + 1, sorting_network(n, 0, n)};
  }
  /// The same around the median: a middle value is always among the closest, so that few windows come into question.
  [[nodiscard]] static OrderStatistic closest_to_median(std::size_t n, std::size_t closest) {
    const std::size_t lower = (n - 1) / 2;
    const std::size_t begin = lower + 1 > closest ? lower + 1 - closest : 0;
    const std::size_t end = (n / 2 < n - closest ? n / 2 : n - closest) + 1;
    const std::size_t last = end - 1 + closest > n / 2 + 1 ? end - 1 + closest : n / 2 + 1;
    return {n, lower, n / 2 + 1, closest, false, begin, end, sorting_network(n, begin, last)};
  }
};

/// Calls `sum(scale)`, which makes a mean of numbers multiplied by `scale` and divides it by `scale` again. A sum of doubles may
/// overflow where their mean does not: then it is made of smaller numbers.
template <class Lanes, class Scalar, class Sum>
HEALTHAI_ALWAYS_INLINE void without_overflow(typename Lanes::Doubles& mean, Sum sum) noexcept {
  sum(1.0);
  if constexpr (sizeof(Scalar) == sizeof(double)) {
    const typename Lanes::Doubles zero_if_finite = mean * 0.0;
    double lanes[Lanes::lanes];
    Lanes::store(lanes, zero_if_finite);
    double any = 0;
    for (const double lane : lanes) any += lane;
    if (!(any == 0)) sum(0x1p-32);
  }
}

/// The mean of the rows [first, last) of a sorted tile, added in ascending order, so that the order of the clients does
/// not matter to the last bit. `column` points into the first row.
template <class Lanes, std::size_t Width, class Scalar>
HEALTHAI_ALWAYS_INLINE void mean_of_ranks(const Scalar* column, std::size_t first, std::size_t last,
                                          typename Lanes::Doubles& mean) noexcept {
  const auto sum = [&](double scale)
#if defined(__GNUC__)
      __attribute__((always_inline))
#endif
  {
    mean = typename Lanes::Doubles{};
    for (std::size_t r = first; r < last; ++r) {
      typename Lanes::Doubles value;
      Lanes::load(value, column + r * Width);
      mean += value * scale;
    }
    mean /= static_cast<double>(last - first) * scale;
  };
  without_overflow<Lanes, Scalar>(mean, sum);
}

/// The mean of the `what.closest` rows of a sorted tile that are closest to `mean` (on entry). They are neighbours, so that
/// of every `closest`-th row one is among them: the one closest to the centre, of two equally close ones the lower.
template <class Lanes, std::size_t Width, class Scalar>
HEALTHAI_ALWAYS_INLINE void mean_of_closest(const Scalar* column, const OrderStatistic& what,
                                            typename Lanes::Doubles& mean) noexcept {
  using Doubles = typename Lanes::Doubles;
  const Doubles centre = mean;
  const auto sum = [&](double scale)
#if defined(__GNUC__)
      __attribute__((always_inline))
#endif
  {
    mean = Doubles{};
    std::size_t r = what.window_begin;
    for (; r + 1 < what.window_end && r < what.window_begin + what.closest; ++r) {
      Doubles closest;
      Lanes::load(closest, column + r * Width);
      for (std::size_t s = r; s + 1 < what.window_end; s += what.closest) {
        Doubles above;
        Lanes::load(above, column + (s + what.closest) * Width);
        closest = above - centre < centre - closest ? above : closest;
      }
      mean += closest * scale;
    }
    for (; r < what.window_begin + what.closest; ++r) {  // the only row of its kind
      Doubles closest;
      Lanes::load(closest, column + r * Width);
      mean += closest * scale;
    }
    mean /= static_cast<double>(what.closest) * scale;
  };
  without_overflow<Lanes, Scalar>(mean, sum);
}

/// One tile: the numbers of `source` are sorted in `tile` (as far as is needed) and then combined.
template <class Lanes, class Sort, class Scalar>
HEALTHAI_ALWAYS_INLINE void order_statistic_of_tile(Scalar* out, const TileSource<Scalar>& source,
                                                    const OrderStatistic& what, Scalar* tile) noexcept {
  using Doubles = typename Lanes::Doubles;
  constexpr std::size_t width = order_tile<Scalar, Sort::bytes>;
  sort_tile<Sort>(tile, source, what.network);
  for (std::size_t j = 0; j < width; j += Lanes::lanes) {
    Doubles mean;
    mean_of_ranks<Lanes, width>(tile + j, what.first, what.last, mean);
    if (what.closest != 0) {
      if (what.to_zero) mean = Doubles{};
      mean_of_closest<Lanes, width>(tile + j, what, mean);
    }
    Lanes::store(out + j, mean);
  }
}

/// out[begin + i] for i < count, from the rows' numbers at the same places. `out` may be one of the rows.
/// \param tile  scratch memory for n * order_tile numbers
template <class Lanes, class Sort, class Scalar>
HEALTHAI_ALWAYS_INLINE void order_statistic_body(Scalar* out, const Scalar* const* rows,
                                                 const OrderStatistic& what, std::size_t begin,
                                                 std::size_t count, Scalar* tile) noexcept {
  constexpr std::size_t width = order_tile<Scalar, Sort::bytes>;
  for (std::size_t i = begin; i < begin + count; i += width) {
    const std::size_t rest = begin + count - i;
    TileSource<Scalar> source{rows, i};
    Scalar result[width];
    if (rest < width) {
      source.rows = nullptr;
      for (std::size_t k = 0; k < what.n; ++k) {
        for (std::size_t j = 0; j < width; ++j) tile[k * width + j] = j < rest ? rows[k][i + j] : Scalar{0};
      }
    }
    order_statistic_of_tile<Lanes, Sort>(rest < width ? result : out + i, source, what, tile);
    if (rest < width) {
      for (std::size_t j = 0; j < rest; ++j) out[i + j] = result[j];
    }
  }
}

template <class Scalar>
using OrderStatisticKernel = void (*)(Scalar* out, const Scalar* const* rows, const OrderStatistic& what,
                                      std::size_t begin, std::size_t count, Scalar* tile) noexcept;
/// The widest tile of any instruction set, for scratch memory.
template <class Scalar>
inline constexpr std::size_t widest_order_tile = order_tile<Scalar, 64>;

template <class Scalar>
void order_statistic_baseline(Scalar* out, const Scalar* const* rows, const OrderStatistic& what,
                              std::size_t begin, std::size_t count, Scalar* tile) noexcept {
  order_statistic_body<BaselineLanes, SortBaseline>(out, rows, what, begin, count, tile);
}
#if HEALTHAI_X86_DISPATCH
template <class Scalar>
HEALTHAI_TARGET_AVX2 void order_statistic_avx2(Scalar* out, const Scalar* const* rows,
                                               const OrderStatistic& what, std::size_t begin,
                                               std::size_t count, Scalar* tile) noexcept {
  order_statistic_body<Lanes4, SortAvx2>(out, rows, what, begin, count, tile);
}
template <class Scalar>
HEALTHAI_TARGET_AVX512 void order_statistic_avx512(Scalar* out, const Scalar* const* rows,
                                                   const OrderStatistic& what, std::size_t begin,
                                                   std::size_t count, Scalar* tile) noexcept {
  order_statistic_body<Lanes4, SortAvx512>(out, rows, what, begin, count, tile);
}
#endif

/// \pre `simd` is one of `supported_simd()`.
template <class Scalar>
[[nodiscard]] OrderStatisticKernel<Scalar> order_statistic_kernel(
    [[maybe_unused]] Simd simd = best_simd()) noexcept {
#if HEALTHAI_X86_DISPATCH
  if (simd == Simd::avx512) return order_statistic_avx512<Scalar>;
  if (simd == Simd::avx2) return order_statistic_avx2<Scalar>;
#endif
  return order_statistic_baseline<Scalar>;
}

}  // namespace healthai::detail
