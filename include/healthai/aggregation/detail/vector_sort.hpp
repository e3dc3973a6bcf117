#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "healthai/aggregation/detail/simd.hpp"
#include "healthai/aggregation/detail/sorting_network.hpp"
#include "healthai/detail/prefetch.hpp"

namespace healthai::detail {

/// Numbers that are compared at once: a vector of `Bytes` bytes.
template <class Scalar, std::size_t Bytes>
struct SortLanes {
#if defined(__GNUC__)
  using Vector [[gnu::vector_size(Bytes)]] = Scalar;
#else
  using Vector = Scalar;
#endif
  static constexpr std::size_t lanes = sizeof(Vector) / sizeof(Scalar);

  HEALTHAI_ALWAYS_INLINE static void load(Vector& out, const Scalar* from) noexcept {
    std::memcpy(&out, from, sizeof out);
    prevent_contraction(out);  // one load, and not one for each use
  }
  HEALTHAI_ALWAYS_INLINE static void store(Scalar* to, const Vector& value) noexcept {
    std::memcpy(to, &value, sizeof value);
  }
  /// Zeros of either sign are alike: both may become the same one.
  HEALTHAI_ALWAYS_INLINE static void order(Vector& low, Vector& high) noexcept {
    const Vector smaller = low < high ? low : high;  // in this form compilers see one instruction each
    high = low > high ? low : high;
    low = smaller;
  }
};

/// How many coordinates are sorted at once: four vectors of them, so that the processor has other comparisons to do while
/// one waits for the last one's result.
template <class Scalar, std::size_t Bytes>
inline constexpr std::size_t order_tile = 4 * SortLanes<Scalar, Bytes>::lanes;

/// Four vectors in registers: the numbers of one row of a tile.
template <class Scalar, std::size_t Bytes>
struct SortRow {
  using Lanes = SortLanes<Scalar, Bytes>;
  typename Lanes::Vector a, b, c, d;

