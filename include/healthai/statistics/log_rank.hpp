#pragma once

#include <boost/math/distributions/chi_squared.hpp>
#include <cmath>
#include <cstddef>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/QR>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/detail/pooled_survival.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/life_table.hpp"
#include "healthai/statistics/log_rank_moments.hpp"
#include "healthai/statistics/site_log_rank.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/statistics/survival_plan.hpp"

/// \file
/// Log-rank tests over several hospitals. Not for healthai.hpp: needs Boost.Math and factorisations.

namespace healthai {

/// How groups are compared.
struct LogRankOptions {
  AnalysisOptions analysis{};
  double rho = 0;  ///< 0: log-rank; 1: Peto and Peto; at least 0 (see `add_stratum`)
  /// Within each hospital: then only sums leave it, and no times. Together with the plan's strata, within each of these in each hospital.
  bool stratify_by_site = false;
};

/// Of one group.
struct LogRankGroup {
  std::string group{};       ///< its level
  std::size_t patients = 0;  ///< above 0
  double observed = 0;       ///< events; weighted for rho > 0
  double expected = 0;       ///< if survival were the same in all groups
};

/// Whether survival differs between groups.
struct LogRankResult {
  SurvivalPlan plan{};  ///< with the levels and times that were agreed on
  double rho = 0;
  bool stratified_by_site = false;
  std::vector<LogRankGroup> groups{};
  std::vector<double> variance{};  ///< of observed - expected, groups x groups, row after row
  double chi_square = 0;
  std::size_t df = 0;  ///< 0: nothing can be compared
  double p_value = 1;
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};  ///< whose rules forbid it
};

namespace detail {

/// (O - E)' V^- (O - E), and the rank of V.
struct QuadraticForm {
  double value = 0;
  std::size_t rank = 0;
};
/// V has a rank of one less than there are groups, or lower where some groups are never at risk together. Any groups, as many as its rank, whose
/// part of V has an inverse give the same value, which does not depend on units. \param variance groups x groups
[[nodiscard]] inline QuadraticForm quadratic_form(std::span<const double> difference,
                                                  std::span<const double> variance) {
  const auto size = static_cast<Eigen::Index>(difference.size());
  const Eigen::Map<const Eigen::VectorXd> d(difference.data(), size);
  const Eigen::Map<const Eigen::MatrixXd> v(variance.data(), size, size);
  const Eigen::VectorXd scale =
      v.diagonal().unaryExpr([](double value) { return value > 0 ? 1 / std::sqrt(value) : 0.0; });
  const Eigen::MatrixXd scaled = scale.asDiagonal() * v * scale.asDiagonal();
  // Which groups: columns that the ones before do not explain. (As V is positive semidefinite, their part of it has an inverse.)
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> columns(scaled);
  columns.setThreshold(1e-10);
  const Eigen::Index rank = columns.rank();
  if (rank == 0) return {};
  const auto& order = columns.colsPermutation().indices();
  Eigen::MatrixXd part(rank, rank);
  Eigen::VectorXd right(rank);
  for (Eigen::Index i = 0; i < rank; ++i) {
    right[i] = d[order[i]] * scale[order[i]];
    for (Eigen::Index j = 0; j < rank; ++j) part(i, j) = scaled(order[i], order[j]);
  }
  return {right.dot(part.ldlt().solve(right)), static_cast<std::size_t>(rank)};
}

}  // namespace detail

/// The test of these moments. Groups without patients are left out. \param plan  whose groups they are
[[nodiscard]] inline LogRankResult log_rank_test(const LogRankMoments& moments, const SurvivalPlan& plan) {
  LogRankResult result;
  result.plan = plan;
  std::vector<std::size_t> kept;
  std::vector<double> difference;
  for (std::size_t g = 0; g < moments.groups(); ++g) {
    if (!(moments.patients[g] > 0)) continue;
    kept.push_back(g);
    difference.push_back(moments.observed[g] - moments.expected[g]);
    result.groups.push_back({plan.by.name(g), static_cast<std::size_t>(moments.patients[g]),
                             moments.observed[g], moments.expected[g]});
  }
  for (const std::size_t g : kept) {
    for (const std::size_t h : kept) result.variance.push_back(moments.variance[g * moments.groups() + h]);
  }
  if (kept.size() < 2) return result;
  const detail::QuadraticForm form = detail::quadratic_form(difference, result.variance);
  result.chi_square = form.value;
  result.df = form.rank;
  if (form.rank > 0) {
    const boost::math::chi_squared distribution(static_cast<double>(form.rank));
    result.p_value = boost::math::cdf(boost::math::complement(distribution, form.value > 0 ? form.value : 0));
  }
  return result;
}

