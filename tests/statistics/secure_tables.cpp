#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <memory>

#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/statistics/correlation.hpp"
#include "healthai/statistics/group_tests.hpp"
#include "healthai/statistics/quantiles.hpp"
#include "refusals.hpp"
#include "statistics/hospitals.hpp"

namespace statistics_secure_tables_test {

using namespace hospitals_test;
using refusals_test::refuses;

namespace {

/// The ten hospitals of the lung data, whose answers are masked.
struct MaskedHospitals {
  InProcess steps{{.threads = 1}};
  InProcess plain{{.threads = 1}};
  std::shared_ptr<const secagg::Members> members{};
  std::optional<SecureAggregation<InProcess>> secure{};

  MaskedHospitals() {
    const std::vector<Site> sites = partition_by(lung(), "hospital");
    std::vector<secagg::Member> list;
    std::map<std::string, SigningKey> keys;
    for (const Site& site : sites) {
      const SigningKey key = SigningKey::make();
      list.push_back({site.id, {key.public_key()}});
      keys.emplace(site.id.str(), key);
    }
    members = std::make_shared<const secagg::Members>(std::move(list));
    const secagg::SecAggOptions protocol{.corrupt = 0, .dropout = 0};
    for (const Site& site : sites) {
      DisclosureRules rules = DisclosureRules::off();
      rules.in_sum = true;
      const TaskHandlers handlers = all_handlers(site.table, rules);
      plain.add(site.id, handlers);
      secagg::SecureMember member{site.id, keys.at(site.id.str()), members, {.options = protocol}, {}};
      member.on_clipped = [](std::span<const secagg::ClippedSegment>) { FAIL("something was clipped"); };
      steps.add(site.id,
                secagg::secure_handlers<ColumnSums, ThresholdCounts, BinCounts, CellCounts, CrossProducts>(
                    handlers, std::move(member)));
    }
    SecureAggregationOptions options;
    options.protocol = protocol;
    secure.emplace(steps, members, options);
  }
};

const PublicBounds bounds{{{"time", 0, 2000}, {"age", 18, 120}, {"meal.cal", 0, 10000}}, 1000};
const std::vector<std::string> columns{"time", "age", "meal.cal"};
/// Nobody's secret: nothing is held against the sums.
const AnalysisOptions all{{}, DisclosureRules::off()};

}  // namespace

static_assert(SummingTransport<SecureAggregation<InProcess>, ColumnSums> &&
              SummingTransport<SecureAggregation<InProcess>, BinCounts> &&
              SummingTransport<SecureAggregation<InProcess>, CellCounts>);

TEST_CASE("secure tables: descriptions of masked answers are those of the plain ones") {
  MaskedHospitals hospitals;
  const DescribePlan plan{{}, columns, "sex", {"1", "2"}, bounds};
  const Description masked = describe(*hospitals.secure, plan, {true, all});
  const Description plain = describe(hospitals.plain, plan);
  REQUIRE(masked.columns.size() == 9);
  CHECK(masked.sites.size() == 10);
  CHECK(masked.per_site.empty());
  for (std::size_t i = 0; i < masked.columns.size(); ++i) {
    const ColumnDescription& got = masked.columns[i];
    const ColumnDescription& expected = plain.columns[i];
    CAPTURE(got.column);
    CHECK(got.n == expected.n);
    CHECK(got.missing == expected.missing);
    CHECK_CLOSE(*got.mean, *expected.mean, 1e-9);
    CHECK_CLOSE(*got.variance, *expected.variance, 1e-6);
    CHECK_CLOSE(*got.skewness, *expected.skewness, 1e-6, 1.0);
    CHECK_CLOSE(*got.kurtosis, *expected.kurtosis, 1e-6);
    CHECK_FALSE(got.minimum);
  }
  refuses(
      [&] {
        return describe(*hospitals.secure, {{}, columns, "", {}, {}});
      },
      error::invalid_argument, "most_rows");
  refuses(
      [&] {
        return describe(*hospitals.secure, {{}, {"age"}, "sex", {}, bounds});
      },
      error::invalid_argument, "levels of column \"sex\" must be given");
}

TEST_CASE("secure tables: counts are exact") {
  MaskedHospitals hospitals;
  const HistogramPlan bins{{}, "age", {30, 40, 50, 60, 70, 80, 90}, 1000};
  CHECK(histogram(*hospitals.secure, bins, {10, {}, all}).counts == histogram(hospitals.plain, bins).counts);
  CHECK(histogram(*hospitals.secure, bins, {10, {}, all}).counts ==
        reference()["lung"]["hist_age"]["counts"].get<std::vector<std::size_t>>());
  refuses(
      [&] {
        return histogram(*hospitals.secure, {{}, "age", {}, 1000});
      },
      error::invalid_argument, "edges or a public range");

  CrossTablePlan table{{},
                       "sex",
                       {"1", "2"},
                       "dead",
                       {"0", "1"},
                       "hospital",
                       {"1", "3", "6", "11", "12", "13", "16", "21", "22", "99"},
                       1000};
  const CrossTable masked = cross_table(*hospitals.secure, table, {false, 0.95, all});
  const CrossTable plain = cross_table(hospitals.plain, table);
  CHECK(masked.table.counts == plain.table.counts);
  REQUIRE(masked.mantel_haenszel);
  CHECK(masked.mantel_haenszel->statistic == plain.mantel_haenszel->statistic);
  CHECK(masked.mantel_haenszel->upper == plain.mantel_haenszel->upper);
  refuses(
      [&] {
        return cross_table(*hospitals.secure, table, {true, 0.95, {}});
      },
      error::invalid_argument, "a stratum of its own");

  const QuantilePlan grid{{}, {"age"}, "", {}, {{"age", 18, 120, 103}}, 1000};
  QuantileOptions options;
  options.asking = all;
  const QuantileTable quantile = quantiles(*hospitals.secure, grid, options);
  for (std::size_t i = 0; i < 7; ++i)
    CHECK(quantile.at("age").quantiles[i].upper ==
          quantiles(hospitals.plain, grid).at("age").quantiles[i].upper);
}

TEST_CASE("secure tables: tests and correlations") {
  MaskedHospitals hospitals;
  const TTest t = t_test(*hospitals.secure, {{}, "age", "sex", {"1", "2"}, bounds});
  CHECK_CLOSE(t.welch.t, reference()["tests"]["welch_t_age_by_sex"]["t"].get<double>(), 1e-6);
  CHECK_CLOSE(t.student.p_value, reference()["tests"]["student_t_age_by_sex"]["p"].get<double>(), 1e-6);
  const Correlation masked = correlation(*hospitals.secure, {{}, columns, bounds});
  const Correlation plain = correlation(hospitals.plain, {{}, columns, {}});
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j)
      CHECK_CLOSE(masked.correlation[i][j], plain.correlation[i][j], 1e-6, 1.0);
  }
}

