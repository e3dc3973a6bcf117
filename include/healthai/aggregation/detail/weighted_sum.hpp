#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "healthai/aggregation/detail/simd.hpp"

namespace healthai::detail {

/// How many coordinates are worked on before the next ones: their sums (256 KiB) stay in the processor's caches, and each
/// vector is read in long pieces.
inline constexpr std::size_t weighted_sum_block = 32768;

/// The same for a sum, which does less with each number.
inline constexpr std::size_t weighted_sum_prefetch_bytes = 2048;

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

/// Where a pass puts its totals: back into the sums.
template <class Lanes>
struct KeepSums {
  double* sum;
  HEALTHAI_ALWAYS_INLINE void announce(std::size_t /*i*/) const noexcept {}
  HEALTHAI_ALWAYS_INLINE void put(std::size_t i, const typename Lanes::Doubles& total) const noexcept {
    Lanes::store(sum + i, total);
  }
  HEALTHAI_ALWAYS_INLINE void put_one(std::size_t i, double total) const noexcept { sum[i] = total; }
};

/// Or into the result, divided by the total weight and rounded to Scalar. Writing it while the last terms are read
/// spreads the traffic; in a pass of its own it would make memory wait.
template <class Lanes, class Scalar>
struct WriteMean {
  Scalar* out;
  double weight;
  typename Lanes::Doubles divisor{};
  typename Lanes::Doubles bad{};  // x * 0 is NaN where x is infinite or NaN, and NaN stays in a sum
  double bad_one = 0;

