#include "healthai/statistics/glm.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "statistics/glm_sites.hpp"

namespace statistics_glm_test {

using namespace statistics_glm_support;
using Json = nlohmann::json;

namespace {

const Json& reference() {
  static const Json all =
      Json::parse(std::ifstream(source_folder() + "/tests/statistics/reference/glm.json"));
  return all;
}

/// Relative to the number.
void check_near(double got, double expected, double relative) {
  CHECK(std::fabs(got - expected) <= relative * std::fabs(expected));
}
void check_all_near(const std::vector<double>& got, const std::vector<double>& expected, double relative) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(std::fabs(got[i] - expected[i]) <= relative * std::fabs(expected[i]));
  }
}
/// R's answer; its standard errors are those of its last but one step, to 1e-8.
void check_fit(const GlmFit& fit, const Json& expected) {
  CHECK(fit.converged);
  CHECK(fit.problems.empty());
  check_all_near(fit.coefficients, expected.at("coef").get<std::vector<double>>(), 1e-9);
  check_all_near(fit.standard_errors, expected.at("se").get<std::vector<double>>(), 1e-8);
  check_all_near(fit.statistics, expected.at("z").get<std::vector<double>>(), 1e-8);
  const auto p = expected.at("p").get<std::vector<double>>();
  for (std::size_t i = 0; i < p.size(); ++i) {
    // d log p / d z is about z; R has 0 where pnorm underflows.
    const double relative = 1e-8 * (1 + fit.statistics[i] * fit.statistics[i]);
    CHECK(std::fabs(fit.p_values[i] - p[i]) <= relative * p[i] + 1e-300);
  }
  check_near(fit.log_likelihood, expected.at("loglik"), 1e-9);
  check_near(fit.deviance, expected.at("deviance"), 1e-9);
  check_near(fit.null_deviance, expected.at("null_deviance"), 1e-9);
  check_near(fit.aic, expected.at("aic"), 1e-9);
}
Table training_rows(const Table& table) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (row % 5 != 0) rows.push_back(row);
  }
  return table.select(rows);
}
/// One hospital, some in turns, and others by `site`.
void for_each_split(const Table& table, const std::vector<std::size_t>& site,
                    const std::function<void(InProcess&)>& check) {
  for (const auto& split : {in_turns(table.rows(), 1), in_turns(table.rows(), 4), site}) {
    InProcess hospitals = hospitals_of(table, split);
    CAPTURE(hospitals.clients().size());
    check(hospitals);
  }
}
/// By quarters of a column: hospitals that differ.
std::vector<std::size_t> by_size(const Table& table, const std::string& column) {
  const auto values = table.numeric(column);
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> site;
  for (const double value : values) {
    site.push_back(0);
    for (std::size_t quarter = 1; quarter < 4; ++quarter)
      site.back() += value >= sorted[quarter * sorted.size() / 4] ? 1 : 0;
  }
  return site;
}

void check_logistic(const std::string& name, const std::string& file, const std::string& response,
                    const std::string& site_column) {
  const Json& expected = reference().at(name);
  const Table table = table_of(file);
  const auto site = site_column.empty() ? by_size(table, "mean_radius") : by_column(table, site_column);
  GlmPlan plan =
      plan_of(GlmFamily::binomial, response, joined(expected.at("features").get<std::vector<std::string>>()));
  for_each_split(table, site, [&](InProcess& hospitals) {
    plan.l2 = 0;
    if (expected.contains("full_unpenalised")) {
      plan.standardise = false;
      const GlmFit raw = fit_glm(hospitals, plan);
      check_fit(raw, expected.at("full_unpenalised_raw_units"));
      CHECK(raw.n == expected.at("n").get<std::size_t>());
      CHECK(raw.df == static_cast<double>(raw.n - raw.terms.size()));
      CHECK_FALSE(raw.t_distributed);
      check_all_near(raw.means, expected.at("full_mean").get<std::vector<double>>(), 1e-13);
      check_all_near(raw.standard_deviations, expected.at("full_sd").get<std::vector<double>>(), 1e-12);
      plan.standardise = true;
      check_fit(fit_glm(hospitals, plan), expected.at("full_unpenalised"));
    }
    plan.standardise = true;
    for (const Json& penalised : expected.at("l2")) {
      plan.l2 = penalised.at("lambda");
      const GlmFit fit = fit_glm(hospitals, plan);
      CHECK(fit.converged);
      check_all_near(fit.coefficients, penalised.at("full").at("coef").get<std::vector<double>>(), 1e-9);
      check_near(fit.deviance / 2 + fit.penalty, penalised.at("full").at("objective"), 1e-11);
    }
  });
  InProcess training = hospitals_of(training_rows(table), in_turns(table.rows(), 4));
  for (const Json& penalised : expected.at("l2")) {
    plan.l2 = penalised.at("lambda");
    check_all_near(fit_glm(training, plan).coefficients,
                   penalised.at("split").at("coef").get<std::vector<double>>(), 1e-9);
  }
  plan.l2 = 0;
  if (expected.contains("split_unpenalised"))
    check_fit(fit_glm(training, plan), expected.at("split_unpenalised"));
}

}  // namespace

