#include "healthai/model/newton.hpp"

#include <doctest/doctest.h>

#include <map>

#include "model/support.hpp"

namespace model_newton_test {

using namespace healthai;
using namespace model_test;

// References: R 4.2.2, survival 3.5-3, coxph(Surv(time, dead) ~ age + sex + ph.ecog, ties = "efron", eps = 1e-14) on each
// hospital of examples/data/lung_hospitals.csv, rows complete in those columns.
TEST_CASE("newton: each hospital's own fit is R's") {
  struct Fit {
    std::size_t rows, events;
    std::vector<double> coefficients, standard_errors;
  };
  const std::map<double, Fit> fits{{1,
                                    {36,
                                     27,
                                     {0.0316818610649649, -0.47143926144011467, 0.8017969283284151},
                                     {0.026409579348773093, 0.4802720262084726, 0.2743190620883176}}},
                                   {3,
                                    {19,
                                     15,
                                     {0.04201286524141061, -0.5759928990079834, 0.4965275896861447},
                                     {0.03663328899809699, 0.6063686987767885, 0.5047414239788197}}},
                                   {6,
                                    {14,
                                     12,
                                     {0.040698358591766536, -0.12053103038015239, -1.4458590410184147},
                                     {0.06044188413143752, 0.709911153785226, 1.340696544656954}}},
                                   {11,
                                    {18,
                                     11,
                                     {0.04850947919044943, -0.7483466926087902, 0.7662009174985933},
                                     {0.0620384496432754, 0.8149123607607458, 0.7048113650070188}}},
                                   {12,
                                    {23,
                                     18,
                                     {0.002055838977207423, -0.8743228180347549, 1.1215915047715868},
                                     {0.02868420244801726, 0.5414618945852663, 0.5656649192588209}}},
                                   {13,
                                    {20,
                                     12,
                                     {0.060114613516627564, -0.05722118149278378, 0.8696129023459233},
                                     {0.043468406151067056, 0.8263202741950934, 0.38714387241576936}}},
                                   {16,
                                    {16,
                                     12,
                                     {0.0070589050853030405, -0.19936576069000786, 0.19515311657416745},
                                     {0.031697941107123984, 0.6213831047793529, 0.40514484765155134}}},
                                   {21,
                                    {12,
                                     10,
                                     {0.10234296639199991, 1.8799190359703273, -1.8943906123589764},
                                     {0.06337141075003218, 1.1919644511519385, 1.1331179596877656}}},
                                   {22,
                                    {17,
                                     13,
                                     {0.03185276506178732, -0.6106058298462117, -0.36322516681096545},
                                     {0.046046523157823906, 0.7571003371700591, 0.4594459138239091}}},
                                   {99,
                                    {52,
                                     34,
                                     {-0.007128099908555135, -0.6208760715112294, 0.68120402725466},
                                     {0.020220905240088287, 0.37807420876576975, 0.2505894914247794}}}};
  const std::vector<std::string> features{"age", "sex", "ph.ecog"};
  const Table table = complete_table("lung_hospitals.csv", {"time", "dead", "age", "sex", "ph.ecog"});
  std::map<double, std::vector<std::size_t>> sites;
  for (std::size_t i = 0; i < table.rows(); ++i) sites[table.numeric("hospital")[i]].push_back(i);
  REQUIRE(sites.size() == fits.size());
  for (const auto& entry : sites) {
    const double site = entry.first;  // no structured binding: Clang 14 cannot capture one
    CAPTURE(site);
    const Table own = table.select(entry.second);
    const CoxModel<double> model(design_matrix(own, features).matrix(), column(own, "time"),
                                 column(own, "dead"));
    const Fit& expected = fits.at(site);
    CHECK(model.num_examples() == expected.rows);
    CHECK(model.num_events() == expected.events);
    const NewtonResult fit = fit_newton(model);
    CHECK(fit.converged);
    CHECK(fit.iterations <= 10);
    CHECK(fit.log_likelihood > fit.log_likelihood_null);
    REQUIRE(fit.coefficients.size() == 3);
    for (std::size_t j = 0; j < 3; ++j) {
      const double error = expected.standard_errors[j];
      CHECK(std::fabs(fit.coefficients[j] - expected.coefficients[j]) < 1e-10 * error);
      CHECK(std::fabs(fit.standard_errors[j] / error - 1) < 1e-9);
    }
  }
}

// Reference: as above, all 227 rows.
TEST_CASE("newton: log-likelihoods of the pooled fit") {
  const Table table = complete_table("lung_hospitals.csv", {"time", "dead", "age", "sex", "ph.ecog"});
  const CoxModel<double> model(design_matrix(table, {"age", "sex", "ph.ecog"}).matrix(),
                               column(table, "time"), column(table, "dead"));
  const NewtonResult fit = fit_newton(model);
  CHECK(fit.log_likelihood_null == doctest::Approx(-744.4804557614402).epsilon(1e-13));
  CHECK(fit.log_likelihood == doctest::Approx(-729.2301213748617).epsilon(1e-13));
  CHECK(fit.coefficients[1] == doctest::Approx(-0.552612395531837).epsilon(1e-12));
}

TEST_CASE("newton: units do not matter") {
  Stream stream(2, Purpose::test);
  FeatureMatrix<double> x = random_features<double>(stream, 40, 2);
  std::vector<double> time;
  for (int i = 0; i < 40; ++i) time.push_back(uniform(stream));
  const std::vector<double> event(40, 1.0);
  const NewtonResult plain = fit_newton(CoxModel<double>(x, time, event));
  x.col(0) *= 1e9;
  x.col(1) *= 1e-9;
  const NewtonResult scaled = fit_newton(CoxModel<double>(x, time, event));
  CHECK(scaled.coefficients[0] * 1e9 == doctest::Approx(plain.coefficients[0]).epsilon(1e-9));
  CHECK(scaled.standard_errors[1] * 1e-9 == doctest::Approx(plain.standard_errors[1]).epsilon(1e-9));
}

TEST_CASE("newton: data without a unique maximum are refused, naming the column") {
  Stream stream(3, Purpose::test);
  const auto fit = [](const FeatureMatrix<double>& x, const std::vector<double>& time,
                      const std::vector<double>& event) {
    return thrown([&] { (void)fit_newton(CoxModel<double>(x, time, event)); });
  };
  std::vector<double> time;
  for (int i = 0; i < 20; ++i) time.push_back(1 + uniform(stream));
  const std::vector<double> event(20, 1.0);
  FeatureMatrix<double> x = random_features<double>(stream, 20, 3);

  auto e = fit(x, time, std::vector<double>(20, 0.0));
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "0 events among 20 rows"));

  FeatureMatrix<double> constant = x;
  constant.col(1).setConstant(0.1);
  e = fit(constant, time, event);
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "column 1 is constant"));

  // Constant but for a row that leaves before the first event: it is never at risk.
  constant(7, 1) = 5;
  auto early = time;
  early[7] = 0.5;
  auto censored = event;
  censored[7] = 0;
  e = fit(constant, early, censored);
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "column 1 is constant"));

  FeatureMatrix<double> collinear = x;
  collinear.col(2) = 3 * x.col(0) - 2 * x.col(1);
  e = fit(collinear, time, event);
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "linear combination"));

  // More features than events can tell apart.
  CHECK(fit(random_features<double>(stream, 3, 3), {1, 2, 3}, {1, 1, 0}).id == "invalid_data");

  // A feature that orders the events perfectly: its coefficient has no bound.
  FeatureMatrix<double> perfect = x;
  for (Eigen::Index i = 0; i < 20; ++i) perfect(i, 0) = -time[static_cast<std::size_t>(i)];
  e = fit(perfect, time, event);
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "the likelihood has no maximum"));
  CHECK(contains(e.message, "column 0"));
}

TEST_CASE("newton: its options are checked, and it says when it ran out of steps") {
  Stream stream(3, Purpose::test);
  std::vector<double> time;
  for (int i = 0; i < 30; ++i) time.push_back(uniform(stream));
  const CoxModel<double> model(random_features<double>(stream, 30, 2), time, std::vector<double>(30, 1.0));
  CHECK(thrown([&] { (void)fit_newton(model, {.max_iterations = 0}); }).id == "invalid_argument");
  CHECK(thrown([&] { (void)fit_newton(model, {.tolerance = 0}); }).id == "invalid_argument");
  const NewtonResult short_fit = fit_newton(model, {.max_iterations = 1});
  CHECK_FALSE(short_fit.converged);
  CHECK(short_fit.iterations == 1);
  CHECK(fit_newton(model).converged);
}

}  // namespace model_newton_test
