#pragma once

#include <algorithm>
#include <cmath>
#include <Eigen/Core>

#include "healthai/model/features.hpp"

namespace healthai::detail {

/// An upper bound of the largest eigenvalue of A = ZᵀZ / n, where Z is the n rows of `features`, with a column of ones
/// appended if `intercept`. Never below it, whatever the data; usually a few per cent above.
///
/// For a positive semidefinite A and any m, λmax ≤ (tr A^2m)^(1/2m) = ‖A^m‖_F^(1/m) ≤ d^(1/2m) λmax with d the size of A.
/// Repeated squaring gives m = 32; A is ZZᵀ / n, which has the same eigenvalues but zeros, where that is smaller.
/// Above 256 rows and columns the powers would cost more than they save: m = 1; above 2048, the trace (d times λmax at
/// worst). All in double; the result is enlarged by 1e-9 of itself, more than rounding can have taken away.
template <class Matrix>
[[nodiscard]] double largest_gram_eigenvalue_bound(const Matrix& features, bool intercept) {
  using Dense = FeatureMatrix<Wide<typename Matrix::Scalar>>;
  constexpr double enlarge = 1 + 1e-9;
  const Eigen::Index n = features.rows();
  const Eigen::Index columns = features.cols();
  const Eigen::Index size = (std::min)(n, columns + (intercept ? 1 : 0));
  const auto rows = static_cast<double>(n);
  if (size > 2048) {
    double squares = 0;
    for (Eigen::Index i = 0; i < n; ++i) squares += features.row(i).template cast<double>().squaredNorm();
    return (squares / rows + (intercept ? 1 : 0)) * enlarge;
  }

  Dense z(n, columns + (intercept ? 1 : 0));
  z.leftCols(columns) = features.template cast<double>();
  if (intercept) z.col(columns).setOnes();
  const double largest = z.cwiseAbs().maxCoeff();
  if (largest == 0) return 0;
  z /= largest;  // so that squares of huge or tiny features neither overflow nor vanish
  Dense power(size, size);
  if (size == n) {
    power.noalias() = z * z.transpose();
  } else {
    power.noalias() = z.transpose() * z;
  }

  // power stays A^m / exp(m * log_scale) with Frobenius norm 1, so that log_scale is the logarithm of the bound.
  double log_scale = std::log(power.norm());
  power /= power.norm();
  double exponent = 1;
  Dense squared(size, size);
  for (int step = 0; size <= 256 && step < 5; ++step) {
    squared.noalias() = power * power;
    exponent *= 2;
    const double norm = squared.norm();
    log_scale += std::log(norm) / exponent;
    power = squared / norm;
  }
  return std::exp(log_scale) * largest * (largest / rows) * enlarge;
}

}  // namespace healthai::detail
