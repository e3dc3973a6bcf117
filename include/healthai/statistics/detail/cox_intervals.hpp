#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai::detail {

/// For each row its stratum. \throws Error as `level_indices`
[[nodiscard]] inline std::vector<std::size_t> cox_strata(const CoxPlan& plan, const Table& rows) {
  return plan.strata.empty() ? std::vector<std::size_t>(rows.rows())
                             : level_indices(rows, plan.strata, plan.strata_levels);
}

/// How many patients of each stratum have each time of the plan's grid, and how many one beyond it: what sums at some of these times and at
/// others, subtracted, would tell. Empty without a grid.
[[nodiscard]] inline std::vector<double> leaving_on_grid(const CoxPlan& plan,
                                                         const std::vector<double>& times,
                                                         const std::vector<std::size_t>& strata) {
  if (plan.time_grid.empty()) return {};
  const std::size_t intervals = plan.time_grid.size() + 1;
  std::vector<double> leaving((plan.strata.empty() ? 1 : plan.strata_levels.size()) * intervals);
  for (std::size_t row = 0; row < times.size(); ++row) {
    const auto interval = static_cast<std::size_t>(
        std::lower_bound(plan.time_grid.begin(), plan.time_grid.end(), times[row]) - plan.time_grid.begin());
    ++leaving[strata[row] * intervals + interval];
  }
  return leaving;
}

/// Sums of each interval are seen by whoever opens them, and secure aggregation hides none of what they tell: so that each interval has no
/// patients of a hospital or enough holds also where other size rules are left to the sum. \throws Error (`disclosure`)
inline void require_large_intervals(const DisclosureRules& rules, const std::vector<double>& patients) {
  if (!rules.enforced || !rules.in_sum) return;  // in the clear it is held against Disclosure::cells
  const auto small = [&rules](double count) {
    return count > 0 && count < static_cast<double>(rules.smallest_cell);
  };
  if (std::any_of(patients.begin(), patients.end(), small))
    throw Error(error::disclosure, "smallest_cell: in an interval of the grid here are fewer than " +
                                       std::to_string(rules.smallest_cell) +
                                       " patients, and a sum over hospitals does not hide an interval");
}

}  // namespace healthai::detail
