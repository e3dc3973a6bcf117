#include "healthai/privacy/privacy_loss_accountant.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>

#include "healthai/privacy/gaussian_mechanism.hpp"

namespace privacy_privacy_loss_accountant_test {

using namespace healthai;

namespace {

double spent(const SampledGaussian& mechanism, std::uint64_t steps, double delta, double precision = 1e-3) {
  Releases<Patients> releases;
  releases.add(mechanism, steps);
  return PrivacyLossAccountant{.precision = precision}.epsilon(releases, Delta<Patients>(delta)).value();
}
double renyi(const SampledGaussian& mechanism, std::uint64_t steps, double delta) {
  Releases<Patients> releases;
  releases.add(mechanism, steps);
  return RenyiAccountant{}.epsilon(releases, Delta<Patients>(delta)).value();
}
/// The epsilon at which a falling delta(epsilon) is `delta`.
double solved(const std::function<double(double)>& at, double delta, double high) {
  double low = 0;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (at(middle) > delta ? low : high) = middle;
  }
  return high;
}
double upper_tail(double t) {
  return std::erfc(t / std::sqrt(2.0)) / 2;
}

}  // namespace

TEST_CASE("privacy loss accountant: without sampling it is the analytic Gaussian mechanism, from above") {
  // Gaussian releases compose to one whose multiplier is sigma / sqrt(steps) (Balle and Wang, theorem 8, is its delta).
  for (const double sigma : {0.3, 1.0, 4.0, 20.0}) {
    for (const std::uint64_t steps : {std::uint64_t{1}, std::uint64_t{50}, std::uint64_t{1000}}) {
      for (const double delta : {1e-3, 1e-5, 1e-9}) {
        const double total = std::sqrt(static_cast<double>(steps)) / sigma;
        if (total > 35) continue;  // gaussian_delta's second term has no digits there
        CAPTURE(sigma);
        CAPTURE(steps);
        CAPTURE(delta);
        const double exact =
            solved([&](double epsilon) { return gaussian_delta(total, 1, epsilon); }, delta, 5000);
        const double value = spent({sigma, 1}, steps, delta);
        CHECK(value >= exact * (1 - 1e-9));
        CHECK(value <= exact * (1 + 1e-3));
        CHECK(value <= renyi({sigma, 1}, steps, delta));
      }
    }
  }
}

TEST_CASE("privacy loss accountant: one sampled step in closed form, two by an integral, from above") {
  for (const double sigma : {0.6, 1.0, 4.0}) {
    for (const double q : {1e-3, 0.1, 0.7}) {
      // P(l > epsilon) - e^epsilon Q(l > epsilon) for the unit removed, and the other way round for the unit added. A loss of the
      // first kind is above log(1 - q), one of the second below -log(1 - q).
      const auto threshold = [=](double loss) {
        return sigma * std::log1p(std::expm1(loss) / q) + 0.5 / sigma;
      };
      const auto removed = [=](double epsilon) {
        if (q + std::expm1(epsilon) <= 0) return -std::expm1(epsilon);
        const double t = threshold(epsilon);
        return (1 - q - std::exp(epsilon)) * upper_tail(t) + q * upper_tail(t - 1 / sigma);
      };
      const auto added = [=](double epsilon) {
        if (q + std::expm1(-epsilon) <= 0) return 0.0;
        const double t = threshold(-epsilon);
        return (1 - std::exp(epsilon) * (1 - q)) * upper_tail(-t) -
               std::exp(epsilon) * q * upper_tail(1 / sigma - t);
      };
      const auto loss = [=](double t) {
        return std::log1p(q * std::expm1(t / sigma - 0.5 / (sigma * sigma)));
      };
      const auto normal = [](double t) { return std::exp(-t * t / 2) / std::sqrt(2 * std::acos(-1.0)); };
      // Two steps: the second has what the first one's loss left.
      const auto twice = [&](double epsilon) {
        const double step = 0.005;
        double with = 0, without = 0;
        for (double t = -9; t < 9 + 1 / sigma; t += step) {
          with += step * ((1 - q) * normal(t) + q * normal(t - 1 / sigma)) * removed(epsilon - loss(t));
          without += step * normal(t) * added(epsilon + loss(t));
        }
        return (std::max)(with, without);
      };
      for (const double delta : {1e-5, 1e-8}) {
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(delta);
        const auto once = [&](double epsilon) { return (std::max)(removed(epsilon), added(epsilon)); };
        const double exact = solved(once, delta, 100), value = spent({sigma, q}, 1, delta);
        CHECK(value >= exact * (1 - 1e-9));
        CHECK(value <= exact * (1 + 1e-3) + 1e-6);
        // delta of two steps at the epsilon that is claimed for them, and a little below. (The sum is right to about step^2
        // where it has a kink.)
        const double claimed = spent({sigma, q}, 2, delta);
        CHECK(twice(claimed) <= delta * (1 + 1e-6));
        CHECK(twice(claimed * (1 - 1.5e-3) - 2e-6) >= delta);
      }
    }
  }
}