TEST_CASE("secure tables: a hospital with a value beyond the bounds takes no part, and is named") {
  MaskedHospitals hospitals;
  // One patient of hospital 12 was observed for 1022 days, all others for at most 1010.
  PublicBounds narrow = bounds;
  narrow.columns[0].upper = 1015;
  const Description got = describe(*hospitals.secure, {{}, {"time"}, "", {}, narrow}, {true, all});
  REQUIRE(got.left_out.size() == 1);
  CHECK(got.left_out[0].client == ClientId("12"));
  CHECK(got.left_out[0].error == "refused");
  CHECK(got.left_out[0].message.find("1022") == std::string::npos);
  CHECK(got.sites.size() == 9);
  CHECK(got.at("time").n < 228);
}

TEST_CASE("secure tables: what all hospitals together tell is held to rules, as one hospital holds its own") {
  MaskedHospitals hospitals;
  const auto few = [](const std::string& filter) { return Cohort{"", {parse_filter(filter)}}; };
  // Of 4 patients; of 11, where four moments need 40; of more than 40.
  const std::string in_all = "in all hospitals together are fewer than 10 complete rows";
  refuses(
      [&] {
        return describe(*hospitals.secure, {few("age >= 79"), {"age"}, "", {}, bounds});
      },
      error::disclosure, in_all);
  refuses(
      [&] {
        return describe(*hospitals.secure, {few("age >= 76"), {"age"}, "", {}, bounds});
      },
      error::disclosure, "rows_per_parameter");
  CHECK(describe(*hospitals.secure, {few("age >= 71"), {"age"}, "", {}, bounds}).at("age").n >= 40);
  refuses(
      [&] {
        return histogram(*hospitals.secure, {few("age >= 79"), "age", {0, 120}, 1000});
      },
      error::disclosure, in_all);
  refuses(
      [&] {
        return quantiles(*hospitals.secure,
                         {few("age >= 79"), {"age"}, "", {}, {{"age", 18, 120, 103}}, 1000});
      },
      error::disclosure, in_all);
  refuses(
      [&] {
        return correlation(*hospitals.secure, {few("age >= 79"), {"age", "time"}, bounds});
      },
      error::disclosure, in_all);
  refuses(
      [&] {
        return cross_table(*hospitals.secure,
                           {few("age >= 79"), "sex", {"1", "2"}, "dead", {"0", "1"}, "", {}, 1000});
      },
      error::disclosure, in_all);

  // Small groups are hidden, by all hospitals, and a further one with each.
  const DescribePlan by_ecog{{}, {"age"}, "ph.ecog", {"0", "1", "2", "3"}, bounds};
  const Description shown = describe(*hospitals.secure, by_ecog);
  const Description whole = describe(*hospitals.secure, by_ecog, {true, all});
  CHECK(whole.at("age", "3").n == 1);
  CHECK(shown.at("age", "3").n == 0);
  CHECK_FALSE(shown.at("age", "3").mean);
  CHECK(shown.at("age", "3").hidden == 10);
  CHECK(shown.at("age", "2").n == 0);
  CHECK(shown.at("age", "1").n == whole.at("age", "1").n);
  CHECK(shown.at("age").n == whole.at("age").n);
  refuses(
      [&] {
        return anova(*hospitals.secure, {{}, "age", "ph.ecog", {"0", "1", "2", "3"}, bounds});
      },
      error::disclosure, "too few patients are of level");

  const CrossTablePlan table{{}, "sex", {"1", "2"}, "ph.ecog", {"0", "1", "2"}, "", {}, 1000};
  CrossTablePlan open_table = table;
  open_table.cohort = few("ph.ecog <= 2");
  CHECK(cross_table(*hospitals.secure, open_table).hidden == std::vector<std::size_t>(6, 0));
  // Four men and two women with a score of 50, eleven and eight with 60.
  CrossTablePlan small{few("ph.karno <= 60"), "sex", {"1", "2"}, "ph.karno", {"50", "60"}, "", {}, 1000};
  const CrossTable hidden = cross_table(hospitals.plain, small);
  std::size_t least = 1000;
  for (const double count : hidden.table.counts) {
    if (count > 0) least = (std::min)(least, static_cast<std::size_t>(count));
  }
  REQUIRE(least < 5);
  try {
    const CrossTable told = cross_table(*hospitals.secure, small);
    for (std::size_t i = 0; i < 4; ++i) {
      if (hidden.table.counts[i] > 0 && hidden.table.counts[i] < 5) CHECK(told.hidden[i] == 10);
      if (told.hidden[i] > 0) CHECK(told.table.counts[i] == 0);
    }
    CHECK_FALSE(told.chi_square);
  } catch (const Error& e) {
    CHECK(e.id() == error::disclosure);  // where hiding is not enough
  }

  // A bin of 2 (ages from 30 to 40) is hidden with the next small one, of 4.
  const HistogramPlan bins{{}, "age", {30, 40, 50, 60, 70, 80, 90}, 1000};
  const Histogram told = histogram(*hospitals.secure, bins);
  const Histogram every = histogram(*hospitals.secure, bins, {10, {}, all});
  for (std::size_t i = 0; i < every.counts.size(); ++i) {
    if (every.counts[i] > 0 && every.counts[i] < 5) CHECK(told.hidden[i] == 10);
    CHECK(told.counts[i] == (told.hidden[i] > 0 ? 0 : every.counts[i]));
  }
  CHECK(told.hidden[0] == 10);

  // Steps of a quantile's counts are of five patients at least: the interval is wider, and holds the exact one.
  QuantilePlan grid{{}, {"age"}, "", {}, {{"age", 18, 120, 103}}, 1000};
  QuantileOptions exact;
  exact.asking = all;
  const QuantileTable held = quantiles(*hospitals.secure, grid);
  const QuantileTable free = quantiles(*hospitals.secure, grid, exact);
  bool wider = false;
  for (std::size_t i = 0; i < held.at("age").quantiles.size(); ++i) {
    CHECK(held.at("age").quantiles[i].lower <= free.at("age").quantiles[i].lower);
    CHECK(held.at("age").quantiles[i].upper >= free.at("age").quantiles[i].upper);
    wider = wider || held.at("age").quantiles[i].upper > free.at("age").quantiles[i].upper;
  }
  CHECK(wider);
}

}  // namespace statistics_secure_tables_test