TEST_CASE("logistic regression is R's: four measures of breast masses") {
  check_logistic("wdbc4", "wdbc.csv", "malignant", "");
}
TEST_CASE("logistic regression is R's: ten measures that nearly follow from each other") {
  check_logistic("wdbc10", "wdbc.csv", "malignant", "");
}
TEST_CASE(
    "logistic regression is R's: thirty measures, which a penalty makes possible, with hospitals that "
    "differ") {
  check_logistic("wdbc30", "wdbc.csv", "malignant", "");
}
TEST_CASE("logistic regression is R's: intensive care in eight networks") {
  check_logistic("icu", "icu_networks.csv", "died", "network");
}

TEST_CASE("linear regression is R's lm") {
  const Json& expected = reference().at("diabetes");
  const Table table = table_of("diabetes.csv");
  GlmPlan plan =
      plan_of(GlmFamily::gaussian, "target", joined(expected.at("features").get<std::vector<std::string>>()));
  for_each_split(table, by_size(table, "bmi"), [&](InProcess& hospitals) {
    plan.standardise = false;
    plan.l2 = 0;
    const GlmFit fit = fit_glm(hospitals, plan);
    CHECK(fit.converged);
    CHECK(fit.t_distributed);
    const Json& raw = expected.at("ols_raw");
    check_all_near(fit.coefficients, raw.at("coef").get<std::vector<double>>(), 1e-9);
    check_all_near(fit.standard_errors, raw.at("se").get<std::vector<double>>(), 1e-9);
    check_all_near(fit.statistics, raw.at("t").get<std::vector<double>>(), 1e-9);
    check_near(fit.sigma, raw.at("sigma"), 1e-12);
    check_near(fit.r_squared, raw.at("r2"), 1e-12);
    check_near(fit.adjusted_r_squared, raw.at("adj_r2"), 1e-12);
    check_near(fit.f_statistic, raw.at("f").at(0), 1e-11);
    CHECK(fit.f_df == raw.at("f").at(1).get<double>());
    CHECK(fit.df == raw.at("f").at(2).get<double>());
    check_near(fit.log_likelihood, raw.at("loglik"), 1e-12);
    check_near(fit.deviance, raw.at("rss"), 1e-12);
    CHECK(fit.f_p_value > 0);
    CHECK(fit.f_p_value < 1e-50);
    plan.standardise = true;
    const GlmFit standardised = fit_glm(hospitals, plan);
    check_all_near(standardised.coefficients,
                   expected.at("ols_standardised").at("coef").get<std::vector<double>>(), 1e-9);
    check_all_near(standardised.standard_errors,
                   expected.at("ols_standardised").at("se").get<std::vector<double>>(), 1e-9);
    for (const Json& ridge : expected.at("ridge")) {
      plan.l2 = ridge.at("lambda");
      const GlmFit penalised = fit_glm(hospitals, plan);
      auto coefficients = ridge.at("coef").get<std::vector<double>>();
      coefficients.insert(coefficients.begin(), ridge.at("intercept").get<double>());
      check_all_near(penalised.coefficients, coefficients, 1e-9);
      check_near(penalised.deviance, ridge.at("rss"), 1e-11);
    }
  });
}

