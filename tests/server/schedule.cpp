#include "healthai/server/schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace server_schedule_test {

using namespace healthai;

TEST_CASE("the discount of a stale reply is that of the paper, and 1 for a fresh one") {
  const Buffered half;
  CHECK(half.discount(0) == 1);
  CHECK(half.discount(3) == 0.5);
  CHECK(half.discount(1) == doctest::Approx(1 / std::sqrt(2.0)).epsilon(1e-15));
  const Buffered none{.staleness_exponent = 0};
  CHECK(none.discount(1000) == 1);
  const Buffered whole{.staleness_exponent = 1};
  CHECK(whole.discount(4) == doctest::Approx(0.2).epsilon(1e-15));
}

TEST_CASE("settings outside their range are refused") {
  CHECK_NOTHROW(validate(Schedule{}));
  CHECK_NOTHROW(validate(Schedule{Buffered{}}));
  CHECK_THROWS_WITH_AS(validate(Schedule{Buffered{.size = 0}}), "buffered schedule: size must be at least 1",
                       Error);
  CHECK_THROWS_WITH_AS(validate(Schedule{Buffered{.staleness_exponent = -0.5}}),
                       "buffered schedule: staleness_exponent must be >= 0, but is -0.5", Error);
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK_THROWS_AS(validate(Schedule{Buffered{.staleness_exponent = bad}}), Error);
  }
}

}  // namespace server_schedule_test
