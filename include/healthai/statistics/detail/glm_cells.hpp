#pragma once

#include <algorithm>
#include <cstddef>
#include <Eigen/Core>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/data/table.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/glm_plan.hpp"

namespace healthai::detail {

/// Columns that put rows into groups (categories, and numbers with no more than two values), each with which group every row is in.
struct RowGroups {
  std::vector<std::vector<std::size_t>> group{};
  std::vector<std::size_t> groups{};

  /// Nothing if it has more than two values.
  void add_if_binary(std::span<const double> values) {
    if (values.empty()) return;
    const double first = values.front();
    double second = first;
    std::vector<std::size_t> one(values.size());
    for (std::size_t row = 0; row < values.size(); ++row) {
      if (values[row] == first) continue;
      if (second == first) second = values[row];
      if (values[row] != second) return;
      one[row] = 1;
    }
    if (second == first) return;  // one group: all rows
    group.push_back(std::move(one));
    groups.push_back(2);
  }
  void add_levels(const Table& rows, const Covariate& covariate) {
    group.push_back(level_indices(rows, covariate.column, covariate.levels));
    groups.push_back(covariate.levels.size());
  }
};

/// How many patients stand behind each number of Z^T W Z and of the score: the matrix is a cross-table of every two columns that put rows into
/// groups, and the score one of each with the response.
[[nodiscard]] inline std::vector<double> glm_cells(const GlmPlan& plan, const Table& rows) {
  RowGroups all;
  for (const Covariate& covariate : plan.covariates) {
    if (covariate.categorical) {
      all.add_levels(rows, covariate);
    } else {
      all.add_if_binary(rows.numeric(covariate.column));
    }
  }
  if (plan.family == GlmFamily::binomial) all.add_if_binary(rows.numeric(plan.response));
  // Counts by one symmetric product of indicators, exact in double.
  std::size_t total = 0;
  for (const std::size_t groups : all.groups) total += groups;
  constexpr std::size_t block = 256;
  const auto columns = static_cast<Eigen::Index>(total);
  Eigen::MatrixXd counts = Eigen::MatrixXd::Zero(columns, columns);
  for (std::size_t first = 0; first < rows.rows() && total > 0; first += block) {
    const std::size_t size = (std::min)(block, rows.rows() - first);
    Eigen::MatrixXd indicators = Eigen::MatrixXd::Zero(columns, static_cast<Eigen::Index>(size));
    for (std::size_t row = 0; row < size; ++row) {
      std::size_t offset = 0;
      for (std::size_t k = 0; k < all.group.size(); ++k) {
        indicators(static_cast<Eigen::Index>(offset + all.group[k][first + row]),
                   static_cast<Eigen::Index>(row)) = 1;
        offset += all.groups[k];
      }
    }
    counts.selfadjointView<Eigen::Lower>().rankUpdate(indicators);
  }
  // Of two levels of one column there is nobody, by definition.
  std::vector<double> cells;
  std::size_t row = 0;
  for (std::size_t k = 0; k < all.groups.size(); ++k) {
    for (std::size_t level = 0; level < all.groups[k]; ++level, ++row) {
      std::size_t first = 0;
      for (std::size_t other = 0; other < k; first += all.groups[other++]) {
        for (std::size_t column = first; column < first + all.groups[other]; ++column)
          cells.push_back(counts(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(column)));
      }
      cells.push_back(counts(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(row)));
    }
  }
  return cells;
}

/// The levels that the categories of a model tell apart.
[[nodiscard]] inline std::map<std::string, std::vector<std::string>> glm_levels(const GlmPlan& plan) {
  std::map<std::string, std::vector<std::string>> levels;
  for (const Covariate& covariate : plan.covariates) {
    if (covariate.categorical) levels[covariate.column] = covariate.levels;
  }
  return levels;
}

}  // namespace healthai::detail
