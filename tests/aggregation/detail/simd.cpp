#include "healthai/aggregation/detail/simd.hpp"

#include <doctest/doctest.h>

namespace aggregation_detail_simd_test {

using namespace healthai::detail;

TEST_CASE("instruction sets: the baseline is always there, and the best is the last") {
  const auto supported = supported_simd();
  REQUIRE_FALSE(supported.empty());
  CHECK(supported.front() == Simd::baseline);
  CHECK(best_simd() == supported.back());
  for (std::size_t i = 1; i < supported.size(); ++i) CHECK(supported[i - 1] < supported[i]);
  CHECK(to_string(Simd::baseline) == "baseline");
  CHECK(to_string(Simd::avx2) == "avx2");
  CHECK(to_string(Simd::avx512) == "avx512");
}

}  // namespace aggregation_detail_simd_test
