#include "healthai/statistics/column_sums.hpp"

#include <doctest/doctest.h>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_column_sums_test {

using namespace hospitals_test;
using refusals_test::refuses;

namespace {

Table four() {
  Table table("four");
  table.add_numeric("x", {1, 2, 3, NAN})
      .add_numeric("y", {0, 10, 20, 40})
      .add_text("g", {"a", "a", "b", "b"});
  return table;
}
std::vector<double> vector_of(const Summand<double>& summand, const std::string& name) {
  for (const auto& vector : summand.vectors) {
    if (vector.name == name) return {vector.values.span().begin(), vector.values.span().end()};
  }
  FAIL("no ", name);
  return {};
}

}  // namespace

TEST_CASE("column sums: one hospital's answers by hand") {
  const DescribePlan plan{{}, {"x", "y"}, "g", {"a", "b"}, {}};
  const auto prepared = ColumnSums::prepare(plan, four());
  const auto first = ColumnSums::answer(prepared, {plan, {}}, DisclosureRules::off());
  using Numbers = std::vector<double>;
  CHECK(vector_of(first, "n") == Numbers{3, 2, 1, 4, 2, 2});
  CHECK(vector_of(first, "missing") == Numbers{1, 0, 1, 0, 0, 0});
  CHECK(vector_of(first, "sum") == Numbers{6, 3, 3, 70, 10, 60});
  CHECK(vector_of(first, "hidden") == Numbers(6, 0));
  const auto second = ColumnSums::answer(prepared, {plan, {2, 1, 3, 0, 10, 20}}, DisclosureRules::off());
  CHECK(vector_of(second, "powers") == Numbers{0,   2,   0,     2,     1,  1,    1,     1,
                                               0,   0,   0,     0,     70, 2100, 73000, 2730000,
                                               -10, 100, -1000, 10000, 20, 400,  8000,  160000});
  refuses(
      [&] {
        return ColumnSums::answer(prepared, {plan, {1, 2}}, DisclosureRules::off());
      },
      error::invalid_argument, "a centre for each of 6 groups, got 2");
  DescribePlan fewer = plan;
  fewer.moments = 2;
  const auto two = ColumnSums::answer(ColumnSums::prepare(fewer, four()), {fewer, {2, 1, 3, 0, 10, 20}},
                                      DisclosureRules::off());
  CHECK(vector_of(two, "powers") == Numbers{0, 2, 1, 1, 0, 0, 70, 2100, -10, 100, 20, 400});
  fewer.moments = 3;
  refuses([&] { return ColumnSums::prepare(fewer, four()); }, error::invalid_argument,
          "expected 2 or 4 moments, got 3");
  using Rows = std::vector<std::vector<std::size_t>>;
  CHECK(ColumnSums::groups(plan, prepared, DisclosureRules::off()) ==
        Rows{{0, 1, 2}, {0, 1}, {2}, {0, 1, 2, 3}, {0, 1}, {2, 3}});
  const Disclosure what = ColumnSums::disclosure(plan, prepared);
  CHECK(what.rows == 3);  // of x, of which there are fewest
  CHECK(what.columns == std::vector<std::string>{"x", "y", "g"});
  CHECK(what.cells == Numbers{3, 4, /*each value of x and of y*/ 1, 1, 1, 1, 1, 1, 1});
  CHECK(what.levels.at("g") == std::vector<std::string>{"a", "b"});
  CHECK(ColumnSums::columns(plan) == what.columns);
  CHECK(ColumnSums::complete(plan) == std::vector<std::string>{"g"});
}

