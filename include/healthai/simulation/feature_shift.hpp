#pragma once

#include <boost/random/normal_distribution.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <Eigen/Core>
#include <string>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/random.hpp"
#include "healthai/data/design_matrix.hpp"

namespace healthai {

/// How much the measurements of simulated clients differ: another scanner, another laboratory. The features'
/// distribution differs between clients while that of the target given the true features does not (covariate shift:
/// Kairouz et al.: Advances and Open Problems in Federated Learning, 2021, section 3.1).
struct FeatureShift {
  /// Standard deviation over clients of the logarithm of the factor of a feature: 0.1 is about ten percent. >= 0
  double log_scale_deviation = 0.1;
  /// Standard deviation over clients of what is added to a feature, in the feature's own unit (or in standard
  /// deviations of it, if features are scaled). >= 0
  double offset_deviation = 0.5;
};

/// x becomes scale x + offset, feature by feature.
struct AffineChange {
  std::vector<double> scale{};
  std::vector<double> offset{};
};

/// The change of one client's `columns` features: scale = exp(log_scale_deviation N), offset = offset_deviation N'
/// with N, N' standard normal, independent over features and clients. Another number of clients or of columns changes
/// nobody's first ones.
/// \throws Error (`invalid_argument`) for a deviation that is negative or not finite.
[[nodiscard]] inline AffineChange draw_feature_shift(const FeatureShift& shift, std::size_t columns,
                                                     std::uint64_t seed, const ClientId& client) {
  for (const double deviation : {shift.log_scale_deviation, shift.offset_deviation}) {
    if (!is_finite(deviation) || deviation < 0) {
      throw Error(error::invalid_argument,
                  "feature shift: deviations must be finite and not negative, got " + number_text(deviation));
    }
  }
  Stream stream(seed, Purpose::simulation, 0, "feature_shift/" + client.str());
  boost::random::normal_distribution<double> normal;
  AffineChange change;
  for (std::size_t j = 0; j < columns; ++j) {
    change.scale.push_back(std::exp(shift.log_scale_deviation * normal(stream)));
    change.offset.push_back(shift.offset_deviation * normal(stream));
  }
  return change;
}

/// Changes each column of `x`, a matrix of features that Eigen can write to, such as a FeatureMatrix.
/// \throws Error (`invalid_argument`) if the change is for another number of columns.
template <class Derived>
void shift_features(const AffineChange& change, Eigen::MatrixBase<Derived>& x) {
  using Scalar = typename Derived::Scalar;
  const auto columns = static_cast<std::size_t>(x.cols());
  if (change.scale.size() != columns || change.offset.size() != columns) {
    throw Error(error::invalid_argument, "feature shift: the change is for " +
                                             std::to_string(change.scale.size()) +
                                             " features, but the matrix has " + std::to_string(columns));
  }
  for (std::size_t j = 0; j < columns; ++j) {
    auto column = x.col(static_cast<Eigen::Index>(j)).array();
    column = column * static_cast<Scalar>(change.scale[j]) + static_cast<Scalar>(change.offset[j]);
  }
}

/// The same for a design matrix. \throws as above
inline void shift_features(const AffineChange& change, DesignMatrix& x) {
  auto matrix = x.matrix();
  shift_features(change, matrix);
}

}  // namespace healthai
