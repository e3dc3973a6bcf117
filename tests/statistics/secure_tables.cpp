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

}  // namespace

static_assert(SummingTransport<SecureAggregation<InProcess>, ColumnSums> &&
              SummingTransport<SecureAggregation<InProcess>, BinCounts> &&
              SummingTransport<SecureAggregation<InProcess>, CellCounts>);

TEST_CASE("secure tables: descriptions of masked answers are those of the plain ones") {
  MaskedHospitals hospitals;
  const DescribePlan plan{{}, columns, "sex", {"1", "2"}, bounds};
  const Description masked = describe(*hospitals.secure, plan);
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
  CHECK(histogram(*hospitals.secure, bins).counts == histogram(hospitals.plain, bins).counts);
  CHECK(histogram(*hospitals.secure, bins).counts ==
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
  const CrossTable masked = cross_table(*hospitals.secure, table);
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
  const QuantileTable quantile = quantiles(*hospitals.secure, grid);
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
  const Description got = describe(*hospitals.secure, {{}, {"time"}, "", {}, narrow});
  REQUIRE(got.left_out.size() == 1);
  CHECK(got.left_out[0].client == ClientId("12"));
  CHECK(got.left_out[0].error == "refused");
  CHECK(got.left_out[0].message.find("1022") == std::string::npos);
  CHECK(got.sites.size() == 9);
  CHECK(got.at("time").n < 228);
}

}  // namespace statistics_secure_tables_test
