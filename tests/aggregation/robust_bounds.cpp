// How far the robust rules can be carried away: each stays within its proven bound whatever the malicious clients send, where
// the mean does not. (What attacks that hide among honest updates achieve within these bounds: docs/robustness.md.)
#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "aggregation/updates.hpp"
#include "healthai/aggregation/bulyan.hpp"
#include "healthai/aggregation/centered_clipping.hpp"
#include "healthai/aggregation/geometric_median.hpp"
#include "healthai/aggregation/krum.hpp"
#include "healthai/aggregation/mean_of_closest.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/norm_bounded_mean.hpp"
#include "healthai/aggregation/trimmed_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/simulation/detail/poison.hpp"

namespace aggregation_robust_bounds_test {

using namespace healthai;

namespace {

/// n updates of equal weight, of which the first f are an attacker's. The bounds below are of the other h = n - f.
struct Round {
  Updates<double> updates{};
  std::size_t f = 0;

  [[nodiscard]] std::size_t n() const { return updates.size(); }
  [[nodiscard]] std::size_t h() const { return n() - f; }
  [[nodiscard]] std::size_t size() const { return updates.front().values.size(); }
  [[nodiscard]] std::vector<double> vector(std::size_t k) const {
    const auto values = updates[k].values.span();
    return {values.begin(), values.end()};
  }
  [[nodiscard]] Updates<double> honest() const {
    return {updates.begin() + static_cast<std::ptrdiff_t>(f), updates.end()};
  }
  [[nodiscard]] std::vector<double> honest_mean() const { return aggregate(WeightedMean{}, honest()); }
  /// Of the honest values of one coordinate, in ascending order.
  [[nodiscard]] std::vector<double> sorted(std::size_t coordinate) const {
    std::vector<double> values;
    for (std::size_t k = f; k < n(); ++k) values.push_back(updates[k].values.data()[coordinate]);
    std::sort(values.begin(), values.end());
    return values;
  }
  /// The distances of the honest updates from their mean.
  [[nodiscard]] std::vector<double> deviations() const {
    const auto mean = honest_mean();
    std::vector<double> result;
    for (std::size_t k = f; k < n(); ++k) result.push_back(distance(vector(k), mean));
    return result;
  }
  /// V: the mean of their squares.
  [[nodiscard]] double variance() const {
    const auto away = deviations();
    return std::inner_product(away.begin(), away.end(), away.begin(), 0.0) / static_cast<double>(h());
  }
};

double as_double(std::size_t count) {
  return static_cast<double>(count);
}

// Of a rule by coordinates: how far it is outside of [low, high], at most.
template <class Interval>
double outside(const Round& round, const std::vector<double>& result, Interval interval) {
  double most = 0;
  for (std::size_t c = 0; c < round.size(); ++c) {
    const auto [low, high] = interval(round.sorted(c));
    const double slack = 1e-12 * (std::abs(low) + std::abs(high));
    most = std::fmax(most, std::fmax(low - slack - result[c], result[c] - high - slack));
  }
  return most;
}

/// A rule's distance from the mean of the honest updates, beside its bound.
struct Bounded {
  std::string rule{};
  double distance = 0;
  double bound = 0;
};

/// Every rule's deviation and its bound. With a_1 <= ... <= a_h the honest values of a coordinate, and j the rank of a value
/// among all n: since f of them are anybody's, a_(j-f) <= v_j <= a_j. (What Yin et al. 2018 use in the proofs of theorems 1
/// and 4.)
std::vector<Bounded> deviations(const Round& round) {
  const std::size_t n = round.n(), f = round.f, h = round.h();
  const auto mean = round.honest_mean();
  const double V = round.variance();
  const auto away = round.deviations();
  const auto all = std::span<const Update<double>>(round.updates);
  std::vector<Bounded> result;
  const auto by_coordinate = [&](const std::string& name, const std::vector<double>& z, auto interval) {
    CHECK_MESSAGE(outside(round, z, interval) <= 0, name);
    double bound = 0;  // the same as a distance from the mean
    for (std::size_t c = 0; c < round.size(); ++c) {
      const auto [low, high] = interval(round.sorted(c));
      const double farthest = std::fmax(std::abs(high - mean[c]), std::abs(low - mean[c]));
      bound += farthest * farthest;
    }
    result.push_back({name, distance(z, mean), std::sqrt(bound)});
  };

  by_coordinate("Median", aggregate(Median{}, round.updates), [&](const std::vector<double>& a) {
    const std::size_t lower = (n - 1) / 2, upper = n / 2;  // ranks from 0
    return std::pair{(a[lower - f] + a[upper - f]) / 2, (a[std::min(lower, h - 1)] + a[upper]) / 2};
  });
  by_coordinate("TrimmedMean",
                aggregate(TrimmedMean{.trim = (as_double(f) + 0.5) / as_double(n)}, round.updates),
                [&](const std::vector<double>& a) {
                  // v_j for j in [f, h): from a_(j-f) to a_j.
                  double low = 0, high = 0;
                  for (std::size_t j = f; j < h; ++j) {
                    low += a[j - f];
                    high += a[j];
                  }
                  return std::pair{low / as_double(h - f), high / as_double(h - f)};
                });
  // The median is among the honest values, and the h closest to it are no farther than the farthest honest one: Xie, Koyejo,
  // Gupta 2018, lemma 1. Bulyan's second step is the same among those that its first has chosen: El Mhamdi et al.
  // 2018, proposition 2.
  const auto twice_the_range = [](const std::vector<double>& a) {
    const double range = a.back() - a.front();
    return std::pair{a.front() - range, a.back() + range};
  };
  by_coordinate("MeanOfClosest", aggregate(MeanOfClosest{.count = h}, round.updates), twice_the_range);
  if (n >= 4 * f + 3) {
    for (const auto how : {Bulyan::Selection::iterative_krum, Bulyan::Selection::multi_krum}) {
      by_coordinate("Bulyan", aggregate(Bulyan{.malicious = f, .selection = how}, round.updates),
                    twice_the_range);
    }
  }

  // Lopuhaä, Rousseeuw 1991, theorem 2.2, as lemma 1 of Chen, Su, Xu 2017: ||z - m|| <= 2 Σ_honest ||x_k - m|| / (n - 2f); by
  // Jensen's inequality this is within the kappa of Allouah et al. (Fixing by Mixing, 2023), 4 (1 + f / (n - 2f))^2. It
  // stops close to the minimum only; Pillutla et al. 2022 bound what smoothing adds.
  const double sum = std::accumulate(away.begin(), away.end(), 0.0);
  result.push_back({"GeometricMedian",
                    distance(aggregate(GeometricMedian{.iterations = 1000}, round.updates), mean),
                    2 * sum / as_double(n - 2 * f) * (1 + 1e-3) + 1e-4});

  // Blanchard et al. 2017, proposition 4.2, in the deterministic form of Allouah et al. 2023: with q = n - 2f - 2 honest
  // neighbours at least, a chosen x has ||x - m||^2 <= 2/q (score of x + h V). The best score is at most the honest
  // ones' average, 2 m h V / (h - 1) with m = h - 2 neighbours: so at most 6 h / q V. Of several that are kept
  // (no more than there are honest ones), each score is at most the largest honest one.
  if (n > 2 * f + 2) {
    const double q = as_double(n - 2 * f - 2);
    CHECK(Krum{.malicious = f}.tolerates(n) == f);
    result.push_back({"Krum", distance(aggregate(Krum{.malicious = f}, round.updates), mean),
                      std::sqrt(6 * as_double(h) / q * V)});
    double largest = 0;
    for (std::size_t i = f; i < n; ++i) {
      std::vector<double> squared;
      for (std::size_t j = f; j < n; ++j) {
        if (j != i) squared.push_back(std::pow(distance(round.vector(i), round.vector(j)), 2));
      }
      std::sort(squared.begin(), squared.end());
      largest = std::fmax(largest, std::accumulate(squared.begin(), squared.end() - 1, 0.0));
    }
    for (const std::size_t keep : {std::size_t{1}, h / 2, h}) {
      const MultiKrum rule{.malicious = f, .keep = keep};
      const double bound = std::sqrt(2 / q * (largest + as_double(h) * V)) * (1 + 1e-9);
      for (const std::size_t k : rule.select(all)) CHECK(distance(round.vector(k), mean) <= bound);
      result.push_back({"MultiKrum", distance(aggregate(rule, round.updates), mean), bound});
    }
  }

  // Karimireddy, He, Jaggi 2021, section 4.2: an attacker moves the centre by at most radius / n in a step. Where no honest
  // update is clipped, v' - m = (f v + Σ_malicious clipped - f m) / n, so that from v = 0, with r = ||m||,
  // ||v_L - m|| <= (f/n)^L r + radius f / h. No honest one is clipped if radius >= r + the largest deviation, as long
  // as that bound stays below r.
  const double r = length(mean);
  const double radius = r + *std::max_element(away.begin(), away.end());
  if (radius * as_double(f) <= r * as_double(h)) {
    const CenteredClipping rule{.radius = radius, .iterations = 10};
    result.push_back({"CenteredClipping", distance(aggregate(rule, round.updates), mean),
                      (std::pow(as_double(f) / as_double(n), 10) * r + radius * as_double(f) / as_double(h)) *
                          (1 + 1e-6)});
  }
  // Sun et al. 2019, section 5: f clients of length at most C beside the honest mean, unclipped.
  double longest = 1e-3;
  for (std::size_t k = f; k < n; ++k) longest = std::fmax(longest, length(round.vector(k)));
  result.push_back({"NormBoundedMean",
                    distance(aggregate(NormBoundedMean{.bound = longest}, round.updates), mean),
                    as_double(f) / as_double(n) * (longest + r) * (1 + 1e-9)});
  return result;
}

/// Honest updates around (1, ..., 1) of 50 numbers, with a standard deviation of 0.29 in each.
Round honest_round(std::size_t n, std::size_t f, std::uint64_t seed) {
  Round round;
  round.f = f;
  Stream random(seed, Purpose::test);
  for (std::size_t k = 0; k < n; ++k) {
    round.updates.push_back({Parameters<double>(layout_of(50)), 1});
    for (double& value : round.updates.back().values.span()) value = 0.5 + uniform(random);
  }
  return round;
}

}  // namespace

TEST_CASE("robust rules: within their bounds under sign flip and noise, where the mean is not") {
  const std::pair<Attack, const char*> attacks[] = {{SignFlip{10}, "sign flip"},
                                                    {SignFlip{1e6}, "sign flip, huge"},
                                                    {GaussianNoise{25}, "noise"},
                                                    {GaussianNoise{1e9}, "noise, huge"}};
  for (const auto& entry : attacks) {
    const Attack& attack = entry.first;
    const char* const name = entry.second;
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      Round round = honest_round(23, 5, seed);
      for (std::size_t k = 0; k < round.f; ++k) {
        detail::poison_own(attack, round.updates[k].values, Stream(seed, Purpose::test, k + 1));
      }
      const double of_mean = distance(aggregate(WeightedMean{}, round.updates), round.honest_mean());
      const auto all = deviations(round);
      CHECK(all.size() == 12);  // every rule and variant
      for (const Bounded& rule : all) {
        CAPTURE(name);
        CAPTURE(rule.rule);
        CHECK(rule.distance <= rule.bound);
        CHECK(of_mean > rule.bound);
      }
    }
  }
}

