#pragma once

/// \file
/// Vectors for the aggregation kernels, and the choice between instruction sets at run time. Users compile without
/// `-march`, so each kernel is an always-inline body, templated on one of the `Lanes*` structs below, with one wrapper
/// per instruction set that carries `[[gnu::target]]`. (`target_clones` would be shorter, but breaks under
/// ThreadSanitizer and with Clang 14.) On other compilers and architectures there is only the plain version.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "healthai/config.hpp"
#include "healthai/detail/prefetch.hpp"

#if defined(__GNUC__)  // GCC and Clang
#define HEALTHAI_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define HEALTHAI_ALWAYS_INLINE inline
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define HEALTHAI_X86_DISPATCH 1
#define HEALTHAI_TARGET_AVX2 [[gnu::target("avx2")]]
#define HEALTHAI_TARGET_AVX512 [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]]
#else
#define HEALTHAI_X86_DISPATCH 0
#endif

namespace healthai::detail {

/// The instruction sets that the kernels come in. `baseline` is what every processor of the architecture has.
enum class Simd : std::uint8_t { baseline, avx2, avx512 };

[[nodiscard]] constexpr std::string_view to_string(Simd simd) noexcept {
  return simd == Simd::avx512 ? "avx512" : simd == Simd::avx2 ? "avx2" : "baseline";
}

/// The instruction sets that this processor (and its operating system) supports, slowest first. Thread-safe.
[[nodiscard]] inline std::span<const Simd> supported_simd() noexcept {
  static constexpr std::array<Simd, 3> all{Simd::baseline, Simd::avx2, Simd::avx512};
#if HEALTHAI_X86_DISPATCH
  static const std::size_t count = [] {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2")) return std::size_t{1};
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return avx512 ? std::size_t{3} : std::size_t{2};
  }();
#else
  constexpr std::size_t count = 1;
#endif
  return std::span(all).first(count);
}

/// The fastest of them.
[[nodiscard]] inline Simd best_simd() noexcept {
  return supported_simd().back();
}

/// How far ahead in each vector memory is asked for: hundreds of buffers in turn are more than a processor's own
/// prefetching follows. Past the end of a block this is where the next block begins.
inline constexpr std::size_t prefetch_bytes = 1024;

/// Makes the compiler believe that `value` was just computed elsewhere, so that a product is rounded before it is used:
/// without this, GCC fuses `a * b + c` by default where the processor can. No instruction. (Clang fuses only within one
/// expression, unless told otherwise on its command line, and would need to see the target of the caller here: there,
/// HEALTHAI_NO_CONTRACTION at the top of the function is what counts.)
template <class Value>
HEALTHAI_ALWAYS_INLINE void prevent_contraction([[maybe_unused]] Value& value) noexcept {
#if defined(__clang__)
#elif HEALTHAI_X86_DISPATCH
  asm("" : "+v"(value));
#elif defined(__GNUC__) && defined(__aarch64__)
  asm("" : "+w"(value));
#elif defined(__GNUC__)
  asm("" : "+m"(value));
#else
  volatile Value rounded = value;
  value = rounded;
#endif
}
#if defined(__clang__)
#define HEALTHAI_NO_CONTRACTION _Pragma("clang fp contract(off)")
#else
#define HEALTHAI_NO_CONTRACTION
#endif

/// One number at a time: the portable version, and the last few numbers of every other version.
struct Lanes1 {
  static constexpr std::size_t lanes = 1;
  using Doubles = double;
  using Ints = std::int64_t;
  using Uints = std::uint64_t;

  template <class Scalar>
  HEALTHAI_ALWAYS_INLINE static void load(Doubles& out, const Scalar* from) noexcept {
    out = static_cast<double>(*from);
  }
  template <class Scalar>
  HEALTHAI_ALWAYS_INLINE static void store(Scalar* to, const Doubles& value) noexcept {
    *to = static_cast<Scalar>(value);
  }
  HEALTHAI_ALWAYS_INLINE static void fill(Doubles& out, double value) noexcept { out = value; }
};

#if defined(__GNUC__)
/// wide[i] = narrow[i], written out number by number: GCC 12 makes one instruction of it, and several of __builtin_convertvector.
template <class Wide, class Narrow>
HEALTHAI_ALWAYS_INLINE void widen(Wide& wide, const Narrow& narrow) noexcept {
  using Number = std::remove_cvref_t<decltype(wide[0])>;
  const auto at = [&](std::size_t i) __attribute__((always_inline)) {
    return static_cast<Number>(narrow[i]);
  };
  if constexpr (sizeof(Wide) == 2 * sizeof(Number)) {
    wide = Wide{at(0), at(1)};
  } else if constexpr (sizeof(Wide) == 4 * sizeof(Number)) {
    wide = Wide{at(0), at(1), at(2), at(3)};
  } else {
    wide = Wide{at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)};
  }
}

/// Loads and stores of whole vectors at any address, converting between float and double. Values go by reference: a
/// function that took these vectors by value would have another calling convention in each instruction set.
template <class Derived, class Types>
struct VectorLanes {
  static constexpr std::size_t lanes = sizeof(typename Types::Doubles) / sizeof(double);
  using Doubles = typename Types::Doubles;
  using Ints = typename Types::Ints;
  using Uints = typename Types::Uints;
  using Halves = typename Types::Halves;  // as many 32-bit integers

  HEALTHAI_ALWAYS_INLINE static void load(Doubles& out, const float* from) noexcept {
    typename Types::Floats floats;
    std::memcpy(&floats, from, sizeof floats);
    widen(out, floats);
  }
  HEALTHAI_ALWAYS_INLINE static void load(Doubles& out, const double* from) noexcept {
    std::memcpy(&out, from, sizeof out);
  }
  HEALTHAI_ALWAYS_INLINE static void store(float* to, const Doubles& value) noexcept {
    const typename Types::Floats floats = __builtin_convertvector(value, typename Types::Floats);
    std::memcpy(to, &floats, sizeof floats);
  }
  HEALTHAI_ALWAYS_INLINE static void store(double* to, const Doubles& value) noexcept {
    std::memcpy(to, &value, sizeof value);
  }
  HEALTHAI_ALWAYS_INLINE static void fill(Doubles& out, double value) noexcept { out = value - Doubles{}; }
};

struct Types2 {
  using Doubles = double __attribute__((vector_size(16)));
  using Floats = float __attribute__((vector_size(8)));
  using Ints = std::int64_t __attribute__((vector_size(16)));
  using Uints = std::uint64_t __attribute__((vector_size(16)));
  using Halves = std::int32_t __attribute__((vector_size(8)));
};
struct Types4 {
  using Doubles = double __attribute__((vector_size(32)));
  using Floats = float __attribute__((vector_size(16)));
  using Ints = std::int64_t __attribute__((vector_size(32)));
  using Uints = std::uint64_t __attribute__((vector_size(32)));
  using Halves = std::int32_t __attribute__((vector_size(16)));
};
struct Types8 {
  using Doubles = double __attribute__((vector_size(64)));
  using Floats = float __attribute__((vector_size(32)));
  using Ints = std::int64_t __attribute__((vector_size(64)));
  using Uints = std::uint64_t __attribute__((vector_size(64)));
  using Halves = std::int32_t __attribute__((vector_size(32)));
};
struct Lanes2 : VectorLanes<Lanes2, Types2> {};
struct Lanes4 : VectorLanes<Lanes4, Types4> {};
struct Lanes8 : VectorLanes<Lanes8, Types8> {};
#endif

}  // namespace healthai::detail
