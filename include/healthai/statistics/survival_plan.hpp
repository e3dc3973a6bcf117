#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/distinct_times.hpp"
#include "healthai/statistics/survival_outcome.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// Patients told apart by a column of categories. Without a column all are of one level.
struct Grouping {
  std::string column{};
  std::vector<std::string> levels{};  ///< in the order in which results name them; empty: hospitals are asked
  friend bool operator==(const Grouping&, const Grouping&) = default;

  /// How many groups there are once the levels are known: 1 without a column.
  [[nodiscard]] std::size_t size() const noexcept { return column.empty() ? 1 : levels.size(); }
  /// What a result calls the group: its level, or nothing without a column.
  [[nodiscard]] std::string name(std::size_t group) const {
    return column.empty() ? std::string() : levels[group];
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& column& levels;
  }
};

/// The question behind survival curves (`kaplan_meier`) and their comparison (`log_rank`): whose survival, in which groups, at
/// which times.
///
///     SurvivalPlan plan{.outcome = {"time", "dead"}, .by = {"sex"}};
///
/// Only rows count that miss none of the columns that are named here.
struct SurvivalPlan {
  Cohort cohort{};
  SurvivalColumns outcome{};
  Grouping by{};      ///< the groups that are compared
  Grouping strata{};  ///< within which they are compared: a curve for each group in each, a test over all
  /// A public grid, ascending: what happened after one of these times, and no later than the next, counts at that next one. Empty: the
  /// exact times of all hospitals, which they tell only where their rules allow single values.
  std::vector<double> times{};
  friend bool operator==(const SurvivalPlan&, const SurvivalPlan&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& cohort& outcome& by& strata& times;
  }

  /// The columns that it reads, each once.
  [[nodiscard]] std::vector<std::string> columns() const {
    std::vector<std::string> names{outcome.time, outcome.event};
    for (const Grouping* grouping : {&by, &strata}) {
      if (!grouping->column.empty()) names.push_back(grouping->column);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  /// \throws Error (`invalid_argument`) for groups and strata of the same column, a level that is named twice, and times that are negative,
  /// not finite or do not ascend
  void require_sound() const {
    if (!by.column.empty() && by.column == strata.column) {
      throw Error(error::invalid_argument, "a survival plan has both its groups and its strata by column " +
                                               detail::quoted(by.column) +
                                               ": within such a stratum there is nothing to compare");
    }
    for (const Grouping* grouping : {&by, &strata}) {
      std::vector<std::string> levels = grouping->levels;
      std::sort(levels.begin(), levels.end());
      const auto twice = std::adjacent_find(levels.begin(), levels.end());
      if (twice != levels.end()) {
        throw Error(error::invalid_argument, "a survival plan names the level " + detail::quoted(*twice) +
                                                 " of column " + detail::quoted(grouping->column) + " twice");
      }
    }
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (!is_finite(times[i]) || times[i] < 0 || (i > 0 && !(times[i - 1] < times[i])))
        throw Error(error::invalid_argument,
                    "the times of a survival plan must ascend from at least 0, but number " +
                        std::to_string(i + 1) + " does not");
    }
  }
};

namespace detail {

/// Fills in the levels that a plan leaves open.
template <class TransportType>
void agree_grouping(Analysis<TransportType>& analysis, const Cohort& cohort, Grouping& grouping) {
  if (grouping.column.empty() || !grouping.levels.empty()) return;
  if constexpr (Transport<TransportType, ColumnLevels>) {
    grouping.levels = agree_levels(analysis, cohort, grouping.column);
    if (grouping.levels.empty())
      throw Error(error::invalid_data,
                  "no hospital names a level of column " + detail::quoted(grouping.column));
  } else {
    throw Error(error::invalid_argument, "where hospitals answer in sums only, the levels of column " +
                                             detail::quoted(grouping.column) +
                                             " must be given: nobody can be asked for them");
  }
}

}  // namespace detail

/// Fills in what the plan leaves open, levels and times, by asking the hospitals of the analysis.
/// \throws Error (`invalid_argument`) as `require_sound`, and where a transport only sums and so nobody can be asked; (`invalid_data`) when no
/// hospital has a level or a time; and as Analysis::each
template <class TransportType>
void agree_on(Analysis<TransportType>& analysis, SurvivalPlan& plan) {
  plan.require_sound();
  detail::agree_grouping(analysis, plan.cohort, plan.by);
  detail::agree_grouping(analysis, plan.cohort, plan.strata);
  if (!plan.times.empty()) return;
  if constexpr (Transport<TransportType, DistinctTimes>) {
    DistinctTimes::Plan question{plan.cohort, plan.outcome, {}, true};
    for (const Grouping* grouping : {&plan.by, &plan.strata}) {
      if (!grouping->column.empty()) question.complete.push_back(grouping->column);
    }
    plan.times = agree_times(analysis, question);
    if (plan.times.empty()) {
      throw Error(error::invalid_data, "no hospital has a patient with a value in each of the columns " +
                                           detail::quoted_list(plan.columns()));
    }
  } else {
    throw Error(error::invalid_argument,
                "where hospitals answer in sums only, a survival plan needs a public grid of times: nobody "
                "can be asked for the exact ones");
  }
}

}  // namespace healthai
