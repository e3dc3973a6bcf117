#include "healthai/statistics/disclosure_refusal.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "refusals.hpp"

namespace statistics_disclosure_refusal_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

/// What the rules of `rules()` allow, only just.
Disclosure allowed() {
  Disclosure what;
  what.rows = 30;
  what.events = 10;
  what.parameters = 3;
  what.cells = {0, 5, 25};
  what.columns = {"age", "sex", "time"};
  what.levels = {{"sex", {"1", "2"}}};
  what.cut_points = {{"age", 4}};
  what.times = {90, 180};
  return what;
}
DisclosureRules rules() {
  DisclosureRules rules;
  rules.columns = {"age", "sex", "time"};
  rules.levels = {{"sex", {"1", "2"}}};
  rules.most_cut_points = {{"age", 4}};
  rules.time_grid = {0, 90, 180, 270};
  return rules;
}
/// The rule that forbids what is allowed but for this change, or "".
std::string rule_against(const std::function<void(Disclosure&)>& change, DisclosureRules held = rules()) {
  Disclosure what = allowed();
  change(what);
  const auto forbidden = refusal(held, what);
  return forbidden ? forbidden->rule : "";
}

}  // namespace

TEST_CASE("disclosure refusal: each rule lets through what it should, and no more") {
  CHECK(rule_against([](Disclosure&) {}) == "");
  CHECK(rule_against([](Disclosure& d) { d.rows = 9; }) == "minimum_rows");
  CHECK(rule_against([](Disclosure& d) { d.rows = 10, d.parameters = 0; }) == "");
  CHECK(rule_against([](Disclosure& d) { d.rows = 0; }) == "minimum_rows");
  CHECK(rule_against([](Disclosure& d) { d.events = 9; }) == "minimum_events");
  CHECK(rule_against([](Disclosure& d) { d.events = 0; }) == "minimum_events");
  CHECK(rule_against([](Disclosure& d) { d.events.reset(); }) == "");  // it is not of events
  CHECK(rule_against([](Disclosure& d) { d.rows = 29; }) == "rows_per_parameter");
  CHECK(rule_against([](Disclosure& d) { d.parameters = 4; }) == "rows_per_parameter");
  CHECK(rule_against([](Disclosure& d) { d.rows = 40, d.parameters = 4; }) == "");
  for (const double patients : {1.0, 2.0, 3.0, 4.0})
    CHECK(rule_against([patients](Disclosure& d) { d.cells.push_back(patients); }) == "smallest_cell");
  CHECK(rule_against([](Disclosure& d) { d.cells = {0, 0}; }) == "");
  CHECK(rule_against([](Disclosure& d) { d.columns.push_back("name"); }) == "columns");
  CHECK(rule_against([](Disclosure& d) { d.levels["sex"].push_back("3"); }) == "levels");
  CHECK(rule_against([](Disclosure& d) { d.levels["age"] = {"61"}; }) == "levels");
  CHECK(rule_against([](Disclosure& d) { d.levels["sex"] = {"1"}; }) == "");
  CHECK(rule_against([](Disclosure& d) { d.cut_points["age"] = 5; }) == "most_cut_points");
  CHECK(rule_against([](Disclosure& d) { d.cut_points["time"] = 1; }) == "most_cut_points");
  CHECK(rule_against([](Disclosure& d) { d.times = {90, 91}; }) == "time_grid");
  CHECK(rule_against([](Disclosure& d) { d.times = {}; }) == "");
  CHECK(rule_against([](Disclosure& d) { d.single_values = true; }) == "single_values");
}

