#pragma once

#include "healthai/client/curvature_bound.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/server/ask.hpp"

namespace healthai {

/// A learning rate with which full-batch gradient descent on the pooled loss never overshoots, derived from the data
/// without seeing them: each client bounds the curvature of its own loss by one number L_k that holds for all parameters; the pooled
/// loss is the mean weighted by rows, so L = sum of n_k L_k / sum of n_k bounds its curvature, and 1 / L is the classical safe step
/// (Nesterov: Introductory Lectures on Convex Optimization, 2004, theorem 2.1.14). The best step is often several times larger.
/// \throws Error (`invalid_data`) when the bound is zero (nothing to learn from), (`below_quorum`, `no_clients`) as `ask_everyone`.
template <Transport<CurvatureBound> TransportType>
[[nodiscard]] double federated_learning_rate(TransportType& transport) {
  const Summand<double> sums = ask_everyone<CurvatureBound>(transport, {});
  const double bound = sums.scalars.front().value / sums.weight;
  if (!is_finite(bound) || bound <= 0) {
    throw Error(error::invalid_data,
                "no learning rate can be derived: the bound on the pooled loss's curvature is " +
                    number_text(bound) + "; give a learning rate instead");
  }
  return 1 / bound;
}

}  // namespace healthai
