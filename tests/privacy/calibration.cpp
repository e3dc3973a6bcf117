#include "healthai/privacy/calibration.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <cstdint>
#include <string>

#include "healthai/privacy/clipped_mean.hpp"
#include "healthai/privacy/gaussian_mechanism.hpp"
#include "refusals.hpp"

namespace privacy_calibration_test {

using namespace healthai;
using refusals_test::refuses;

TEST_CASE("smallest noise: enough, and a little less is not") {
  CHECK(rc::check([] {
    const double epsilon = std::pow(10.0, *rc::gen::inRange(-2000, 1000) / 1000.0);
    const double q = std::pow(10.0, -*rc::gen::inRange(0, 4000) / 1000.0);
    const auto steps = static_cast<std::uint64_t>(std::pow(10.0, *rc::gen::inRange(0, 5000) / 1000.0));
    const Epsilon<Patients> target(epsilon, Delta<Patients>(1e-6));
    const auto noise = smallest_noise(RenyiAccountant{}, target, {q, steps, 1e-3});
    RC_ASSERT(noise.spent.value() <= epsilon);
    Releases<Patients> less;
    less.add({noise.noise_multiplier / 1.0011, q}, steps);
    RC_ASSERT(RenyiAccountant{}.epsilon(less, target.delta()).value() > epsilon);
  }));
}

TEST_CASE("smallest noise: without sampling it is the analytic Gaussian's") {
  for (const double epsilon : {0.1, 1.0, 8.0}) {
    const Epsilon<Patients> target(epsilon, Delta<Patients>(1e-5));
    const double exact = gaussian_stddev(std::sqrt(50.0), epsilon, 1e-5);
    const double noise = smallest_noise(target, {.steps = 50}).noise_multiplier;
    CHECK(noise >= exact * (1 - 1e-8));
    CHECK(noise <=
          exact * (1 + 3e-3));  // 1e-3 of bisection, 1e-3 of epsilon, which noise changes at least as much
  }
}

TEST_CASE("smallest noise: the privacy loss accountant needs less than the Rényi accountant") {
  const Epsilon<Patients> target(2, Delta<Patients>(1e-5, 20000));
  const PlannedReleases planned{.sampling_rate = 0.01, .steps = 1000};
  const auto close = smallest_noise(target, planned);
  const auto quick = smallest_noise(RenyiAccountant{}, target, planned);
  CHECK(close.noise_multiplier < quick.noise_multiplier);
  CHECK(close.spent.value() <= 2);
  CHECK(close.spent.value() > 1.98);
}

// docs/privacy-budget.md has these numbers.
TEST_CASE("smallest noise: ten hospitals, fifty rounds") {
  const std::size_t hospitals = 10;
  const auto stddev_of_mean = [&](const auto& accountant, double epsilon, Adjacency adjacency) {
    const Epsilon<Hospitals> target(epsilon, Delta<Hospitals>(1e-5, hospitals), adjacency);
    const auto noise = smallest_noise(accountant, target, {.steps = 50, .precision = 1e-4});
    return clipped_mean_stddev(noise.noise_multiplier, 1, hospitals);  // in clips, per coordinate
  };
  // In steps of half the last digit.
  const auto is = [](double value, double rounded, double digit) {
    return std::abs(value - rounded) <= digit / 2;
  };
  const RenyiAccountant renyi;
  CHECK(is(stddev_of_mean(renyi, 8, Adjacency::add_remove), 0.45, 0.01));
  CHECK(is(stddev_of_mean(renyi, 1, Adjacency::add_remove), 2.9, 0.1));
  const PrivacyLossAccountant close;
  CHECK(is(stddev_of_mean(close, 8, Adjacency::add_remove), 0.42, 0.01));
  CHECK(is(stddev_of_mean(close, 1, Adjacency::add_remove), 2.6, 0.1));
  CHECK(is(stddev_of_mean(close, 8, Adjacency::replace), 0.85, 0.01));
  CHECK(is(stddev_of_mean(close, 1, Adjacency::replace), 5.3, 0.1));
}

TEST_CASE("smallest noise: what cannot be had") {
  const Epsilon<Patients> target(1e-9, Delta<Patients>(1e-9));
  refuses(
      [&] {
        static_cast<void>(smallest_noise(RenyiAccountant{}, target, {1, 1000000}));
      },
      error::invalid_argument,
      "no noise multiplier up to 1e+06 is enough for epsilon 1e-09 (delta 1e-09; one patient's record added "
      "or "
      "removed) with 1000000 steps at a sampling rate of 1; plan fewer steps");
  const Epsilon<Hospitals> replaced(1, Delta<Hospitals>(1e-5), Adjacency::replace);
  refuses(
      [&] {
        static_cast<void>(smallest_noise(replaced, {0.5, 10}));
      },
      error::invalid_argument, "sampling");
  const Epsilon<Patients> usual(1, Delta<Patients>(1e-5));
  refuses([&] { static_cast<void>(smallest_noise(usual, {1, 0})); }, error::invalid_argument, "no steps");
  refuses(
      [&] {
        static_cast<void>(smallest_noise(usual, {2, 10}));
      },
      error::invalid_argument, "sampling rate");
  refuses(
      [&] {
        static_cast<void>(smallest_noise(usual, {1, 10, 0}));
      },
      error::invalid_argument, "precision");
  // However large the epsilon, there is some noise.
  CHECK(smallest_noise(RenyiAccountant{}, Epsilon<Patients>(1e9, Delta<Patients>(1e-5)), {1, 1})
            .noise_multiplier < 0.0101);
}

}  // namespace privacy_calibration_test
