#include "healthai/privacy/sampled_gaussian.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "refusals.hpp"

namespace privacy_sampled_gaussian_test {

using namespace healthai;
using refusals_test::refuses;

namespace {

/// For whole orders: A - 1 = Σ_{k >= 2} C(order, k) (1-q)^(order-k) q^k (e^(k(k-1)/(2 sigma^2)) - 1) (the paper's equation for
/// whole orders, less Σ C(order, k) (1-q)^(order-k) q^k = 1). All terms are positive.
double binomial_divergence(double sigma, double q, int order) {
  long double sum = 0, choose = 1;
  for (int k = 0; k <= order; ++k) {
    const auto pairs = static_cast<long double>(k) * (k - 1) / 2;
    sum += choose * std::pow(1 - static_cast<long double>(q), order - k) *
           std::pow(static_cast<long double>(q), k) * std::expm1(pairs / sigma / sigma);
    choose = choose * (order - k) / (k + 1);
  }
  return static_cast<double>(std::log1p(sum) / (order - 1));
}

}  // namespace

TEST_CASE("Rényi divergence of a sampled Gaussian: whole orders, by the binomial sum") {
  for (const double sigma : {0.3, 1.0, 5.0, 20.0}) {
    for (const double q : {1e-4, 0.01, 0.5, 0.99, 0.999999}) {
      for (const int order : {2, 3, 8, 40, 100}) {
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(order);
        // The exponent of the largest term has a rounding error of its own size times 2^-53.
        const double largest = order * order / (2 * sigma * sigma);
        if (largest > 1e4) continue;  // more than a long double holds
        CHECK(
            renyi_divergence({sigma, q}, order) ==
            doctest::Approx(binomial_divergence(sigma, q, order)).epsilon(1e-12 + 1e-15 * largest).scale(0));
      }
    }
  }
}

TEST_CASE("Rényi divergence of a sampled Gaussian: any order, by another quadrature") {
  using Quadrature = boost::math::quadrature::gauss_kronrod<double, 61>;
  for (const double sigma : {0.5, 1.0, 3.0}) {
    for (const double q : {0.1, 0.5, 0.9}) {
      for (const double order : {1.25, 1.9, 2.5, 7.3}) {
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(order);
        const auto integrand = [&](double t) {
          return std::exp(-t * t / 2 +
                          order * std::log(1 - q + q * std::exp(t / sigma - 0.5 / (sigma * sigma)))) /
                 std::sqrt(2 * std::acos(-1.0));
        };
        const double middle = order / sigma / 2;
        const double moment = Quadrature::integrate(integrand, -12.0, middle, 8, 1e-14) +
                              Quadrature::integrate(integrand, middle, order / sigma + 12, 8, 1e-14);
        // log(A) loses the digits by which A is near 1.
        const double expected = std::log(moment) / (order - 1);
        CHECK(std::abs(renyi_divergence({sigma, q}, order) - expected) <=
              1e-11 * expected + 1e-14 / (order - 1));
      }
    }
  }
}

TEST_CASE("Rényi divergence of a sampled Gaussian: near order 1 it is the Kullback-Leibler divergence") {
  // For small q it is q^2 (e^(1/sigma^2) - 1) / 2, up to terms of q^3.
  for (const double sigma : {1.0, 4.0}) {
    CHECK(renyi_divergence({sigma, 1e-5}, 1 + 1e-9) ==
          doctest::Approx(0.5e-10 * std::expm1(1 / (sigma * sigma))).epsilon(1e-4).scale(0));
  }
}

TEST_CASE("Rényi divergence without sampling, and almost without") {
  CHECK(renyi_divergence({2, 1}, 3) == 3.0 / 8);
  CHECK(renyi_divergence({0.5, 1}, 1e6) == 2e6);
  CHECK(renyi_divergence({2, 1 - 1e-13}, 3) == doctest::Approx(3.0 / 8).epsilon(1e-12));
  CHECK(renyi_divergence({0.3, 1 - 1e-13}, 20) == doctest::Approx(20 / 0.18).epsilon(1e-12));
}

TEST_CASE("Rényi divergence rises with order and sampling, falls with noise, and is always a number") {
  CHECK(rc::check([] {
    const double sigma = std::pow(10.0, *rc::gen::inRange(-1000, 2000) / 1000.0);
    const double q = std::pow(10.0, -*rc::gen::inRange(0, 9000) / 1000.0);
    const double a = std::pow(10.0, *rc::gen::inRange(-4000, 2000) / 1000.0);
    const double more = 1 + *rc::gen::inRange(1, 100) / 100.0;
    const double value = renyi_divergence({sigma, q}, 1 + a);
    RC_ASSERT(value > 0);
    RC_ASSERT(is_finite(value));
    RC_ASSERT(renyi_divergence({sigma, q}, 1 + a * more) >= value * (1 - 1e-12));
    RC_ASSERT(renyi_divergence({sigma * more, q}, 1 + a) <= value * (1 + 1e-12));
    RC_ASSERT(renyi_divergence({sigma, (std::min)(1.0, q * more)}, 1 + a) >= value * (1 - 1e-12));
    RC_ASSERT(value <= (1 + a) / (2 * sigma * sigma) * (1 + 1e-12));  // sampling does not harm
  }));
}

TEST_CASE("a sampled Gaussian outside its range") {
  refuses([] { SampledGaussian{.noise_multiplier = 0}.validate(); }, "so little noise protects nobody");
  refuses([] { SampledGaussian{.noise_multiplier = -1}.validate(); },
          "noise multiplier must be in [0.01, 1e6]");
  refuses([] { SampledGaussian{.noise_multiplier = 2e6}.validate(); }, "noise multiplier");
  refuses([] { SampledGaussian{.noise_multiplier = std::nan("")}.validate(); }, "noise multiplier");
  for (const double rate : {0.0, -0.1, 1.1, 1e-10, std::nan("")}) {
    refuses([&] { SampledGaussian{.sampling_rate = rate}.validate(); }, "sampling rate must be in [1e-9, 1]");
  }
  for (const double order : {1.0, 0.5, -2.0, HUGE_VAL, std::nan("")}) {
    refuses([&] { static_cast<void>(renyi_divergence({1, 0.5}, order)); }, "order must be above 1");
    refuses([&] { static_cast<void>(renyi_divergence({1, 1}, order)); }, "order must be above 1");
  }
  refuses([] { static_cast<void>(renyi_divergence({1, 2}, 2)); }, "sampling rate");
}

}  // namespace privacy_sampled_gaussian_test
