#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
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

/// Where a tile's numbers come from: those of row k begin at rows[k] + begin.
template <class Scalar>
struct TileSource {
  const Scalar* const* rows = nullptr;  ///< none: the numbers are in the tile
  std::size_t begin = 0;
};

/// Sorts the numbers of a group of N places in registers, and leaves them in the tile. Everything is written out, so that the compiler sees that
/// nothing but `from` needs an address.
template <class Scalar, std::size_t Bytes, std::size_t... K, std::size_t... C>
HEALTHAI_ALWAYS_INLINE void sort_group(Scalar* tile, const TileSource<Scalar>& source,
                                       const PlaceGroup& group, std::index_sequence<K...>,
                                       std::index_sequence<C...>) noexcept {
  using Lanes = SortLanes<Scalar, Bytes>;
  constexpr std::size_t width = order_tile<Scalar, Bytes>;
  [[maybe_unused]] constexpr const auto& network = small_network<sizeof...(K)>;
  Scalar* const to = tile + group.first * width;
  const std::size_t step = group.stride * width;
  const Scalar* from[sizeof...(K)];
  if (source.rows == nullptr) {
    ((from[K] = to + K * step), ...);
  } else {
    ((from[K] = source.rows[group.first + K * group.stride] + source.begin), ...);
    (HEALTHAI_PREFETCH(reinterpret_cast<const char*>(from[K]) + prefetch_bytes), ...);
    if constexpr (width * sizeof(Scalar) > 64) {
      (HEALTHAI_PREFETCH(reinterpret_cast<const char*>(from[K]) + prefetch_bytes + 64), ...);
    }
  }
  for (std::size_t j = 0; j < width; j += Lanes::lanes) {
    typename Lanes::Vector x[sizeof...(K)];
    (Lanes::load(x[K], from[K] + j), ...);
    (Lanes::order(x[std::integral_constant<std::size_t, network[C].low>::value],
                  x[std::integral_constant<std::size_t, network[C].high>::value]),
     ...);
    (Lanes::store(to + K * step + j, x[K]), ...);
  }
}
template <std::size_t N, std::size_t Bytes, class Scalar>
HEALTHAI_ALWAYS_INLINE void sort_group(Scalar* tile, const TileSource<Scalar>& source,
                                       const PlaceGroup& group) noexcept {
  sort_group<Scalar, Bytes>(tile, source, group, std::make_index_sequence<N>{},
                            std::make_index_sequence<small_network<N>.size()>{});
}

/// The same as functions of their own, in each instruction set: all of them in one would take compilers long.
struct SortBaseline {
  static constexpr std::size_t bytes = 16;
  template <std::size_t N, class Scalar>
  static void group_of(Scalar* tile, const TileSource<Scalar>& source, const PlaceGroup& group) noexcept {
    sort_group<N, bytes>(tile, source, group);
  }
};
#if HEALTHAI_X86_DISPATCH
struct SortAvx2 {
  static constexpr std::size_t bytes = 32;
  template <std::size_t N, class Scalar>
  HEALTHAI_TARGET_AVX2 static void group_of(Scalar* tile, const TileSource<Scalar>& source,
                                            const PlaceGroup& group) noexcept {
    sort_group<N, bytes>(tile, source, group);
  }
};
struct SortAvx512 {
  static constexpr std::size_t bytes = 64;
  template <std::size_t N, class Scalar>
  HEALTHAI_TARGET_AVX512 static void group_of(Scalar* tile, const TileSource<Scalar>& source,
                                              const PlaceGroup& group) noexcept {
    sort_group<N, bytes>(tile, source, group);
  }
};
#endif

template <class Scalar>
using GroupSort = void (*)(Scalar* tile, const TileSource<Scalar>& source, const PlaceGroup& group) noexcept;
/// Of 1, 2, ... places.
template <class Sort, class Scalar>
inline constexpr auto group_sorts = []<std::size_t... I>(std::index_sequence<I...>) {
  return std::array<GroupSort<Scalar>, sizeof...(I)>{Sort::template group_of<I + 1, Scalar>...};
}
(std::make_index_sequence<SortingNetwork::most_in_column>{});

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

/// Sorts `order_tile` coordinates of all rows of `source`: what the network wants of rank k goes to row k of `tile`.
template <class Sort, class Scalar>
HEALTHAI_ALWAYS_INLINE void sort_tile(Scalar* tile, const TileSource<Scalar>& source,
                                      const SortingNetwork& network) noexcept {
  const auto& sort_group = group_sorts<Sort, Scalar>;
  for (const PlaceGroup& column : network.columns) sort_group[column.count - 1](tile, source, column);
  for (const PlaceGroup& row : network.rows) sort_group[row.count - 1](tile, TileSource<Scalar>{}, row);
  for (const ComparatorPath& path : network.paths) walk<Scalar, Sort::bytes>(tile, path);
}

}  // namespace healthai::detail