TEST_CASE("robust rules: within their bounds whatever malicious clients send") {
  CHECK(rc::check([] {
    const auto f = *rc::gen::inRange<std::size_t>(0, 5);
    const auto n = *rc::gen::inRange<std::size_t>(2 * f + 3, 24);
    const auto size = *rc::gen::inRange<std::size_t>(1, 12);
    Stream random(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
    const double spread = std::pow(10.0, *rc::gen::inRange(-3, 3));
    const double far = std::pow(10.0, *rc::gen::inRange(-3, 7));
    const bool together = *rc::gen::arbitrary<bool>();
    Round round;
    round.f = f;
    for (std::size_t k = 0; k < n; ++k) {
      round.updates.push_back({Parameters<double>(layout_of(size)), 1});
      if (k > 0 && k < f && together) {
        round.updates[k].values = round.updates[0].values;  // colluders
        continue;
      }
      for (double& value : round.updates.back().values.span()) {
        value = 1 + (k < f ? far : spread) * (2 * uniform(random) - 1);
      }
    }
    for (const Bounded& rule : deviations(round)) {
      if (!(rule.distance <= rule.bound * (1 + 1e-9) + 1e-9)) {
        RC_FAIL(rule.rule + ": " + std::to_string(rule.distance) + " > " + std::to_string(rule.bound));
      }
    }
  }));
}

TEST_CASE("Krum: its expectation is within the angle of the proof under sign flip and noise") {
  // Blanchard et al. 2017, proposition 4.2: ||E Kr - g|| <= eta sqrt(d) sigma, with
  // eta^2 = 2 (n - f + (f (n - f - 2) + f^2 (n - f - 1)) / (n - 2f - 2)).
  constexpr double n = 23, f = 5, size = 50;
  const double eta = std::sqrt(2 * (n - f + (f * (n - f - 2) + f * f * (n - f - 1)) / (n - 2 * f - 2)));
  const double spread = std::sqrt(size / 12);
  for (const Attack& attack : {Attack{SignFlip{10}}, Attack{GaussianNoise{25}}}) {
    std::vector<double> mean(50);
    constexpr std::uint64_t rounds = 200;
    for (std::uint64_t seed = 0; seed < rounds; ++seed) {
      Round round = honest_round(23, 5, seed);
      for (std::size_t k = 0; k < round.f; ++k) {
        detail::poison_own(attack, round.updates[k].values, Stream(seed, Purpose::test, k + 1));
      }
      const auto chosen = aggregate(Krum{.malicious = 5}, round.updates);
      for (std::size_t c = 0; c < 50; ++c) mean[c] += chosen[c] / rounds;
    }
    CHECK(distance(mean, std::vector<double>(50, 1.0)) <= eta * spread);
    // In fact honest ones are chosen: the mean of 200 of them is this close, with 5 standard errors to spare.
    CHECK(distance(mean, std::vector<double>(50, 1.0)) <= spread / std::sqrt(200.0) * 1.5);
  }
}

}  // namespace aggregation_robust_bounds_test
