#pragma once

#include <algorithm>
#include <cstddef>
#include <Eigen/Core>
#include <span>

#include "healthai/core/parameters.hpp"

namespace healthai {

/// The Euclidean length of some numbers, summed in double; does not overflow unless the length does.
template <class Scalar>
[[nodiscard]] double norm(std::span<const Scalar> values) {
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  const Eigen::Map<const Vector> all(values.data(), static_cast<Eigen::Index>(values.size()));
  return all.template cast<double>().stableNorm();
}

/// The Euclidean length of all numbers together, summed in double; does not overflow unless the length does.
template <class Scalar>
[[nodiscard]] double norm(const Parameters<Scalar>& parameters) {
  return parameters.flat().template cast<double>().stableNorm();
}

/// The Euclidean length of a - b, in double as `norm`; its memory does not grow with the model. \pre a.size() == b.size()
template <class Scalar>
[[nodiscard]] double distance(const Parameters<Scalar>& a, const Parameters<Scalar>& b) {
  constexpr Eigen::Index part = Eigen::Index{1} << 20U;
  const auto size = static_cast<Eigen::Index>(a.size());
  Eigen::VectorXd lengths((size + part - 1) / part);
  for (Eigen::Index i = 0; i < lengths.size(); ++i) {
    const Eigen::Index count = (std::min)(part, size - i * part);
    lengths[i] = (a.flat().segment(i * part, count) - b.flat().segment(i * part, count))
                     .template cast<double>()
                     .stableNorm();
  }
  return lengths.stableNorm();
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
