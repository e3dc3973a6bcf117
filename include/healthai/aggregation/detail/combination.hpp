#pragma once

#include <cstddef>
#include <vector>

namespace healthai::detail {

/// The squared distance of every point to Σ_j share[j] point_j, where the shares add up to 1, from the squared distances d between
/// the points alone:
///
///     ||x_i - z||^2 = Σ_j s_j d_ij - 1/2 Σ_jk s_j s_k d_jk
///
/// so that an iteration over such combinations never touches the vectors. Rounding may leave a small negative number; it
/// is taken as 0.
template <class SquaredDistances>
[[nodiscard]] std::vector<double> squared_distances_to_combination(const SquaredDistances& d,
                                                                   const std::vector<double>& share) {
  const std::size_t n = share.size();
  std::vector<double> result(n, 0.0);
  double spread = 0;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (share[j] != 0) result[i] += share[j] * d(i, j);
    }
    if (share[i] != 0) spread += share[i] * result[i];
  }
  for (double& squared : result) squared = squared - spread / 2 > 0 ? squared - spread / 2 : 0.0;
  return result;
}

}  // namespace healthai::detail
