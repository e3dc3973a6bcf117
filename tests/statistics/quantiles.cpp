#include "healthai/statistics/quantiles.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_quantiles_test {

using namespace hospitals_test;
using refusals_test::refuses;

namespace {

/// As R's documentation defines type 7, from all values.
double type7(std::vector<double> values, double p) {
  std::sort(values.begin(), values.end());
  const double index = static_cast<double>(values.size() - 1) * p + 1;
  const auto low = static_cast<std::size_t>(std::floor(index));
  const double h = index - std::floor(index);
  if (h == 0 || values[low - 1] == values[low]) return values[low - 1];
  return (1 - h) * values[low - 1] + h * values[low];
}

}  // namespace

TEST_CASE("quantiles: of the lung cancer patients, to the last bit of R's, in few rounds") {
  const std::vector<std::string> columns{"time",      "age",      "ph.ecog", "ph.karno",
                                         "pat.karno", "meal.cal", "wt.loss"};
  for_splits_of_lung([&columns](InProcess& hospitals) {
    const QuantileTable all = quantiles(hospitals, {{}, columns, "", {}, {}, 0});
    CHECK(all.rounds <= 6);
    for (const std::string& column : columns) {
      const auto& expected = reference()["lung"]["pooled"][column];
      const ColumnQuantiles& got = all.at(column);
      REQUIRE(got.quantiles.size() == 7);
      CHECK(got.n == expected["n"].get<std::size_t>());
      for (std::size_t i = 0; i < 7; ++i) {
        CHECK(got.quantiles[i].probability == expected["quantile_probs"][i].get<double>());
        CHECK(got.quantiles[i].value == expected["quantiles_type7"][i].get<double>());
        CHECK(got.quantiles[i].lower == got.quantiles[i].upper);
      }
    }
    const QuantileTable by = quantiles(hospitals, {{}, {"age", "time"}, "hospital", {}, {}, 0});
    for (const auto& expected : reference()["lung"]["by_hospital"]) {
      const std::string level = std::to_string(expected["hospital"].get<int>());
      for (const char* column : {"age", "time"}) {
        for (std::size_t i = 0; i < 7; ++i)
          CHECK(by.at(column, level).quantiles[i].value ==
                expected[column]["quantiles_type7"][i].get<double>());
      }
    }
  });
}

TEST_CASE("quantiles: federated equals pooled, to the last bit") {
  CHECK(rc::check("random tables, 1 to 50 sites", [] {
    const auto rows = *rc::gen::inRange<std::size_t>(1, 120);
    const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1000000);
    const auto site = random_sites(rows, *rc::gen::inRange<std::size_t>(1, 51), seed);
    const Table table = random_table(rows, seed, site);
    InProcess hospitals{{.threads = 1}};
    add_split(hospitals, table, site);
    const std::vector<double> p{0, 0.01, 0.37, 0.5, 0.9, 1};
    const QuantileTable got = quantiles(hospitals, {{}, {"x", "y", "z"}, "", {}, {}, 0}, {p, {}});
    for (const ColumnQuantiles& c : got.columns) {
      std::vector<double> values;
      for (const double v : table.numeric(c.column)) {
        if (v == v) values.push_back(v);
      }
      RC_ASSERT(c.n == values.size());
      for (std::size_t i = 0; i < c.quantiles.size(); ++i)
        RC_ASSERT(c.quantiles[i].value == type7(values, p[i]));
      RC_ASSERT(c.quantiles.size() == (values.empty() ? 0 : p.size()));
    }
  }));
}

TEST_CASE("quantiles: with a grid they are known to lie between two of its points, under rules too") {
  DisclosureRules rules;
  rules.columns = {"age"};
  rules.most_cut_points["age"] = 81;
  for (const bool enforced : {false, true}) {
    CAPTURE(enforced);
    InProcess hospitals{{.threads = 1}};
    for (const Site& site : partition_by(lung(), "hospital"))
      hospitals.add(site.id, all_handlers(site.table, enforced ? rules : DisclosureRules::off()));
    const QuantileTable got = quantiles(hospitals, {{}, {"age"}, "", {}, {{"age", 20, 100, 81}}, 0});
    CHECK(got.rounds == 1);
    const auto& expected = reference()["lung"]["pooled"]["age"]["quantiles_type7"];
    REQUIRE(got.at("age").quantiles.size() == 7);
    for (std::size_t i = 0; i < 7; ++i) {
      const Quantile& q = got.at("age").quantiles[i];
      CHECK(q.lower <= expected[i].get<double>());
      CHECK(q.upper >= expected[i].get<double>());
      CHECK(q.value == (q.lower + q.upper) / 2);
      if (!enforced) CHECK(q.upper - q.lower <= 1 + 1e-12);  // one step of the grid
    }
    // Ten hospitals, each of whose counts may be off by 4: the median lies within 40 ranks of 114.
    const Quantile& median = got.at("age").quantiles[3];
    CHECK(median.upper - median.lower < (enforced ? 12 : 1.01));
  }
}

TEST_CASE("quantiles: what cannot be asked") {
  InProcess hospitals{{.threads = 1}};
  Table table("none");
  table.add_numeric("x", {NAN}).add_numeric("zero", {-0.0});
  hospitals.add("one", all_handlers(table));
  CHECK(quantiles(hospitals, {{}, {"x"}, "", {}, {}, 0}).at("x").quantiles.empty());
  CHECK_FALSE(
      std::signbit(quantiles(hospitals, {{}, {"zero"}, "", {}, {}, 0}).at("zero").quantiles[3].value));
  refuses(
      [&] {
        return quantiles(hospitals, {{}, {"x"}, "", {}, {}, 0}, {{0.5, 1.5}, {}});
      },
      error::invalid_argument, "one is 1.5");
  refuses(
      [&] {
        return quantiles(hospitals, {{}, {}, "", {}, {}, 0});
      },
      error::invalid_argument, "at least one column");
  refuses(
      [&] {
        return quantiles(hospitals, {{}, {"x"}, "", {}, {{"x", 3, 1, 5}}, 0});
      },
      error::invalid_argument, "from 3 to 1");
}

}  // namespace statistics_quantiles_test
