#include "healthai/statistics/public_bounds.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "refusals.hpp"

namespace statistics_public_bounds_test {

using namespace healthai;
using refusals_test::refuses;

TEST_CASE("public bounds: a column travels from -1 to 1") {
  const PublicBounds bounds{{{"age", 20, 100}}, 50};
  const detail::ColumnScale scale = detail::scale_of(bounds, "age");
  CHECK(scale.to_z(20) == -1);
  CHECK(scale.to_z(60) == 0);
  CHECK(scale.to_z(100) == 1);
  CHECK(scale.to_x(0.5) == 80);
  CHECK(detail::scale_of(bounds, "sex").to_z(3.25) == 3.25);
}

TEST_CASE("public bounds: what is outside is refused without telling it") {
  const PublicBounds bounds{{{"age", 20, 100}}, 50};
  detail::require_within(bounds, "age", 20);
  detail::require_within(bounds, "age", 100);
  detail::require_within(bounds, "sex", 1e9);
  refuses([&] { return detail::require_within(bounds, "age", 100.5), 0; }, error::refused,
          "column \"age\": a value here is outside of the public bounds 20 to 100");
  detail::require_rows_within(bounds, 50);
  detail::require_rows_within({}, 1000);
  refuses([&] { return detail::require_rows_within(bounds, 51), 0; }, error::refused,
          "more rows here than the 50");
}

TEST_CASE("public bounds: what masks need must be there") {
  PublicBounds bounds{{{"age", 20, 100}, {"bad", 3, 3}}, 50};
  bounds.require({"age"});
  refuses(
      [&] {
        return bounds.require({"age", "sex"}), 0;
      },
      error::invalid_argument, "column \"sex\" need public bounds");
  refuses([&] { return bounds.require({"bad"}), 0; }, error::invalid_argument,
          "a larger upper one, got 3 and 3");
  bounds.most_rows = 0;
  refuses([&] { return bounds.require({}), 0; }, error::invalid_argument, "most_rows");
}

TEST_CASE("public bounds: what a request tells of them, the first of a column that is named twice") {
  Disclosure what;
  detail::tell_bounds(what, {{{"age", 20, 100}, {"age", 0, 1}, {"time", 0, 9}}, 50});
  CHECK(what.bounds == std::map<std::string, ValueBounds>{{"age", {20, 100}}, {"time", {0, 9}}});
  CHECK(what.most_rows == 50);
}

}  // namespace statistics_public_bounds_test
