#include "healthai/statistics/detail/pooled_groups.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "refusals.hpp"

namespace statistics_detail_pooled_groups_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

/// One column, of all and of three levels.
detail::PooledGroups groups() {
  return {{100, 60, 37, 3}, {9, 7, 2, 0}, {200, 120, 70, 10}, {0, 0, 1, 0}};
}

}  // namespace

TEST_CASE("small groups of all hospitals together are hidden with another one, and few missing are none") {
  DisclosureRules rules;
  detail::PooledGroups told = groups();
  told.hold(rules, 4, 2, 10);
  CHECK(told.n == std::vector<double>{100, 60, 0, 0});
  CHECK(told.sum == std::vector<double>{200, 120, 0, 0});
  CHECK(told.hidden == std::vector<double>{0, 0, 10, 10});
  CHECK(told.missing == std::vector<double>{7, 7, 0, 0});
  told = groups();
  told.hold(DisclosureRules::off(), 4, 2, 10);
  CHECK(told.n == groups().n);
  CHECK(told.missing == groups().missing);
}

TEST_CASE("what cannot be hidden is refused") {
  DisclosureRules rules;
  const auto refused = [&](detail::PooledGroups told, std::size_t count, const char* why) {
    refuses([&] { return told.hold(rules, count, 2, 10), 0; }, error::disclosure, why);
  };
  refused({{9}, {0}, {0}, {0}}, 1, "minimum_rows: in all hospitals together");
  refused({{19}, {0}, {0}, {0}}, 1, "rows_per_parameter: in all hospitals together");
}

TEST_CASE("small counts of all hospitals together are hidden by all of them") {
  DisclosureRules rules;
  std::vector<double> counts{40, 3, 9, 0}, hidden{0, 1, 0, 0};
  const auto small = [&](const std::vector<std::size_t>& patients) { return hidden_counts(rules, patients); };
  detail::hide_small_counts(rules, counts, hidden, 10, small);
  CHECK(counts == std::vector<double>{40, 0, 0, 0});
  CHECK(hidden == std::vector<double>{0, 10, 10, 0});
  counts = {5, 3};
  hidden = {0, 0};
  refuses([&] { return detail::hide_small_counts(rules, counts, hidden, 10, small), 0; }, error::disclosure,
          "minimum_rows");
  rules.enforced = false;
  detail::hide_small_counts(rules, counts, hidden, 10, small);
  CHECK(counts == std::vector<double>{5, 3});
}

}  // namespace statistics_detail_pooled_groups_test
