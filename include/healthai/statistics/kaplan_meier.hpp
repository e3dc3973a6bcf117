#pragma once

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/detail/pooled_survival.hpp"
#include "healthai/statistics/life_table.hpp"
#include "healthai/statistics/survival_curve.hpp"
#include "healthai/statistics/survival_plan.hpp"

/// \file
/// Survival curves over several hospitals. Not for healthai.hpp: needs Boost.Math.

namespace healthai {

/// How curves are made.
struct KaplanMeierOptions {
  AnalysisOptions analysis{};
  double confidence_level = 0.95;   ///< of the limits, in (0, 1)
  std::vector<double> at{};         ///< times at which the curves' values are wanted, in any order
  std::optional<double> horizon{};  ///< of the restricted means; not set: the last time of all curves
};

/// Curves over all hospitals together.
struct KaplanMeierResult {
  SurvivalPlan plan{};  ///< with the levels and times that were agreed on
  double confidence_level = 0.95;
  std::vector<SurvivalCurve> curves{};  ///< by stratum, then by group; of those that have patients
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};  ///< whose rules forbid it
};

/// The curves of a pooled life table. \throws Error (`invalid_argument`) for a confidence level that is not in (0, 1), a horizon that is not
/// positive, or a time that is not finite
[[nodiscard]] inline std::vector<SurvivalCurve> survival_curves(const PooledLifeTable& table,
                                                                const KaplanMeierOptions& options = {}) {
  if (!(options.confidence_level > 0 && options.confidence_level < 1)) {
    throw Error(error::invalid_argument, "survival curves: expected a confidence level in (0, 1), got " +
                                             number_text(options.confidence_level));
  }
  if (options.horizon && !(*options.horizon > 0 && is_finite(*options.horizon)))
    throw Error(error::invalid_argument,
                "survival curves: expected a positive horizon, got " + number_text(*options.horizon));
  for (const double time : options.at) {
    if (!is_finite(time))
      throw Error(error::invalid_argument, "survival curves: a time at which they are wanted is not finite");
  }
  // From the tail, which has digits left when the level is close to 1.
  const double z = boost::math::quantile(
      boost::math::complement(boost::math::normal(), (1 - options.confidence_level) / 2));
  std::vector<SurvivalCurve> curves;
  for (std::size_t stratum = 0; stratum < table.plan.strata.size(); ++stratum) {
    for (std::size_t group = 0; group < table.plan.by.size(); ++group) {
      const std::size_t cell = table.cell(stratum, group);
      if (table.patients[cell] == 0) continue;
      SurvivalCurve curve;
      curve.stratum = table.plan.strata.name(stratum);
      curve.group = table.plan.by.name(group);
      curve.patients = table.patients[cell];
      curve.points = kaplan_meier_points(table.plan.times, table.events_of(cell), table.censored_of(cell),
                                         curve.patients, z);
      for (const CurvePoint& point : curve.points) curve.events += point.events;
      curve.median = median_survival(curve.points);
      for (const double time : options.at) curve.at.push_back(curve_at(curve.points, curve.patients, time));
      curves.push_back(std::move(curve));
    }
  }
  double horizon = 0;
  for (const SurvivalCurve& curve : curves) {
    if (!curve.points.empty()) horizon = (std::max)(horizon, curve.points.back().time);
  }
  for (SurvivalCurve& curve : curves)
    curve.restricted_mean = restricted_mean(curve.points, options.horizon.value_or(horizon));
  return curves;
}

/// Kaplan–Meier curves of all hospitals' patients together, one for each group (and stratum), as R's survfit makes them from the pooled
/// rows.
///
///     const auto result = kaplan_meier(hospitals, {.outcome = {"time", "dead"}, .by = {"sex"}}, {.at = {365.25}});
///
/// With the plan's times empty it is exact, which hospitals allow only without rules; with a public grid see LifeTable for what
/// that does to the curves. Counts are whole numbers, so that the result is the same to the last bit however rows are spread over
/// hospitals, and under secure aggregation, where levels and times must be given.
///
/// Differs from R: times are tied when they are equal as numbers, not when they are close.
/// \param transport  a Transport or SummingTransport; one thread
/// \throws Error (`invalid_argument`) for a plan or options that are not sound; (`disclosure`) when the rules of every hospital forbid it, or
/// where only sums are seen and a curve is of too few patients of all hospitals together; as `life_table`
template <class TransportType>
[[nodiscard]] KaplanMeierResult kaplan_meier(TransportType& transport, const SurvivalPlan& plan,
                                             const KaplanMeierOptions& options = {}) {
  Analysis<TransportType> analysis(transport, options.analysis);
  KaplanMeierResult result = analysis.over_the_same_sites([&] {
    PooledLifeTable table = life_table(analysis, plan);
    detail::require_pooled_table(analysis, table);
    std::vector<SurvivalCurve> curves = survival_curves(table, options);
    return KaplanMeierResult{
        std::move(table.plan), options.confidence_level, std::move(curves), std::move(table.sites), {}};
  });
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