  HEALTHAI_ALWAYS_INLINE void announce(std::size_t i) const noexcept {
    HEALTHAI_PREFETCH(reinterpret_cast<const char*>(out + i) + weighted_sum_prefetch_bytes);
  }
  HEALTHAI_ALWAYS_INLINE void put(std::size_t i, const typename Lanes::Doubles& total) noexcept {
    typename Lanes::Doubles mean = total / divisor;
    Lanes::store(out + i, mean);
    Lanes::load(mean, out + i);  // as rounded: a float overflows where the double did not
    bad += mean * 0.0;
  }
  HEALTHAI_ALWAYS_INLINE void put_one(std::size_t i, double total) noexcept {
    out[i] = static_cast<Scalar>(total / weight);
    bad_one += static_cast<double>(out[i]) * 0.0;
  }
  /// Whether every number written is finite.
  [[nodiscard]] HEALTHAI_ALWAYS_INLINE bool finite() const noexcept {
    double lanes[Lanes::lanes];
    Lanes::store(lanes, bad);
    double any_bad = bad_one;
    for (const double lane : lanes) any_bad += lane;
    return any_bad == 0;
  }
};

/// Adds `sizeof...(K)` terms in one pass over `count` coordinates, so that a sum is read and written once for all of them.
template <class Lanes, bool Fresh, class Scalar, class Sink, std::size_t... K>
HEALTHAI_ALWAYS_INLINE void add_group(const double* sum, [[maybe_unused]] const Scalar* const* values,
                                      [[maybe_unused]] const double* weights, std::size_t count, Sink& sink,
                                      std::index_sequence<K...>) noexcept {
  using Doubles = typename Lanes::Doubles;
  constexpr std::size_t lanes = Lanes::lanes;
  constexpr std::size_t line = 64 / sizeof(Scalar);
  [[maybe_unused]] Doubles weight[sizeof...(K) + 1]{};  // one too many, as there may be none
  (Lanes::fill(weight[K], weights[K]), ...);
  [[maybe_unused]] const Scalar* const value[] = {values[K]..., nullptr};

  std::size_t i = 0;
  for (; i + line <= count; i += line) {
    (HEALTHAI_PREFETCH(reinterpret_cast<const char*>(value[K] + i) + weighted_sum_prefetch_bytes), ...);
    sink.announce(i);
    for (std::size_t j = i; j < i + line; j += lanes) {
      Doubles total{};
      if constexpr (!Fresh) Lanes::load(total, sum + j);
      (add_product<Lanes>(total, value[K] + j, weight[K]), ...);
      sink.put(j, total);
    }
  }
  for (; i < count; ++i) {
    double total = Fresh ? 0.0 : sum[i];
    (add_product<Lanes1>(total, value[K] + i, weights[K]), ...);
    sink.put_one(i, total);
  }
}

/// One block of coordinates: sum[i] (+)= Σ_k weights[k] * values[k][begin + i] for i < count, in the order of k, where the
/// last few terms go to `last`, with the sums so far. `fresh`: whatever `sum` holds counts as zero.
template <class Lanes, class Scalar, class Sink>
HEALTHAI_ALWAYS_INLINE void weighted_sum_body(double* sum, const Terms<Scalar>& terms, std::size_t begin,
                                              std::size_t count, bool fresh, Sink& last) noexcept {
  KeepSums<Lanes> keep{sum};
  std::size_t k = 0;
  const auto pass = [&]<std::size_t... K>(auto& sink, std::index_sequence<K...> indices)
#if defined(__GNUC__)
      __attribute__((always_inline))
#endif
  {
    const Scalar* const values[] = {terms.values[k + K] + begin..., nullptr};
    if (fresh && k == 0) {
      add_group<Lanes, true>(sum, values, terms.weights + k, count, sink, indices);
    } else {
      add_group<Lanes, false>(sum, values, terms.weights + k, count, sink, indices);
    }
    k += sizeof...(K);
  };
  const auto pass_of = [&](auto& sink, std::size_t width)
#if defined(__GNUC__)
                           __attribute__((always_inline))
#endif
  {
    if (width == 5) {
      pass(sink, std::make_index_sequence<5>{});
    } else if (width == 4) {
      pass(sink, std::make_index_sequence<4>{});
    } else if (width == 3) {
      pass(sink, std::make_index_sequence<3>{});
    } else if (width == 2) {
      pass(sink, std::make_index_sequence<2>{});
    } else if (width == 1) {
      pass(sink, std::make_index_sequence<1>{});
    } else {
      pass(sink, std::make_index_sequence<0>{});
    }
  };
  // Five terms a pass keep up with memory (more are more streams than are read well at once); the passes are as equal
  // as can be.
  for (std::size_t passes = (terms.count + 4) / 5; passes > 1; --passes) {
    pass_of(keep, (terms.count - k + passes - 1) / passes);
  }
  pass_of(last, terms.count - k);
}

template <class Lanes, class Scalar>
HEALTHAI_ALWAYS_INLINE void add_body(double* sum, const Terms<Scalar>& terms, std::size_t begin,
                                     std::size_t count, bool fresh) noexcept {
  KeepSums<Lanes> keep{sum};
  weighted_sum_body<Lanes>(sum, terms, begin, count, fresh, keep);
}
template <class Lanes, class Scalar>
HEALTHAI_ALWAYS_INLINE bool finish_body(Scalar* out, double weight, double* sum, const Terms<Scalar>& terms,
                                        std::size_t begin, std::size_t count, bool fresh) noexcept {
  WriteMean<Lanes, Scalar> mean{out, weight};
  Lanes::fill(mean.divisor, weight);
  weighted_sum_body<Lanes>(sum, terms, begin, count, fresh, mean);
  return mean.finite();
}

/// The kernels of one instruction set. Both add: sum[i] (+)= Σ_k weights[k] * values[k][begin + i] for i < count, in the
/// order of k. `fresh`: whatever `sum` holds counts as zero.
template <class Scalar>
struct WeightedSumKernels {
  void (*add)(double* sum, const Terms<Scalar>& terms, std::size_t begin, std::size_t count,
              bool fresh) noexcept;
  /// Then out[i] = sum[i] / weight, rounded to Scalar; the last terms need not reach `sum`. Returns whether every
  /// result is finite. \pre there are terms, or `fresh` is false
  bool (*finish)(Scalar* out, double weight, double* sum, const Terms<Scalar>& terms, std::size_t begin,
                 std::size_t count, bool fresh) noexcept;
};

#if defined(__GNUC__)
using BaselineLanes = Lanes2;
#else
using BaselineLanes = Lanes1;
#endif

template <class Scalar>
void weighted_sum_baseline(double* sum, const Terms<Scalar>& terms, std::size_t begin, std::size_t count,
                           bool fresh) noexcept {
  add_body<BaselineLanes>(sum, terms, begin, count, fresh);
}
template <class Scalar>
bool weighted_mean_baseline(Scalar* out, double weight, double* sum, const Terms<Scalar>& terms,
                            std::size_t begin, std::size_t count, bool fresh) noexcept {
  return finish_body<BaselineLanes>(out, weight, sum, terms, begin, count, fresh);
}
#if HEALTHAI_X86_DISPATCH
template <class Scalar>
HEALTHAI_TARGET_AVX2 void weighted_sum_avx2(double* sum, const Terms<Scalar>& terms, std::size_t begin,
                                            std::size_t count, bool fresh) noexcept {
  add_body<Lanes4>(sum, terms, begin, count, fresh);
}
template <class Scalar>
HEALTHAI_TARGET_AVX2 bool weighted_mean_avx2(Scalar* out, double weight, double* sum,
                                             const Terms<Scalar>& terms, std::size_t begin, std::size_t count,
                                             bool fresh) noexcept {
  return finish_body<Lanes4>(out, weight, sum, terms, begin, count, fresh);
}
template <class Scalar>
HEALTHAI_TARGET_AVX512 void weighted_sum_avx512(double* sum, const Terms<Scalar>& terms, std::size_t begin,
                                                std::size_t count, bool fresh) noexcept {
  add_body<Lanes8>(sum, terms, begin, count, fresh);
}
template <class Scalar>
HEALTHAI_TARGET_AVX512 bool weighted_mean_avx512(Scalar* out, double weight, double* sum,
                                                 const Terms<Scalar>& terms, std::size_t begin,
                                                 std::size_t count, bool fresh) noexcept {
  return finish_body<Lanes8>(out, weight, sum, terms, begin, count, fresh);
}
#endif

/// \pre `simd` is one of `supported_simd()`.
template <class Scalar>
[[nodiscard]] WeightedSumKernels<Scalar> weighted_sum_kernels(
    [[maybe_unused]] Simd simd = best_simd()) noexcept {
#if HEALTHAI_X86_DISPATCH
  if (simd == Simd::avx512) return {weighted_sum_avx512<Scalar>, weighted_mean_avx512<Scalar>};
  if (simd == Simd::avx2) return {weighted_sum_avx2<Scalar>, weighted_mean_avx2<Scalar>};
#endif
  return {weighted_sum_baseline<Scalar>, weighted_mean_baseline<Scalar>};
}

}  // namespace healthai::detail
