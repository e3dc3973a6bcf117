// The code of docs/privacy-budget.md on sums over the patients of all hospitals.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/healthai.hpp"
#include "healthai/model/logistic.hpp"
#include "healthai/privacy/calibration.hpp"
#include "healthai/privacy/ledger.hpp"
#include "healthai/secagg/patient_gradients.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "test_folder.hpp"

namespace docs_patient_gradients_test {

using namespace healthai;

namespace {

constexpr std::size_t patients_of_site = 100;

/// Patients with two rows each, of whom those with a larger covariate fell ill more often.
LogisticModel<double> model_of(std::uint64_t site) {
  Stream random(site, Purpose::test);
  FeatureMatrix<double> x(2 * patients_of_site, 1);
  std::vector<double> y;
  for (std::size_t i = 0; i < patients_of_site; ++i) {
    const double value = 2 * uniform(random) - 1;
    const bool ill = uniform(random) < (value > 0 ? 0.9 : 0.1);
    for (std::size_t row : {2 * i, 2 * i + 1}) {
      x(static_cast<Eigen::Index>(row), 0) = value;
      y.push_back(ill ? 1 : 0);
    }
  }
  return {x, y};
}
std::vector<std::vector<std::size_t>> two_rows_each() {
  std::vector<std::vector<std::size_t>> rows;
  for (std::size_t i = 0; i < patients_of_site; ++i) rows.push_back({2 * i, 2 * i + 1});
  return rows;
}

}  // namespace

TEST_CASE("sums over the patients of all hospitals, with noise that the hospitals put together") {
  const TestFolder scratch;
  const std::vector<std::string> sites{"north", "east", "south", "west", "coast"};
  std::vector<SigningKey> keys;
  std::vector<secagg::Member> list;
  for (const std::string& site : sites) {
    keys.push_back(SigningKey::make());
    list.push_back({site, {keys.back().public_key()}});
  }
  const auto members = std::make_shared<const secagg::Members>(list);
  InProcess hospitals({.threads = 1});
  std::vector<std::shared_ptr<BudgetLedger>> ledgers;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string& site = sites[i];
    const SigningKey& key = keys[i];
    const auto within = [](const BudgetAccount&, std::span<const Mechanism>) { return true; };
    const auto ledger = std::make_shared<BudgetLedger>(scratch.file(site), key, within);
    const LogisticModel<double> model = model_of(i);
    const auto rows_of_patients = two_rows_each();
    // [member]
    TaskHandlers work;
    work.offer<secagg::PatientGradients>(secagg::SumsPatientGradients{model, rows_of_patients, 200});
    secagg::SecureMember self{site, key, members, {}, {}};
    self.rules.unit = secagg::SumUnit::patient;
    self.rules.debit = [ledger](const Mechanism& spent) {
      ledger->debit({"icu-2026", "patient"}, spent, "trial 7");
    };
    hospitals.add(site, secagg::secure_handlers<secagg::PatientGradients>(std::move(work), std::move(self)));
    // [/member]
    ledgers.push_back(ledger);
  }
  const Layout layout = model_of(0).layout();
  // [coordinator]
  const std::size_t patients = 500;  // about so many in all hospitals, as everybody knows
  const std::uint64_t steps = 20;
  const Epsilon<Patients> target(4, Delta<Patients>(1e-4, patients));
  secagg::PatientGradients::Broadcast step{.id = {.run = 7}, .parameters = Parameters<double>(layout)};
  step.clip = 1;             // of each patient's gradient
  step.most_patients = 200;  // of one hospital
  SecureAggregationOptions options;
  options.ranges.noise = step.noise(smallest_noise(target, {.steps = steps}).noise_multiplier);
  SecureAggregation secure{hospitals, members, options};
  for (step.id.round = 1; step.id.round <= steps; ++step.id.round) {
    auto sum = secure.sum<secagg::PatientGradients>(
        WeightedMean{}, secure.clients(), std::make_shared<const secagg::PatientGradients::Broadcast>(step),
        Deadline::max());
    if (sum.contributors.empty()) continue;  // too few hospitals: `sum.failures` says why
    const double hospitals_in_it = sum.weight;
    step.parameters.flat() -= 2.0 * hospitals_in_it / patients * sum.states[0].finish().flat();
  }
  // [/coordinator]
  for (const auto& ledger : ledgers) {
    const auto spent = ledger->spent({"icu-2026", "patient"});
    REQUIRE(spent.size() == 1);
    CHECK(spent[0] == Mechanism{NoiseKind::gaussian, options.ranges.noise.noise_multiplier, 1, steps});
  }
  // The way without noise, over the patients of all in one place.
  Parameters<double> exact(layout);
  std::vector<secagg::SumsPatientGradients<LogisticModel<double>>> all;
  for (std::size_t i = 0; i < sites.size(); ++i) all.emplace_back(model_of(i), two_rows_each(), 200);
  for (std::uint64_t round = 1; round <= steps; ++round) {
    auto broadcast = std::make_shared<secagg::PatientGradients::Broadcast>(step);
    broadcast->parameters = exact;
    for (auto& site : all) exact.flat() -= 2.0 / patients * site({broadcast, "here"}, {}).sum.flat();
  }
  // t - c of the five members' noise is a deviation of z, and each step goes twice that over the patients; gradient descent on a convex loss
  // does not make old differences larger. Six deviations of twenty such steps.
  const auto honest = static_cast<double>(secure.parameters().threshold - secure.parameters().corrupt);
  const double deviation = 2.0 / patients * options.ranges.noise.noise_multiplier *
                           std::sqrt(5 / honest * static_cast<double>(steps));
  CHECK(std::fabs(step.parameters.data()[0] - exact.data()[0]) < 6 * deviation);
  CHECK(exact.data()[0] > 12 * deviation);  // so that there is something to be seen
}

}  // namespace docs_patient_gradients_test