TEST_CASE("poisson regression is R's: seizures, where a level is named as the reference") {
  const Json& expected = reference().at("poisson").at("epil");
  const Table table = table_of("epil.csv");
  GlmPlan plan = plan_of(GlmFamily::poisson, "y", "lbase,C(trt,placebo),lage,V4");
  for_each_split(table, by_column(table, "subject"), [&](InProcess& hospitals) {
    const GlmFit fit = fit_glm(hospitals, plan);
    check_fit(fit, expected);
    CHECK(fit.terms == std::vector<std::string>{"(Intercept)", "lbase", "trtprogabide", "lage", "V4"});
  });
}

TEST_CASE("poisson regression is R's: visits, with and without the site as a covariate") {
  const Table table = table_of("nmes_regions.csv");
  const std::string covariates = "hospital,poor,exc,chronic,age,male,school,ins";
  for_each_split(table, by_column(table, "region"), [&](InProcess& hospitals) {
    check_fit(fit_glm(hospitals, plan_of(GlmFamily::poisson, "visits", covariates)),
              reference().at("poisson").at("nmes"));
    const GlmFit fit = fit_glm(hospitals, plan_of(GlmFamily::poisson, "visits", covariates + ",C(region)"));
    check_fit(fit, reference().at("poisson").at("nmes_with_region"));
    CHECK(fit.terms ==
          reference().at("poisson").at("nmes_with_region").at("terms").get<std::vector<std::string>>());
  });
}

TEST_CASE("an intercept of its own for each hospital is the hospital as covariate, and stays there") {
  struct Case {
    const char* file;
    const char* response;
    const char* covariates;
    const char* site;
    GlmFamily family;
    GlmLink link;
  };
  for (const Case& c :
       {Case{"icu_networks.csv", "died", "Age,ApacheIIScore,male", "network", GlmFamily::binomial,
             GlmLink::logit},
        Case{"icu_networks.csv", "died", "Age,BMI", "network", GlmFamily::binomial, GlmLink::probit},
        Case{"icu_networks.csv", "BMI", "Age,male", "network", GlmFamily::gaussian, GlmLink::identity},
        Case{"icu_networks.csv", "BMI", "Age,male", "network", GlmFamily::gamma, GlmLink::log},
        Case{"nmes_regions.csv", "visits", "age,chronic", "region", GlmFamily::poisson, GlmLink::log}}) {
    const Table table = table_of(c.file);
    InProcess hospitals = hospitals_of(table, by_column(table, c.site));
    GlmPlan plan = plan_of(c.family, c.response, c.covariates);
    plan.link = c.link;
    plan.stratify_by_site = true;
    const GlmFit strata = fit_glm(hospitals, plan);
    plan.stratify_by_site = false;
    plan.covariates.push_back({c.site, true, {}});
    const GlmFit covariate = fit_glm(hospitals, plan);
    CHECK(strata.strata == hospitals.clients().size());
    CHECK(strata.converged);
    CHECK(strata.df == covariate.df);
    CHECK(strata.null_df == covariate.null_df);
    for (std::size_t j = 0; j < strata.terms.size(); ++j) {
      CHECK(strata.terms[j] == covariate.terms[j + 1]);
      // Both converged to 1e-10 standard errors.
      CHECK(std::fabs(strata.coefficients[j] - covariate.coefficients[j + 1]) <=
            1e-9 * strata.standard_errors[j]);
      check_near(strata.standard_errors[j], covariate.standard_errors[j + 1], 1e-9);
    }
    check_near(strata.deviance, covariate.deviance, 1e-12);
    check_near(strata.null_deviance, covariate.null_deviance, 1e-12);
    check_near(strata.log_likelihood, covariate.log_likelihood, 1e-12);
    check_near(strata.aic, covariate.aic, 1e-12);
  }
}

