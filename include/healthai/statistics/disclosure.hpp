#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/statistics/cohort.hpp"

namespace healthai {

/// Between which numbers all values of a column lie, both included.
struct ValueBounds {
  double lower = 0;
  double upper = 0;
  [[nodiscard]] constexpr bool contain(double value) const noexcept {
    return value >= lower && value <= upper;
  }
  friend constexpr bool operator==(const ValueBounds&, const ValueBounds&) = default;
};

/// What an answer would tell of one hospital's rows: what its DisclosureRules are held against before it is computed.
struct Disclosure {
  std::size_t rows = 0;                 ///< behind the answer, after every filter and without incomplete ones
  std::optional<std::size_t> events{};  ///< among them, where the analysis is of events
  std::size_t parameters = 0;   ///< numbers that are fitted to the rows, or moments taken of them; 0: none
  std::vector<double> cells{};  ///< how many patients stand behind each number that leaves
  std::vector<std::string> columns{};  ///< that it reads
  /// Groups that it tells apart, by column: levels of a covariate, of a table, of a stratum.
  std::map<std::string, std::vector<std::string>> levels{};
  std::map<std::string, std::size_t> cut_points{};  ///< bins of a histogram, steps of a search, by column
  std::vector<double> times{};                      ///< the grid on which patients are followed
  /// The grid to which the times of patients are rounded; empty: to none. Unlike `times` it must be the whole public grid.
  std::vector<double> rounded_to{};
  bool single_values = false;  ///< values of single patients leave: extremes, exact times, exact quantiles
  /// Two such answers of nearly the same rows could be subtracted from each other. False where no number of theirs leaves, only names that
  /// the rules list.
  bool differencing = true;
  /// Bounds of columns that the request names, and how many rows a hospital has at most (0: it does not say). They are ranges of numbers: a
  /// hospital whose data were beyond them could not answer, which would tell something of the data.
  std::map<std::string, ValueBounds> bounds{};
  std::uint64_t most_rows = 0;
};

/// What a hospital lets statistics tell: part of its policy, applied at the hospital before anything leaves. The default allows no column,
/// and so nothing; `off()` is for comparisons on data that are nobody's secret. What each rule is for, and what it cannot do, is in
/// docs/statistics-disclosure.md.
///
/// Size rules count this hospital's rows where its answer can be seen. Under secure aggregation (`in_sum`) a small hospital may be part of
/// a sum that it could not answer alone: it cannot know how many rows there are in all, so it lets its part pass, and the sizes of the
/// sum are looked at where it is opened (`require_pooled`).
struct DisclosureRules {
  bool enforced = true;  ///< false: everything is allowed ("policy none")
  /// The answers leave masked, and only their sum over hospitals is seen: the five size rules below are not held against this hospital's rows.
  /// Set by StatisticsSite::in_sum, not by hand.
  bool in_sum = false;
  std::size_t minimum_rows = 10;
  std::size_t minimum_events = 10;  ///< where an analysis is of events
  /// A number that stands for 1 to below this many patients does not leave. A zero may: it stands for nobody. Also by how many rows two
  /// answers must differ, if they differ.
  std::size_t smallest_cell = 5;
  double rows_per_parameter = 10;
  std::size_t residual_degrees =
      10;  ///< rows less parameters, at least: a deviance of fewer is nearly that of single rows
  std::set<std::string> columns{};  ///< that may be read
  /// The levels that may be told apart, by column. A column without an entry has none.
  std::map<std::string, std::set<std::string>> levels{};
  std::map<std::string, std::size_t> most_cut_points{};  ///< by column; without an entry none
  std::vector<double> time_grid{};  ///< public; the only times at which patients are counted
  bool single_values = false;       ///< extremes, exact times and exact quantiles may leave
  std::size_t most_steps = 50;      ///< different ones, of an iterative fit
  double largest_coefficient =
      20;  ///< of a fit, per standard deviation of its covariate: a chosen coefficient asks about single patients
  std::map<std::string, std::vector<RowFilter>>
      cohorts{};              ///< approved, by name; that without a name is all rows
  bool free_filters = false;  ///< a request may bring filters of its own
  /// Public: between which numbers all values of a column are, and how many rows this hospital has at most. A request may name wider ones, and
  /// none of a column, or of the rows (0), of which nothing stands here.
  std::map<std::string, ValueBounds> bounds{};
  std::uint64_t most_rows = 0;

  [[nodiscard]] static DisclosureRules off() {
    DisclosureRules rules;
    rules.enforced = false;
    return rules;
  }
};

/// The rules about sizes alone, for what all hospitals together tell: made from a hospital's rules, or with the same defaults.
struct PooledRules {
  bool enforced = true;
  std::size_t minimum_rows = 10;
  std::size_t minimum_events = 10;
  std::size_t smallest_cell = 5;
  double rows_per_parameter = 10;
  std::size_t residual_degrees = 10;

  PooledRules() = default;
  PooledRules(const DisclosureRules& rules)  // NOLINT(google-explicit-constructor): these are some of those
      : enforced(rules.enforced),
        minimum_rows(rules.minimum_rows),
        minimum_events(rules.minimum_events),
        smallest_cell(rules.smallest_cell),
        rows_per_parameter(rules.rows_per_parameter),
        residual_degrees(rules.residual_degrees) {}
  /// As rules that allow no question, but hold these sizes.
  [[nodiscard]] DisclosureRules rules() const {
    DisclosureRules rules;
    rules.enforced = enforced;
    rules.minimum_rows = minimum_rows;
    rules.minimum_events = minimum_events;
    rules.smallest_cell = smallest_cell;
    rules.rows_per_parameter = rows_per_parameter;
    rules.residual_degrees = residual_degrees;
    return rules;
  }
};

/// The filters that a cohort stands for. \throws Error (`disclosure`) for a name or filters that the rules do not allow
[[nodiscard]] inline std::vector<RowFilter> filters_of(const DisclosureRules& rules, const Cohort& cohort) {
  std::vector<RowFilter> filters;
  if (!cohort.name.empty()) {
    const auto named = rules.cohorts.find(cohort.name);
    if (named == rules.cohorts.end())
      throw Error(error::disclosure, "cohorts: there is no approved cohort " + detail::quoted(cohort.name));
    filters = named->second;
  }
  if (rules.enforced && !rules.free_filters && !cohort.filters.empty())
    throw Error(
        error::disclosure,
        "free_filters: only approved cohorts may be asked for, by name, without filters of one's own");
  filters.insert(filters.end(), cohort.filters.begin(), cohort.filters.end());
  return filters;
}

}  // namespace healthai