TEST_CASE("privacy loss accountant: below the Rényi bound, and a finer grid hardly changes it") {
  for (const double sigma : {0.5, 1.0, 3.0}) {
    for (const double q : {1e-3, 0.02, 0.4}) {
      for (const std::uint64_t steps : {std::uint64_t{5}, std::uint64_t{700}}) {
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(steps);
        const double value = spent({sigma, q}, steps, 1e-6), finer = spent({sigma, q}, steps, 1e-6, 1e-4);
        CHECK(value < renyi({sigma, q}, steps, 1e-6));
        CHECK(finer <= value * (1 + 1e-9));
        CHECK(finer >= value * (1 - 2e-3) - 1e-6);
      }
    }
  }
  // Two values pinned by a run with a precision of 1e-4; the Rényi bounds are 2.5966 and 3.4226.
  CHECK(spent({1.1, 0.004266666666666667}, 14063, 1e-5) == doctest::Approx(2.3819).epsilon(1e-3).scale(0));
  CHECK(spent({0.7, 0.004}, 2344, 1e-5) == doctest::Approx(2.7432).epsilon(1e-3).scale(0));
}

TEST_CASE("privacy loss accountant: two mechanisms, in any order and grouping") {
  const Delta<Patients> delta(1e-6);
  Releases<Patients> twice, apart, mixed, turned, gaussians;
  twice.add({1.2, 0.01}, 200);
  for (int i = 0; i < 2; ++i) apart.add({1.2, 0.01}, 100);
  mixed.add({1.2, 0.01}, 100);
  mixed.add({3, 1}, 5);
  turned.add({3, 1}, 5);
  turned.add({1.2, 0.01}, 100);
  const PrivacyLossAccountant accountant;
  CHECK(accountant.epsilon(apart, delta).value() == accountant.epsilon(twice, delta).value());
  const double both = accountant.epsilon(mixed, delta).value();
  CHECK(both == doctest::Approx(accountant.epsilon(turned, delta).value()).epsilon(1e-9));
  CHECK(both > (std::max)(spent({1.2, 0.01}, 100, 1e-6), spent({3, 1}, 5, 1e-6)));
  CHECK(both < RenyiAccountant{}.epsilon(mixed, delta).value());
  // Different Gaussians compose to one: 1/2^2 + 3/4^2.
  gaussians.add({2, 1}, 1);
  gaussians.add({4, 1}, 3);
  const double total = std::sqrt(0.25 + 3.0 / 16);
  const double exact = solved([&](double epsilon) { return gaussian_delta(total, 1, epsilon); }, 1e-6, 100);
  CHECK(accountant.epsilon(gaussians, delta).value() >= exact * (1 - 1e-9));
  CHECK(accountant.epsilon(gaussians, delta).value() <= exact * (1 + 1e-3));
}

