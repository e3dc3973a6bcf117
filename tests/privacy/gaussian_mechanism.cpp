#include "healthai/privacy/gaussian_mechanism.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <cmath>
#include <limits>
#include <string>

#include "refusals.hpp"

namespace privacy_gaussian_mechanism_test {

using namespace healthai;
using refusals_test::refuses;

TEST_CASE("Gaussian mechanism: the classical formula") {
  // mpmath, 40 digits
  CHECK(classical_gaussian_stddev(1, 1, 1e-5) == doctest::Approx(4.8448052626053894).epsilon(1e-14));
  CHECK(classical_gaussian_stddev(0.5, 8, 1e-3) == doctest::Approx(0.23602997079119043).epsilon(1e-14));
  CHECK(classical_gaussian_stddev(0, 1, 1e-5) == 0);
}

TEST_CASE("Gaussian mechanism: the true delta of Balle and Wang") {
  // mpmath, 40 digits
  CHECK(gaussian_delta(1, 1, 1) == doctest::Approx(0.12693673750664395).epsilon(1e-13));
  CHECK(gaussian_delta(1, 4, 0.5) == doctest::Approx(0.0027088802183181927).epsilon(1e-13));
  CHECK(gaussian_delta(1, 0.5, 3) == doctest::Approx(0.18381307654447216).epsilon(1e-13));
  CHECK(gaussian_delta(1, 10, 0.01) == doctest::Approx(0.035252970759279496).epsilon(1e-13));
  CHECK(gaussian_delta(2, 0.1, 500) < 1e-16);  // e^500 does not overflow
  CHECK(gaussian_delta(1, 1e-3, 1) == doctest::Approx(1));
  CHECK(gaussian_delta(1, 1, 1e6) == 0);
  // Without a budget it is the total variation distance, 2 Phi(s / 2) - 1.
  CHECK(gaussian_delta(1, 1, 0) == doctest::Approx(std::erf(0.5 / std::sqrt(2.0))).epsilon(1e-14));
}

TEST_CASE("Gaussian mechanism: the classical noise is enough below epsilon 1, and too little at 8") {
  CHECK(rc::check([] {
    const double epsilon = *rc::gen::inRange(1, 100) / 100.0;
    const double delta = std::pow(10.0, -*rc::gen::inRange(1, 9));
    const double classical = classical_gaussian_stddev(1, epsilon, delta);
    RC_ASSERT(gaussian_delta(1, classical, epsilon) <= delta);
    RC_ASSERT(gaussian_stddev(1, epsilon, delta) < classical);
  }));
  CHECK(gaussian_delta(0.5, classical_gaussian_stddev(0.5, 8, 1e-3), 8) ==
        doctest::Approx(0.0013130617012171).epsilon(1e-12));
  CHECK(gaussian_stddev(0.5, 8, 1e-3) > classical_gaussian_stddev(0.5, 8, 1e-3));
}

TEST_CASE("Gaussian mechanism: the smallest noise that is enough") {
  // mpmath, 40 digits: the root of the formula by bisection
  CHECK(gaussian_stddev(1, 1, 1e-5) == doctest::Approx(3.7306316348159418).epsilon(2e-9));
  CHECK(gaussian_stddev(1, 8, 1e-3) == doctest::Approx(0.48001375248011045).epsilon(2e-9));
  CHECK(gaussian_stddev(1, 0.1, 1e-6) == doctest::Approx(36.304690426195783).epsilon(2e-9));
  CHECK(gaussian_stddev(3, 50, 1e-5) == doctest::Approx(3 * 0.14976060756083602).epsilon(2e-9));
  CHECK(gaussian_stddev(1, 0.5, 1e-12) == doctest::Approx(12.844174489886177).epsilon(1e-4));
  CHECK(gaussian_stddev(0, 1, 1e-5) == 0);
  CHECK(rc::check([] {
    const double epsilon = *rc::gen::inRange(1, 400) / 20.0;
    const double delta = std::pow(10.0, -*rc::gen::inRange(1, 9));
    const double enough = gaussian_stddev(1, epsilon, delta);
    RC_ASSERT(gaussian_delta(1, enough, epsilon) <= delta);
    RC_ASSERT(gaussian_delta(1, enough * (1 - 1e-4), epsilon) > delta);
  }));
}

TEST_CASE("Gaussian mechanism: numbers outside their range") {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  for (const auto& stddev : {classical_gaussian_stddev, gaussian_stddev}) {
    refuses([&] { return stddev(-1, 1, 1e-5); }, "sensitivity must not be negative, but is -1");
    refuses([&] { return stddev(infinity, 1, 1e-5); }, "sensitivity");
    refuses([&] { return stddev(1, 0, 1e-5); }, "epsilon must be positive, but is 0");
    refuses([&] { return stddev(1, nan, 1e-5); }, "epsilon");
    refuses([&] { return stddev(1, infinity, 1e-5); }, "epsilon");
    refuses([&] { return stddev(1, 1, 0); }, "delta");
    refuses([&] { return stddev(1, 1, 1); }, "delta");
    refuses([&] { return stddev(1, 1, nan); }, "delta");
  }
  refuses([&] { return gaussian_stddev(1, 1, 1e-13); }, "1e-12");
  refuses([&] { return gaussian_delta(0, 1, 1); }, "sensitivity must be positive");
  refuses([&] { return gaussian_delta(1, 0, 1); }, "standard deviation");
  refuses([&] { return gaussian_delta(1, 1, -1); }, "epsilon must not be negative");
}

}  // namespace privacy_gaussian_mechanism_test
