#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "healthai/core/number_text.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/rate_schedule.hpp"
#include "healthai/strategy/detail/hyperparameters.hpp"

namespace healthai::detail {

/// What the adaptive server optimisers remember.
template <class Scalar>
struct AdaptiveState {
  Parameters<Scalar> first_moment{};   ///< m
  Parameters<Scalar> second_moment{};  ///< v
  std::uint64_t steps = 0;

  explicit AdaptiveState(const Layout& layout) : first_moment(layout), second_moment(layout) {}
  AdaptiveState() = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& first_moment& second_moment& steps;
  }
};

/// The step that FedAdagrad, FedAdam and FedYogi share (Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan: Adaptive
/// Federated Optimization, 2021, algorithm 2), with u the aggregated update:
///
///     m <- beta1 m + (1 - beta1) u;   v <- second_moment(v, u^2);   w <- w + rate m / (sqrt(v) + tau)
///
/// `second_moment(v, u_squared) -> v`. Arithmetic is in double, rounded to Scalar where it is stored.
template <class Scalar, class SecondMoment>
void adaptive_step(AdaptiveState<Scalar>& state, Parameters<Scalar>& parameters,
                   const Parameters<Scalar>& update, double rate, double beta1, double tau,
                   SecondMoment second_moment) {
  for (std::size_t i = 0; i < update.size(); ++i) {
    const auto u = static_cast<double>(update.data()[i]);
    const double m = beta1 * static_cast<double>(state.first_moment.data()[i]) + (1 - beta1) * u;
    const double v = second_moment(static_cast<double>(state.second_moment.data()[i]), u * u);
    state.first_moment.data()[i] = static_cast<Scalar>(m);
    state.second_moment.data()[i] = static_cast<Scalar>(v);
    parameters.data()[i] =
        static_cast<Scalar>(static_cast<double>(parameters.data()[i]) + rate * m / (std::sqrt(v) + tau));
  }
  ++state.steps;
}

/// \throws Error (`invalid_argument`)
inline void validate_adaptive(std::string_view name, const RateSchedule& server_learning_rate, double beta1,
                              double beta2, double tau) {
  require_positive(name, "server_learning_rate", server_learning_rate.initial());
  require_hyperparameter(beta1 >= 0 && beta1 < 1, name, "beta1 must be in [0, 1)", beta1);
  require_hyperparameter(beta2 >= 0 && beta2 < 1, name, "beta2 must be in [0, 1)", beta2);
  require_positive(name, "tau", tau);
}

}  // namespace healthai::detail
