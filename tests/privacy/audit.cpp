// Is what the mechanisms release as private as is claimed? Two neighbouring inputs, many runs on each, and the best attack there is
// on normal noise: a threshold on the direction in which they differ. What it finds is a lower bound on epsilon, with confidence
// (cf. Jagielski, Ullman, Oprea: Auditing Differentially Private Machine Learning, 2020; Nasr, Song, Thakurta, Papernot,
// Carlini: Adversary Instantiation, 2021). It must stay below the claim, and rise above it where there is a bug.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <boost/math/distributions/binomial.hpp>

#include "client/wrapping.hpp"
#include "healthai/client/private_trainer.hpp"
#include "healthai/core/random.hpp"
#include "healthai/model/logistic.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"

namespace privacy_audit_test {

using namespace healthai;

namespace {

constexpr double delta = 0.01;
constexpr int runs = 20000;  // on each input; half of them choose the threshold, and the others are counted
using Mechanism =
    std::function<double(bool)>;  // runs once, with or without the one; what the attacker looks at

/// Phi(s/2 - eps/s) - e^eps Phi(-s/2 - eps/s), s = 1 / noise multiplier (Balle, Wang 2018, theorem 8).
double analytic_delta(double noise_multiplier, double epsilon) {
  const double s = 1 / noise_multiplier;
  const auto phi = [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; };
  return phi(s / 2 - epsilon / s) - std::exp(epsilon) * phi(-s / 2 - epsilon / s);
}
/// The claim: the epsilon at which a sum with this noise, over a Poisson sample of this rate, has `delta`. Sampling makes log(1 + q (e^eps - 1)) and
/// q delta of eps and delta (Balle, Barthe, Gaboardi: Privacy Amplification by Subsampling, 2018, theorem 8).
double claimed_epsilon(double noise_multiplier, double sampling_rate = 1) {
  double low = 0, high = 50;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (sampling_rate * analytic_delta(noise_multiplier, middle) > delta ? low : high) = middle;
  }
  return std::log1p(sampling_rate * std::expm1(high));
}

/// The largest epsilon that the attack proves, each probability with a confidence of 1 - 1e-4 (Clopper, Pearson 1934): of an event S,
/// P(S | with) <= e^eps P(S | without) + delta, and the other way round.
double proven_epsilon(const Mechanism& mechanism) {
  std::vector<double> with, without;
  for (int i = 0; i < runs; ++i) {
    with.push_back(mechanism(true));
    without.push_back(mechanism(false));
  }
  constexpr int half = runs / 2;
  const auto count = [](const std::vector<double>& values, int begin, double threshold, double sign) {
    return static_cast<double>(std::count_if(values.begin() + begin, values.begin() + begin + half,
                                             [&](double x) { return sign * x > sign * threshold; }));
  };
  const auto bound = [](double of_first, double of_second) {
    using Binomial = boost::math::binomial_distribution<double>;
    const double low = Binomial::find_lower_bound_on_p(half, of_first, 1e-4);
    const double high = Binomial::find_upper_bound_on_p(half, of_second, 1e-4);
    return low > delta ? std::log((low - delta) / high) : 0;
  };
  double proven = 0;
  for (const double sign : {1.0, -1.0}) {
    for (const bool swapped : {false, true}) {
      const auto& first = swapped ? without : with;
      const auto& second = swapped ? with : without;
      std::vector<double> thresholds(first.begin(), first.begin() + half);
      std::sort(thresholds.begin(), thresholds.end());
      double best = 0, chosen = thresholds.front();
      for (int quantile = 1; quantile < 50; ++quantile) {
        const double threshold = thresholds[static_cast<std::size_t>(half * quantile / 50)];
        const double found = bound(count(first, 0, threshold, sign), count(second, 0, threshold, sign));
        if (found > best) {
          best = found;
          chosen = threshold;
        }
      }
      proven = std::max(proven, bound(count(first, half, chosen, sign), count(second, half, chosen, sign)));
    }
  }
  return proven;
}

/// A sum of integer vectors in two dimensions, of which one is there or not. \param length of that one, in units of the sensitivity
Mechanism integer_sum(double noise_multiplier, double length = 1) {
  const double sensitivity = 1000;
  const auto gaussian =
      DiscreteGaussian::of_variance(noise_multiplier * noise_multiplier * sensitivity * sensitivity);
  return [=, random = Stream(1, Purpose::test)](bool there) mutable {
    const auto one = static_cast<std::int64_t>(there ? 0.6 * length * sensitivity : 0);
    const auto two = static_cast<std::int64_t>(there ? 0.8 * length * sensitivity : 0);
    std::vector<std::int64_t> sums{345 + one, -12 + two};
    gaussian.add_to(sums, random);
    return 0.6 * static_cast<double>(sums[0]) + 0.8 * static_cast<double>(sums[1]);
  };
}

/// A bug: noise of half the standard deviation.
struct HalfNoise {
  ExactNoise<Stream> inner{Stream(2, Purpose::test)};
  void add_gaussian(std::span<std::int64_t> sums, double variance) { inner.add_gaussian(sums, variance / 4); }
  [[nodiscard]] Stream& generator() { return inner.generator(); }
};
static_assert(NoiseSource<HalfNoise>);

/// One step of DP-SGD; the last of six patients is there, or has zeros only, whose gradient is zero (there is no intercept), so that it is as
/// if he were not, but for the number of rows, which is public.
template <class Noise>
Mechanism one_step(PrivateTraining training, Noise (*noise)()) {
  const auto trainer = [&](bool there) {
    FeatureMatrix<double> x(6, 2);
    x << 1, 0.5, -1, 0.3, 0.2, 0.2, -0.7, -1, 0.1, 2, 3, 4;
    if (!there) x.row(5).setZero();
    training.steps = 1;
    training.learning_rate = 1;
    return std::make_shared<PrivateTrainer<LogisticModel<double>, Noise>>(
        LogisticModel<double>(x, {0, 1, 0, 1, 1, 0}, {.intercept = false}), training, noise());
  };
  const auto with = trainer(true), without = trainer(false);
  const auto request =
      wrapping::train_at(LogisticModel<double>::layout_for(2, {.intercept = false}), {1, -0.5});
  return [=](bool there) {
    const auto reply = (there ? with : without)->train(request, {});
    return -(3 * reply.update.data()[0] + 4 * reply.update.data()[1]);  // along the patient's gradient
  };
}
ExactNoise<Stream> exact() {
  return ExactNoise{Stream(3, Purpose::test)};
}
HalfNoise half() {
  return {};
}

}  // namespace

