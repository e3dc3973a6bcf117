#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace healthai::detail {

/// Afterwards the smaller of two numbers is in place `low` and the larger in place `high`, which is the greater place.
struct Comparator {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
};

/// Calls `emit(stride, layer, comparator)` for each comparator of Batcher's merge exchange for `n` numbers (Knuth: The Art of Computer
/// Programming, volume 3, 1998, algorithm 5.2.2M): about n (log2 n)^2 / 4 of them, in layers without a common place. When the
/// strides from the largest down to `stride` are done, the numbers in places i, i + stride, i + 2 stride, ... are in order, for each i.
template <class Emit>
constexpr void merge_exchange(std::size_t n, Emit emit) {
  const std::size_t top = n < 2 ? 0 : std::bit_ceil(n) / 2;
  std::size_t layer = 0;
  for (std::size_t p = top; p > 0; p /= 2) {
    std::size_t r = 0;
    for (std::size_t q = top, d = p;; d = q - p, q /= 2, r = p, ++layer) {
      for (std::size_t i = 0; i + d < n; ++i) {
        if ((i & p) == r) {
          emit(p, layer, Comparator{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + d)});
        }
      }
      if (q == p) break;
    }
    ++layer;
  }
}

/// How many comparators those are.
[[nodiscard]] constexpr std::size_t merge_exchange_comparators(std::size_t n) {
  std::size_t count = 0;
  merge_exchange(n, [&count](std::size_t, std::size_t, Comparator) { ++count; });
  return count;
}
/// The same for few numbers, to be a constant.
template <std::size_t N>
[[nodiscard]] constexpr auto make_small_network() {
  std::array<Comparator, merge_exchange_comparators(N)> all{};
  std::size_t i = 0;
  merge_exchange(N, [&](std::size_t, std::size_t, Comparator c) { all[i++] = c; });
  return all;
}
template <std::size_t N>
inline constexpr auto small_network = make_small_network<N>();

}  // namespace healthai::detail