namespace detail {

/// Holds the rules about sizes against the groups of a test within hospitals, where no hospital could hold them. Of events with weights
/// (rho above 0) only a sum is known, which is no more than their number. \throws Error (`disclosure`) naming the rule
template <class TransportType>
void require_pooled_groups(const Analysis<TransportType>& analysis, const LogRankMoments& moments,
                           double rho) {
  for (std::size_t g = 0; g < moments.groups(); ++g) {
    if (!(moments.patients[g] > 0)) continue;
    Disclosure pooled;
    pooled.rows = static_cast<std::size_t>(moments.patients[g]);
    if (rho == 0) pooled.events = static_cast<std::size_t>(std::llround(moments.observed[g]));
    analysis.template require_pooled<SiteLogRank>(pooled);
  }
}

}  // namespace detail

/// Compares the survival of groups of all hospitals' patients together, as R's survdiff does with the pooled rows: the log-rank test
/// (rho 0) or the Peto and Peto test (rho 1), in strata of a column, of hospitals, of both or of neither.
///
///     const auto result = log_rank(hospitals, {.outcome = {"time", "dead"}, .by = {"sex"}}, {.stratify_by_site = true});
///
/// Stratified by hospital it is the same as R's with `strata(hospital)` and needs no times (but the whole grid of
/// the hospitals' rules, where these are enforced). Otherwise it is made from a LifeTable: with
/// the plan's times empty it is exact, which hospitals allow only without rules; on a public grid, all that happens in an interval counts
/// as tied, and the risk sets are those of the interval's beginning.
///
/// Differs from R: times are tied when they are equal as numbers, not when they are close; where some groups are never at risk together, the
/// degrees of freedom are the rank of the variance (R refuses).
/// \param transport  a Transport or SummingTransport; one thread
/// \throws Error (`invalid_argument`) without groups, for a rho below 0 or a plan that is not sound; (`disclosure`) when the
/// rules of every hospital forbid it; as `life_table`
template <class TransportType>
[[nodiscard]] LogRankResult log_rank(TransportType& transport, const SurvivalPlan& plan,
                                     const LogRankOptions& options = {}) {
  detail::require_rho(options.rho);
  plan.require_sound();
  if (plan.by.column.empty())
    throw Error(error::invalid_argument, "a log-rank test needs a column of groups: set SurvivalPlan::by");
  Analysis<TransportType> analysis(transport, options.analysis);
  LogRankResult result = analysis.over_the_same_sites([&] {
    if (options.stratify_by_site) {
      SurvivalPlan agreed = plan;
      detail::agree_grouping(analysis, agreed.cohort, agreed.by);
      detail::agree_grouping(analysis, agreed.cohort, agreed.strata);
      const std::size_t groups = agreed.by.size();
      const Sums sums =
          analysis.template sum<SiteLogRank>({SiteLogRank::Plan{agreed.cohort, agreed, options.rho}});
      LogRankMoments moments(groups);
      const auto take = [&sums](std::vector<double>& values, const char* name) {
        const auto sum = sums.vector(name, values.size());
        values.assign(sum.begin(), sum.end());
      };
      take(moments.patients, "patients");
      take(moments.observed, "observed");
      take(moments.expected, "expected");
      take(moments.variance, "variance");
      detail::require_pooled_groups(analysis, moments, options.rho);
      LogRankResult test = log_rank_test(moments, agreed);
      test.sites = sums.sites;
      return test;
    }
    const PooledLifeTable table = life_table(analysis, plan);
    detail::require_pooled_table(analysis, table);
    const std::size_t groups = table.plan.by.size();
    const std::size_t size = groups * table.plan.times.size();
    LogRankMoments moments(groups);
    for (std::size_t stratum = 0; stratum < table.plan.strata.size(); ++stratum) {
      add_stratum<std::size_t>(moments, std::span(table.patients).subspan(stratum * groups, groups),
                               std::span(table.events).subspan(stratum * size, size),
                               std::span(table.censored).subspan(stratum * size, size), options.rho);
    }
    LogRankResult test = log_rank_test(moments, table.plan);
    test.sites = table.sites;
    return test;
  });
  result.rho = options.rho;
  result.stratified_by_site = options.stratify_by_site;
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
