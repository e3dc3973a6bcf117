#pragma once

#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/column_sums.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/moments.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// Do the means of a column differ between the levels of another one?
struct GroupTestPlan {
  Cohort cohort{};
  std::string column{};
  std::string by{};
  std::vector<std::string> levels{};  ///< of `by`; empty: the hospitals are asked
  PublicBounds bounds{};              ///< needed for secure aggregation only
  friend bool operator==(const GroupTestPlan&, const GroupTestPlan&) = default;
};

/// How `t_test` and `anova` ask.
struct GroupTestOptions {
  double confidence_level = 0.95;  ///< of the interval of the difference
  AnalysisOptions asking{};
};

/// One of the groups that are compared.
struct ComparedGroup {
  std::string level{};
  std::size_t n = 0;
  double mean = 0;
  double variance = 0;  ///< with n - 1; 0 for a single value
};

/// The outcome of one of the two tests of Student's kind.
struct MeanDifference {
  double t = 0;
  double df = 0;
  double p_value = 1;  ///< two-sided
  double standard_error = 0;
  double lower = 0;  ///< of the confidence interval of the difference
  double upper = 0;
};

/// What `t_test` finds.
struct TTest {
  std::vector<ComparedGroup> groups{};  ///< two
  double difference = 0;                ///< the first mean less the second
  MeanDifference welch{};  ///< variances may differ (Welch: The Generalization of "Student's" Problem, 1947)
  MeanDifference student{};  ///< one variance for both
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};
};

/// What `anova` finds: one-way analysis of variance (Fisher).
struct Anova {
  std::vector<ComparedGroup> groups{};  ///< those with anybody
  double f = 0;
  double df_between = 0;
  double df_within = 0;
  double squares_between = 0;
  double squares_within = 0;
  double p_value = 1;
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};
};

namespace detail {

/// The groups that somebody is in, about one centre: means of groups are compared as differences from it.
struct CenteredGroups {
  std::vector<ComparedGroup> groups{};
  std::vector<double>
      offsets{};  ///< mean of the group less the centre, more exact than the difference of the means
  std::vector<double> squares{};  ///< about the group's mean
};

/// \throws Error (`invalid_argument`) over a transport that only sums without levels or bounds; (`disclosure`) where a hospital has left out
/// a group, so that a test would be of other patients
template <class TransportType>
[[nodiscard]] CenteredGroups centred_groups(Analysis<TransportType>& analysis, TransportType& transport,
                                            const GroupTestPlan& plan) {
  DescribePlan asked{plan.cohort, {plan.column}, plan.by, plan.levels, plan.bounds, 2};
  complete_levels(analysis, transport, asked.cohort, asked.by, asked.levels);
  const GroupMoments all = group_moments(analysis, asked);
  CenteredGroups result;
  const double centre = all.at(0, 0).centre;
  for (std::size_t group = 1; group < all.groups; ++group) {
    const Moments& moments = all.at(0, group);
    if (all.hidden[group] != 0)
      throw Error(error::disclosure, "comparison of " + detail::quoted(plan.column) + " by " +
                                         detail::quoted(plan.by) +
                                         ": at some hospitals too few patients are of level " +
                                         detail::quoted(asked.levels[group - 1]) + ", and are not told of");
    if (!(moments.n > 0)) continue;
    result.groups.push_back({asked.levels[group - 1], static_cast<std::size_t>(moments.n), moments.mean(),
                             moments.variance().value_or(0)});
    result.offsets.push_back((moments.centre - centre) + moments.shift);
    result.squares.push_back(moments.centred_squares());
  }
  return result;
}

inline void require_group_test(const std::string& what, const GroupTestPlan& plan, bool only_sums) {
  if (plan.by.empty())
    throw Error(error::invalid_argument, what + ": expected a column to group by, got none");
  require_columns(what, {plan.column, plan.by});
  if (only_sums) plan.bounds.require({plan.column});
}

/// \throws Error (`invalid_data`) where nothing varies
[[nodiscard]] inline MeanDifference mean_difference(const GroupTestPlan& plan, double difference,
                                                    double standard_error, double df, double confidence) {
  if (!(standard_error > 0) || !(df > 0))
    throw Error(error::invalid_data, "t test of " + detail::quoted(plan.column) + " by " +
                                         detail::quoted(plan.by) +
                                         ": the values do not vary within the groups");
  const boost::math::students_t distribution(df);
  const double t = difference / standard_error;
  const double half =
      standard_error * boost::math::quantile(boost::math::complement(distribution, (1 - confidence) / 2));
  return {t,
          df,
          2 * boost::math::cdf(boost::math::complement(distribution, std::fabs(t))),
          standard_error,
          difference - half,
          difference + half};
}

}  // namespace detail

