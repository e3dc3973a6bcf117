// The code of docs/privacy-budget.md.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "healthai/privacy/calibration.hpp"
#include "healthai/privacy/clipped_mean.hpp"
#include "healthai/privacy/gaussian_mechanism.hpp"

namespace docs_privacy_budget_test {

using namespace healthai;

TEST_CASE("noise for ten hospitals and fifty rounds") {
  // [calibrate]
  const std::size_t hospitals = 10;
  const Epsilon<Hospitals> target(8, Delta<Hospitals>(1e-5, hospitals));
  const CalibratedNoise<Hospitals> noise = smallest_noise(target, {.steps = 50});

  const double clip = 0.5;  // the longest update that a hospital may send
  const double stddev = clipped_mean_stddev(noise.noise_multiplier, clip, hospitals);
  // [/calibrate]
  CHECK(std::abs(stddev / clip - 0.42) < 0.005);
  CHECK(noise.spent.value() <= 8);
  CHECK(noise.spent.value() > 7.97);  // 1e-3 less noise changes epsilon by less than twice that
}

TEST_CASE("what the rounds so far have spent") {
  // [spent]
  Releases<Hospitals> releases;
  releases.add({.noise_multiplier = 4.3}, 50);  // the rounds
  releases.add({.noise_multiplier = 10.0}, 5);  // five evaluations, clipped and noised too

  const Guarantee<Hospitals> guarantee(PrivacyLossAccountant{}.epsilon(releases, Delta<Hospitals>(1e-5, 10)),
                                       "whoever sees the model of every round, but not the coordinator",
                                       {"which hospitals took part"});
  const std::string line = guarantee.text();
  // [/spent]
  // Gaussians compose to one: what is written is enough, and 2e-3 less is not (precision, and four digits).
  const double total = std::sqrt(50 / (4.3 * 4.3) + 5 / (10.0 * 10.0));
  CHECK(gaussian_delta(total, 1, 7.963) <= 1e-5);
  CHECK(gaussian_delta(total, 1, 7.963 * (1 - 2e-3)) > 1e-5);
  CHECK(line ==
        "epsilon 7.963 (delta 1e-05; one hospital's whole contribution added or removed), against whoever "
        "sees the "
        "model of every round, but not the coordinator; without noise: which hospitals took part");
}

TEST_CASE("a hospital that trains by DP-SGD on its patients") {
  // [patients]
  const std::size_t patients = 6000;
  const Epsilon<Patients> target(2, Delta<Patients>(1e-5, patients));
  const PlannedReleases planned{.sampling_rate = 64.0 / 6000, .steps = 20 * 6000 / 64};  // 20 epochs
  const double noise_multiplier = smallest_noise(target, planned).noise_multiplier;
  // [/patients]
  const auto spent = [&](const auto& accountant, double multiplier) {
    Releases<Patients> releases;
    releases.add({multiplier, planned.sampling_rate}, planned.steps);
    return accountant.epsilon(releases, target.delta()).value();
  };
  CHECK(spent(PrivacyLossAccountant{}, noise_multiplier) <= 2);
  CHECK(spent(PrivacyLossAccountant{.precision = 1e-4}, noise_multiplier * 0.99) > 2);
  CHECK(spent(RenyiAccountant{}, noise_multiplier) > 2);  // which would ask for more
  CHECK(std::abs(noise_multiplier - 1.18) < 0.005);       // the page says so
}

}  // namespace docs_privacy_budget_test
