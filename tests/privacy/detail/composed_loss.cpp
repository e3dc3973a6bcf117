#include "healthai/privacy/detail/composed_loss.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "healthai/privacy/renyi_accountant.hpp"

namespace privacy_detail_composed_loss_test {

using namespace healthai::detail;

namespace {

/// Randomised response: the loss is +c or -c. Its sums are a binomial distribution, on the grid exactly.
LossGrid response(std::int64_t c, double step) {
  LossGrid grid;
  grid.step = step;
  grid.first = -c;
  grid.mass.assign(static_cast<std::size_t>(2 * c + 1), 0.0);
  const double p = 1 / (1 + std::exp(-static_cast<double>(c) * step));
  grid.mass.back() = p;
  grid.mass.front() = 1 - p;
  return grid;
}

double binomial_delta(int n, double c, double epsilon) {
  const double p = 1 / (1 + std::exp(-c));
  double delta = 0;
  for (int k = 0; k <= n; ++k) {
    const double loss = (2 * k - n) * c;
    if (loss <= epsilon) continue;
    const double log_choose = std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0);
    delta += -std::expm1(epsilon - loss) * std::exp(log_choose + k * std::log(p) + (n - k) * std::log1p(-p));
  }
  return delta;
}

}  // namespace

TEST_CASE("composed losses: randomised response, by the binomial distribution") {
  for (const int n : {1, 10, 500}) {
    for (const double delta : {1e-2, 1e-6, 1e-12}) {
      CAPTURE(n);
      CAPTURE(delta);
      const double step = 0.01, c = 0.1;
      const auto tilt_for = [&](double probability) {
        const auto numerator = [&](double tilt) {
          const double up = 1 / (1 + std::exp(-c));
          return n * std::log(up * std::exp(tilt * c) + (1 - up) * std::exp(-tilt * c)) -
                 std::log(probability);
        };
        return least_bound(numerator, 1e3).a;
      };
      const auto epsilon = composed_epsilon({{response(10, step), static_cast<double>(n)}}, tilt_for(delta),
                                            tilt_for(1e-6 * delta), delta);
      REQUIRE(epsilon.has_value());
      if (*epsilon == 0) {
        CHECK(binomial_delta(n, c, 0) <= delta);
      } else {
        CHECK(binomial_delta(n, c, *epsilon) <= delta * (1 + 1e-12));  // from above
        CHECK(binomial_delta(n, c, *epsilon * (1 - 1e-6)) >=
              delta);  // and not by more than tails and slack took
      }
    }
  }
}

TEST_CASE("composed losses: infinite ones are delta, and too many of them are refused") {
  LossGrid grid = response(10, 0.01);
  grid.infinite = 1e-8;
  const auto with = composed_epsilon({{grid, 10}}, 5, 10, 1e-6);
  grid.infinite = 0;
  const auto expected = composed_epsilon({{grid, 10}}, 5, 10, 1e-6 - 10 * 1e-8);
  REQUIRE(with.has_value());
  CHECK(*with == doctest::Approx(*expected).epsilon(1e-6));
  grid.infinite = 1e-7;
  CHECK(!composed_epsilon({{grid, 10}}, 5, 10, 1e-6).has_value());
}

TEST_CASE("composed losses: another tilt costs digits, and never on the wrong side") {
  const std::vector<RepeatedLoss> losses{{response(10, 0.01), 100}, {response(3, 0.01), 50}};
  const auto best = composed_epsilon(losses, 5, 9, 1e-5);
  REQUIRE(best.has_value());
  for (const double tilt : {0.5, 2.0, 9.0}) {
    CHECK(*composed_epsilon(losses, tilt, 9, 1e-5) == doctest::Approx(*best).epsilon(1e-4));
  }
  CHECK(*composed_epsilon(losses, 20, 9, 1e-5) >= *best);
}

TEST_CASE("composed losses: whole powers") {
  const std::complex<double> z = std::polar(0.999, 0.3);
  for (const double n : {0.0, 1.0, 2.0, 37.0, 1000.0}) {
    const std::complex<double> expected = std::polar(std::pow(0.999, n), 0.3 * n);
    CHECK(std::abs(power(z, n) - expected) <= 1e-15 * (n + 1));
  }
}

}  // namespace privacy_detail_composed_loss_test
