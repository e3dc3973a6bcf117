#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/table.hpp"
#include "healthai/model/detail/partial_likelihood.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/survival_outcome.hpp"

namespace healthai {

/// A proportional hazards regression over hospitals: the question, which is public.
struct CoxPlan {
  Cohort cohort{};
  SurvivalColumns outcome{};
  std::vector<Covariate> covariates{};
  /// Every hospital has a baseline hazard of its own: patients are compared with others of the same hospital only, and nothing but the sums
  /// of log-likelihoods, scores and informations leaves. False: one baseline hazard for all, from sums over everybody at risk at each
  /// event time, which tell a lot of single patients; rules allow these on a public grid of times only.
  bool stratify_by_site = true;
  std::string
      strata{};  ///< a column of categories, each with a baseline hazard of its own (and at each hospital, if `stratify_by_site`); empty: none
  std::vector<std::string>
      strata_levels{};  ///< of that column; needed without `stratify_by_site`; empty: they are asked for
  Ties ties = Ties::efron;
  std::vector<double> time_grid{};  ///< if not empty, times are rounded up to it (see `round_up_to_grid`)
  /// Of each covariate that is a number, and of the rows of a hospital. Needed for secure aggregation only, where the ranges of sums follow from
  /// them.
  PublicBounds bounds{};
  friend bool operator==(const CoxPlan&, const CoxPlan&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    auto efron = static_cast<std::uint8_t>(ties == Ties::efron ? 1 : 0);
    archive& cohort& outcome& covariates& stratify_by_site& strata& strata_levels& efron& time_grid& bounds;
    ties = efron != 0 ? Ties::efron : Ties::breslow;
  }
};

/// The columns that the regression reads; a row that misses one of them is left out.
[[nodiscard]] inline std::vector<std::string> columns_of(const CoxPlan& plan) {
  std::vector<std::string> columns = columns_of(plan.covariates);
  columns.push_back(plan.outcome.time);
  columns.push_back(plan.outcome.event);
  if (!plan.strata.empty()) columns.push_back(plan.strata);
  return columns;
}

/// The regression with its covariates in public units: (x - mean) / scale. Coefficients are then per scale.
struct ScaledCoxPlan : CoxPlan {
  std::vector<double> means{};   ///< of each term
  std::vector<double> scales{};  ///< of each term, positive
  friend bool operator==(const ScaledCoxPlan&, const ScaledCoxPlan&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    CoxPlan::serialize(archive, version);
    archive& means& scales;
  }
};

namespace detail {

/// The outcomes on the grid of the plan, if it has one. A time beyond it is the largest that there is.
[[nodiscard]] inline SurvivalOutcomes cox_outcomes(const CoxPlan& plan, const Table& rows) {
  SurvivalOutcomes outcomes = survival_outcomes(rows, plan.outcome);
  if (plan.time_grid.empty()) return outcomes;
  round_up_to_grid(outcomes, plan.time_grid);
  for (double& time : outcomes.times) time = (std::min)(time, (std::numeric_limits<double>::max)());
  return outcomes;
}

/// The columns of numbers, of which masked answers need public bounds.
[[nodiscard]] inline std::vector<std::string> bounded_columns(const CoxPlan& plan) {
  std::vector<std::string> names;
  for (const Covariate& covariate : plan.covariates) {
    if (!covariate.categorical) names.push_back(covariate.column);
  }
  return names;
}
/// \throws Error (`refused`) for a value, or a number of rows, beyond the public bounds
inline void require_bounded(const CoxPlan& plan, const Table& rows) {
  require_rows_within(plan.bounds, rows.rows());
  for (const std::string& column : bounded_columns(plan)) {
    if (plan.bounds.find(column) == nullptr) continue;
    for (const double value : rows.numeric(column)) require_within(plan.bounds, column, value);
  }
}
/// Between which numbers each term is: categories between 0 and 1. \throws Error (`invalid_argument`) where the public bounds do not say it
[[nodiscard]] inline std::vector<ValueBounds> bounds_of_terms(const CoxPlan& plan) {
  plan.bounds.require(bounded_columns(plan));
  std::vector<ValueBounds> all;
  for (const Covariate& covariate : plan.covariates) {
    ValueBounds one{0, 1};
    if (!covariate.categorical) {
      const ColumnBounds& known = *plan.bounds.find(covariate.column);
      one = {known.lower, known.upper};
    }
    all.insert(all.end(), term_names({covariate}).size(), one);
  }
  return all;
}
/// How far apart two values of a term can be, in its scale, for each; a little more, as scaling rounds.
[[nodiscard]] inline std::vector<double> widths_of_terms(const ScaledCoxPlan& plan) {
  std::vector<double> widths;
  for (const ValueBounds& bounds : bounds_of_terms(plan)) {
    if (widths.size() == plan.scales.size()) break;
    widths.push_back((1 + 1e-9) * (bounds.upper - bounds.lower) / plan.scales[widths.size()]);
  }
  return widths;
}

/// \throws Error (`invalid_argument`) for a mean that is not finite, or a scale that is not finite and above 0
inline void require_units(const std::vector<double>& means, const std::vector<double>& scales) {
  if (!std::all_of(means.begin(), means.end(), [](double mean) { return is_finite(mean); }) ||
      !std::all_of(scales.begin(), scales.end(), [](double scale) { return is_finite(scale) && scale > 0; }))
    throw Error(error::invalid_argument,
                "a Cox regression: expected means that are finite, and scales that are finite and above 0");
}

/// The model matrix in the units of the plan. \throws Error (`invalid_argument`) for other numbers of means or scales than of terms, and
/// as `require_units`
[[nodiscard]] inline DesignMatrix scaled_model_matrix(const ScaledCoxPlan& plan, const Table& rows) {
  DesignMatrix x = model_matrix(rows, plan.covariates);
  if (plan.means.size() != x.cols || plan.scales.size() != x.cols) {
    throw Error(error::invalid_argument, "a Cox regression of " + std::to_string(x.cols) +
                                             " terms came with " + std::to_string(plan.means.size()) +
                                             " means and " + std::to_string(plan.scales.size()) + " scales");
  }
  require_units(plan.means, plan.scales);
  for (std::size_t i = 0; i < x.values.size(); ++i)
    x.values[i] = (x.values[i] - plan.means[i % x.cols]) / plan.scales[i % x.cols];
  return x;
}
/// How far each column spreads: the root of the mean of its squares, 1 where there are no rows. A coefficient times that is what a hospital's
/// rows see of it, however the asker has chosen means and scales.
[[nodiscard]] inline std::vector<double> spreads_of(const DesignMatrix& x) {
  std::vector<double> spreads(x.cols, x.rows == 0 ? 1.0 : 0.0);
  if (x.rows == 0) return spreads;
  for (std::size_t i = 0; i < x.values.size(); ++i) spreads[i % x.cols] += x.values[i] * x.values[i];
  for (double& spread : spreads) spread = std::sqrt(spread / static_cast<double>(x.rows));
  return spreads;
}

}  // namespace detail
}  // namespace healthai
