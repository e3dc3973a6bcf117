#pragma once

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <cstdint>
#include <limits>

#include "healthai/privacy/guarantee.hpp"
#include "healthai/privacy/releases.hpp"
#include "healthai/privacy/sampled_gaussian.hpp"

/// \file
/// Needs Boost.Math, which `healthai.hpp` does not include.

namespace healthai {

namespace detail {

/// The smallest value of a bound over all orders, and the order (less 1) that has it.
struct LeastBound {
  double epsilon = 0;
  double a = 0;
};

/// Minimises numerator(a) / a over a in (0, largest], numerator being convex and positive at 0. Then the quotient is at most c
/// exactly where numerator(a) - c a is at most 0, which is an interval: it falls and then rises, and what a search from any
/// place finds is the minimum. Stops early where it is not above 0.
template <class Numerator>
[[nodiscard]] LeastBound least_bound(const Numerator& numerator, double largest) {
  const auto bound = [&](double log_a) { return numerator(std::exp(log_a)) / std::exp(log_a); };
  const double last = std::log(largest), first = -80;
  double middle = (std::min)(2.0, last), at_middle = bound(middle);
  double left = middle, right = middle;
  bool fell = false;
  for (double step = 0.5; right < last; step *= 2) {
    right = (std::min)(right + step, last);
    const double value = bound(right);
    if (!(value < at_middle)) break;
    left = middle;
    middle = right;
    at_middle = value;
    fell = true;
    if (value <= 0) return {0, std::exp(middle)};
  }
  for (double step = 0.5; !fell && left > first; step *= 2) {
    left = (std::max)(left - step, first);
    const double value = bound(left);
    if (!(value < at_middle)) break;
    right = middle;
    middle = left;
    at_middle = value;
  }
  const auto [log_a, value] = boost::math::tools::brent_find_minima(bound, left, right, 24);
  if (value < at_middle) {
    middle = log_a;
    at_middle = value;
  }
  return {(std::max)(at_middle, 0.0), std::exp(middle)};
}

/// The logarithm of the moment of order 1 + a of all releases: they add up (Mironov: Rényi Differential Privacy, 2017,
/// proposition 1).
template <PrivacyUnit Unit>
[[nodiscard]] double log_moment(const Releases<Unit>& releases, double a) {
  double sum = 0;
  for (const auto& entry : releases.entries()) {
    sum += static_cast<double>(entry.steps) * log_moment(entry.mechanism, a);
  }
  return sum;
}

/// The best order for an (epsilon, delta) by the conversion of Canonne, Kamath, Steinke 2020.
template <PrivacyUnit Unit>
[[nodiscard]] LeastBound least_renyi_bound(const Releases<Unit>& releases, double delta) {
  if (releases.steps() == 0) return {};
  double largest = std::numeric_limits<double>::infinity();
  for (const auto& entry : releases.entries()) largest = (std::min)(largest, largest_order(entry.mechanism));
  // Convex in a: the moments are, and the second derivative of a log a - (1+a) log(1+a) is 1/a - 1/(1+a).
  const auto numerator = [&](double a) {
    return log_moment(releases, a) - a * std::log1p(1 / a) - std::log(delta) - std::log1p(a);
  };
  return least_bound(numerator, largest);
}

}  // namespace detail

/// How much privacy is spent, by Rényi divergences: they are computed for each mechanism (`renyi_divergence`), added up, and
/// turned into
///
///     epsilon = rho(alpha) + log((alpha - 1) / alpha) - (log delta + log alpha) / (alpha - 1)
///
/// (Canonne, Kamath, Steinke: The Discrete Gaussian for Differential Privacy, 2020, proposition 12), the smallest over all real
/// orders alpha > 1. An upper bound, some percent above what is true; `PrivacyLossAccountant` is closer, and slower.
/// The result is right to about 1e-9 of itself. No steps cost nothing: epsilon 0.
/// Thread safety: safe from any thread.
struct RenyiAccountant {
  template <PrivacyUnit Unit>
  [[nodiscard]] Epsilon<Unit> epsilon(const Releases<Unit>& releases, Delta<Unit> delta) const {
    return {detail::least_renyi_bound(releases, delta.value()).epsilon, delta, releases.adjacency()};
  }
};

}  // namespace healthai