TEST_CASE("privacy loss accountant: epsilon falls with noise and delta, rises with sampling and steps") {
  constexpr double precision = 0.02;
  CHECK(rc::check([] {
    const double sigma = std::pow(10.0, *rc::gen::inRange(-300, 1300) / 1000.0);  // 0.5 to 20
    const double q = std::pow(10.0, -*rc::gen::inRange(0, 3000) / 1000.0);
    const auto steps = static_cast<std::uint64_t>(std::pow(10.0, *rc::gen::inRange(0, 2500) / 1000.0));
    const double delta = std::pow(10.0, -*rc::gen::inRange(3000, 10000) / 1000.0);
    const double more = 1 + *rc::gen::inRange(1, 100) / 100.0;
    const double value = spent({sigma, q}, steps, delta, precision);
    RC_ASSERT(value >= 0);
    RC_ASSERT(value <= renyi({sigma, q}, steps, delta));
    // Each is above its truth by at most about `precision`, so they can be in the wrong order by no more.
    const auto not_above = [](double less, double larger) {
      return less <= larger * (1 + 2 * precision) + 3e-6;
    };
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        RC_ASSERT(not_above(spent({sigma * more, q}, steps, delta, precision), value));
        break;
      case 1:
        RC_ASSERT(not_above(spent({sigma, q}, steps, delta * more, precision), value));
        break;
      case 2:
        RC_ASSERT(not_above(value, spent({sigma, (std::min)(1.0, q * more)}, steps, delta, precision)));
        break;
      default:
        RC_ASSERT(not_above(value, spent({sigma, q}, steps + 1, delta, precision)));
    }
  }));
}

TEST_CASE("privacy loss accountant: extremes") {
  CHECK(PrivacyLossAccountant{}.epsilon(Releases<Hospitals>(), Delta<Hospitals>(0.01)).value() == 0);
  CHECK(spent({1, 1e-4}, 1, 1e-3) == 0);  // who takes part with 1e-4 is not found with 1e-3
  CHECK(renyi({1, 1e-4}, 1, 1e-3) > 0.1);
  for (const double sigma : {0.05, 0.5, 50.0}) {
    for (const double q : {1e-6, 1e-3, 1.0}) {
      for (const double delta : {1e-300, 1e-10, 0.9}) {
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(delta);
        const double value = spent({sigma, q}, 3, delta, 0.1);
        CHECK(value >= 0);
        CHECK(value <= renyi({sigma, q}, 3, delta));
      }
    }
  }
  CHECK(spent({0.01, 1}, 1, 1e-5) == renyi({0.01, 1}, 1, 1e-5));  // losses beyond e^700
  CHECK(spent({0.3, 1e-4}, 1000000, 1e-10) < renyi({0.3, 1e-4}, 1000000, 1e-10));
}

TEST_CASE("privacy loss accountant: what it returns knows its unit, and its precision is checked") {
  Releases<Hospitals> releases(Adjacency::replace);
  releases.add({4, 1}, 10);
  const Delta<Hospitals> delta(1e-5, 10);
  const Epsilon<Hospitals> epsilon = PrivacyLossAccountant{}.epsilon(releases, delta);
  CHECK(epsilon.adjacency() == Adjacency::replace);
  CHECK(epsilon.value() == doctest::Approx(spent({2, 1}, 10, 1e-5)).epsilon(1e-12));
  for (const double bad : {0.0, -1.0, 2.0, std::nan("")}) {
    try {
      static_cast<void>(PrivacyLossAccountant{.precision = bad}.epsilon(releases, delta));
      FAIL("not refused: ", bad);
    } catch (const Error& e) {
      CHECK(e.id() == error::invalid_argument);
      CHECK(std::string(e.what()).find("precision must be in [1e-5, 1]") != std::string::npos);
    }
  }
}

}  // namespace privacy_privacy_loss_accountant_test