TEST_CASE("disclosure refusal: times are rounded to the whole public grid or not at all") {
  const auto to = [](std::vector<double> grid) {
    return [grid = std::move(grid)](Disclosure& d) { d.rounded_to = grid; };
  };
  CHECK(rule_against(to({})) == "");
  CHECK(rule_against(to({0, 90, 180, 270})) == "");
  // Subsets would each be harmless, and could be subtracted from each other.
  for (const std::vector<double>& grid : std::vector<std::vector<double>>{
           {0, 90, 180}, {90, 180, 270}, {0, 270}, {0, 90, 180, 270, 360}, {0, 90, 181, 270}}) {
    CHECK(rule_against(to(grid)) == "time_grid");
    DisclosureRules in_sum = rules();
    in_sum.in_sum = true;
    CHECK(rule_against(to(grid), in_sum) == "time_grid");
  }
  DisclosureRules unsorted = rules();
  unsorted.time_grid = {270, 0, 180, 90};
  CHECK(rule_against(to({0, 90, 180, 270}), unsorted) == "");
  DisclosureRules none = rules();
  none.time_grid.clear();
  CHECK(rule_against([](Disclosure& d) { d.times.clear(), d.rounded_to = {90}; }, none) == "time_grid");
}

TEST_CASE("disclosure refusal: bounds of a request contain those of the policy, or there are none") {
  DisclosureRules held = rules();
  held.bounds["age"] = {18, 110};
  held.most_rows = 500;
  const auto of = [](const std::string& column, double lower, double upper) {
    return [=](Disclosure& d) { d.bounds[column] = {lower, upper}; };
  };
  const auto rows = [](std::uint64_t most) { return [=](Disclosure& d) { d.most_rows = most; }; };
  CHECK(rule_against([](Disclosure&) {}, held) == "");
  CHECK(rule_against(of("age", 18, 110), held) == "");
  CHECK(rule_against(of("age", 0, 1000), held) == "");
  CHECK(rule_against(of("age", 18.5, 110), held) == "bounds");
  CHECK(rule_against(of("age", 18, 109), held) == "bounds");
  CHECK(rule_against(of("age", std::nan(""), 110), held) == "bounds");
  CHECK(rule_against(of("time", -1e300, 1e300), held) == "bounds");  // of which the policy says nothing
  CHECK(rule_against(rows(500), held) == "");
  CHECK(rule_against(rows(1000000), held) == "");
  CHECK(rule_against(rows(499), held) == "most_rows");
  CHECK(rule_against(rows(1)) == "most_rows");
  CHECK(rule_against(of("age", 0, 1000)) == "bounds");
  held.in_sum = true;  // where they matter most
  CHECK(rule_against(of("age", 18, 109), held) == "bounds");
  CHECK(rule_against(rows(499), held) == "most_rows");
  CHECK(rule_against(of("age", 18, 109), DisclosureRules::off()) == "");
  // What is public is said, so that the asker can ask rightly.
  Disclosure narrow = allowed();
  narrow.bounds["age"] = {18, 109};
  CHECK(
      refusal(held, narrow)->text() ==
      "bounds: the column \"age\" may be asked for with bounds that contain those of the policy, 18 to 110");
}

TEST_CASE("disclosure refusal: a fit needs residual degrees of freedom") {
  DisclosureRules held = rules();
  held.rows_per_parameter = 1;
  const auto of = [](std::size_t rows, std::size_t parameters) {
    return [=](Disclosure& d) { d.rows = rows, d.parameters = parameters; };
  };
  CHECK(rule_against(of(12, 2), held) == "");
  CHECK(rule_against(of(12, 3), held) == "residual_degrees");
  CHECK(rule_against(of(12, 12), held) == "residual_degrees");
  held.rows_per_parameter = 0;
  CHECK(rule_against(of(12, 13), held) == "residual_degrees");
  CHECK(rule_against(of(12, 0), held) == "");  // nothing is fitted
  held.residual_degrees = 0;
  CHECK(rule_against(of(12, 12), held) == "");
}

