#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/random.hpp"

/// What the tests of the rules share.

template <class Scalar>
using Updates = std::vector<healthai::Update<Scalar>>;

inline healthai::Layout layout_of(std::size_t size) {
  return healthai::Layout{{"w", {size}}};
}

/// The way the Federation uses a rule.
template <class Scalar, class Rule>
std::vector<double> aggregate(const Rule& rule, Updates<Scalar> updates) {
  auto state = rule.template begin<Scalar>(updates.front().values.layout());
  for (auto& update : updates) state.add(std::move(update));
  const healthai::Parameters<Scalar> result = state.finish();
  return {result.span().begin(), result.span().end()};
}

inline double distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}
inline double length(const std::vector<double>& a) {
  return distance(a, std::vector<double>(a.size()));
}
