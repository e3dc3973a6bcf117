#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/transport/in_process.hpp"

/// Three hospitals that disagree, each with a quadratic loss in one dimension: what a strategy should reach, and what
/// local steps make of it, is known in closed form.
namespace hospitals {

inline constexpr double curvature[] = {0.2, 1.0, 3.0};
inline constexpr double target[] = {-4.0, 1.0, 2.5};
inline constexpr std::size_t rows[] = {10, 3, 7};

/// The mean of the targets with the weights `rows * weight(k)`.
template <class Weight>
double weighted_mean(Weight weight) {
  double top = 0;
  double bottom = 0;
  for (std::size_t k = 0; k < 3; ++k) {
    const double w = static_cast<double>(rows[k]) * weight(k);
    top += w * target[k];
    bottom += w;
  }
  return top / bottom;
}
/// The minimum of the pooled loss.
inline double optimum() {
  return weighted_mean([](std::size_t k) { return curvature[k]; });
}
/// Where FedAvg ends: `steps` steps of rate r take client k the part 1 - (1 - r d)^steps of the way to its own target.
inline double fedavg_point(double rate, const std::uint64_t (&steps)[3]) {
  return weighted_mean(
      [&](std::size_t k) { return 1 - std::pow(1 - rate * curvature[k], static_cast<double>(steps[k])); });
}

template <class Scalar = double>
healthai::LocalTrainer<Quadratic<Scalar>> trainer(std::size_t k, healthai::LocalTraining training) {
  return healthai::LocalTrainer(Quadratic<Scalar>{{curvature[k]}, {target[k]}, rows[k]}, training);
}
/// Adds the three, each as `wrap(its trainer)`, with a number of local steps each.
template <class Scalar = double, class Wrap>
healthai::InProcess make(double rate, const std::uint64_t (&steps)[3], Wrap wrap) {
  healthai::InProcess clients({.threads = 2});
  for (std::size_t k = 0; k < 3; ++k) {
    clients.add("c" + std::to_string(k),
                wrap(trainer<Scalar>(k, {.learning_rate = rate, .local_steps = steps[k]})));
  }
  return clients;
}
template <class Scalar = double>
healthai::InProcess make(double rate, const std::uint64_t (&steps)[3]) {
  return make<Scalar>(rate, steps, [](auto client) { return client; });
}

template <class Scalar = double>
healthai::Parameters<Scalar> origin() {
  return healthai::Parameters<Scalar>(Quadratic<Scalar>::layout_for(1));
}
/// Where a run from the origin ends.
template <class Scalar = double, class StrategyType>
double end_of(StrategyType strategy, healthai::InProcess& clients, healthai::FederationOptions options) {
  healthai::Federation<StrategyType, healthai::InProcess, Scalar> federation(std::move(strategy), clients,
                                                                             std::move(options));
  return static_cast<double>(federation.run(origin<Scalar>()).parameters.data()[0]);
}

}  // namespace hospitals