TEST_CASE("disclosure refusal: rules can be opened") {
  DisclosureRules held = rules();
  held.single_values = true;
  held.minimum_rows = 1;
  held.minimum_events = 0;
  held.smallest_cell = 1;
  held.rows_per_parameter = 0;
  held.residual_degrees = 0;
  CHECK(rule_against(
            [](Disclosure& d) {
              d.rows = 1;
              d.events = 0;
              d.cells = {1};
              d.single_values = true;
            },
            held) == "");
  CHECK(rule_against([](Disclosure& d) { d = {}, d.columns = {"name"}, d.single_values = true; },
                     DisclosureRules::off()) == "");
}

TEST_CASE("disclosure refusal: in a sum, sizes are left to the sum, and questions are not") {
  DisclosureRules held = rules();
  held.in_sum = true;
  CHECK(rule_against(
            [](Disclosure& d) {
              d.rows = 2;
              d.events = 1;
              d.cells = {1, 2};
            },
            held) == "");
  CHECK(rule_against([](Disclosure& d) { d.columns.push_back("name"); }, held) == "columns");
  CHECK(rule_against([](Disclosure& d) { d.levels["sex"].push_back("3"); }, held) == "levels");
  CHECK(rule_against([](Disclosure& d) { d.cut_points["age"] = 5; }, held) == "most_cut_points");
  CHECK(rule_against([](Disclosure& d) { d.times = {91}; }, held) == "time_grid");
  CHECK(rule_against([](Disclosure& d) { d.single_values = true; }, held) == "single_values");
}

TEST_CASE("disclosure refusal: a total that is too small is not shown") {
  const DisclosureRules held = rules();
  CHECK_NOTHROW(require_pooled(held, 30, 3, 10, {0, 5}));
  CHECK_NOTHROW(require_pooled(held, 10));
  refuses(
      [&] {
        require_pooled(held, 9);
        return 0;
      },
      error::disclosure, "minimum_rows: in all hospitals together are fewer than 10");
  refuses(
      [&] {
        require_pooled(held, 30, 3, 9);
        return 0;
      },
      error::disclosure, "minimum_events: ");
  refuses(
      [&] {
        require_pooled(held, 30, 4);
        return 0;
      },
      error::disclosure, "rows_per_parameter: ");
  refuses(
      [&] {
        require_pooled(held, 30, 3, 10, {4});
        return 0;
      },
      error::disclosure, "smallest_cell: ");
  // Also where the rules say that the parts were summed: this is the sum.
  DisclosureRules in_sum = held;
  in_sum.in_sum = true;
  refuses(
      [&] {
        require_pooled(in_sum, 9);
        return 0;
      },
      error::disclosure, "minimum_rows: ");
  CHECK_NOTHROW(require_pooled(DisclosureRules::off(), 1, 7, 0, {1}));
}

TEST_CASE("disclosure refusal: the sentence says nothing of the data") {
  // The same sentence, however many there are.
  const auto sentence = [](const std::function<void(Disclosure&)>& change) {
    Disclosure what = allowed();
    change(what);
    return refusal(rules(), what)->text();
  };
  CHECK(sentence([](Disclosure& d) { d.rows = 9; }) == sentence([](Disclosure& d) { d.rows = 0; }));
  CHECK(sentence([](Disclosure& d) { d.events = 9; }) == sentence([](Disclosure& d) { d.events = 0; }));
  CHECK(sentence([](Disclosure& d) { d.cells = {1}; }) == sentence([](Disclosure& d) { d.cells = {4, 3}; }));
  CHECK(sentence([](Disclosure& d) { d.times = {91}; }) == sentence([](Disclosure& d) { d.times = {17}; }));
  CHECK(sentence([](Disclosure& d) { d.levels["sex"] = {"3"}; }) ==
        sentence([](Disclosure& d) { d.levels["sex"] = {"other"}; }));
  CHECK(sentence([](Disclosure& d) { d.rows = 9; }) ==
        "minimum_rows: here are fewer than 10 complete rows of this cohort");
}

}  // namespace statistics_disclosure_refusal_test
