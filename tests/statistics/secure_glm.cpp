// Regression under secure aggregation: nothing but sums over hospitals is seen.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/statistics/glm.hpp"
#include "statistics/glm_sites.hpp"

namespace statistics_secure_glm_test {

using namespace statistics_glm_support;
using namespace healthai::secagg;

namespace {

struct SecureHospitals {
  InProcess plain;
  InProcess masked{{.threads = 1, .executor = {}}};
  std::shared_ptr<const Members> members{};

  SecureHospitals(const Table& table, const std::string& site)
      : plain(hospitals_of(table, by_column(table, site))) {
    std::vector<SigningKey> keys;
    std::vector<Member> list;
    for (const ClientId& id : plain.clients()) {
      keys.push_back(SigningKey::make());
      list.push_back({id, {keys.back().public_key()}});
    }
    members = std::make_shared<const Members>(list);
    const auto sites = by_column(table, site);
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::vector<std::size_t> rows;
      for (std::size_t row = 0; row < table.rows(); ++row) {
        if ("site" + std::to_string(sites[row]) == list[i].id.str()) rows.push_back(row);
      }
      SecureMember member{list[i].id, keys[i], members, {.options = {.corrupt = 0, .dropout = 0}}, {}};
      // Nothing may be clipped, ever.
      member.on_clipped = [](std::span<const ClippedSegment>) { FAIL("a number was clipped"); };
      masked.add(
          list[i].id,
          secure_handlers<GlmMoments, GlmStep>(
              StatisticsSite(table.select(rows), DisclosureRules::off()).handlers<GlmMoments, GlmStep>(),
              std::move(member)));
    }
  }
};

/// As a code book would have them: whole numbers beyond all values.
PublicBounds bounds_of(const Table& table, const GlmPlan& plan) {
  PublicBounds bounds{{}, 10000};
  for (const std::string& column : plan.bounded_columns()) {
    ColumnBounds one{column, 0, 1};
    for (const double value : table.numeric(column)) {
      one.lower = (std::fmin)(one.lower, std::floor(value));  // a missing one is neither
      one.upper = (std::fmax)(one.upper, std::ceil(value));
    }
    bounds.columns.push_back(one);
  }
  return bounds;
}
GlmOptions all() {
  GlmOptions options;
  options.pooled = DisclosureRules::off();
  return options;
}

void check_same(SecureHospitals& hospitals, GlmPlan plan, const Table& table) {
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  SecureAggregation secure{hospitals.masked, hospitals.members, options};
  const GlmFit open = fit_glm(hospitals.plain, plan);
  plan.bounds = bounds_of(table, plan);
  const GlmFit fit = fit_glm(secure, plan, all());
  CHECK(fit.converged);
  CHECK(fit.sites == open.sites);
  CHECK(fit.n == open.n);
  REQUIRE(fit.coefficients.size() == open.coefficients.size());
  for (std::size_t j = 0; j < fit.coefficients.size(); ++j) {
    CHECK(std::fabs(fit.coefficients[j] - open.coefficients[j]) <= 1e-6 * std::fabs(open.coefficients[j]));
    CHECK(std::fabs(fit.standard_errors[j] - open.standard_errors[j]) <= 1e-6 * open.standard_errors[j]);
  }
  for (std::size_t j = 0; j < fit.means.size(); ++j) {
    CHECK(std::fabs(fit.means[j] - open.means[j]) <= 1e-9 * std::fabs(open.means[j]));
    CHECK(std::fabs(fit.standard_deviations[j] - open.standard_deviations[j]) <=
          1e-6 * open.standard_deviations[j]);
  }
  CHECK(fit.deviance == doctest::Approx(open.deviance).epsilon(1e-9));
  CHECK(fit.null_deviance == doctest::Approx(open.null_deviance).epsilon(1e-9));
  CHECK(fit.log_likelihood == doctest::Approx(open.log_likelihood).epsilon(1e-9));
}

}  // namespace

TEST_CASE("secure regressions are the open ones: intensive care") {
  const Table table = table_of("icu_networks.csv");
  SecureHospitals hospitals(table, "network");
  GlmPlan plan = plan_of(GlmFamily::binomial, "died", "Age,ApacheIIScore,BMI,male,elective,emergency");
  check_same(hospitals, plan, table);
  plan.l2 = 10;
  plan.standardise = true;
  check_same(hospitals, plan, table);
  plan = plan_of(GlmFamily::gaussian, "ApacheIIScore", "Age,BMI,male");
  plan.stratify_by_site = true;
  check_same(hospitals, plan, table);
  plan = plan_of(GlmFamily::gamma, "BMI", "Age,male");
  check_same(hospitals, plan, table);
}

