#include "healthai/statistics/cohort.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"
#include "refusals.hpp"

namespace statistics_cohort_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

Table patients() {
  Table table("five patients");
  table.add_numeric("age", {40, 50, 60, std::numeric_limits<double>::quiet_NaN(), 70})
      .add_text("ward", {"icu", "surgical elective", "", "icu", "icu"});
  return table;
}
std::vector<std::size_t> rows(const std::vector<std::string>& filters,
                              const std::vector<std::string>& columns = {}) {
  std::vector<RowFilter> parsed;
  for (const std::string& filter : filters) parsed.push_back(parse_filter(filter));
  return cohort_rows(patients(), parsed, columns);
}
using Rows = std::vector<std::size_t>;

}  // namespace

TEST_CASE("a filter as a person writes it") {
  CHECK(parse_filter("age >= 60") == RowFilter{"age", Comparison::at_least, "60"});
  CHECK(parse_filter("age<=60") == RowFilter{"age", Comparison::at_most, "60"});
  CHECK(parse_filter("age<60") == RowFilter{"age", Comparison::less, "60"});
  CHECK(parse_filter(" age >60 ") == RowFilter{"age", Comparison::greater, "60"});
  CHECK(parse_filter("sex == 2") == RowFilter{"sex", Comparison::equal, "2"});
  CHECK(parse_filter("ward != surgical elective") ==
        RowFilter{"ward", Comparison::not_equal, "surgical elective"});
  CHECK(parse_filter("ward == ' a '") == RowFilter{"ward", Comparison::equal, " a "});
  CHECK(parse_filter("ward == \"<x>\"") == RowFilter{"ward", Comparison::equal, "<x>"});
  CHECK(parse_filter("x == a >= b") == RowFilter{"x", Comparison::equal, "a >= b"});  // the first sign
  CHECK(parse_filter("x == \"") == RowFilter{"x", Comparison::equal, "\""});
}

TEST_CASE("what is no filter") {
  for (const char* text : {"", "age", "age = 60", "== 60", "age ==", "age >= ", "   >= 60"})
    refuses([text] { return parse_filter(text); }, "expected a filter such as");
}

TEST_CASE("the rows that pass") {
  CHECK(rows({}) == Rows{0, 1, 2, 3, 4});
  CHECK(rows({"age > 50"}) == Rows{2, 4});
  CHECK(rows({"age >= 50"}) == Rows{1, 2, 4});
  CHECK(rows({"age < 50"}) == Rows{0});
  CHECK(rows({"age <= 50"}) == Rows{0, 1});
  CHECK(rows({"age == 50.0"}) == Rows{1});  // as numbers
  CHECK(rows({"ward == icu"}) == Rows{0, 3, 4});
  CHECK(rows({"age >= 50", "ward == icu"}) == Rows{4});
  CHECK(rows({"age > 100"}) == Rows{});
}

TEST_CASE("a missing value passes no filter, not even one for what it is not") {
  CHECK(rows({"age != 50"}) == Rows{0, 2, 4});
  CHECK(rows({"ward != icu"}) == Rows{1});
}

TEST_CASE("columns that must be there leave out the rows that miss them") {
  CHECK(rows({}, {"age"}) == Rows{0, 1, 2, 4});
  CHECK(rows({}, {"age", "ward"}) == Rows{0, 1, 4});
  CHECK(rows({"age >= 50"}, {"ward"}) == Rows{1, 4});
}

TEST_CASE("filters that cannot be") {
  refuses([] { return rows({"height > 1"}); }, error::unknown_name, "no column \"height\"");
  refuses([] { return rows({"age > old"}); }, "which is not a number");
  refuses([] { return rows({"ward < icu"}); }, "compared by == and != only");
  refuses([] { return rows({}, {"height"}); }, error::unknown_name, "height");
}

TEST_CASE("a cohort travels as it is, and one that compares in an unknown way is refused") {
  const Cohort cohort{"adults", {parse_filter("age >= 18"), parse_filter("ward != icu")}};
  CHECK(from_bytes<Cohort>(to_bytes(cohort)) == cohort);
  RowFilter wrong{"age", static_cast<Comparison>(9), "1"};
  refuses([&] { return from_bytes<RowFilter>(to_bytes(wrong)); }, error::archive_corrupt, "unknown way 9");
}

}  // namespace statistics_cohort_test
