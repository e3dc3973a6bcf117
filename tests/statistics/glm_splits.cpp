// Whatever the split of the rows, the answer is that of all rows in one place.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "healthai/statistics/glm.hpp"
#include "statistics/glm_sites.hpp"

namespace statistics_glm_splits_test {

using namespace statistics_glm_support;

namespace {

/// Patients with a response of every family; `local` is the same for all of the first hospital.
Table patients(std::mt19937_64& random, std::size_t rows, const std::vector<std::size_t>& site) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const bool several = *std::max_element(site.begin(), site.end()) > 0;
  std::vector<double> age, local, event, count, cost, score;
  std::vector<std::string> ward;
  for (std::size_t row = 0; row < rows; ++row) {
    age.push_back(60 + 15 * normal(random));
    local.push_back(site[row] == 0 && several ? 0.3 : normal(random));
    const std::size_t w = random() % 3;
    ward.push_back(w == 0 ? "a" : w == 1 ? "b" : "c");
    const double eta = 0.02 * (age.back() - 60) + 0.3 * local.back() - 0.4 * static_cast<double>(w == 1);
    event.push_back(uniform(random) < 1 / (1 + std::exp(-eta)) ? 1 : 0);
    count.push_back(static_cast<double>(std::poisson_distribution<int>(std::exp(eta + 0.5))(random)));
    cost.push_back(std::gamma_distribution<double>(2, std::exp(eta) / 2)(random) + 1e-3);
    score.push_back(1000 + 50 * eta + 20 * normal(random));
  }
  Table table("patients");
  table.add_numeric("age", age).add_numeric("local", local).add_text("ward", ward);
  table.add_numeric("event", event)
      .add_numeric("count", count)
      .add_numeric("cost", cost)
      .add_numeric("score", score);
  return table;
}

}  // namespace

TEST_CASE(
    "federated equals pooled: 1 to 50 hospitals, some with one row, a covariate that is constant at one") {
  rc::check([] {
    const std::size_t sites = *rc::gen::inRange<std::size_t>(1, 51);
    std::mt19937_64 random(*rc::gen::arbitrary<std::uint64_t>());
    const std::size_t rows = 150;
    std::vector<std::size_t> site;
    // Unequal: the last hospitals have one row or none.
    for (std::size_t row = 0; row < rows; ++row)
      site.push_back((std::min)(random() % sites, random() % sites));
    const Table table = patients(random, rows, site);
    InProcess hospitals = hospitals_of(table, site);
    InProcess one = hospitals_of(table, in_turns(rows, 1));
    struct Case {
      GlmFamily family;
      const char* response;
      GlmLink link;
    };
    for (const Case& c : {Case{GlmFamily::gaussian, "score", GlmLink::canonical},
                          Case{GlmFamily::binomial, "event", GlmLink::canonical},
                          Case{GlmFamily::poisson, "count", GlmLink::canonical},
                          Case{GlmFamily::gamma, "cost", GlmLink::log}}) {
      GlmPlan plan = plan_of(c.family, c.response, "age,local,C(ward)");
      plan.link = c.link;
      const GlmFit split = fit_glm(hospitals, plan);
      const GlmFit pooled = fit_glm(one, plan);
      RC_ASSERT(split.converged && pooled.converged);
      RC_ASSERT(split.terms == pooled.terms);
      for (std::size_t j = 0; j < split.terms.size(); ++j) {
        // A coefficient may be nearly 0: its scale is then that of its error.
        const double scale = (std::max)(std::fabs(pooled.coefficients[j]), pooled.standard_errors[j]);
        RC_ASSERT(std::fabs(split.coefficients[j] - pooled.coefficients[j]) <= 1e-10 * scale);
        RC_ASSERT(std::fabs(split.standard_errors[j] - pooled.standard_errors[j]) <=
                  1e-10 * pooled.standard_errors[j]);
      }
      RC_ASSERT(std::fabs(split.log_likelihood - pooled.log_likelihood) <=
                1e-10 * std::fabs(pooled.log_likelihood));
      RC_ASSERT(std::fabs(split.deviance - pooled.deviance) <= 1e-10 * pooled.deviance);
      RC_ASSERT(std::fabs(split.null_deviance - pooled.null_deviance) <= 1e-10 * pooled.null_deviance);
    }
  });
}

TEST_CASE("strata equal the hospital as covariate, with hospitals of one row and without events") {
  std::mt19937_64 random(5);
  std::vector<std::size_t> site;
  for (std::size_t row = 0; row < 200; ++row) site.push_back(row < 6 ? row : 6 + row % 5);
  Table table = patients(random, 200, site);
  std::vector<double> names(site.begin(), site.end());
  table.add_numeric("site", names);
  InProcess hospitals = hospitals_of(table, site);
  GlmPlan plan = plan_of(GlmFamily::gaussian, "score", "age,C(ward)");
  plan.stratify_by_site = true;
  const GlmFit strata = fit_glm(hospitals, plan);
  plan.stratify_by_site = false;
  plan.covariates.push_back({"site", true, {}});
  const GlmFit covariate = fit_glm(hospitals, plan);
  CHECK(strata.df == covariate.df);
  CHECK(strata.sigma == doctest::Approx(covariate.sigma).epsilon(1e-11));
  CHECK(strata.f_statistic == doctest::Approx(covariate.f_statistic).epsilon(1e-11));
  for (std::size_t j = 0; j < strata.terms.size(); ++j) {
    CHECK(strata.coefficients[j] == doctest::Approx(covariate.coefficients[j + 1]).epsilon(1e-10));
    CHECK(strata.standard_errors[j] == doctest::Approx(covariate.standard_errors[j + 1]).epsilon(1e-10));
  }
  // Of single rows a binomial learns nothing: the same coefficients as without them.
  plan = plan_of(GlmFamily::binomial, "event", "age,C(ward)");
  plan.stratify_by_site = true;
  const GlmFit all = fit_glm(hospitals, plan);
  plan.cohort.filters = {parse_filter("site >= 6")};
  const GlmFit larger = fit_glm(hospitals, plan);
  CHECK(all.n == larger.n + 6);
  CHECK(all.strata == larger.strata + 6);
  for (std::size_t j = 0; j < all.terms.size(); ++j)
    CHECK(all.coefficients[j] == doctest::Approx(larger.coefficients[j]).epsilon(1e-10));
}

TEST_CASE("units do not matter") {
  std::mt19937_64 random(7);
  const auto site = in_turns(150, 4);
  const Table table = patients(random, 150, site);
  Table other("other");
  std::vector<double> age;
  for (const double x : table.numeric("age")) age.push_back(1e9 + x * 1e-3);
  other.add_numeric("event", {table.numeric("event").begin(), table.numeric("event").end()})
      .add_numeric("age", age);
  InProcess hospitals = hospitals_of(table, site), others = hospitals_of(other, site);
  const GlmFit years = fit_glm(hospitals, plan_of(GlmFamily::binomial, "event", "age"));
  const GlmFit odd = fit_glm(others, plan_of(GlmFamily::binomial, "event", "age"));
  // The second has lost all digits of the age but four.
  CHECK(odd.coefficients[1] * 1e-3 == doctest::Approx(years.coefficients[1]).epsilon(1e-4));
  CHECK(odd.deviance == doctest::Approx(years.deviance).epsilon(1e-5));
}

}  // namespace statistics_glm_splits_test
