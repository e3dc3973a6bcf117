#include "healthai/client/curvature_bound.hpp"

#include <doctest/doctest.h>

namespace client_curvature_bound_test {

using namespace healthai;

static_assert(AdditiveTask<CurvatureBound>);

TEST_CASE("bounds are pooled by rows") {
  const Summand<double> sum = CurvatureBound::summand({10, 3});
  CHECK(sum.weight == 10);
  REQUIRE(sum.scalars.size() == 1);
  CHECK(sum.scalars[0].value == 30);
  CHECK(sum.vectors.empty());
}

}  // namespace client_curvature_bound_test
