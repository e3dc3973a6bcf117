#include "healthai/statistics/disclosure.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "refusals.hpp"

namespace statistics_disclosure_test {

using namespace healthai;
using refusals_test::refuses;

TEST_CASE("disclosure: rules deny by default") {
  const DisclosureRules rules;
  CHECK(rules.enforced);
  CHECK_FALSE(rules.in_sum);
  CHECK(rules.minimum_rows == 10);
  CHECK(rules.minimum_events == 10);
  CHECK(rules.smallest_cell == 5);
  CHECK(rules.rows_per_parameter == 10);
  CHECK(rules.residual_degrees == 10);
  CHECK(rules.columns.empty());
  CHECK_FALSE(rules.single_values);
  CHECK_FALSE(rules.free_filters);
  CHECK_FALSE(DisclosureRules::off().enforced);
}

TEST_CASE("disclosure: cohorts are approved by name") {
  DisclosureRules rules;
  rules.cohorts["elderly"] = {parse_filter("age >= 60")};
  CHECK(filters_of(rules, {}).empty());
  CHECK(filters_of(rules, {"elderly", {}}) == std::vector<RowFilter>{parse_filter("age >= 60")});
  refuses([&] { return filters_of(rules, {"young", {}}); }, error::disclosure, "cohorts: ");
  refuses(
      [&] {
        return filters_of(rules, {"", {parse_filter("age == 61")}});
      },
      error::disclosure, "free_filters: ");
  refuses(
      [&] {
        return filters_of(rules, {"elderly", {parse_filter("age == 61")}});
      },
      error::disclosure, "free_filters: ");
  rules.free_filters = true;
  CHECK(filters_of(rules, {"elderly", {parse_filter("age < 70")}}) ==
        std::vector<RowFilter>{parse_filter("age >= 60"), parse_filter("age < 70")});
  // Rules that are off have no cohorts of their own, but any filter.
  CHECK(filters_of(DisclosureRules::off(), {"", {parse_filter("age == 61")}}).size() == 1);
  refuses([&] { return filters_of(DisclosureRules::off(), {"elderly", {}}); }, error::disclosure, "elderly");
}

TEST_CASE("disclosure: rules of a sum are the sizes of a hospital's rules") {
  DisclosureRules rules;
  rules.minimum_rows = 11;
  rules.minimum_events = 12;
  rules.smallest_cell = 13;
  rules.rows_per_parameter = 14;
  rules.residual_degrees = 15;
  rules.in_sum = true;
  rules.columns = {"age"};
  const DisclosureRules pooled = PooledRules(rules).rules();
  CHECK(pooled.enforced);
  CHECK_FALSE(pooled.in_sum);  // this is the sum
  CHECK(pooled.minimum_rows == 11);
  CHECK(pooled.minimum_events == 12);
  CHECK(pooled.smallest_cell == 13);
  CHECK(pooled.rows_per_parameter == 14);
  CHECK(pooled.residual_degrees == 15);
  CHECK(pooled.columns.empty());
  CHECK_FALSE(PooledRules(DisclosureRules::off()).rules().enforced);
  CHECK(PooledRules().rules().minimum_rows == DisclosureRules{}.minimum_rows);
}

}  // namespace statistics_disclosure_test
