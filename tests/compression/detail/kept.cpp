#include "healthai/compression/detail/kept.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace compression_detail_kept_test {

using healthai::detail::kept;
using healthai::detail::validate_kept;

TEST_CASE("a share is rounded, at least one is kept, at most all") {
  CHECK(kept(0.01, {}, 1000) == 10);
  CHECK(kept(0.07, {}, 100) == 7);  // 0.07 * 100 is a little more than 7
  CHECK(kept(0.01, {}, 30) == 1);
  CHECK(kept(1, {}, 30) == 30);
  CHECK(kept(0.5, 3, 30) == 3);
  CHECK(kept(0.5, 31, 30) == 30);
  CHECK(kept(0.5, 3, 0) == 0);
}

TEST_CASE("shares outside (0, 1] and a count of 0 are refused") {
  for (const double share : {0.0, -0.1, 1.01, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_WITH_AS(validate_kept(share, {}, "TopK"), doctest::Contains("TopK: share"), healthai::Error);
  }
  CHECK_THROWS_AS(validate_kept(0.5, 0, "TopK"), healthai::Error);
  CHECK_NOTHROW(validate_kept(1, 1, "TopK"));
}

}  // namespace compression_detail_kept_test
