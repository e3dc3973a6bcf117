#pragma once

// Is what the mechanisms release as private as is claimed? Two neighbouring inputs, many runs on each, and the best attack there is: a
// threshold on the likelihood ratio of what is seen (Neyman, Pearson 1933), or on a number that rises with it. What it finds is a lower
// bound on epsilon, with confidence (cf. Jagielski, Ullman, Oprea: Auditing Differentially Private Machine Learning, 2020; Nasr, Song,
// Thakurta, Papernot, Carlini: Adversary Instantiation, 2021). It must stay below the claim, and rise above it where there is a bug.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <vector>

#include <boost/math/distributions/binomial.hpp>

namespace audit {

constexpr double delta = 0.01;

/// Runs a mechanism once, with or without the one; what the attacker looks at.
using Release = std::function<double(bool)>;

/// Phi(s/2 - eps/s) - e^eps Phi(-s/2 - eps/s), s = 1 / noise multiplier (Balle, Wang 2018, theorem 8).
inline double analytic_delta(double noise_multiplier, double epsilon) {
  const double s = 1 / noise_multiplier;
  const auto phi = [](double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; };
  return phi(s / 2 - epsilon / s) - std::exp(epsilon) * phi(-s / 2 - epsilon / s);
}
/// The claim: the epsilon at which a sum with this noise, over a Poisson sample of this rate, has `delta`. Sampling makes
/// log(1 + q (e^eps - 1)) and q delta of eps and delta (Balle, Barthe, Gaboardi: Privacy Amplification by Subsampling, 2018, theorem 8).
inline double claimed_epsilon(double noise_multiplier, double sampling_rate = 1) {
  double low = 0, high = 50;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (sampling_rate * analytic_delta(noise_multiplier, middle) > delta ? low : high) = middle;
  }
  return std::log1p(sampling_rate * std::expm1(high));
}

/// The largest epsilon that the attack proves, each probability with a confidence of 1 - 1e-4 (Clopper, Pearson 1934): of an event S,
/// P(S | with) <= e^eps P(S | without) + delta, and the other way round.
/// \param runs  on each input; half of them choose the threshold, and the others are counted
inline double proven_epsilon(const Release& release, int runs = 20000) {
  std::vector<double> with, without;
  for (int i = 0; i < runs; ++i) {
    with.push_back(release(true));
    without.push_back(release(false));
  }
  const int half = runs / 2;
  const auto count = [half](const std::vector<double>& values, int begin, double threshold, double sign) {
    return static_cast<double>(std::count_if(values.begin() + begin, values.begin() + begin + half,
                                             [&](double x) { return sign * x > sign * threshold; }));
  };
  const auto bound = [half](double of_first, double of_second) {
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

}  // namespace audit
