#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/data/table.hpp"
#include "healthai/statistics/covariates.hpp"

namespace healthai::detail {

/// Columns that put patients into groups: categories, and numbers of which there are two. Sums of such columns and of their products are
/// counts.
class PatientGroups {
 public:
  /// If it has two values; of more it makes no groups, and of one only that of all.
  void add_if_binary(std::span<const double> values) {
    if (values.empty()) return;
    std::vector<std::size_t> group(values.size());
    double other = values.front();
    for (std::size_t row = 0; row < values.size(); ++row) {
      if (values[row] == values.front()) continue;
      if (other == values.front()) other = values[row];
      if (values[row] != other) return;
      group[row] = 1;
    }
    if (other != values.front()) add(std::move(group), 2);
  }
  void add(std::vector<std::size_t> group, std::size_t groups) {
    group_.push_back(std::move(group));
    groups_.push_back(groups);
  }
  /// How many patients are in each group, and in each group of one column that are in one of another.
  [[nodiscard]] std::vector<double> cells() const {
    std::vector<double> all;
    for (std::size_t one = 0; one < group_.size(); ++one) {
      for (std::size_t other = 0; other <= one; ++other) {
        std::vector<double> counts(groups_[one] * (other == one ? 1 : groups_[other]));
        for (std::size_t row = 0; row < group_[one].size(); ++row)
          ++counts[other == one ? group_[one][row] : group_[one][row] * groups_[other] + group_[other][row]];
        all.insert(all.end(), counts.begin(), counts.end());
      }
    }
    return all;
  }

 private:
  std::vector<std::vector<std::size_t>> group_{};  // of each row
  std::vector<std::size_t> groups_{};
};

/// The cross-tables that sums over a model matrix tell, of all pairs of covariates and of the events.
[[nodiscard]] inline std::vector<double> cross_tables(const Table& rows,
                                                      const std::vector<Covariate>& covariates,
                                                      std::span<const double> events) {
  PatientGroups groups;
  for (const Covariate& covariate : covariates) {
    if (covariate.categorical) {
      groups.add(level_indices(rows, covariate.column, covariate.levels), covariate.levels.size());
    } else {
      groups.add_if_binary(rows.numeric(covariate.column));
    }
  }
  groups.add_if_binary(events);
  return groups.cells();
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
