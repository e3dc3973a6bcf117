#include "healthai/core/finite.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

namespace core_finite_test {

using namespace healthai;

TEST_CASE_TEMPLATE("a bad value is found wherever it stands", Scalar, float, double) {
  using Limits = std::numeric_limits<Scalar>;
  for (const std::size_t size : {std::size_t{1}, std::size_t{15}, std::size_t{4096}, std::size_t{10000}}) {
    std::vector<Scalar> values(size, Limits::max());
    values[size / 2] = Limits::denorm_min();
    CHECK(all_finite(std::span<const Scalar>(values)));
    for (const std::size_t at : {std::size_t{0}, size / 2, size - 1}) {
      for (const Scalar bad :
           {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), Limits::signaling_NaN()}) {
        auto copy = values;
        copy[at] = bad;
        CHECK_FALSE(all_finite(std::span<const Scalar>(copy)));
      }
    }
  }
  CHECK(all_finite(std::span<const Scalar>()));
}

}  // namespace core_finite_test
