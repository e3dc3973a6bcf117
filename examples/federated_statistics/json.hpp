#pragma once

#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace study {

using Json =
    nlohmann::ordered_json;  // writes a double with as many of 17 digits as reading it back exactly takes

/// What is not a finite number becomes null.
inline Json json_number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
/// A count: without a point where it is whole.
inline Json json_count(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 0x1p53) return static_cast<long long>(value);
  return value;
}
template <class Values>
Json json_numbers(const Values& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(json_number(value));
  return list;
}
template <class Values>
Json json_counts(const Values& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(json_count(value));
  return list;
}
inline Json json_matrix(const Eigen::Ref<const Eigen::MatrixXd>& matrix) {
  Json rows = Json::array();
  for (Eigen::Index i = 0; i < matrix.rows(); ++i) {
    rows.push_back(Json::array());
    for (Eigen::Index j = 0; j < matrix.cols(); ++j) rows.back().push_back(json_number(matrix(i, j)));
  }
  return rows;
}

}  // namespace study