TEST_CASE("secure regressions are the open ones: counts, with categories from a code book") {
  const Table table = table_of("nmes_regions.csv");
  SecureHospitals hospitals(table, "region");
  GlmPlan plan = plan_of(GlmFamily::poisson, "visits", "hospital,chronic,age,C(region)");
  plan.covariates.back().levels = {"midwest", "northeast", "other", "west"};
  check_same(hospitals, plan, table);
  SecureAggregation secure{hospitals.masked, hospitals.members, SecureAggregationOptions{}};
  plan.covariates.back().levels.clear();
  plan.bounds = bounds_of(table, plan);
  try {
    static_cast<void>(fit_glm(secure, plan, all()));
    FAIL("expected an error");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("C(region): where answers are hidden, give all levels") !=
          std::string::npos);
  }
}

TEST_CASE("a value beyond the public bounds is refused and not clipped; without bounds nothing is asked") {
  const Table table = table_of("icu_networks.csv");
  SecureHospitals hospitals(table, "network");
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  SecureAggregation secure{hospitals.masked, hospitals.members, options};
  GlmPlan plan = plan_of(GlmFamily::binomial, "died", "Age");
  const auto message = [&] {
    try {
      static_cast<void>(fit_glm(secure, plan, all()));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(message().find("most_rows") != std::string::npos);
  plan.bounds.most_rows = 10000;
  CHECK(message().find("column \"Age\" need public bounds") != std::string::npos);
  plan.bounds.columns = {{"Age", 0, 50}};
  CHECK(message().find("column \"Age\": a value here is outside of the public bounds 0 to 50") !=
        std::string::npos);
  plan.bounds.columns = {{"Age", 0, 150}};
  CHECK(message().empty());
}

TEST_CASE("a constant column is seen in masked sums, and a column far from zero is none") {
  Table table("t");
  std::vector<double> y, x, same, far, site;
  for (std::size_t i = 0; i < 90; ++i) {
    const auto number = static_cast<double>(i);
    site.push_back(static_cast<double>(i % 3));
    x.push_back(std::sin(number));
    same.push_back(0.1);
    far.push_back(1e6 + std::cos(3 * number) / 100);
    y.push_back(x.back() + 20 * (far.back() - 1e6) + std::sin(7 * number));
  }
  table.add_numeric("site", site).add_numeric("y", y).add_numeric("x", x).add_numeric("same", same);
  table.add_numeric("far", far);
  SecureHospitals hospitals(table, "site");
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  SecureAggregation secure{hospitals.masked, hospitals.members, options};
  GlmPlan plan = plan_of(GlmFamily::gaussian, "y", "x,same");
  plan.bounds = {{{"y", -10, 10}, {"x", -1, 1}, {"same", 0, 1}}, 1000};
  try {
    static_cast<void>(fit_glm(secure, plan, all()));
    FAIL("expected an error");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("column \"same\" is constant") != std::string::npos);
  }
  plan = plan_of(GlmFamily::gaussian, "y", "x,far");
  const GlmFit open = fit_glm(hospitals.plain, plan);
  plan.bounds = {{{"y", -10, 10}, {"x", -1, 1}, {"far", 1e6 - 1, 1e6 + 1}}, 1000};
  const GlmFit fit = fit_glm(secure, plan, all());
  for (std::size_t j = 0; j < 3; ++j)
    CHECK(std::fabs(fit.coefficients[j] - open.coefficients[j]) <= 1e-6 * std::fabs(open.coefficients[j]));
}

TEST_CASE("sums of too few patients of all hospitals together are not shown unless rules are off") {
  const Table table = table_of("icu_networks.csv");
  SecureHospitals hospitals(table, "network");
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  SecureAggregation secure{hospitals.masked, hospitals.members, options};
  GlmPlan plan = plan_of(GlmFamily::binomial, "died", "Age,ApacheIIScore");
  plan.bounds = bounds_of(table, plan);
  GlmOptions held;
  const auto message = [&] {
    try {
      static_cast<void>(fit_glm(secure, plan, held));
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(message().empty());  // the defaults, of 1985 patients
  held.pooled.minimum_rows = 1986;
  CHECK(message().find("minimum_rows: in all hospitals together") != std::string::npos);
  held.pooled = {};
  held.pooled.minimum_events = 417;
  CHECK(message().find("minimum_events: in all hospitals together") != std::string::npos);
  held.pooled = {};
  held.pooled.rows_per_parameter = 700;
  CHECK(message().find("rows_per_parameter: in all hospitals together") != std::string::npos);
  held.pooled = {};
  held.pooled.smallest_cell = 417;  // 416 died
  CHECK(message().find("smallest_cell: in all hospitals together") != std::string::npos);
  // Where answers can be seen each hospital has held its own.
  CHECK_NOTHROW(static_cast<void>(fit_glm(hospitals.plain, plan, held)));
}

}  // namespace statistics_secure_glm_test
