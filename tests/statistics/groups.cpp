#include "healthai/statistics/groups.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "refusals.hpp"

namespace statistics_groups_test {

using namespace healthai;
using refusals_test::refuses;

TEST_CASE("groups: all rows, then those of each level") {
  Table table("four");
  table.add_text("ward", {"a", "b", "a", "b"}).add_numeric("sex", {2, 1, 1, 1});
  using Rows = std::vector<std::vector<std::size_t>>;
  CHECK(detail::rows_of_groups(table, "", {}) == Rows{{0, 1, 2, 3}});
  CHECK(detail::rows_of_groups(table, "ward", {"b", "a", "c"}) == Rows{{0, 1, 2, 3}, {1, 3}, {0, 2}, {}});
  CHECK(detail::rows_of_groups(table, "sex", {"1", "2"}) == Rows{{0, 1, 2, 3}, {1, 2, 3}, {0}});
  refuses([&] { return detail::rows_of_groups(table, "ward", {"a"}); }, error::invalid_data,
          "besides the agreed");
}

TEST_CASE(
    "groups: a column without any value is one of numbers, one of text is told from it without quoting it") {
  Table table("two");
  table.add_text("empty", {"", ""}).add_text("word", {"", "Smith"}).add_numeric("x", {NAN, 2});
  const std::vector<double> empty = detail::numbers_or_missing(table, "empty");
  CHECK(empty.size() == 2);
  CHECK(std::isnan(empty[0]));
  CHECK(detail::numbers_or_missing(table, "x")[1] == 2);
  try {
    static_cast<void>(detail::numbers_or_missing(table, "word"));
    FAIL("text was taken for numbers");
  } catch (const Error& e) {
    CHECK(e.id() == error::invalid_data);
    CHECK(std::string(e.what()).find("Smith") == std::string::npos);
  }
}

TEST_CASE("groups: columns are named once") {
  CHECK(detail::with_group({"a", "b"}, "c") == std::vector<std::string>{"a", "b", "c"});
  CHECK(detail::with_group({"a", "b"}, "b") == std::vector<std::string>{"a", "b"});
  CHECK(detail::with_group({"a"}, "") == std::vector<std::string>{"a"});
  refuses([] { return detail::require_columns("describe", {}), 0; }, error::invalid_argument, "describe");
  refuses(
      [] {
        return detail::require_columns("describe", {"x", "y", "x"}), 0;
      },
      error::invalid_argument, "\"x\" is named twice");
}

}  // namespace statistics_groups_test