// By Fisher scoring in Python, with columns standardised and sums rounded once (math.fsum), to a step of 1e-14; its logistic regression of the same
// table agrees with R's to 1e-14, and its formulas of the log-likelihood are sums of log densities.
TEST_CASE("other links, the offset and no intercept, against an independent program") {
  struct Case {
    const char* what;
    GlmPlan plan;
    const char* file;
    std::vector<double> coefficients, errors;
    double deviance, null_deviance, dispersion, log_likelihood, aic;
  };
  const auto plan = [](GlmFamily family, GlmLink link, const char* response, const char* covariates,
                       const char* offset = "", bool intercept = true) {
    GlmPlan made = plan_of(family, response, covariates);
    made.link = link;
    made.offset = offset;
    made.intercept = intercept;
    return made;
  };
  const double nan = std::nan("");
  const Case cases[] = {
      {"gamma, log",
       plan(GlmFamily::gamma, GlmLink::log, "days", "Age,ApacheIIScore,male"),
       "icu_networks.csv",
       {3.549741130725159, -0.0017725481637226464, -0.0076161539988325025, -0.013265726068723949},
       {0.02965255240525246, 0.00040146795694173123, 0.000889305586058462, 0.0141230932069077},
       365.88386426782375,
       376.75585726398396,
       0.09360183610157673,
       -7474.207857524919,
       14958.415715049838},
      {"gamma, inverse",
       plan(GlmFamily::gamma, GlmLink::canonical, "BMI", "Age,male,elective"),
       "icu_networks.csv",
       {0.034937511538948675, 1.7431857870889265e-05, 0.0015650967343601187, -0.0002636297670332692},
       {0.0008311409354163548, 1.2454078954516632e-05, 0.0004473687612482308, 0.0006131035874067444},
       117.81266291459549,
       118.77152863159426,
       0.07023458402619079,
       -6514.691289889577,
       13039.382579779154},
      {"gamma, identity",
       plan(GlmFamily::gamma, GlmLink::identity, "BMI", "Age,male"),
       "icu_networks.csv",
       {28.58863632828503, -0.012817267426462671, -1.1557850174015214},
       {0.6247299042168942, 0.009174100594888879, 0.33472366128915565},
       117.82808772349848,
       118.77152863159426,
       0.07020457425749708,
       -6514.822510961903,
       13037.645021923807},
      {"probit",
       plan(GlmFamily::binomial, GlmLink::probit, "died", "Age,ApacheIIScore"),
       "icu_networks.csv",
       {-2.3207894801199322, 0.011691866281469222, 0.03449512204237504},
       {0.14998215133668644, 0.002019150374769461, 0.004212216270616476},
       1907.1938116912463,
       2038.1534140778972,
       1,
       -953.5969058456232,
       1913.1938116912463},
      {"poisson with offset",
       plan(GlmFamily::poisson, GlmLink::log, "y", "age,V4", "lbase"),
       "epil.csv",
       {1.5027703052462262, 0.013001802188398956, -0.15976960057667475},
       {0.10163498175022859, 0.003530148866940228, 0.0545837099874696},
       998.2453346955815,
       1020.4649892611257,
       1,
       -882.0750061824505,
       1770.150012364901},
      {"gaussian, log",
       plan(GlmFamily::gaussian, GlmLink::log, "target", "bmi,bp"),
       "diabetes.csv",
       {2.799435528979033, 0.049712188860898045, 0.009202413704941993},
       {0.14308485144852592, 0.0039041303416792643, 0.0013397424684256593},
       1575075.9589317902,
       2621009.124434389,
       3587.8723438081784,
       -2434.6202543281374,
       4877.240508656275},
      {"no intercept",
       plan(GlmFamily::binomial, GlmLink::logit, "died", "Age,BMI", "", false),
       "icu_networks.csv",
       {0.00845201060582736, -0.06720516665476135},
       {0.0025406487836027196, 0.0062185083836268275},
       2042.731533222941,
       nan,
       1,
       -1021.3657666114705,
       2046.731533222941}};
  for (const Case& c : cases) {
    CAPTURE(c.what);
    const Table table = table_of(c.file);
    for (const std::size_t sites : {std::size_t{1}, std::size_t{7}}) {
      InProcess hospitals = hospitals_of(table, in_turns(table.rows(), sites));
      const GlmFit fit = fit_glm(hospitals, c.plan);
      CHECK(fit.converged);
      REQUIRE(fit.coefficients.size() == c.coefficients.size());
      for (std::size_t j = 0; j < c.errors.size(); ++j) {
        CHECK(std::fabs(fit.coefficients[j] - c.coefficients[j]) <= 1e-9 * std::fabs(c.coefficients[j]));
        check_near(fit.standard_errors[j], c.errors[j], 1e-8);
      }
      check_near(fit.deviance, c.deviance, 1e-11);
      if (!std::isnan(c.null_deviance)) check_near(fit.null_deviance, c.null_deviance, 1e-11);
      check_near(fit.dispersion, c.dispersion, 1e-9);
      check_near(fit.log_likelihood, c.log_likelihood, 1e-11);
      check_near(fit.aic, c.aic, 1e-11);
    }
  }
  // Without anything but 0 in it, the linear predictor says one half.
  const Table table = table_of("icu_networks.csv");
  InProcess hospitals = hospitals_of(table, in_turns(table.rows(), 2));
  check_near(fit_glm(hospitals, cases[6].plan).null_deviance, 2 * 1985 * std::log(2.0), 1e-13);
}