  HEALTHAI_ALWAYS_INLINE void load(const Scalar* from) noexcept {
    Lanes::load(a, from);
    Lanes::load(b, from + Lanes::lanes);
    Lanes::load(c, from + 2 * Lanes::lanes);
    Lanes::load(d, from + 3 * Lanes::lanes);
  }
  HEALTHAI_ALWAYS_INLINE void store(Scalar* to) const noexcept {
    Lanes::store(to, a);
    Lanes::store(to + Lanes::lanes, b);
    Lanes::store(to + 2 * Lanes::lanes, c);
    Lanes::store(to + 3 * Lanes::lanes, d);
  }
  HEALTHAI_ALWAYS_INLINE static void order(SortRow& low, SortRow& high) noexcept {
    Lanes::order(low.a, high.a);
    Lanes::order(low.b, high.b);
    Lanes::order(low.c, high.c);
    Lanes::order(low.d, high.d);
  }
};

/// Sorts the numbers of N rows in registers: of the rows first, first + stride, ..., which `row` gives the address of, to the same rows of
/// `tile`. Everything is written out, so that the compiler sees that nothing needs an address.
template <class Scalar, std::size_t Bytes, class Row, std::size_t... K, std::size_t... C>
HEALTHAI_ALWAYS_INLINE void sort_class(Scalar* tile, const Row& row, std::size_t first, std::size_t stride,
                                       std::index_sequence<K...>, std::index_sequence<C...>) noexcept {
  using Lanes = SortLanes<Scalar, Bytes>;
  constexpr std::size_t width = order_tile<Scalar, Bytes>;
  constexpr const auto& network = small_network<sizeof...(K)>;
  (HEALTHAI_PREFETCH(reinterpret_cast<const char*>(row(first + K * stride)) + prefetch_bytes), ...);
  if constexpr (width * sizeof(Scalar) > 64) {
    (HEALTHAI_PREFETCH(reinterpret_cast<const char*>(row(first + K * stride)) + prefetch_bytes + 64), ...);
  }
  for (std::size_t j = 0; j < width; j += Lanes::lanes) {
    typename Lanes::Vector x[sizeof...(K)];
    (Lanes::load(x[K], row(first + K * stride) + j), ...);
    (Lanes::order(x[network[C].low], x[network[C].high]), ...);
    (Lanes::store(tile + (first + K * stride) * width + j, x[K]), ...);
  }
}
template <std::size_t N, class Scalar, std::size_t Bytes, class Row>
HEALTHAI_ALWAYS_INLINE void sort_class(Scalar* tile, const Row& row, std::size_t first,
                                       std::size_t stride) noexcept {
  sort_class<Scalar, Bytes>(tile, row, first, stride, std::make_index_sequence<N>{},
                            std::make_index_sequence<small_network<N>.size()>{});
}

/// Two layers' comparators along a path.
template <class Scalar, std::size_t Bytes>
HEALTHAI_ALWAYS_INLINE void walk(Scalar* tile, const ComparatorPath& path) noexcept {
  using Row = SortRow<Scalar, Bytes>;
  constexpr std::size_t width = order_tile<Scalar, Bytes>;
  const std::uint32_t* place = path.places.data();
  const std::uint32_t* const last = place + path.places.size() - 1;
  Row waiting;  // the row at `place`: its comparator of the first layer is done
  if (path.starts_with_second) {
    waiting.load(tile + *place * width);
  } else {
    Row row;
    row.load(tile + place[0] * width);
    waiting.load(tile + place[1] * width);
    Row::order(row, waiting);
    row.store(tile + place[0] * width);
    ++place;
  }
  for (; place + 1 < last; place += 2) {
    Row row, next;
    row.load(tile + place[1] * width);
    next.load(tile + place[2] * width);
    Row::order(row, next);
    const bool ascending = place[0] < place[1];
    Row::order(row, waiting);  // now `row` is the smaller
    row.store(tile + place[ascending ? 0 : 1] * width);
    waiting.store(tile + place[ascending ? 1 : 0] * width);
    waiting = next;
  }
  if (place != last) {
    Row row;
    row.load(tile + place[1] * width);
    const bool ascending = place[0] < place[1];
    Row::order(row, waiting);
    row.store(tile + place[ascending ? 0 : 1] * width);
    waiting.store(tile + place[ascending ? 1 : 0] * width);
  } else {
    waiting.store(tile + *place * width);
  }
}

/// Sorts `order_tile` coordinates: `row(k)` is where the numbers of row k < n begin, and the k-th row of `tile` is where what the network
/// wants of rank k goes. `row` may give the rows of `tile` itself.
template <class Scalar, std::size_t Bytes, class Row>
HEALTHAI_ALWAYS_INLINE void sort_tile(Scalar* tile, const Row& row, std::size_t n,
                                      const SortingNetwork& network) noexcept {
  static_assert(SortingNetwork::most_in_class == 8);
  const std::size_t stride = network.stride;
  for (std::size_t i = 0; i < stride && i < n; ++i) {
    switch ((n - i + stride - 1) / stride) {
      case 1:
        sort_class<1, Scalar, Bytes>(tile, row, i, stride);
        break;
      case 2:
        sort_class<2, Scalar, Bytes>(tile, row, i, stride);
        break;
      case 3:
        sort_class<3, Scalar, Bytes>(tile, row, i, stride);
        break;
      case 4:
        sort_class<4, Scalar, Bytes>(tile, row, i, stride);
        break;
      case 5:
        sort_class<5, Scalar, Bytes>(tile, row, i, stride);
        break;
      case 6:
        sort_class<6, Scalar, Bytes>(tile, row, i, stride);
        break;
      case 7:
        sort_class<7, Scalar, Bytes>(tile, row, i, stride);
        break;
      default:
        sort_class<8, Scalar, Bytes>(tile, row, i, stride);
        break;
    }
  }
  for (const ComparatorPath& path : network.paths) walk<Scalar, Bytes>(tile, path);
}

}  // namespace healthai::detail
