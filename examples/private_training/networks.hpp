#pragma once

#include <cstdint>
#include <healthai/data.hpp>
#include <healthai/healthai.hpp>
#include <string>
#include <vector>

#include "icu_mortality/auc.hpp"

namespace training {

using namespace healthai;

/// What the command line says.
struct Flags {
  std::string data = HEALTHAI_EXAMPLE_DATA "/icu_networks.csv";
  std::string patient_column{};
  std::vector<double> epsilons{8, 1};
  double delta = 1e-5;
  std::uint64_t rounds = 30;
  std::string plot{};
};

// How the covariates are scaled is public knowledge of intensive care: the means of these patients would be one more answer about them.
inline const Scaling scaling{{"Age", "ApacheIIScore", "BMI", "male", "elective", "emergency"},
                             {60, 20, 27, 0.5, 0.5, 0.5},
                             {20, 10, 8, 0.5, 0.5, 0.5}};

inline LogisticModel<double> model_of(const Table& table) {
  return {scaling.apply(design_matrix(table, scaling.names)).matrix(), binary_target(table, "died")};
}

/// Every fifth row is kept for testing. Rows of one patient may stand on both sides; that harms the test, not the privacy.
inline Table every_fifth(const Table& table, bool test) {
  std::vector<std::size_t> rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if ((row % 5 == 0) == test) rows.push_back(row);
  }
  return table.select(rows);
}

/// How well a model tells who will die from who will not: the area under the ROC curve, which is 1/2 for a guess. (Here four in five
/// live; whoever says that all do is right as often as the best model.)
inline double area_under_curve(const Table& table, const Parameters<double>& parameters) {
  const DesignMatrix x = scaling.apply(design_matrix(table, scaling.names));
  std::vector<double> scores;
  for (std::size_t i = 0; i < x.rows; ++i) {
    scores.push_back(0);
    for (std::size_t j = 0; j < x.cols; ++j) scores.back() += parameters["coefficients"](j) * x.row(i)[j];
  }
  return icu::area_under_curve(scores, binary_target(table, "died"));
}

}  // namespace training
