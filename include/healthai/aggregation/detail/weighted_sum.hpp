#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "healthai/aggregation/detail/simd.hpp"

namespace healthai::detail {

/// How many coordinates are worked on before the next ones: their sums (64 KiB) stay in the processor's caches, and each
/// vector is read in long pieces.
inline constexpr std::size_t weighted_sum_block = 8192;

/// How far ahead in each vector memory is asked for: hundreds of buffers in turn are more than a processor's own
/// prefetching follows. Past the end of a block this is where the next block begins.
inline constexpr std::size_t prefetch_bytes = 2048;

/// A list of weighted vectors: `values[k]` times `weights[k]`, for k < count.
template <class Scalar>
struct Terms {
  const Scalar* const* values = nullptr;
  const double* weights = nullptr;
  std::size_t count = 0;
};

/// sum += weight * value, both operations rounded: the same bits in every instruction set, wherever a number falls in
/// a vector, and however the terms are grouped into passes.
template <class Lanes, class Scalar>
HEALTHAI_ALWAYS_INLINE void add_product(typename Lanes::Doubles& sum, const Scalar* value,
                                        const typename Lanes::Doubles& weight) noexcept {
  HEALTHAI_NO_CONTRACTION
  typename Lanes::Doubles product;
  Lanes::load(product, value);
  product *= weight;
  prevent_contraction(product);
  sum += product;
}

/// Adds `sizeof...(K)` terms in one pass over `count` coordinates, so that a sum is read and written once for all of them.
template <class Lanes, bool Fresh, class Scalar, std::size_t... K>
HEALTHAI_ALWAYS_INLINE void add_group(double* sum, const Scalar* const* values, const double* weights,
                                      std::size_t count, std::index_sequence<K...>) noexcept {
  using Doubles = typename Lanes::Doubles;
  constexpr std::size_t lanes = Lanes::lanes;
  constexpr std::size_t line = 64 / sizeof(Scalar);
  Doubles weight[sizeof...(K)]{};
  (Lanes::fill(weight[K], weights[K]), ...);
  const Scalar* const value[] = {values[K]...};

  std::size_t i = 0;
  for (; i + line <= count; i += line) {
    (HEALTHAI_PREFETCH(reinterpret_cast<const char*>(value[K] + i) + prefetch_bytes), ...);
    for (std::size_t j = i; j < i + line; j += lanes) {
      Doubles total{};
      if constexpr (!Fresh) Lanes::load(total, sum + j);
      (add_product<Lanes>(total, value[K] + j, weight[K]), ...);
      Lanes::store(sum + j, total);
    }
  }
  for (; i < count; ++i) {
    double total = Fresh ? 0.0 : sum[i];
    (add_product<Lanes1>(total, value[K] + i, weights[K]), ...);
    sum[i] = total;
  }
}

/// One block of coordinates: sum[i] (+)= Σ_k weights[k] * values[k][begin + i] for i < count, in the order of k.
/// `fresh`: whatever `sum` holds counts as zero.
template <class Lanes, class Scalar>
HEALTHAI_ALWAYS_INLINE void weighted_sum_body(double* sum, const Terms<Scalar>& terms, std::size_t begin,
                                              std::size_t count, bool fresh) noexcept {
  std::size_t k = 0;
  const auto pass = [&]<std::size_t... K>(std::index_sequence<K...> indices)
#if defined(__GNUC__)
      __attribute__((always_inline))
#endif
  {
    const Scalar* const values[] = {terms.values[k + K] + begin...};
    if (fresh && k == 0) {
      add_group<Lanes, true>(sum, values, terms.weights + k, count, indices);
    } else {
      add_group<Lanes, false>(sum, values, terms.weights + k, count, indices);
    }
    k += sizeof...(K);
  };
  // Four terms a pass keep up with memory; the passes are as equal as can be.
  for (std::size_t passes = (terms.count + 3) / 4; passes > 0; --passes) {
    const std::size_t width = (terms.count - k + passes - 1) / passes;
    if (width == 4) {
      pass(std::make_index_sequence<4>{});
    } else if (width == 3) {
      pass(std::make_index_sequence<3>{});
    } else if (width == 2) {
      pass(std::make_index_sequence<2>{});
    } else {
      pass(std::make_index_sequence<1>{});
    }
  }
}

/// out[i] = sum[i] / weight for i < count, rounded to Scalar. Returns whether every result is finite.
template <class Lanes, class Scalar>
HEALTHAI_ALWAYS_INLINE bool divide_body(Scalar* out, const double* sum, double weight,
                                        std::size_t count) noexcept {
  using Doubles = typename Lanes::Doubles;
  Doubles divisor;
  Lanes::fill(divisor, weight);
  Doubles bad{};  // x * 0 is NaN where x is infinite or NaN, and NaN stays in a sum
  std::size_t i = 0;
  for (; i + Lanes::lanes <= count; i += Lanes::lanes) {
    Doubles value;
    Lanes::load(value, sum + i);
    value /= divisor;
    Lanes::store(out + i, value);
    Lanes::load(value, out + i);  // as rounded: a float overflows where the double did not
    bad += value * 0.0;
  }
  double lanes[Lanes::lanes];
  Lanes::store(lanes, bad);
  double any_bad = 0;
  for (const double lane : lanes) any_bad += lane;
  for (; i < count; ++i) {
    out[i] = static_cast<Scalar>(sum[i] / weight);
    any_bad += static_cast<double>(out[i]) * 0.0;
  }
  return any_bad == 0;
}

/// The kernels of one instruction set.
template <class Scalar>
struct WeightedSumKernels {
  void (*add)(double* sum, const Terms<Scalar>& terms, std::size_t begin, std::size_t count,
              bool fresh) noexcept;
  bool (*divide)(Scalar* out, const double* sum, double weight, std::size_t count) noexcept;
};

#if defined(__GNUC__)
using BaselineLanes = Lanes2;
#else
using BaselineLanes = Lanes1;
#endif

template <class Scalar>
void weighted_sum_baseline(double* sum, const Terms<Scalar>& terms, std::size_t begin, std::size_t count,
                           bool fresh) noexcept {
  weighted_sum_body<BaselineLanes>(sum, terms, begin, count, fresh);
}
template <class Scalar>
bool divide_baseline(Scalar* out, const double* sum, double weight, std::size_t count) noexcept {
  return divide_body<BaselineLanes>(out, sum, weight, count);
}
#if HEALTHAI_X86_DISPATCH
template <class Scalar>
HEALTHAI_TARGET_AVX2 void weighted_sum_avx2(double* sum, const Terms<Scalar>& terms, std::size_t begin,
                                            std::size_t count, bool fresh) noexcept {
  weighted_sum_body<Lanes4>(sum, terms, begin, count, fresh);
}
template <class Scalar>
HEALTHAI_TARGET_AVX2 bool divide_avx2(Scalar* out, const double* sum, double weight,
                                      std::size_t count) noexcept {
  return divide_body<Lanes4>(out, sum, weight, count);
}
template <class Scalar>
HEALTHAI_TARGET_AVX512 void weighted_sum_avx512(double* sum, const Terms<Scalar>& terms, std::size_t begin,
                                                std::size_t count, bool fresh) noexcept {
  weighted_sum_body<Lanes8>(sum, terms, begin, count, fresh);
}
template <class Scalar>
HEALTHAI_TARGET_AVX512 bool divide_avx512(Scalar* out, const double* sum, double weight,
                                          std::size_t count) noexcept {
  return divide_body<Lanes8>(out, sum, weight, count);
}
#endif

/// \pre `simd` is one of `supported_simd()`.
template <class Scalar>
[[nodiscard]] WeightedSumKernels<Scalar> weighted_sum_kernels(
    [[maybe_unused]] Simd simd = best_simd()) noexcept {
#if HEALTHAI_X86_DISPATCH
  if (simd == Simd::avx512) return {weighted_sum_avx512<Scalar>, divide_avx512<Scalar>};
  if (simd == Simd::avx2) return {weighted_sum_avx2<Scalar>, divide_avx2<Scalar>};
#endif
  return {weighted_sum_baseline<Scalar>, divide_baseline<Scalar>};
}

}  // namespace healthai::detail