TEST_CASE("means that begin out of range: gamma without an intercept") {
  // 1 / mu = b x has the maximum at b = 1 / mean(y x) with x > 0.
  Table table("t");
  table.add_numeric("y", {1, 2, 4, 3}).add_numeric("x", {1, 2, 0.5, 1});
  InProcess hospitals = hospitals_of(table, {0, 0, 1, 1});
  GlmPlan plan = plan_of(GlmFamily::gamma, "y", "x");
  plan.intercept = false;
  const GlmFit fit = fit_glm(hospitals, plan);
  CHECK(fit.converged);
  check_near(fit.coefficients.at(0), 4.0 / (1 + 4 + 2 + 3), 1e-13);
}

TEST_CASE("intervals are of the same distribution as the tests") {
  const Table table = table_of("diabetes.csv");
  InProcess hospitals = hospitals_of(table, in_turns(table.rows(), 3));
  GlmPlan plan = plan_of(GlmFamily::gaussian, "target", "bmi");
  const GlmFit fit = fit_glm(hospitals, plan, {.confidence_level = 0.99});
  // The 0.995 quantile of t with 440 degrees of freedom, by numerical integration in Python.
  check_near((fit.upper[1] - fit.lower[1]) / 2 / fit.standard_errors[1], 2.587049052353444, 1e-9);
  CHECK((fit.upper[1] + fit.lower[1]) / 2 == doctest::Approx(fit.coefficients[1]).epsilon(1e-13));
  plan = plan_of(GlmFamily::poisson, "target", "bmi");
  const GlmFit counts = fit_glm(hospitals, plan);
  check_near((counts.upper[1] - counts.lower[1]) / 2 / counts.standard_errors[1], 1.959963984540054, 1e-12);
  CHECK(counts.covariance[3] == doctest::Approx(std::pow(counts.standard_errors[1], 2)).epsilon(1e-13));
  CHECK(counts.covariance[1] == doctest::Approx(counts.covariance[2]).epsilon(1e-13));
}

TEST_CASE("hospitals whose rules forbid it are left out and named") {
  const Table table = table_of("icu_networks.csv");
  InProcess hospitals = hospitals_of(table, in_turns(table.rows(), 3));
  hospitals.add("strict",
                StatisticsSite(table, DisclosureRules{}).handlers<ColumnLevels, GlmMoments, GlmStep>());
  const GlmFit fit = fit_glm(hospitals, plan_of(GlmFamily::binomial, "died", "Age"));
  CHECK(fit.sites.size() == 3);
  REQUIRE(fit.left_out.size() == 1);
  CHECK(fit.left_out[0].client.str() == "strict");
  CHECK(fit.n == 1985);
}

TEST_CASE("a ridge penalty may be on coefficients in the units of the data") {
  // One covariate: (Sxy) / (Sxx + l2).
  Table table("t");
  table.add_numeric("y", {1, 3, 2, 7}).add_numeric("x", {10, 20, 30, 40});
  InProcess hospitals = hospitals_of(table, {0, 1, 1, 0});
  GlmPlan plan = plan_of(GlmFamily::gaussian, "y", "x");
  plan.l2 = 50;
  plan.penalise_standardised = false;
  check_near(fit_glm(hospitals, plan).coefficients[1], 85.0 / (500 + 50), 1e-13);
  plan.penalise_standardised = true;  // of x / sd: Sxx is 4
  check_near(fit_glm(hospitals, plan).coefficients[1], 85.0 / (500 + 50 * 125), 1e-13);
}

}  // namespace statistics_glm_test
