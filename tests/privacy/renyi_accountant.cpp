#include "healthai/privacy/renyi_accountant.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace privacy_renyi_accountant_test {

using namespace healthai;

namespace {

double spent(const SampledGaussian& mechanism, std::uint64_t steps, double delta) {
  Releases<Patients> releases;
  releases.add(mechanism, steps);
  return RenyiAccountant{}.epsilon(releases, Delta<Patients>(delta)).value();
}

/// The bound of one order, as it stands in the paper.
double bound(const SampledGaussian& mechanism, double steps, double delta, double order) {
  return steps * renyi_divergence(mechanism, order) + std::log((order - 1) / order) -
         (std::log(delta) + std::log(order)) / (order - 1);
}

}  // namespace

TEST_CASE("Rényi accountant: no order does better, and a neighbouring one hardly worse") {
  for (const double sigma : {0.3, 1.1, 20.0}) {
    for (const double q : {1e-4, 0.01, 0.5, 1.0}) {
      for (const std::uint64_t steps : {std::uint64_t{1}, std::uint64_t{1000}, std::uint64_t{1000000}}) {
        const double delta = 1e-6, value = spent({sigma, q}, steps, delta);
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(steps);
        const double largest = (std::min)(1e4, 1e4 * sigma);
        double best = HUGE_VAL;
        for (double a = 1e-4; a < largest; a *= 1.2) {
          best = (std::min)(best, bound({sigma, q}, static_cast<double>(steps), delta, 1 + a));
        }
        CHECK(value <= best * (1 + 1e-9));
        // Between two of these orders, the nearer is within 10 % of the best; away from where moments explode the bound
        // then differs by a few percent.
        CHECK(value >= best * 0.9);
      }
    }
  }
}

TEST_CASE("Rényi accountant: without sampling, orders by hand") {
  // With rho = s alpha, s = steps / (2 sigma^2): its derivative vanishes at the best order.
  const double s = 50 / 8.0, delta = 1e-6, value = spent({2, 1}, 50, delta);
  double low = 1 + 1e-9, high = 1e6;
  for (int i = 0; i < 200; ++i) {
    const double order = (low + high) / 2, a = order - 1;
    // d/d alpha of [s alpha + log a - log alpha - (log delta + log alpha) / a], whose 1/(a alpha) terms cancel
    const double slope = s + (std::log(delta) + std::log(order)) / (a * a);
    (slope < 0 ? low : high) = order;
  }
  CHECK(value == doctest::Approx(bound({2, 1}, 50, delta, low)).epsilon(1e-12).scale(0));
}

TEST_CASE("Rényi accountant: two mechanisms, in any order and grouping") {
  const Delta<Patients> delta(1e-6);
  Releases<Patients> twice, apart, mixed, turned;
  twice.add({1.2, 0.01}, 200);
  for (int i = 0; i < 2; ++i) apart.add({1.2, 0.01}, 100);
  mixed.add({1.2, 0.01}, 100);
  mixed.add({3, 1}, 5);
  turned.add({3, 1}, 5);
  turned.add({1.2, 0.01}, 100);
  const RenyiAccountant accountant;
  CHECK(accountant.epsilon(apart, delta).value() == accountant.epsilon(twice, delta).value());
  CHECK(accountant.epsilon(mixed, delta).value() ==
        doctest::Approx(accountant.epsilon(turned, delta).value()).epsilon(1e-12));
  // More than either alone, less than their sum.
  const double one = spent({1.2, 0.01}, 100, 1e-6), other = spent({3, 1}, 5, 1e-6);
  CHECK(accountant.epsilon(mixed, delta).value() > (std::max)(one, other));
  CHECK(accountant.epsilon(mixed, delta).value() < one + other);
  // Without sampling, multipliers add up as sigma^-2: 4 steps of 4 are 1 of 2.
  CHECK(spent({4, 1}, 4, 1e-6) == doctest::Approx(spent({2, 1}, 1, 1e-6)).epsilon(1e-12).scale(0));
}

TEST_CASE("Rényi accountant: epsilon falls with noise and delta, rises with sampling and steps") {
  CHECK(rc::check([] {
    const double sigma = std::pow(10.0, *rc::gen::inRange(-520, 1300) / 1000.0);  // 0.3 to 20
    const double q = std::pow(10.0, -*rc::gen::inRange(0, 4000) / 1000.0);
    const auto steps = static_cast<std::uint64_t>(std::pow(10.0, *rc::gen::inRange(0, 6000) / 1000.0));
    const double delta = std::pow(10.0, -*rc::gen::inRange(3000, 10000) / 1000.0);
    const double more = 1 + *rc::gen::inRange(1, 100) / 100.0;
    const double value = spent({sigma, q}, steps, delta);
    RC_ASSERT(value >= 0);
    RC_ASSERT(is_finite(value));
    const double slack = 1e-9 * value;
    RC_ASSERT(spent({sigma * more, q}, steps, delta) <= value + slack);
    RC_ASSERT(spent({sigma, q}, steps, delta * more) <= value + slack);
    RC_ASSERT(spent({sigma, (std::min)(1.0, q * more)}, steps, delta) >= value - slack);
    RC_ASSERT(spent({sigma, q}, steps + 1, delta) >= value - slack);
  }));
}

TEST_CASE("Rényi accountant: extremes") {
  CHECK(RenyiAccountant{}.epsilon(Releases<Hospitals>(), Delta<Hospitals>(0.01)).value() == 0);
  CHECK(spent({20, 1e-4}, 1, 1e-3) == 0);  // what the formula makes negative
  for (const double sigma : {0.05, 100.0}) {
    for (const double q : {1e-9, 0.999, 1.0}) {
      for (const double delta : {1e-300, 1e-10, 0.999}) {
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(delta);
        const double value = spent({sigma, q}, 1, delta);
        CHECK(value >= 0);
        CHECK(is_finite(value));
      }
    }
  }
  CHECK(is_finite(spent({0.01, 0.5}, 1, 1e-10)));
  CHECK(spent({1e6, 1}, 1, 1e-10) > 0);
  CHECK(is_finite(spent({0.3, 1}, std::uint64_t{1} << 53U, 1e-10)));
}

TEST_CASE("Rényi accountant: what it returns knows its unit, delta and adjacency") {
  Releases<Hospitals> releases(Adjacency::replace);
  releases.add({4, 1}, 10);
  const Epsilon<Hospitals> epsilon = RenyiAccountant{}.epsilon(releases, Delta<Hospitals>(1e-5, 10));
  CHECK(epsilon.adjacency() == Adjacency::replace);
  CHECK(epsilon.delta().value() == 1e-5);
  CHECK(epsilon.value() == doctest::Approx(spent({2, 1}, 10, 1e-5)).epsilon(1e-12));
}

}  // namespace privacy_renyi_accountant_test
