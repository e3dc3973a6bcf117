#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/detail/rank_search.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/disclosure_refusal.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/threshold_counts.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// A quantile as the default of R has it (type 7; Hyndman, Fan: Sample Quantiles in Statistical Packages, 1996): of n values in their order it is
/// the one at place 1 + (n - 1) p, or between its neighbours in proportion.
struct Quantile {
  double probability = 0;
  double value = 0;
  double lower = 0;  ///< it is not less than this; with grids, else `value` itself
  double upper = 0;  ///< and not more
};

/// The quantiles of a column, of all rows or of those of one level.
struct ColumnQuantiles {
  std::string column{};
  std::string level{};  ///< empty: all rows
  std::size_t n = 0;
  std::vector<Quantile> quantiles{};  ///< none where there is no value
};

/// What `quantiles` finds: column after column, each with all rows first and then its levels.
struct QuantileTable {
  std::vector<ColumnQuantiles> columns{};
  std::size_t rounds = 0;  ///< in which hospitals were asked for counts
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};

  /// Of that column and level (empty: all rows). \throws Error (`unknown_name`)
  [[nodiscard]] const ColumnQuantiles& at(std::string_view column, std::string_view level = {}) const {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const ColumnQuantiles& c) {
      return c.column == column && c.level == level;
    });
    if (found == columns.end())
      throw Error(error::unknown_name, "there are no quantiles of column " + detail::quoted(column));
    return *found;
  }
};

/// How `quantiles` asks.
struct QuantileOptions {
  std::vector<double> probabilities{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1};  ///< 0 and 1 are the extremes
  AnalysisOptions asking{};
};

namespace detail {

[[nodiscard]] inline ColumnQuantiles empty_quantiles(const QuantilePlan& plan, std::size_t cell,
                                                     std::size_t n) {
  const std::size_t group = cell % plan.groups();
  return {plan.columns[cell / plan.groups()], group > 0 ? plan.levels[group - 1] : std::string(), n, {}};
}

/// Holds rules against the counts of one group of all hospitals together: each step becomes one of enough patients. \param all  whether the group
/// is that of all rows \throws Error (`disclosure`) for too few patients
inline void hold_pooled_counts(const DisclosureRules& rules, std::span<double> counts, bool all) {
  if (!rules.enforced) return;
  Disclosure pooled;
  pooled.rows = all ? static_cast<std::size_t>(counts.back()) : rules.minimum_rows;
  pooled.cells = {counts.back()};
  require_pooled(rules, pooled);
  std::vector<std::size_t> steps;
  for (const double count : counts) steps.push_back(static_cast<std::size_t>(count));
  ThresholdCounts::widen_steps(steps, rules.smallest_cell);
  for (std::size_t i = 0; i < steps.size(); ++i) counts[i] = static_cast<double>(steps[i]);
}

template <class TransportType>
void exact_quantiles(Analysis<TransportType>& analysis, const QuantilePlan& plan,
                     std::span<const double> probabilities, QuantileTable& table) {
  std::vector<RankSearch> searches(plan.cells());
  std::vector<std::size_t> n(plan.cells());
  for (std::size_t round = 0;; ++round) {
    ThresholdCounts::Broadcast broadcast{plan, {}};
    std::size_t asked = 0;
    for (RankSearch& search : searches) {
      broadcast.thresholds.push_back(search.cuts());
      asked += broadcast.thresholds.back().size();
    }
    if (asked == 0) break;
    const auto thresholds = broadcast.thresholds;
    const Sums sums = analysis.template sum<ThresholdCounts>(std::move(broadcast));
    std::span<const double> counts = sums.vector("counts", asked + plan.cells());
    for (std::size_t cell = 0; cell < plan.cells(); ++cell) {
      const std::size_t size = thresholds[cell].size();
      if (round == 0) {
        n[cell] = static_cast<std::size_t>(counts[size]);
        double patients[] = {counts[size]};
        hold_pooled_counts(analysis.template pooled_rules<ThresholdCounts>(), patients,
                           cell % plan.groups() == 0);
        std::vector<std::size_t> ranks;
        for (const double p : probabilities) {
          if (n[cell] == 0) break;
          const QuantilePlace place = QuantilePlace::of(p, n[cell]);
          ranks.push_back(place.low);
          ranks.push_back(place.high);
        }
        searches[cell].begin(ranks);
      }
      searches[cell].take(counts.first(size));
      counts = counts.subspan(size + 1);
    }
    ++table.rounds;
  }
  for (std::size_t cell = 0; cell < plan.cells(); ++cell) {
    ColumnQuantiles column = empty_quantiles(plan, cell, n[cell]);
    for (const double p : probabilities) {
      if (n[cell] == 0) break;
      const QuantilePlace place = QuantilePlace::of(p, n[cell]);
      const double value = place.between(searches[cell].value(place.low), searches[cell].value(place.high));
      column.quantiles.push_back({p, value, value, value});
    }
    table.columns.push_back(std::move(column));
  }
}

template <class TransportType>
void grid_quantiles(Analysis<TransportType>& analysis, const QuantilePlan& plan,
                    const QuantileOptions& options, QuantileTable& table) {
  std::size_t size = 0;
  for (std::size_t column = 0; column < plan.columns.size(); ++column)
    size += plan.grid_of(column).size() * plan.groups();
  const Sums sums = analysis.template sum<ThresholdCounts>({plan, {}});
  const auto told = sums.vector("counts", size);
  std::vector<double> shown(told.begin(), told.end());
  const DisclosureRules rules = analysis.template pooled_rules<ThresholdCounts>();
  for (std::size_t cell = 0, first = 0; cell < plan.cells(); ++cell) {
    const std::size_t points = plan.grid_of(cell / plan.groups()).size();
    hold_pooled_counts(rules, std::span(shown).subspan(first, points), cell % plan.groups() == 0);
    first += points;
  }
  std::span<const double> counts = shown;
  const double uncertain =
      sums.number("uncertain") +
      (rules.enforced ? static_cast<double>((std::max)(rules.smallest_cell, std::size_t{1}) - 1) : 0);
  table.rounds = 1;
  for (std::size_t cell = 0; cell < plan.cells(); ++cell) {
    const std::vector<double> grid = plan.grid_of(cell / plan.groups());
    const std::span<const double> mine = counts.first(grid.size());
    counts = counts.subspan(grid.size());
    ColumnQuantiles column = empty_quantiles(plan, cell, static_cast<std::size_t>(mine.back()));
    const auto bounds = [&](std::size_t rank) {
      const auto wanted = static_cast<double>(rank);
      std::pair<double, double> found{grid.front(), grid.back()};
      for (std::size_t i = 0; i < grid.size(); ++i) {
        if (mine[i] + uncertain < wanted) found.first = grid[i];
        if (mine[i] - uncertain >= wanted) {
          found.second = grid[i];
          break;
        }
      }
      return found;
    };
    for (const double p : options.probabilities) {
      if (column.n == 0) break;
      const QuantilePlace place = QuantilePlace::of(p, column.n);
      const auto [low_from, low_to] = bounds(place.low);
      const auto [high_from, high_to] = bounds(place.high);
      const double lower = place.between(low_from, high_from);
      const double upper = place.between(low_to, high_to);
      column.quantiles.push_back({p, lower + (upper - lower) / 2, lower, upper});
    }
    table.columns.push_back(std::move(column));
  }
}

}  // namespace detail