/// Compares the means of two groups over all hospitals, from their numbers, means and centred sums of squares.
/// \throws Error (`invalid_argument`) unless `by` has two levels with two values each, and for a confidence outside 0 to 1; (`invalid_data`) where
/// the values do not vary; (`disclosure`) where a hospital tells nothing of a small group; as Analysis does
template <class TransportType>
[[nodiscard]] TTest t_test(TransportType& transport, const GroupTestPlan& plan,
                           const GroupTestOptions& options = {}) {
  detail::require_group_test("t test", plan, !Transport<TransportType, ColumnSums>);
  if (!(options.confidence_level > 0 && options.confidence_level < 1))
    throw Error(error::invalid_argument, "t test: a confidence must be between 0 and 1");
  Analysis<TransportType> analysis(transport, options.asking);
  const detail::CenteredGroups compared =
      analysis.over_the_same_sites([&] { return detail::centred_groups(analysis, transport, plan); });
  if (compared.groups.size() != 2 || compared.groups[0].n < 2 || compared.groups[1].n < 2)
    throw Error(error::invalid_argument, "t test of " + detail::quoted(plan.column) + " by " +
                                             detail::quoted(plan.by) +
                                             ": expected two levels with at least two values each, got " +
                                             std::to_string(compared.groups.size()) + " levels with values");
  TTest result;
  result.groups = compared.groups;
  result.difference = compared.offsets[0] - compared.offsets[1];
  const auto first = static_cast<double>(result.groups[0].n);
  const auto second = static_cast<double>(result.groups[1].n);
  const double a = result.groups[0].variance / first;
  const double b = result.groups[1].variance / second;
  const double welch_df = (a + b) * (a + b) / (a * a / (first - 1) + b * b / (second - 1));
  result.welch =
      detail::mean_difference(plan, result.difference, std::sqrt(a + b), welch_df, options.confidence_level);
  const double df = first + second - 2;
  const double pooled = (compared.squares[0] + compared.squares[1]) / df;
  result.student = detail::mean_difference(
      plan, result.difference, std::sqrt(pooled * (1 / first + 1 / second)), df, options.confidence_level);
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

/// Compares the means of all groups over all hospitals: one-way analysis of variance. Levels without values are left out.
/// \throws Error (`invalid_argument`) for fewer than two groups or no more values than groups; (`invalid_data`) where the values do not vary
/// within any; (`disclosure`) where a hospital tells nothing of a small group; as Analysis does
template <class TransportType>
[[nodiscard]] Anova anova(TransportType& transport, const GroupTestPlan& plan,
                          const GroupTestOptions& options = {}) {
  detail::require_group_test("analysis of variance", plan, !Transport<TransportType, ColumnSums>);
  Analysis<TransportType> analysis(transport, options.asking);
  const detail::CenteredGroups compared =
      analysis.over_the_same_sites([&] { return detail::centred_groups(analysis, transport, plan); });
  double n = 0;
  double offset = 0;
  for (std::size_t i = 0; i < compared.groups.size(); ++i) {
    n += static_cast<double>(compared.groups[i].n);
    offset += static_cast<double>(compared.groups[i].n) * compared.offsets[i];
  }
  const std::string what =
      "analysis of variance of " + detail::quoted(plan.column) + " by " + detail::quoted(plan.by);
  const auto groups = static_cast<double>(compared.groups.size());
  if (groups < 2 || n <= groups)
    throw Error(error::invalid_argument, what + ": expected at least two groups and more values than groups");
  Anova result;
  result.groups = compared.groups;
  for (std::size_t i = 0; i < compared.groups.size(); ++i) {
    const double difference = compared.offsets[i] - offset / n;
    result.squares_between += static_cast<double>(compared.groups[i].n) * difference * difference;
    result.squares_within += compared.squares[i];
  }
  if (!(result.squares_within > 0))
    throw Error(error::invalid_data, what + ": the values do not vary within the groups");
  result.df_between = groups - 1;
  result.df_within = n - groups;
  result.f = (result.squares_between / result.df_between) / (result.squares_within / result.df_within);
  result.p_value = boost::math::cdf(
      boost::math::complement(boost::math::fisher_f(result.df_between, result.df_within), result.f));
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
