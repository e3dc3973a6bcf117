#include "healthai/model/cox.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>

#include "model/support.hpp"

namespace model_cox_test {

using namespace healthai;
using namespace model_test;

static_assert(BoundsCurvature<CoxModel<double>> && BoundsCurvature<CoxModel<float>>);

namespace {

struct Patients {
  FeatureMatrix<double> x;
  std::vector<double> time;
  std::vector<double> event;
};

/// Times are whole numbers below `times`, so that there are ties among events, and of events with censored rows.
Patients random_patients(Stream& stream, std::size_t rows, std::size_t columns, std::size_t times) {
  Patients p{random_features<double>(stream, rows, columns), {}, {}};
  for (std::size_t i = 0; i < rows; ++i) {
    p.time.push_back(static_cast<double>(uniform_index(stream, times)));
    p.event.push_back(uniform(stream) < 0.6 ? 1 : 0);
  }
  return p;
}

/// The definition, written down with two loops, for the rows chosen: what the model must equal.
double plain_log_likelihood(const Patients& p, const std::vector<std::size_t>& rows, Ties ties,
                            const Parameters<double>& beta) {
  const auto eta = [&](std::size_t i) { return p.x.row(static_cast<Eigen::Index>(i)).dot(beta.flat()); };
  std::map<double, std::vector<std::size_t>> deaths;
  for (const std::size_t i : rows) {
    if (p.event[i] == 1) deaths[p.time[i]].push_back(i);
  }
  double total = 0;
  for (const auto& [time, tied] : deaths) {
    double at_risk = 0;
    for (const std::size_t j : rows) at_risk += p.time[j] >= time ? std::exp(eta(j)) : 0.0;
    double dying = 0;
    for (const std::size_t i : tied) dying += std::exp(eta(i));
    for (std::size_t k = 0; k < tied.size(); ++k) {
      const double gone = ties == Ties::efron ? static_cast<double>(k) / static_cast<double>(tied.size()) : 0;
      total += eta(tied[k]) - std::log(at_risk - gone * dying);
    }
  }
  return total;
}

/// A fit by R's coxph.
struct Reference {
  std::vector<double> coefficients;
  std::vector<double> standard_errors;
  double log_likelihood_null;
  double log_likelihood;
};

/// The standard errors that the information promises, by Gauss-Jordan elimination (few columns, well conditioned).
std::vector<double> standard_errors(std::vector<double> a, std::size_t p) {
  std::vector<double> inverse(p * p, 0.0);
  for (std::size_t i = 0; i < p; ++i) inverse[i * p + i] = 1;
  for (std::size_t k = 0; k < p; ++k) {
    const double pivot = a[k * p + k];
    for (std::size_t j = 0; j < p; ++j) {
      a[k * p + j] /= pivot;
      inverse[k * p + j] /= pivot;
    }
    for (std::size_t i = 0; i < p; ++i) {
      const double factor = a[i * p + k];
      for (std::size_t j = 0; j < p && i != k; ++j) {
        a[i * p + j] -= factor * a[k * p + j];
        inverse[i * p + j] -= factor * inverse[k * p + j];
      }
    }
  }
  std::vector<double> errors;
  for (std::size_t i = 0; i < p; ++i) errors.push_back(std::sqrt(inverse[i * p + i]));
  return errors;
}

/// Sums over the models (strata) of log-likelihood, score and information must be those of the reference.
void check_against(const Reference& reference, std::vector<CoxModel<double>>& strata) {
  const Parameters<double> zero(strata.front().layout());
  const Parameters<double> optimum(zero.layout(), reference.coefficients);
  const std::size_t p = zero.size();
  double null = 0;
  double value = 0;
  double weighted_loss = 0;
  Parameters<double> gradient(zero.layout());
  Parameters<double> sum(zero.layout());
  std::vector<double> information(p * p, 0.0);
  for (CoxModel<double>& model : strata) {
    null += model.log_likelihood(zero);
    value += model.log_likelihood(optimum);
    const auto rows = static_cast<double>(model.num_examples());
    weighted_loss += rows * model.loss(optimum, {}, gradient);
    sum.flat() += rows * gradient.flat();
    const std::vector<double> part = model.information(optimum);
    for (std::size_t i = 0; i < part.size(); ++i) information[i] += part[i];
  }
  CHECK(null == doctest::Approx(reference.log_likelihood_null).epsilon(1e-13));
  CHECK(value == doctest::Approx(reference.log_likelihood).epsilon(1e-13));
  CHECK(-weighted_loss == doctest::Approx(reference.log_likelihood).epsilon(1e-13));
  const std::vector<double> errors = standard_errors(information, p);
  for (std::size_t j = 0; j < p; ++j) {
    // The score in units of its own standard deviation: how far, in standard errors, the optimum may be from R's.
    CHECK(std::fabs(sum.data()[j]) * errors[j] < 1e-9);
    CHECK(std::fabs(errors[j] / reference.standard_errors[j] - 1) < 1e-10);
  }
}

const std::vector<std::string> lung_features{"age", "sex", "ph.ecog"};
const std::vector<std::string> lung_used{"time", "dead", "age", "sex", "ph.ecog"};

CoxModel<double> cox_of(const Table& table, const std::vector<std::string>& features, const std::string& time,
                        const std::string& event, CoxOptions options) {
  return CoxModel<double>(design_matrix(table, features).matrix(), column(table, time), column(table, event),
                          options);
}

}  // namespace

// References: R 4.2.2, survival 3.5-3, coxph with eps = 1e-14, on examples/data/lung_hospitals.csv, the 227 rows complete
// in time, dead, age, sex and ph.ecog (164 deaths).
TEST_CASE("cox: R's pooled fits of lung cancer survival") {
  const Table table = complete_table("lung_hospitals.csv", lung_used);
  REQUIRE(table.rows() == 227);
  SUBCASE("breslow") {
    std::vector<CoxModel<double>> model{
        cox_of(table, lung_features, "time", "dead", {.ties = Ties::breslow})};
    CHECK(model.front().num_events() == 164);
    check_against({{0.011041136385707521, -0.551889569637656, 0.46294704033454986},
                   {0.009266770114202268, 0.16774244801782776, 0.11357405206057965},
                   -744.6928192661609,
                   -729.4887051767732},
                  model);
  }
  SUBCASE("efron") {
    std::vector<CoxModel<double>> model{cox_of(table, lung_features, "time", "dead", {})};
    check_against({{0.011066764596118644, -0.552612395531837, 0.4637284751157322},
                   {0.0092674110143657, 0.16773905378342227, 0.11357726616137125},
                   -744.4804557614402,
                   -729.2301213748617},
                  model);
  }
}

TEST_CASE("cox: sums over hospitals are the likelihood stratified by hospital") {
  const Table table = complete_table("lung_hospitals.csv", lung_used);
  std::map<double, std::vector<std::size_t>> sites;
  for (std::size_t i = 0; i < table.rows(); ++i) sites[table.numeric("hospital")[i]].push_back(i);
  REQUIRE(sites.size() == 10);
  for (const Ties ties : {Ties::breslow, Ties::efron}) {
    std::vector<CoxModel<double>> strata;
    for (const auto& [site, rows] : sites) {
      strata.push_back(cox_of(table.select(rows), lung_features, "time", "dead", {.ties = ties}));
    }
    // Within hospitals no two deaths share a day, so that both rules give the same.
    check_against({{0.01218818072396301, -0.5496910046320834, 0.5403424044037637},
                   {0.009922805560195055, 0.17516139552622453, 0.12769262114182953},
                   -393.0542897132758,
                   -377.00290503234197},
                  strata);
  }
}

// References: as above, on examples/data/icu_networks.csv: 1985 rows, 416 deaths on 30 days, hence many ties.
TEST_CASE("cox: R's fits of ICU survival, where most deaths are tied") {
  const std::vector<std::string> features{"Age", "male", "ApacheIIScore", "BMI", "elective", "emergency"};
  const Table table = complete_table("icu_networks.csv", features);
  REQUIRE(table.rows() == 1985);
  SUBCASE("breslow") {
    std::vector<CoxModel<double>> model{cox_of(table, features, "days", "died", {.ties = Ties::breslow})};
    CHECK(model.front().num_events() == 416);
    check_against({{0.018887341066226148, 0.08738252680925672, 0.046169234756651016, -0.010640506120237618,
                    -0.6804412493694518, -0.4515009803542854},
                   {0.003201762583914227, 0.10141174238421499, 0.005907813156206825, 0.007448200169634124,
                    0.16927934504657152, 0.13045157143153085},
                   -3112.1782921214367,
                   -3032.5694904366896},
                  model);
  }
  SUBCASE("efron") {
    std::vector<CoxModel<double>> model{cox_of(table, features, "days", "died", {.ties = Ties::efron})};
    check_against({{0.018899119694118487, 0.08742296360106268, 0.046198502598331005, -0.010647484956172635,
                    -0.6808510771587882, -0.4519305132485166},
                   {0.003201795809386697, 0.10141144546468611, 0.005907492811053826, 0.007448214969666435,
                    0.16927856594044519, 0.1304501921991485},
                   -3111.9593543969704,
                   -3032.25284828601},
                  model);
  }
}

TEST_CASE("cox: likelihoods of batches are those of the definition") {
  CHECK(rc::check("definition", [](std::uint64_t seed, bool efron) {
    Stream stream(seed, Purpose::test);
    const Ties ties = efron ? Ties::efron : Ties::breslow;
    const std::size_t count = 1 + uniform_index(stream, 25);
    const Patients p = random_patients(stream, count, 2, 1 + uniform_index(stream, 12));
    CoxModel<double> model(p.x, p.time, p.event, {.ties = ties, .l2 = 0.5});
    const auto beta = random_parameters<double>(model.layout(), stream, 2);
    Parameters<double> gradient(model.layout());
    const double penalty = 0.25 * beta.flat().squaredNorm();
    std::vector<std::size_t> all(count);
    for (std::size_t i = 0; i < count; ++i) all[i] = i;
    const double whole = plain_log_likelihood(p, all, ties, beta);
    RC_ASSERT(std::fabs(model.log_likelihood(beta) - whole) <= 1e-12 * (1 + std::fabs(whole)));
    const auto rows = static_cast<double>(count);
    RC_ASSERT(std::fabs(model.loss(beta, {}, gradient) - penalty + whole / rows) <=
              1e-12 * (1 + std::fabs(whole)));
    const Metrics metrics = model.evaluate(beta);
    RC_ASSERT(metrics.begin()->name == "loss" && metrics.begin()->denominator == rows);
    RC_ASSERT(std::fabs(metrics.begin()->numerator + whole) <= 1e-12 * (1 + std::fabs(whole)));

    const auto batch = random_batch(stream, count);
    const double part = plain_log_likelihood(p, batch, ties, beta);
    RC_ASSERT(std::fabs(model.loss(beta, batch, gradient) - penalty +
                        part / static_cast<double>(batch.size())) <= 1e-12 * (1 + std::fabs(part)));
  }));
}

TEST_CASE_TEMPLATE("cox: gradients agree with finite differences", Scalar, float, double) {
  CHECK(rc::check("gradient", [](std::uint64_t seed, bool efron, bool penalised) {
    Stream stream(seed, Purpose::test);
    const Patients p = random_patients(stream, 1 + uniform_index(stream, 25), 1 + uniform_index(stream, 4),
                                       1 + uniform_index(stream, 12));
    CoxModel<Scalar> model(p.x.cast<Scalar>(), p.time, p.event,
                           {.ties = efron ? Ties::efron : Ties::breslow, .l2 = penalised ? 0.3 : 0.0});
    const auto parameters = random_parameters<Scalar>(model.layout(), stream);
    RC_ASSERT(gradient_error(model, parameters) < gradient_tolerance<Scalar>);
    RC_ASSERT(gradient_error(model, parameters, random_batch(stream, model.num_examples())) <
              gradient_tolerance<Scalar>);
  }));
}

TEST_CASE("cox: score and information are the first and minus the second derivative of the log-likelihood") {
  CHECK(rc::check("derivatives", [](std::uint64_t seed, bool efron) {
    Stream stream(seed, Purpose::test);
    const std::size_t columns = 1 + uniform_index(stream, 4);
    const Patients p = random_patients(stream, 2 + uniform_index(stream, 25), columns, 8);
    const CoxModel<double> model(p.x, p.time, p.event,
                                 {.ties = efron ? Ties::efron : Ties::breslow, .l2 = 7});
    const auto beta = random_parameters<double>(model.layout(), stream);
    const std::vector<double> score = model.score(beta);
    const std::vector<double> information = model.information(beta);
    for (std::size_t j = 0; j < columns; ++j) {
      const double h = 1e-5;
      auto moved = beta;
      moved.data()[j] += h;
      const double above = model.log_likelihood(moved);
      const std::vector<double> score_above = model.score(moved);
      moved.data()[j] -= 2 * h;
      const double below = model.log_likelihood(moved);
      const std::vector<double> score_below = model.score(moved);
      RC_ASSERT(std::fabs((above - below) / (2 * h) - score[j]) < 1e-7);
      for (std::size_t i = 0; i < columns; ++i) {
        RC_ASSERT(std::fabs((score_below[i] - score_above[i]) / (2 * h) - information[i * columns + j]) <
                  1e-7);
        RC_ASSERT(std::fabs(information[i * columns + j] - information[j * columns + i]) < 1e-12);
      }
    }
  }));
}

TEST_CASE("cox: without an event the loss and its gradient are those of the penalty") {
  CoxModel<double> model(FeatureMatrix<double>::Random(5, 2), {1, 2, 3, 3, 5}, {0, 0, 0, 0, 0}, {.l2 = 2});
  const Parameters<double> beta(model.layout(), std::vector<double>{3, -4});
  Parameters<double> gradient(model.layout());
  CHECK(model.loss(beta, {}, gradient) == 25);
  CHECK(gradient.data()[0] == 6);
  CHECK(gradient.data()[1] == -8);
  CHECK(model.log_likelihood(beta) == 0);
  CHECK(model.num_events() == 0);
  CHECK(model.curvature_bound() == 2);
  for (const double value : model.information(beta)) CHECK(value == 0);
  CHECK(model.evaluate(beta)["loss"] == 0);

  // and likewise on a batch that happens to have none
  CoxModel<double> other(FeatureMatrix<double>::Random(3, 2), {1, 2, 3}, {0, 1, 0});
  const std::vector<std::size_t> censored{2, 0};
  CHECK(other.loss(beta, censored, gradient) == 0);
  CHECK(largest(gradient) == 0);
}

TEST_CASE("cox: linear predictors of +-700 and far beyond lose nothing") {
  FeatureMatrix<double> x(3, 1);
  x << 1, 0, -1;
  for (const Ties ties : {Ties::breslow, Ties::efron}) {
    for (const double b : {700.0, 1e5}) {
      Parameters<double> gradient(Layout{{"coefficients", {1}}});
      // The riskiest die first: each event is certain, and the loss is what the others had left.
      CoxModel<double> likely(x, {1, 2, 3}, {1, 1, 1}, {.ties = ties});
      const Parameters<double> plus(likely.layout(), std::vector<double>{b});
      CHECK(likely.loss(plus, {}, gradient) <= 1e-300);
      CHECK(std::fabs(gradient.data()[0]) <= 1e-300);
      // The least risky die first: log(e^-b / e^b) = -2b, then -b, then 0; the risk set is the riskiest row's alone.
      CoxModel<double> unlikely(x, {3, 2, 1}, {1, 1, 1}, {.ties = ties});
      CHECK(unlikely.loss(plus, {}, gradient) == doctest::Approx(b).epsilon(1e-15));
      CHECK(gradient.data()[0] == doctest::Approx(1).epsilon(1e-15));
      // All tied: Breslow 0 + b + 2b; Efron takes a third of the dying, log(2/3) and log(1/3), out of the sums.
      CoxModel<double> tied(x, {1, 1, 1}, {1, 1, 1}, {.ties = ties});
      const double expected = ties == Ties::breslow ? 3 * b : 3 * b + std::log(2.0 / 9);
      CHECK(-tied.log_likelihood(plus) == doctest::Approx(expected).epsilon(1e-15));
      CHECK(is_finite(tied.information(plus)[0]));
    }
  }
}

TEST_CASE("cox: the curvature bound holds everywhere") {
  CHECK(rc::check("bound", [](std::uint64_t seed, bool efron, bool penalised) {
    Stream stream(seed, Purpose::test);
    const Patients p = random_patients(stream, 1 + uniform_index(stream, 25), 1 + uniform_index(stream, 4),
                                       1 + uniform_index(stream, 12));
    CoxModel<double> model(p.x, p.time, p.event,
                           {.ties = efron ? Ties::efron : Ties::breslow, .l2 = penalised ? 0.3 : 0.0});
    const auto beta = random_parameters<double>(model.layout(), stream, symmetric(stream, 3));
    const double bound = model.curvature_bound();
    RC_ASSERT(largest_curvature(model, beta) <= bound * (1 + 1e-6) + 1e-9);
  }));
  // It is reached: two rows at risk, equally likely, one event. The variance of +-1 is 1, over two rows 1/2.
  FeatureMatrix<double> two(2, 1);
  two << -1, 1;
  CoxModel<double> model(two, {2, 1}, {0, 1});
  CHECK(model.curvature_bound() == 0.5);
  CHECK(largest_curvature(model, Parameters<double>(model.layout())) == doctest::Approx(0.5).epsilon(1e-8));
}

TEST_CASE("cox: a constant shift, and the order of rows, change nothing") {
  Stream stream(4, Purpose::test);
  Patients p = random_patients(stream, 30, 2, 10);
  const CoxModel<double> model(p.x, p.time, p.event);
  const auto beta = random_parameters<double>(model.layout(), stream);
  FeatureMatrix<double> shifted = p.x.array() + 1e6;
  const double value = model.log_likelihood(beta);
  CHECK(CoxModel<double>(shifted, p.time, p.event).log_likelihood(beta) ==
        doctest::Approx(value).epsilon(1e-9));
  const FeatureMatrix<double> reversed = p.x.colwise().reverse();
  const CoxModel<double> backwards(reversed, {p.time.rbegin(), p.time.rend()},
                                   {p.event.rbegin(), p.event.rend()});
  CHECK(backwards.log_likelihood(beta) == doctest::Approx(value).epsilon(1e-13));
}

TEST_CASE("cox: what it cannot use, it refuses, saying which row") {
  const auto x = [] { return FeatureMatrix<double>::Ones(2, 1).eval(); };
  auto e = thrown([&] { CoxModel<double>(x(), {1, -2.5}, {1, 0}); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "CoxModel: row 1 (counted from 0) has time -2.5"));
  e = thrown([&] { CoxModel<double>(x(), {1, 2}, {2, 0}); });
  CHECK(e.id == "invalid_data");
  CHECK(contains(e.message, "row 0 (counted from 0) has event 2"));
  CHECK(thrown([&] { CoxModel<double>(x(), {1, std::nan("")}, {1, 0}); }).id == "invalid_data");
  CHECK(thrown([&] { CoxModel<double>(x(), {1, 2}, {1, std::nan("")}); }).id == "invalid_data");
  CHECK(thrown([&] { CoxModel<double>(x(), {1}, {1, 0}); }).id == "invalid_data");
  CHECK(thrown([&] { CoxModel<double>(x(), {1, 2}, {1}); }).id == "invalid_data");
  CHECK(thrown([&] { CoxModel<double>(x(), {1, 2}, {1, 0}, {.l2 = -1}); }).id == "invalid_argument");
  CHECK(thrown([&] { CoxModel<double>(x(), {0, 0}, {1, 0}); }).id.empty());  // time 0 is one
  CoxModel<double> model(x(), {1, 2}, {1, 0});
  Parameters<double> parameters(model.layout());
  const std::vector<std::size_t> beyond{2};
  CHECK(thrown([&] { model.loss(parameters, beyond, parameters); }).id == "invalid_argument");
  const Parameters<double> other(Layout{{"other", {1}}});
  CHECK(thrown([&] { (void)model.log_likelihood(other); }).id == "layout_mismatch");
  CHECK(thrown([&] { (void)model.information(other); }).id == "layout_mismatch");
}

TEST_CASE("cox: parameters that are not finite give a loss that is not") {
  CoxModel<double> model(FeatureMatrix<double>::Random(3, 1), {1, 2, 3}, {1, 1, 1});
  Parameters<double> gradient(model.layout());
  for (const double bad :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK_FALSE(
        is_finite(model.loss(Parameters<double>(model.layout(), std::vector<double>{bad}), {}, gradient)));
  }
}

}  // namespace model_cox_test