/// Quantiles over all hospitals, from counts of values at or below cut points, which add up.
///
/// Without grids they are exact, to the last bit: all doubles are searched, in seven rounds at most (and 2047 cut points for each of the places
/// that are sought). With grids there is one round, and each quantile is known to lie between two points of the grid.
/// \throws Error (`invalid_argument`) for probabilities outside 0 to 1, grids of other columns, or over a transport that only sums without
/// levels or `most_rows`; as Analysis does
template <class TransportType>
[[nodiscard]] QuantileTable quantiles(TransportType& transport, QuantilePlan plan,
                                      const QuantileOptions& options = {}) {
  detail::require_columns("quantiles", plan.columns);
  for (const double p : options.probabilities) {
    if (!(p >= 0 && p <= 1))
      throw Error(error::invalid_argument,
                  "quantiles: a probability must be from 0 to 1, but one is " + number_text(p));
  }
  if (!plan.grids.empty()) {
    for (std::size_t column = 0; column < plan.columns.size(); ++column)
      static_cast<void>(plan.grid_of(column));
  }
  if constexpr (!Transport<TransportType, ThresholdCounts>) PublicBounds{{}, plan.most_rows}.require({});
  Analysis<TransportType> analysis(transport, options.asking);
  QuantileTable result = analysis.over_the_same_sites([&] {
    QuantilePlan asked = plan;
    detail::complete_levels(analysis, transport, asked.cohort, asked.by, asked.levels);
    QuantileTable table;
    if (asked.grids.empty()) {
      detail::exact_quantiles(analysis, asked, options.probabilities, table);
    } else {
      detail::grid_quantiles(analysis, asked, options, table);
    }
    return table;
  });
  result.sites = analysis.sites();
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
