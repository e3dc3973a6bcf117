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

void check_same(SecureHospitals& hospitals, const GlmPlan& plan) {
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  SecureAggregation secure{hospitals.masked, hospitals.members, options};
  const GlmFit open = fit_glm(hospitals.plain, plan);
  const GlmFit fit = fit_glm(secure, plan);
  CHECK(fit.converged);
  CHECK(fit.sites == open.sites);
  CHECK(fit.n == open.n);
  REQUIRE(fit.coefficients.size() == open.coefficients.size());
  for (std::size_t j = 0; j < fit.coefficients.size(); ++j) {
    CHECK(std::fabs(fit.coefficients[j] - open.coefficients[j]) <= 1e-6 * std::fabs(open.coefficients[j]));
    CHECK(std::fabs(fit.standard_errors[j] - open.standard_errors[j]) <= 1e-6 * open.standard_errors[j]);
  }
  CHECK(fit.deviance == doctest::Approx(open.deviance).epsilon(1e-9));
  CHECK(fit.null_deviance == doctest::Approx(open.null_deviance).epsilon(1e-9));
  CHECK(fit.log_likelihood == doctest::Approx(open.log_likelihood).epsilon(1e-9));
}

}  // namespace

TEST_CASE("secure regressions are the open ones: intensive care") {
  SecureHospitals hospitals(table_of("icu_networks.csv"), "network");
  GlmPlan plan = plan_of(GlmFamily::binomial, "died", "Age,ApacheIIScore,BMI,male,elective,emergency");
  check_same(hospitals, plan);
  plan.l2 = 10;
  plan.standardise = true;
  check_same(hospitals, plan);
  plan = plan_of(GlmFamily::gaussian, "ApacheIIScore", "Age,BMI,male");
  plan.stratify_by_site = true;
  check_same(hospitals, plan);
  plan = plan_of(GlmFamily::gamma, "BMI", "Age,male");
  check_same(hospitals, plan);
}

TEST_CASE("secure regressions are the open ones: counts, with categories from a code book") {
  SecureHospitals hospitals(table_of("nmes_regions.csv"), "region");
  GlmPlan plan = plan_of(GlmFamily::poisson, "visits", "hospital,chronic,age,C(region)");
  plan.covariates.back().levels = {"midwest", "northeast", "other", "west"};
  check_same(hospitals, plan);
  SecureAggregation secure{hospitals.masked, hospitals.members, SecureAggregationOptions{}};
  plan.covariates.back().levels.clear();
  try {
    static_cast<void>(fit_glm(secure, plan));
    FAIL("expected an error");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("C(region): where answers are hidden, give all levels") !=
          std::string::npos);
  }
}

TEST_CASE("a value beyond the public bound is refused and not clipped") {
  SecureHospitals hospitals(table_of("icu_networks.csv"), "network");
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0};
  SecureAggregation secure{hospitals.masked, hospitals.members, options};
  try {
    static_cast<void>(fit_glm(secure, plan_of(GlmFamily::binomial, "died", "Age"), {.largest_value = 50}));
    FAIL("expected an error");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("above the public bound 50") != std::string::npos);
  }
}

}  // namespace statistics_secure_glm_test
