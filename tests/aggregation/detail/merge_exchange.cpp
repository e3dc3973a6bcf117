#include "healthai/aggregation/detail/merge_exchange.hpp"

#include <doctest/doctest.h>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace aggregation_detail_merge_exchange_test {

using namespace healthai::detail;

TEST_CASE("merge exchange: as small as the literature says") {
  CHECK(merge_exchange_comparators(0) == 0);
  CHECK(merge_exchange_comparators(1) == 0);
  CHECK(merge_exchange_comparators(4) == 5);
  CHECK(merge_exchange_comparators(8) == 19);
  CHECK(merge_exchange_comparators(16) == 63);
  CHECK(merge_exchange_comparators(64) == 543);
  CHECK(small_network<4>.size() == 5);
  CHECK(small_network<8>.size() == 19);
}

TEST_CASE("merge exchange: what puts all zeros before all ones sorts everything") {
  for (std::size_t n = 0; n <= 13; ++n) {
    std::size_t unsorted = 0;
    for (std::uint32_t zeros_and_ones = 0; zeros_and_ones < (1U << n); ++zeros_and_ones) {
      std::uint32_t bits = zeros_and_ones;
      merge_exchange(n, [&](std::size_t, std::size_t, const Comparator& c) {
        if ((bits >> c.low & 1U) > (bits >> c.high & 1U)) bits ^= 1U << c.low | 1U << c.high;
      });
      for (std::size_t i = 0; i + 1 < n; ++i) unsorted += (bits >> i & 1U) > (bits >> (i + 1) & 1U);
    }
    CHECK(unsorted == 0);
  }
}

TEST_CASE("merge exchange: the comparators of a layer have no place in common") {
  std::vector<std::size_t> layer_of(100, 0);  // plus 1
  std::size_t layers = 0;
  merge_exchange(100, [&](std::size_t, std::size_t layer, const Comparator& c) {
    CHECK(c.low < c.high);
    CHECK(layer + 1 >= layers);
    layers = layer + 1;
    for (const std::size_t place : {c.low, c.high}) CHECK(std::exchange(layer_of[place], layers) != layers);
  });
  CHECK(layers == 28);  // 7 (7 + 1) / 2
}

}  // namespace aggregation_detail_merge_exchange_test
