#include "healthai/core/summand.hpp"

#include <doctest/doctest.h>

#include "healthai/serialization/archive.hpp"

namespace core_summand_test {

using namespace healthai;

TEST_CASE("a summand travels whole") {
  Summand<float> sum;
  sum.weight = 3.5;
  sum.vectors.push_back({"update", true, Parameters<float>(Layout{{"w", {2}}})});
  sum.vectors.push_back({"control", false, Parameters<float>(Layout{{"w", {2}}})});
  sum.vectors[1].values.data()[1] = -7;
  sum.scalars.push_back({"events", 12});
  const auto copy = from_bytes<Summand<float>>(to_bytes(sum));
  CHECK(copy.weight == 3.5);
  REQUIRE(copy.vectors.size() == 2);
  CHECK(copy.vectors[0].weighted);
  CHECK_FALSE(copy.vectors[1].weighted);
  CHECK(copy.vectors[1].values.data()[1] == -7);
  CHECK(copy.scalars == sum.scalars);
}

}  // namespace core_summand_test
