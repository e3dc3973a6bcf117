#include "healthai/statistics/cox_regression.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "refusals.hpp"
#include "statistics/cox_tables.hpp"

namespace statistics_cox_regression_test {

using namespace cox_test;
using refusals_test::refuses;

namespace {

/// Coefficients and log-likelihoods to 1e-9, standard errors to 1e-8, both relative; what is a count, exactly.
void equals(const CoxFit& fit, const nlohmann::json& r) {
  CHECK(fit.converged);
  CHECK(fit.n == r.at("n"));
  CHECK(fit.events == r.at("nevent"));
  CHECK(fit.df == r.at("df"));
  CHECK(near(fit.log_likelihood_null, r.at("loglik_null"), 1e-9));
  CHECK(near(fit.log_likelihood, r.at("loglik"), 1e-9));
  CHECK(near(fit.likelihood_ratio.statistic, r.at("lrt"), 1e-9));
  CHECK(near(fit.wald.statistic, r.at("wald"), 1e-8));
  CHECK(near(fit.score.statistic, r.at("score"), 1e-8));
  const std::size_t terms = r.at("coef").size();
  REQUIRE(fit.terms.size() == terms);
  for (std::size_t j = 0; j < terms; ++j) {
    CAPTURE(fit.terms[j]);
    const double error = r.at("se")[j];
    CHECK(near(fit.coefficients[j], r.at("coef")[j], 1e-9));
    CHECK(near(fit.standard_errors[j], error, 1e-8));
    CHECK(near(fit.z[j], r.at("z")[j], 1e-8));
    // d log p / dz = -z - 1/z at most, for p = erfc(|z| / sqrt 2) of a large z
    CHECK(near(fit.p_values[j], r.at("p")[j], 1e-8 * (2 + fit.z[j] * fit.z[j])));
    CHECK(near(fit.hazard_ratios[j], r.at("hazard_ratio")[j], 1e-9));
    CHECK(near(fit.lower[j], std::exp(r.at("coef")[j].get<double>() - 1.959963984540054 * error), 1e-8));
    CHECK(near(fit.upper[j], std::exp(r.at("coef")[j].get<double>() + 1.959963984540054 * error), 1e-8));
    CHECK(std::fabs(fit.means[j] - r.at("means")[j].get<double>()) <= 1e-12 * std::fabs(fit.means[j]));
    for (std::size_t k = 0; k < terms; ++k) {
      const double scale = error * r.at("se")[k].get<double>();
      CHECK(std::fabs(fit.covariance[j * terms + k] - r.at("vcov")[j][k].get<double>()) <= 1e-8 * scale);
    }
  }
}
void concordance_equals(const CoxFit& fit, const nlohmann::json& r) {
  REQUIRE(fit.concordance);
  CHECK(near(fit.concordance->value, r.at("concordance"), 1e-14));
  CHECK(near(fit.concordance->standard_error, r.at("concordance_se"), 1e-12));
  const auto& counts = r.at("concordance_counts");
  CHECK(fit.concordance->concordant == counts.at("concordant"));
  CHECK(fit.concordance->discordant == counts.at("discordant"));
  CHECK(fit.concordance->tied_x == counts.at("tied.x"));
  CHECK(fit.concordance->tied_y == counts.at("tied.y"));
  CHECK(fit.concordance->tied_xy == counts.at("tied.xy"));
}
void baseline_equals(const CoxFit& fit, const nlohmann::json& r) {
  if (!r.contains("breslow_or_efron_cumhaz_at_x0")) return;
  REQUIRE(fit.baseline.size() == 1);
  for (const auto& point : r.at("breslow_or_efron_cumhaz_at_x0"))
    CHECK(near(fit.baseline.front().at_zero_until(point.at("t")), point.at("H0"), 1e-9));
  // R's basehaz(fit) is that at its means, exp(means . coefficients) times as much.
  double predictor = 0;
  for (std::size_t j = 0; j < fit.means.size(); ++j) predictor += fit.means[j] * fit.coefficients[j];
  CHECK(near(fit.baseline.front().at_means.back(), fit.baseline.front().at_zero.back() * std::exp(predictor),
             1e-12));
}
/// R's fit by one baseline hazard, or one a level: held by one, dealt at random, every row of its own.
void is_rs(const std::string& name, const std::string& entry, const std::string& covariates,
           const std::string& strata) {
  const Study& data = study(name);
  for (const Ties ties : {Ties::breslow, Ties::efron}) {
    const auto& r = reference().at(name).at(entry).at(ties == Ties::efron ? "efron" : "breslow");
    CAPTURE(name);
    CAPTURE(entry);
    CoxPlan plan = data.plan;
    plan.ties = ties;
    plan.strata = strata;
    if (!covariates.empty()) plan.covariates = parse_covariates(covariates);
    const CoxFit one = fit({data.table}, plan);
    equals(one, r);
    concordance_equals(one, r);
    if (strata.empty()) baseline_equals(one, r);
    for (const std::size_t sites : {std::size_t{3}, std::size_t{50}}) {
      const CoxFit split = fit(dealt(data.table, sites, sites), plan);
      equals(split, r);
      CHECK(split.sites.size() == sites);
      CHECK_FALSE(split.concordance);
      CHECK(split.concordance_missing.find("different hospitals") != std::string::npos);
      if (strata.empty()) baseline_equals(split, r);
      REQUIRE(one.baseline.size() == split.baseline.size());
      for (std::size_t s = 0; s < one.baseline.size(); ++s) {
        CHECK(one.baseline[s].stratum == split.baseline[s].stratum);
        REQUIRE(one.baseline[s].times == split.baseline[s].times);
        for (std::size_t i = 0; i < one.baseline[s].times.size(); ++i)
          CHECK(near(one.baseline[s].at_means[i], split.baseline[s].at_means[i], 1e-10));
      }
    }
  }
}

}  // namespace

TEST_CASE("lung cancer: R's coxph") {
  is_rs("lung", "cox", "", "");
  is_rs("lung", "cox_univariate_sex", "sex", "");
  is_rs("lung", "cox_strata_inst", "", "inst");
  is_rs("lung", "cox_strata_hospital10", "", "hospital");
}
TEST_CASE("veterans: R's coxph, with categories") {
  is_rs("veteran", "cox", "", "");
  is_rs("veteran", "cox_strata_celltype", "trt,karno,age", "celltype");
}
TEST_CASE("breast cancer: R's coxph") {
  is_rs("gbsg", "gbsg_rfs", "", "");
}
TEST_CASE("intensive care: R's coxph") {
  const Study& icu = study("icu");
  for (const Ties ties : {Ties::breslow, Ties::efron}) {
    for (const char* strata : {"", "Year"}) {
      auto r = reference()
                   .at("icu")
                   .at(*strata == 0 ? "cox" : "cox_strata_year")
                   .at(ties == Ties::efron ? "efron" : "breslow");
      CoxPlan plan = icu.plan;
      plan.ties = ties;
      plan.strata = strata;
      const CoxFit one = fit({icu.table}, plan);
      equals(one, r);
      concordance_equals(one, r);
      equals(fit(dealt(icu.table, 7, 1), plan), r);
    }
  }
}

TEST_CASE("hospitals as strata: R's strata(hospital), and nothing but sums of derivatives leaves") {
  const Study& lung = study("lung");
  for (const Ties ties : {Ties::breslow, Ties::efron}) {
    CoxPlan plan = lung.plan;
    plan.ties = ties;
    plan.stratify_by_site = true;
    const auto& r =
        reference().at("lung").at("cox_strata_hospital10").at(ties == Ties::efron ? "efron" : "breslow");
    const CoxFit ten = fit(by_value(lung.table, "hospital"), plan);
    equals(ten, r);
    concordance_equals(ten, r);
    CHECK(ten.baseline.empty());
  }
  // Strata at the hospitals: each of ten with the institutions in it is the same as all institutions.
  CoxPlan plan = lung.plan;
  plan.stratify_by_site = true;
  plan.strata = "inst";
  const auto& r = reference().at("lung").at("cox_strata_inst").at("efron");
  equals(fit(by_value(lung.table, "hospital"), plan), r);
  concordance_equals(fit(by_value(lung.table, "hospital"), plan), r);
  // And of three that share institutions, it is not.
  CHECK_FALSE(near(fit(dealt(lung.table, 3, 1), plan).log_likelihood, r.at("loglik"), 1e-3));
}

TEST_CASE("each hospital alone: R's fits") {
  const Study& lung = study("lung");
  for (const auto& r : reference().at("lung").at("per_hospital_efron")) {
    CoxPlan plan = lung.plan;
    plan.cohort.filters = {{"hospital", Comparison::equal, std::to_string(r.at("site").get<int>())}};
    const CoxFit alone = fit({lung.table}, plan);
    CHECK(alone.n == r.at("n"));
    for (std::size_t j = 0; j < 3; ++j) {
      CHECK(near(alone.coefficients[j], r.at("coef")[j], 1e-9));
      CHECK(near(alone.standard_errors[j], r.at("se")[j], 1e-8));
    }
  }
}

TEST_CASE("baseline hazards of the hospitals, if they may be told") {
  const Study& lung = study("lung");
  CoxPlan plan = lung.plan;
  plan.stratify_by_site = true;
  CoxFitOptions options;
  options.baseline_hazards = true;
  const CoxFit ten = fit(by_value(lung.table, "hospital"), plan, options);
  plan.stratify_by_site = false;
  plan.strata = "hospital";
  const CoxFit same = fit(dealt(lung.table, 4, 2), plan);
  REQUIRE(ten.baseline.size() == 10);
  REQUIRE(same.baseline.size() == 10);
  // s000 is hospital 1, s001 hospital 11, ... in the order of their texts; levels of numbers are in that of the numbers.
  const std::vector<std::size_t> order{0, 3, 4, 5, 6, 7, 8, 1, 2, 9};
  const std::vector<std::string> levels{"1", "11", "12", "13", "16", "21", "22", "3", "6", "99"};
  for (std::size_t s = 0; s < 10; ++s) {
    CHECK(same.baseline[order[s]].stratum == levels[s]);
    CHECK(ten.baseline[s].stratum.empty());
    REQUIRE(ten.baseline[s].times == same.baseline[order[s]].times);
    for (std::size_t i = 0; i < ten.baseline[s].times.size(); ++i)
      CHECK(near(ten.baseline[s].at_zero[i], same.baseline[order[s]].at_zero[i], 1e-10));
  }
}

TEST_CASE("the value that means the event, and a public grid of times") {
  Table table = study("lung").table;
  std::vector<double> status, months, dead;
  const std::vector<double> grid{90, 180, 270, 365, 545, 730};
  for (std::size_t row = 0; row < table.rows(); ++row) {
    status.push_back(table.numeric("dead")[row] + 1);
    const double time = table.numeric("time")[row];
    double month = 1e6;
    for (const double g : grid) month = time <= g && month == 1e6 ? g : month;
    months.push_back(month);
    dead.push_back(month == 1e6 ? 0 : table.numeric("dead")[row]);
  }
  table.add_numeric("status", status).add_numeric("rounded", months).add_numeric("until", dead);
  CoxPlan plan = study("lung").plan;
  plan.outcome = {"time", "status", 2};
  equals(fit(dealt(table, 5, 3), plan), reference().at("lung").at("cox").at("efron"));
  for (const bool by_site : {false, true}) {
    CoxPlan rounded = study("lung").plan;
    rounded.stratify_by_site = by_site;
    rounded.outcome = {"rounded", "until"};
    CoxPlan on_grid = study("lung").plan;
    on_grid.stratify_by_site = by_site;
    on_grid.time_grid = grid;
    const CoxFit a = fit(dealt(table, 5, 4), rounded);
    const CoxFit b = fit(dealt(table, 5, 4), on_grid);
    CHECK(a.events == b.events);
    CHECK(b.events < 164);
    CHECK(near(a.log_likelihood, b.log_likelihood, 1e-12));
    for (std::size_t j = 0; j < 3; ++j) CHECK(near(a.coefficients[j], b.coefficients[j], 1e-10));
    if (!by_site) CHECK(b.baseline.front().times == grid);
  }
}

TEST_CASE("units do not matter") {
  Table table = study("lung").table;
  std::vector<double> age, ecog;
  for (const double x : table.numeric("age")) age.push_back(1e9 + 1e-3 * x);  // of 60 mm somewhere far out
  for (const double x : table.numeric("ph.ecog")) ecog.push_back(-1e12 * x);
  table.add_numeric("far", age).add_numeric("large", ecog);
  for (const bool by_site : {false, true}) {
    CoxPlan plan = study("lung").plan;
    plan.stratify_by_site = by_site;
    const CoxFit plain = fit(dealt(table, 6, 5), plan);
    plan.covariates = parse_covariates("far,sex,large");
    const CoxFit other = fit(dealt(table, 6, 5), plan);
    // Of 1e9 + .06, doubles tell 1.2e-7: ages are off by 1e-4 years.
    CHECK(near(other.coefficients[0] * 1e-3, plain.coefficients[0], 1e-3));
    CHECK(near(other.standard_errors[0] * 1e-3, plain.standard_errors[0], 1e-3));
    CHECK(near(other.coefficients[2] * -1e12, plain.coefficients[2], 1e-4));
    CHECK(other.converged);
  }
}

}  // namespace statistics_cox_regression_test
