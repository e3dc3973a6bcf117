#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/ranged_statistic.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

namespace detail {

/// What rows tell to sums over the terms of a Cox regression.
struct CoxRows {
  DesignMatrix x{};  ///< as they are, not scaled
  std::size_t rows = 0;
  std::size_t events = 0;
  PatientGroups groups{};
  std::vector<std::string> levels{};      ///< of the strata, where there are any
  std::vector<double> patients{};         ///< of each stratum
  std::vector<std::size_t> stratum_of{};  ///< of each row

  [[nodiscard]] static CoxRows of(const CoxPlan& plan, const Table& table) {
    require_bounded(plan, table);
    const SurvivalOutcomes outcomes = cox_outcomes(plan, table);
    CoxRows rows{model_matrix(table, plan.covariates),
                 outcomes.rows(),
                 outcomes.num_events(),
                 groups_of(table, plan.covariates, outcomes.events),
                 {},
                 {},
                 {}};
    // Strata are not summed here, but later questions tell them: whoever may not answer these is left out now.
    for (std::size_t row = 0; row < rows.rows && !plan.strata.empty(); ++row) {
      const std::string level = level_text(table, plan.strata, row);
      const auto found = std::find(rows.levels.begin(), rows.levels.end(), level);
      rows.stratum_of.push_back(static_cast<std::size_t>(found - rows.levels.begin()));
      if (found == rows.levels.end()) {
        rows.levels.push_back(level);
        rows.patients.push_back(0);
      }
      ++rows.patients[rows.stratum_of.back()];
    }
    return rows;
  }
};
/// For comparison with other answers: the levels of the strata too. \param groups  of covariates and events
[[nodiscard]] inline std::vector<std::vector<std::size_t>> cox_groups_told(PatientGroups groups,
                                                                           std::vector<std::size_t> strata,
                                                                           std::size_t levels,
                                                                           const DisclosureRules& rules) {
  if (levels > 1) groups.add(std::move(strata), levels);
  return groups.told(rules);
}
/// What all questions of a regression are: they tell of the same rows.
[[nodiscard]] inline CoxPlan cox_told_plan(const CoxPlan& plan) {
  CoxPlan told = plan;
  told.bounds = {};
  return told;
}
/// What is asked, whoever's rows it is asked of. Times that are rounded to one grid and to another, with the same patients, would tell the
/// few that are between the two.
[[nodiscard]] inline Disclosure cox_question(const CoxPlan& plan) {
  Disclosure what;
  what.columns = columns_of(plan);
  what.levels = levels_of(plan.covariates);
  if (!plan.strata_levels.empty()) what.levels[plan.strata] = plan.strata_levels;
  what.rounded_to = plan.time_grid;
  tell_bounds(what, plan.bounds);
  return what;
}
[[nodiscard]] inline Disclosure cox_disclosure(const CoxPlan& plan, std::size_t rows, std::size_t events,
                                               const std::vector<double>& cells) {
  Disclosure what = cox_question(plan);
  what.rows = rows;
  what.events = events;
  what.parameters = term_names(plan.covariates).size();
  what.cells = cells;
  return what;
}
/// Adds the strata that were found, also where the plan names none. \param sizes  patients of each, at least one
inline void tell_strata(Disclosure& what, const CoxPlan& plan, const std::vector<std::string>& found,
                        const std::vector<double>& sizes) {
  if (plan.strata.empty()) return;
  std::vector<std::string>& levels = what.levels[plan.strata];
  for (const std::string& level : found) {
    if (std::find(levels.begin(), levels.end(), level) == levels.end()) levels.push_back(level);
  }
  what.cells.insert(what.cells.end(), sizes.begin(), sizes.end());
}

/// Names of a Cox regression's broadcasts; what they weigh for a report of the traffic.
[[nodiscard]] inline std::size_t cox_plan_bytes(const CoxPlan& plan) noexcept {
  return 200 + 32 * plan.covariates.size() + sizeof(double) * plan.time_grid.size();
}

}  // namespace detail

/// Sums of the terms of a Cox regression and of their squares, as (x - mean) / scale, and how many rows and events there are. Asked for
/// means first and then for squares about these, so that nothing cancels. "other" counts the hospitals at which a term has another value
/// than -1, 0 and 1.
///
/// Ranges, where sums are of whole numbers, follow from the public bounds: a hospital that keeps to them has nothing to refuse.
struct CoxMoments : RangedStatistic<CoxMoments> {
  using Plan = CoxPlan;
  struct Broadcast {
    CoxPlan plan{};
    std::vector<double> means{};
    std::vector<double> scales{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& means& scales;
    }
  };
  using Prepared = detail::CoxRows;
  static constexpr std::string_view name = "cox_moments.f64";
  static constexpr std::string_view question_name = "cox";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return detail::CoxRows::of(plan, rows);
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::cox_question(plan); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = detail::cox_disclosure(plan, prepared.rows, prepared.events, prepared.groups.cells());
    detail::tell_strata(what, plan, prepared.levels, prepared.patients);
    return what;
  }
  /// The rows of each level and stratum, and of each value of a column of few, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return detail::cox_groups_told(prepared.groups, prepared.stratum_of, prepared.levels.size(), rules);
  }
  [[nodiscard]] static CoxPlan told_plan(const Plan& plan) { return detail::cox_told_plan(plan); }
  /// \throws Error (`invalid_argument`) for other numbers of means or scales than of terms, a mean that is not finite or a scale that is not
  /// finite and above 0
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& /*rules*/) {
    const std::size_t terms = prepared.x.cols;
    if (broadcast.means.size() != terms || broadcast.scales.size() != terms)
      throw Error(error::invalid_argument, "moments need a mean and a scale for each term");
    detail::require_units(broadcast.means, broadcast.scales);
    std::vector<double> sums(terms), squares(terms), other(terms);
    for (std::size_t row = 0; row < prepared.rows; ++row) {
      for (std::size_t j = 0; j < terms; ++j) {
        const double x = prepared.x.values[row * terms + j];
        const double scaled = (x - broadcast.means[j]) / broadcast.scales[j];
        sums[j] += scaled;
        squares[j] += scaled * scaled;
        if (x != -1 && x != 0 && x != 1) other[j] = 1;
      }
    }
    return SummandBuilder()
        .add("n", static_cast<double>(prepared.rows))
        .add("events", static_cast<double>(prepared.events))
        .add("other", other)
        .add("sums", sums)
        .add("squares", squares)
        .take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan) + 2 * sizeof(double) * broadcast.means.size();
  }
  using SummedStatistic::bytes;

  /// \throws Error (`invalid_argument`) without public bounds
  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    const std::vector<ValueBounds> bounds = detail::bounds_of_terms(broadcast.plan);
    const auto rows = static_cast<double>(broadcast.plan.bounds.most_rows);
    const std::size_t terms = (std::min)(
        {bounds.size(), broadcast.means.size(), broadcast.scales.size()});  // others are refused by `answer`
    double farthest = 1;
    for (std::size_t j = 0; j < terms; ++j) {
      for (const double bound : {bounds[j].lower, bounds[j].upper})
        farthest =
            (std::max)(farthest, (1 + 1e-9) * std::fabs(bound - broadcast.means[j]) / broadcast.scales[j]);
    }
    return {{"n", 1, rows},
            {"events", 1, rows},
            {"other", bounds.size(), 1},
            {"sums", bounds.size(), rows * farthest},
            {"squares", bounds.size(), rows * farthest * farthest}};
  }
};
static_assert(Statistic<CoxMoments>);

}  // namespace healthai
