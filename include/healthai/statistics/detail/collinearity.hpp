#pragma once

#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <optional>
#include <vector>

namespace healthai::detail {

/// A column that earlier ones explain.
struct Collinear {
  Eigen::Index column = 0;
  std::vector<Eigen::Index> explained_by{};  ///< those that are needed for it; empty: it is 0 itself
};

/// The first column of which no more than `tolerance` of its square is left when the columns before it are taken out: by the Cholesky
/// decomposition of the information, scaled. (1 - R^2 of the column on the others is that pivot; 1e-10 is well above the rounding of sums,
/// about 1e-14.)
/// \param information  symmetric; its lower triangle is read
/// \param squares      of each column, before anything is taken out of it; at least the diagonal
[[nodiscard]] inline std::optional<Collinear> first_collinear(const Eigen::MatrixXd& information,
                                                              const Eigen::VectorXd& squares,
                                                              double tolerance = 1e-10) {
  const Eigen::Index n = information.rows();
  const Eigen::VectorXd scale = squares.cwiseSqrt().cwiseInverse();
  Eigen::MatrixXd lower = Eigen::MatrixXd::Zero(n, n);
  for (Eigen::Index j = 0; j < n; ++j) {
    for (Eigen::Index k = 0; k < j; ++k) {
      const double product =
          information(j, k) * scale[j] * scale[k] - lower.row(j).head(k).dot(lower.row(k).head(k));
      lower(j, k) = product / lower(k, k);
    }
    const double left = information(j, j) * scale[j] * scale[j] - lower.row(j).head(j).squaredNorm();
    if (left > tolerance) {
      lower(j, j) = std::sqrt(left);
      continue;
    }
    Collinear found{j, {}};
    Eigen::VectorXd weights = lower.row(j).head(j).transpose();
    lower.topLeftCorner(j, j).transpose().triangularView<Eigen::Upper>().solveInPlace(weights);
    for (Eigen::Index k = 0; k < j; ++k) {
      if (std::fabs(weights[k]) > 1e-4) found.explained_by.push_back(k);
    }
    return found;
  }
  return std::nullopt;
}

}  // namespace healthai::detail
