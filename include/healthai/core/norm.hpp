#pragma once

#include "healthai/core/parameters.hpp"

namespace healthai {

/// The Euclidean length of all numbers together, summed in double; does not overflow unless the length does.
template <class Scalar>
[[nodiscard]] double norm(const Parameters<Scalar>& parameters) {
  return parameters.flat().template cast<double>().stableNorm();
}

/// Shortens `parameters` to a Euclidean length of `bound` if they are longer; otherwise leaves every bit as it is.
/// \pre bound >= 0
/// \return the length before
template <class Scalar>
double clip_to_norm(Parameters<Scalar>& parameters, double bound) {
  const double length = norm(parameters);
  if (length > bound) {
    const double factor = bound / length;
    for (Scalar& value : parameters.span()) value = static_cast<Scalar>(static_cast<double>(value) * factor);
  }
  return length;
}

}  // namespace healthai
