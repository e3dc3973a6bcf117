#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<xtensor/containers/xarray.hpp>)  // xtensor 0.26 moved its headers
#include <xtensor/containers/xarray.hpp>
#else
#include <xtensor/xarray.hpp>
#endif

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/model/features.hpp"

namespace healthai {
namespace detail {

/// The number of rows of an array: its first dimension.
/// \throws Error (`invalid_argument`) if it has none, or rows without numbers.
template <class T>
[[nodiscard]] std::size_t array_rows(const xt::xarray<T>& array, const char* caller) {
  const bool number = array.dimension() == 0;
  if (number || (array.size() == 0 && array.shape()[0] != 0)) {
    throw Error(error::invalid_argument, std::string(caller) +
                                             ": expected an array with one row an example, got " +
                                             (number ? "a single number" : "rows without numbers"));
  }
  return array.shape()[0];
}

}  // namespace detail

/// The chosen rows of an array as features, each number times `factor`. A row is what one index of the first dimension
/// selects, its numbers in the array's order: of images (number, height, width) one image, line by line; of images in
/// colour (number, channels, height, width) one channel after the other, as ConvNetModel expects them.
///
///     const auto images = read_idx<std::uint8_t>(path);                          // 0 to 255
///     for (const auto& rows : partition_rows(DirichletLabels{0.5}, labels, 10, seed)) {
///       auto x = features_from_array<float>(images, rows, 1.0 / 255);            // of one client, 0 to 1
///
/// \param rows  indices below the first dimension, in any order. None: features without rows, which no model takes
/// \throws Error (`invalid_argument`) for a row that is not there, or an array without dimensions.
template <class Scalar, class T>
[[nodiscard]] FeatureMatrix<Scalar> features_from_array(const xt::xarray<T>& array,
                                                        std::span<const std::size_t> rows,
                                                        double factor = 1) {
  const std::size_t count = detail::array_rows(array, "features_from_array");
  const std::size_t columns = count == 0 ? 0 : array.size() / count;
  FeatureMatrix<Scalar> features(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(columns));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= count) {
      throw Error(error::invalid_argument, "features_from_array: expected rows below " +
                                               std::to_string(count) + ", got row " +
                                               std::to_string(rows[i]));
    }
    const T* const from = array.data() + rows[i] * columns;
    Scalar* const to = features.data() + i * columns;
    for (std::size_t j = 0; j < columns; ++j) {
      to[j] = static_cast<Scalar>(static_cast<double>(from[j]) * factor);
    }
  }
  return features;
}
/// All rows. \throws Error (`invalid_argument`) for an array without dimensions.
template <class Scalar, class T>
[[nodiscard]] FeatureMatrix<Scalar> features_from_array(const xt::xarray<T>& array, double factor = 1) {
  std::vector<std::size_t> all(detail::array_rows(array, "features_from_array"));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return features_from_array<Scalar>(array, all, factor);
}

/// The labels in an array of shape (rows) or (rows, 1), as models and partitioners take them: whole numbers from 0. For
/// labels that are not numbered so, see `class_numbers`.
/// \throws Error (`invalid_argument`) for another shape, (`invalid_data`) for a number that is no class, naming the
/// row.
template <class T>
[[nodiscard]] std::vector<std::size_t> labels_from_array(const xt::xarray<T>& array) {
  const std::size_t rows = detail::array_rows(array, "labels_from_array");
  if (array.size() != rows || array.dimension() > 2) {
    throw Error(error::invalid_argument, "labels_from_array: expected one label a row, got an array of " +
                                             std::to_string(array.dimension()) + " dimensions, with " +
                                             std::to_string(rows) + " rows and " +
                                             std::to_string(array.size()) + " numbers");
  }
  std::vector<std::size_t> labels(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const T value = array.data()[i];
    bool good = true;
    if constexpr (std::is_floating_point_v<T>) good = value >= 0 && value < T(0x1p53);
    if constexpr (std::is_signed_v<T> && !std::is_floating_point_v<T>) good = value >= 0;
    if (good) labels[i] = static_cast<std::size_t>(value);
    if (!good || static_cast<T>(labels[i]) != value) {
      throw Error(error::invalid_data,
                  "labels_from_array: row " + std::to_string(i) + " (counted from 0) has label " +
                      number_text(static_cast<double>(value)) + "; expected whole numbers from 0");
    }
  }
  return labels;
}
/// Those of the chosen rows. \throws Error as above, and (`invalid_argument`) for a row that is not there.
[[nodiscard]] inline std::vector<std::size_t> select_labels(std::span<const std::size_t> labels,
                                                            std::span<const std::size_t> rows) {
  std::vector<std::size_t> chosen;
  chosen.reserve(rows.size());
  for (const std::size_t row : rows) {
    if (row >= labels.size()) {
      throw Error(error::invalid_argument, "select_labels: expected rows below " +
                                               std::to_string(labels.size()) + ", got row " +
                                               std::to_string(row));
    }
    chosen.push_back(labels[row]);
  }
  return chosen;
}

}  // namespace healthai
