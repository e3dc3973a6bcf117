#pragma once

#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"

namespace healthai {

/// The covariates that a model holds: one row per example (patient, scan, visit), one column per feature, row-major so
/// that one example lies together in memory. In the units that the caller chooses; the library's models never rescale.
/// Models take one by value: `std::move` yours in and nothing is copied.
template <class Scalar>
using FeatureMatrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

namespace detail {

template <class Scalar>
struct WideOf {
  using type = double;
};
/// What models compute in where `Scalar` would lose digits: double, whatever Scalar. It depends on Scalar in name only, so
/// that Eigen's expressions of it are compiled where they are used, not wherever their header is included.
template <class Scalar>
using Wide = typename WideOf<Scalar>::type;

}  // namespace detail

/// The features whose columns are those given, in that order: vectors, or columns of a table.
///
///     auto x = features_from_columns<double>({table.numeric("age"), table.numeric("sex")});
///
/// \throws Error (`invalid_data`) if the columns differ in length, naming the first (from 0) that does.
template <class Scalar>
[[nodiscard]] FeatureMatrix<Scalar> features_from_columns(
    const std::vector<std::span<const double>>& columns) {
  const std::size_t rows = columns.empty() ? 0 : columns.front().size();
  FeatureMatrix<Scalar> features(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns.size()));
  for (std::size_t j = 0; j < columns.size(); ++j) {
    if (columns[j].size() != rows) {
      throw Error(error::invalid_data, "features_from_columns: column 0 has " + std::to_string(rows) +
                                           " values, but column " + std::to_string(j) + " has " +
                                           std::to_string(columns[j].size()) +
                                           "; drop incomplete rows before, not column by column");
    }
    for (std::size_t i = 0; i < rows; ++i) {
      features(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
          static_cast<Scalar>(columns[j][i]);
    }
  }
  return features;
}

}  // namespace healthai
