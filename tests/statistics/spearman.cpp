#include "healthai/statistics/spearman.hpp"

#include <doctest/doctest.h>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_spearman_test {

using namespace hospitals_test;
using refusals_test::refuses;

namespace {

void add_site(InProcess& hospitals, const ClientId& id, const Table& table) {
  hospitals.add(id, StatisticsSite(table, DisclosureRules::off()).handlers<DistinctValues, RankProducts>());
}

}  // namespace

TEST_CASE("spearman: of the lung cancer patients with all values, as R has it") {
  const auto columns =
      reference()["lung"]["correlation_complete_cases"]["columns"].get<std::vector<std::string>>();
  const auto& expected = reference()["lung"]["spearman"];
  InProcess one{{.threads = 1}}, ten{{.threads = 1}};
  add_site(one, "all", lung());
  for (const Site& site : partition_by(lung(), "hospital")) add_site(ten, site.id, site.table);
  for (InProcess* hospitals : {&one, &ten}) {
    const Correlation got = spearman(*hospitals, {{}, columns, {}});
    CHECK(got.n == 168);
    CHECK(got.means[0] == 84.5);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      for (std::size_t j = 0; j < columns.size(); ++j)
        CHECK_CLOSE(got.correlation[i][j], expected[i][j].get<double>(), 1e-12, 1.0);
    }
  }
}

TEST_CASE("spearman: ranks of values that are the same are their mean") {
  CHECK(detail::centred_ranks({{1, 1}, {5, 2}, {7, 1}}) == std::vector<double>{-1.5, 0, 1.5});
  CHECK(detail::centred_ranks({{1, 3}}) == std::vector<double>{0});
  InProcess hospitals{{.threads = 1}};
  Table north("north"), south("south");
  north.add_numeric("x", {1, 2}).add_numeric("y", {1, 8});
  south.add_numeric("x", {3, 4}).add_numeric("y", {27, 64});
  add_site(hospitals, "north", north);
  add_site(hospitals, "south", south);
  CHECK(spearman(hospitals, {{}, {"x", "y"}, {}}).correlation[0][1] == 1);
  refuses(
      [&] {
        return spearman(hospitals, {{"", {parse_filter("x > 3")}}, {"x", "y"}, {}});
      },
      error::invalid_data, "got 1");
}

}  // namespace statistics_spearman_test
