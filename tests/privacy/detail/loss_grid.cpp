#include "healthai/privacy/detail/loss_grid.hpp"

#include <doctest/doctest.h>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace privacy_detail_loss_grid_test {

using namespace healthai;
using namespace healthai::detail;

namespace {

double upper_tail(double t) {
  return std::erfc(t / std::sqrt(2.0)) / 2;
}

/// delta of one use, exactly: P(l > epsilon) - e^epsilon Q(l > epsilon), where l > epsilon exactly above some t.
double exact(const SampledGaussian& m, double epsilon, bool with) {
  const double sigma = m.noise_multiplier, q = m.sampling_rate, e = std::exp(epsilon);
  if (with) {
    const double t = sigma * std::log1p(std::expm1(epsilon) / q) + 0.5 / sigma;
    return (1 - q - e) * upper_tail(t) + q * upper_tail(t - 1 / sigma);
  }
  if (q + std::expm1(-epsilon) <= 0) return 0;  // r is never so small
  const double t = sigma * std::log1p(std::expm1(-epsilon) / q) + 0.5 / sigma;
  return (1 - e * (1 - q)) * upper_tail(-t) - e * q * upper_tail(1 / sigma - t);
}

double on_grid(const LossGrid& grid, double epsilon) {
  double delta = grid.infinite;
  for (std::size_t j = 0; j < grid.mass.size(); ++j) {
    const double loss = (static_cast<double>(grid.first) + static_cast<double>(j)) * grid.step;
    if (loss > epsilon) delta += -std::expm1(epsilon - loss) * grid.mass[j];
  }
  return delta;
}

}  // namespace

TEST_CASE("losses on a grid: right at its points, never below the truth between them") {
  for (const double sigma : {0.3, 1.0, 5.0}) {
    for (const double q : {1e-4, 0.05, 0.5, 1.0}) {
      const SampledGaussian mechanism{sigma, q};
      const double step = 0.01 * (q + 1e-3) / sigma;
      const LossGrids grids = loss_grids(mechanism, step, sum_range(mechanism, 1e-20));
      for (const bool with : {true, false}) {
        CAPTURE(sigma);
        CAPTURE(q);
        CAPTURE(with);
        const LossGrid& grid = with ? grids.with : grids.without;
        for (const int point : {1, 7, 60, 400}) {
          const double epsilon = point * step;
          // The closed form is a difference of two tails of up to e^epsilon: so many digits of it are noise.
          const double noise = 1e-14 * std::exp(epsilon);
          CHECK(std::abs(on_grid(grid, epsilon) - exact(mechanism, epsilon, with)) <=
                1e-11 * exact(mechanism, epsilon, with) + noise);
          CHECK(on_grid(grid, epsilon + step / 3) >= exact(mechanism, epsilon + step / 3, with) - noise);
        }
      }
    }
  }
}

TEST_CASE("losses on a grid: they are the logarithm of a ratio, and both distributions are whole") {
  for (const double q : {1e-3, 0.3, 1.0}) {
    for (const double step : {1e-3, 0.1, 1.7}) {  // also coarser than what is on it
      const SampledGaussian mechanism{0.8, q};
      const LossGrids grids = loss_grids(mechanism, step, sum_range(mechanism, 1e-18));
      double with = grids.with.infinite, without = grids.without.infinite, exchanged = 0;
      for (std::size_t j = 0; j < grids.with.mass.size(); ++j) {
        const double loss = (static_cast<double>(grids.with.first) + static_cast<double>(j)) * step;
        CHECK(grids.with.mass[j] >= 0);
        with += grids.with.mass[j];
        exchanged += std::exp(-loss) * grids.with.mass[j];
      }
      for (const double mass : grids.without.mass) without += mass;
      CHECK(with == doctest::Approx(1).epsilon(1e-12));
      CHECK(without == doctest::Approx(1).epsilon(1e-12));
      CHECK(exchanged == doctest::Approx(1).epsilon(1e-12));  // E_P[Q/P]
      CHECK(grids.without.first ==
            -(grids.with.first + static_cast<std::int64_t>(grids.with.mass.size()) - 1));
    }
  }
}

TEST_CASE("losses on a grid: moments under a tilt are those of the Rényi divergence") {
  for (const double q : {0.01, 0.5, 1.0}) {
    const SampledGaussian mechanism{2, q};
    const SumRange range = sum_range(mechanism, 1e-25);
    for (const double a : {0.5, 1.0, 3.0}) {
      const double d = 1e-4;
      const TiltedLoss loss = tilted_loss(mechanism, a, range);
      CHECK(std::abs(loss.log_moment - log_moment(mechanism, a)) < 1e-12);
      // Central differences of a smooth function: d^2 of truncation, 1e-13 / d of rounding.
      CHECK(std::abs(loss.mean - (log_moment(mechanism, a + d) - log_moment(mechanism, a - d)) / (2 * d)) <
            1e-8);
      const double second =
          (log_moment(mechanism, a + d) - 2 * log_moment(mechanism, a) + log_moment(mechanism, a - d)) /
          (d * d);
      CHECK(std::abs(loss.variance - second) < 1e-6);
    }
  }
}

}  // namespace privacy_detail_loss_grid_test
