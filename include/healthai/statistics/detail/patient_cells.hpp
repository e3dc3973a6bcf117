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
#include "healthai/statistics/disclosure.hpp"

namespace healthai::detail {

/// Groups for comparison with other answers. Where only a sum over hospitals is seen, none of a column if some of them are smaller
/// than a number that may leave: what is told of them is not this hospital's alone, and all other groups of the column differ from all
/// patients in so few.
[[nodiscard]] inline std::vector<std::vector<std::size_t>> unless_few_in_sum(
    std::vector<std::vector<std::size_t>> groups, const DisclosureRules& rules) {
  const auto small = [&rules](const std::vector<std::size_t>& rows) {
    return !rows.empty() && rows.size() < rules.smallest_cell;
  };
  if (rules.in_sum && std::any_of(groups.begin(), groups.end(), small)) groups.clear();
  return groups;
}

/// Columns that put patients into groups: categories, and numbers with few different values. Sums of such columns, of their powers and of their
/// products tell how many patients are in each.
class PatientGroups {
 public:
  /// How many different values the number of rows, a sum and a sum of squares tell apart: of so many unknown counts these are as many
  /// equations.
  static constexpr std::size_t told_by_squares = 3;

  /// If it has 2 to `most` different values; of more it makes no groups, and of one only that of all. With k moments `most` is k + 1.
  void add_if_few(std::span<const double> values, std::size_t most) {
    std::vector<double> different;
    std::vector<std::size_t> group;
    group.reserve(values.size());
    for (const double value : values) {
      const auto found = std::find(different.begin(), different.end(), value);
      group.push_back(static_cast<std::size_t>(found - different.begin()));
      if (found != different.end()) continue;
      if (different.size() == most) return;
      different.push_back(value);
    }
    if (different.size() < 2) return;
    add(std::move(group), different.size());
    in_pairs_.back() = different.size() == 2;
  }
  /// \param group  of each row, below `groups`
  void add(std::vector<std::size_t> group, std::size_t groups) {
    group_.push_back(std::move(group));
    groups_.push_back(groups);
    in_pairs_.push_back(true);
  }
  /// How many patients are in each group, and in each group of one column that are in one of another: of categories and of numbers with two
  /// values, whose products are counts too.
  [[nodiscard]] std::vector<double> cells() const {
    std::vector<std::size_t> offset(groups_.size());
    std::size_t total = 0;
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      offset[k] = total;
      total += groups_[k];
    }
    const Eigen::MatrixXd counts = pair_counts(offset, total);
    std::vector<double> all;
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      for (std::size_t row = offset[k]; row < offset[k] + groups_[k]; ++row) {
        for (std::size_t other = 0; in_pairs_[k] && other < k; ++other) {
          for (std::size_t column = offset[other];
               in_pairs_[other] && column < offset[other] + groups_[other]; ++column)
            all.push_back(counts(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(column)));
        }
        all.push_back(counts(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(row)));
      }
    }
    return all;
  }
  /// How many patients of each group are in each of some parts, part after part. \param part  of each row; at least `parts`: in none
  [[nodiscard]] std::vector<double> cells_within(const std::vector<std::size_t>& part,
                                                 std::size_t parts) const {
    std::vector<double> all;
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      std::vector<double> counts(parts * groups_[k]);
      for (std::size_t row = 0; row < group_[k].size(); ++row) {
        if (part[row] < parts) ++counts[part[row] * groups_[k] + group_[k][row]];
      }
      all.insert(all.end(), counts.begin(), counts.end());
    }
    return all;
  }
  /// The rows of each group, for comparison with other answers (see `unless_few_in_sum`); not of pairs of groups.
  [[nodiscard]] std::vector<std::vector<std::size_t>> told(const DisclosureRules& rules) const {
    std::vector<std::vector<std::size_t>> all;
    for (std::size_t k = 0; k < groups_.size(); ++k) {
      std::vector<std::vector<std::size_t>> rows(groups_[k]);
      for (std::size_t row = 0; row < group_[k].size(); ++row) rows[group_[k][row]].push_back(row);
      for (std::vector<std::size_t>& some : unless_few_in_sum(std::move(rows), rules))
        all.push_back(std::move(some));
    }
    return all;
  }

 private:
  /// By one symmetric product of indicators, exact in double; the lower triangle.
  [[nodiscard]] Eigen::MatrixXd pair_counts(const std::vector<std::size_t>& offset, std::size_t total) const {
    constexpr std::size_t block = 256;
    const auto columns = static_cast<Eigen::Index>(total);
    Eigen::MatrixXd counts = Eigen::MatrixXd::Zero(columns, columns);
    const std::size_t rows = group_.empty() ? 0 : group_.front().size();
    for (std::size_t first = 0; first < rows; first += block) {
      const std::size_t size = (std::min)(block, rows - first);
      Eigen::MatrixXd indicators = Eigen::MatrixXd::Zero(columns, static_cast<Eigen::Index>(size));
      for (std::size_t k = 0; k < group_.size(); ++k) {
        for (std::size_t row = 0; row < size; ++row)
          indicators(static_cast<Eigen::Index>(offset[k] + group_[k][first + row]),
                     static_cast<Eigen::Index>(row)) = 1;
      }
      counts.selfadjointView<Eigen::Lower>().rankUpdate(indicators);
    }
    return counts;
  }

  std::vector<std::vector<std::size_t>> group_{};  // of each row
  std::vector<std::size_t> groups_{};
  std::vector<bool> in_pairs_{};
};

/// The groups that sums over a model matrix and an outcome tell, up to squares and products.
/// \param most_of_outcome  see add_if_few
[[nodiscard]] inline PatientGroups groups_of(const Table& rows, const std::vector<Covariate>& covariates,
                                             std::span<const double> outcome,
                                             std::size_t most_of_outcome = PatientGroups::told_by_squares) {
  PatientGroups groups;
  for (const Covariate& covariate : covariates) {
    if (covariate.categorical) {
      groups.add(level_indices(rows, covariate.column, covariate.levels), covariate.levels.size());
    } else {
      groups.add_if_few(rows.numeric(covariate.column), PatientGroups::told_by_squares);
    }
  }
  groups.add_if_few(outcome, most_of_outcome);
  return groups;
}
/// The cross-tables that sums over a model matrix tell, of all pairs of covariates and of the events.
[[nodiscard]] inline std::vector<double> cross_tables(const Table& rows,
                                                      const std::vector<Covariate>& covariates,
                                                      std::span<const double> events) {
  return groups_of(rows, covariates, events).cells();
}

/// The levels that covariates tell apart.
[[nodiscard]] inline std::map<std::string, std::vector<std::string>> levels_of(
    const std::vector<Covariate>& covariates) {
  std::map<std::string, std::vector<std::string>> levels;
  for (const Covariate& covariate : covariates) {
    if (covariate.categorical) levels[covariate.column] = covariate.levels;
  }
  return levels;
}

}  // namespace healthai::detail