TEST_CASE("audit: the claims are those of the analytic Gaussian mechanism") {
  // Computed with 30 digits: delta(1, 1) = Phi(-1/2) - e Phi(-3/2).
  CHECK(analytic_delta(1, 1) == doctest::Approx(0.12693674).epsilon(1e-6));
  CHECK(analytic_delta(1, claimed_epsilon(1)) == doctest::Approx(delta).epsilon(1e-9));
  CHECK(claimed_epsilon(1, 0.5) < claimed_epsilon(1));
}

TEST_CASE("audit: a sum with discrete Gaussian noise leaks no more than is claimed, and nearly that") {
  const double claim = claimed_epsilon(1);
  const double proven = proven_epsilon(integer_sum(1));
  CHECK(proven < claim);
  CHECK(proven > 0.5 * claim);  // so that the attack is worth its name
}

TEST_CASE("audit: it notices noise of half the size, and a vector that was not clipped") {
  const double claim = claimed_epsilon(1);
  CHECK(proven_epsilon(integer_sum(0.5)) > claim);
  CHECK(proven_epsilon(integer_sum(1, 3)) > claim);
}

TEST_CASE("audit: a step of DP-SGD, with and without sampling") {
  for (const double rate : {1.0, 0.5}) {
    CAPTURE(rate);
    const double claim = claimed_epsilon(1, rate);
    const PrivateTraining training{.clip = 1, .noise_multiplier = 1, .sampling_rate = rate};
    const double proven = proven_epsilon(one_step(training, &exact));
    CHECK(proven < claim);
    CHECK(proven > 0.4 * claim);
    // Noise scaled wrongly by a half.
    CHECK(proven_epsilon(one_step(training, &half)) > claim);
    // Clipping left out: the patient's gradient is about 4 long, and the noise is that for 1.
    const PrivateTraining unclipped{.clip = 100, .noise_multiplier = 0.01, .sampling_rate = rate};
    CHECK(proven_epsilon(one_step(unclipped, &exact)) > claim);
  }
}

}  // namespace privacy_audit_test
