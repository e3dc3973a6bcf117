#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "healthai/core/metrics.hpp"
#include "healthai/core/parameters.hpp"

/// A model whose answers are known in closed form: f(w) = 1/2 sum over j of curvature[j] (w[j] - target[j])^2, on `rows` rows.
template <class Scalar_ = double>
struct Quadratic {
  using Scalar = Scalar_;
  std::vector<double> curvature;
  std::vector<double> target;
  std::size_t rows = 1;

  [[nodiscard]] static healthai::Layout layout_for(std::size_t size) {
    return healthai::Layout{{"w", {size}}};
  }
  [[nodiscard]] healthai::Layout layout() const { return layout_for(target.size()); }
  [[nodiscard]] std::size_t num_examples() const { return rows; }

  double loss(const healthai::Parameters<Scalar>& parameters, std::span<const std::size_t> /*rows*/,
              healthai::Parameters<Scalar>& gradient) const {
    double sum = 0;
    for (std::size_t j = 0; j < target.size(); ++j) {
      const double away = static_cast<double>(parameters.data()[j]) - target[j];
      gradient.data()[j] = static_cast<Scalar>(curvature[j] * away);
      sum += 0.5 * curvature[j] * away * away;
    }
    return sum;
  }
  [[nodiscard]] healthai::Metrics evaluate(const healthai::Parameters<Scalar>& parameters) const {
    healthai::Parameters<Scalar> gradient(layout());
    const auto n = static_cast<double>(rows);
    healthai::Metrics metrics;
    metrics.add("loss", n * loss(parameters, {}, gradient), n);
    return metrics;
  }
  [[nodiscard]] double curvature_bound() const {
    double largest = 0;
    for (const double c : curvature) largest = std::fmax(largest, c);
    return largest;
  }
};