TEST_CASE("column sums: a mean of two values is a count, and missing values and moments are of patients") {
  // 100 rows, half of them in each group; z is 1 for `ones` of group a and for 20 of group b; x misses `without` of group a.
  const auto table = [](std::size_t ones, std::size_t without) {
    std::vector<double> x, z;
    std::vector<std::string> g;
    for (std::size_t i = 0; i < 100; ++i) {
      x.push_back(i < without ? NAN : static_cast<double>(i));
      z.push_back(i < ones || i >= 80 ? 1 : 0);
      g.push_back(i < 50 ? "a" : "b");
    }
    Table made("hundred");
    made.add_numeric("x", x).add_numeric("z", z).add_text("g", g);
    return made;
  };
  const DisclosureRules rules;
  using Numbers = std::vector<double>;
  const DescribePlan all{{}, {"z"}, "", {}, {}};
  CHECK(ColumnSums::disclosure(all, ColumnSums::prepare(all, table(3, 0))).cells == Numbers{100, 23, 77});
  const DescribePlan by{{}, {"z"}, "g", {"a", "b"}, {}};
  const auto first = [&](const DescribePlan& plan, const Table& rows, const DisclosureRules& of) {
    return ColumnSums::answer(ColumnSums::prepare(plan, rows), {plan, {}}, of);
  };
  CHECK(vector_of(first(by, table(5, 0), rules), "sum") == Numbers{25, 5, 20});
  refuses([&] { return first(by, table(4, 0), rules); }, error::disclosure, "smallest_cell: ");
  CHECK(vector_of(first(by, table(4, 0), DisclosureRules::off()), "sum") == Numbers{24, 4, 20});
  // Fewer missing values than a cell needs count as none, in the total too.
  const DescribePlan x{{}, {"x"}, "g", {"a", "b"}, {}};
  CHECK(vector_of(first(x, table(0, 4), rules), "missing") == Numbers{0, 0, 0});
  CHECK(vector_of(first(x, table(0, 5), rules), "missing") == Numbers{5, 5, 0});
  CHECK(vector_of(first(x, table(0, 4), DisclosureRules::off()), "missing") == Numbers{4, 4, 0});
  // Four moments of a group need 40 patients: 39 are hidden, and the others with them.
  CHECK(vector_of(first(x, table(0, 10), rules), "hidden") == Numbers{0, 0, 0});
  CHECK(vector_of(first(x, table(0, 11), rules), "hidden") == Numbers{0, 1, 1});
}

TEST_CASE("column sums: a column that is named twice is refused where it is asked for") {
  const DescribePlan plan{{}, {"x", "y", "x"}, "", {}, {}};
  refuses([&] { return ColumnSums::prepare(plan, four()); }, error::invalid_argument, "named twice");
}

TEST_CASE("column sums: with bounds a column travels from -1 to 1, and what is outside is refused") {
  DescribePlan plan{{}, {"y"}, "", {}, {{{"y", 0, 40}}, 4}};
  const auto first =
      ColumnSums::answer(ColumnSums::prepare(plan, four()), {plan, {}}, DisclosureRules::off());
  CHECK(vector_of(first, "sum") == std::vector<double>{-1 - 0.5 + 0 + 1});
  plan.bounds.columns[0].upper = 39;
  refuses([&] { return ColumnSums::prepare(plan, four()); }, error::refused,
          "column \"y\": a value here is outside");
  plan.bounds.columns[0].upper = 40;
  plan.bounds.most_rows = 3;
  refuses([&] { return ColumnSums::prepare(plan, four()); }, error::refused, "more rows here than the 3");
}

TEST_CASE("column sums: differences of means are exact where means are large") {
  InProcess hospitals{{.threads = 1}};
  Table north("north"), south("south");
  north.add_numeric("x", {1e9 + 1, 1e9 + 2, 1e9 + 4}).add_text("g", {"a", "a", "b"});
  south.add_numeric("x", {1e9 + 3, 1e9 + 9, 1e9 + 9}).add_text("g", {"a", "b", "b"});
  hospitals.add("north", all_handlers(north));
  hospitals.add("south", all_handlers(south));
  Analysis analysis(hospitals);
  const GroupMoments got = group_moments(analysis, {{}, {"x"}, "g", {"a", "b"}, {}});
  CHECK(got.at(0, 1).n == 3);
  CHECK(got.at(0, 1).m2 == doctest::Approx(2.0 / 3).epsilon(1e-14));
  const Moments& a = got.at(0, 1);
  const Moments& b = got.at(0, 2);
  CHECK(std::fabs((b.centre - a.centre) + (b.shift - a.shift) - (22.0 / 3 - 2)) < 1e-14);
  CHECK(got.sums[1] == 3e9 + 6);
}

}  // namespace statistics_column_sums_test
