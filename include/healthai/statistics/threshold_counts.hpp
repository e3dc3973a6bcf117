#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/groups.hpp"
#include "healthai/statistics/histogram.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

/// Cut points for the quantiles of a column, which everybody may know: so many, evenly from `lower` to `upper`. What is outside counts as if
/// it were at the nearer end.
struct QuantileGrid {
  std::string column{};
  double lower = 0;
  double upper = 0;
  std::size_t points = 0;  ///< the ends among them
  friend bool operator==(const QuantileGrid&, const QuantileGrid&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& column& lower& upper& points;
  }
};

/// Whose quantiles are sought.
struct QuantilePlan {
  Cohort cohort{};
  std::vector<std::string> columns{};
  std::string by{};                   ///< rows that miss it are left out; empty: no groups
  std::vector<std::string> levels{};  ///< of `by`; empty: the hospitals are asked
  /// For each column its cut points, in the order of the columns: then nothing else is ever counted, and quantiles are as exact as these are
  /// dense. Empty: any number may be a cut point, and quantiles are exact, which rules must allow (`single_values`).
  std::vector<QuantileGrid> grids{};
  std::uint64_t most_rows =
      0;  ///< of one hospital, as everybody may know; needed for secure aggregation only
  friend bool operator==(const QuantilePlan&, const QuantilePlan&) = default;

  [[nodiscard]] std::size_t groups() const noexcept { return by.empty() ? 1 : 1 + levels.size(); }
  [[nodiscard]] std::size_t cells() const noexcept { return columns.size() * groups(); }
  /// \throws Error (`invalid_argument`) for grids of other columns, or that are none
  [[nodiscard]] std::vector<double> grid_of(std::size_t column) const {
    if (grids.size() != columns.size() || grids[column].column != columns[column])
      throw Error(error::invalid_argument, "quantiles: expected a grid for each of the columns " +
                                               detail::quoted_list(columns) + " in that order, or none");
    if (grids[column].points < 2)
      throw Error(error::invalid_argument,
                  "quantiles of " + detail::quoted(columns[column]) + ": a grid needs at least two points");
    return even_edges(grids[column].lower, grids[column].upper, grids[column].points - 1);
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& cohort& columns& by& levels& grids& most_rows;
  }
};

/// How many values of each column and group are at most each of some thresholds. Without grids the thresholds come with each request; with
/// grids they are those of the plan. Then a hospital with rules makes each step of its counts one of enough patients (`smallest_cell`), so
/// that its counts are off by fewer than that, and says by how many at most ("uncertain"). Additive.
struct ThresholdCounts : SummedStatistic {
  using Plan = QuantilePlan;
  struct Broadcast {
    Plan plan{};
    std::vector<std::vector<double>> thresholds{};  ///< for each column and group; empty with grids

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& thresholds;
    }
  };
  struct Prepared {
    std::vector<std::vector<double>> values{};        ///< of each column and group, ascending
    std::vector<std::vector<std::size_t>> rows_of{};  ///< whose these are
    std::size_t rows = 0;
  };
  static constexpr std::string_view name = "threshold_counts";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) {
    return detail::with_group(plan.columns, plan.by);
  }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) {
    return plan.by.empty() ? std::vector<std::string>{} : std::vector<std::string>{plan.by};
  }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared{{}, {}, rows.rows()};
    detail::require_columns("quantiles", plan.columns);
    PublicBounds bounds;
    bounds.most_rows = plan.most_rows;
    detail::require_rows_within(bounds, rows.rows());
    const auto groups = detail::rows_of_groups(rows, plan.by, plan.levels);
    for (const std::string& column : plan.columns) {
      const std::vector<double> numbers = detail::numbers_or_missing(rows, column);
      for (const auto& group : groups) {
        std::vector<std::size_t> kept;
        for (const std::size_t row : group) {
          if (numbers[row] == numbers[row]) kept.push_back(row);
        }
        std::sort(kept.begin(), kept.end(),
                  [&](std::size_t a, std::size_t b) { return numbers[a] < numbers[b]; });
        std::vector<double> values;
        for (const std::size_t row : kept) values.push_back(numbers[row]);
        prepared.rows_of.push_back(std::move(kept));
        prepared.values.push_back(std::move(values));
      }
    }
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = columns(plan);
    if (!plan.by.empty()) what.levels[plan.by] = plan.levels;
    what.single_values = plan.grids.empty();
    for (const QuantileGrid& grid : plan.grids) what.cut_points[grid.column] += grid.points;
    what.most_rows = plan.most_rows;
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.rows;
    for (const auto& values : prepared.values) what.cells.push_back(static_cast<double>(values.size()));
    return what;
  }
  /// The rows of each group that it tells apart, for comparison with other answers. \param rules  which hide some
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& plan,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules = {}) {
    std::vector<std::vector<std::size_t>> told;
    for (std::size_t cell = 0; cell < prepared.values.size(); ++cell) {
      std::vector<std::size_t> exact{prepared.values[cell].size()};
      if (!plan.grids.empty()) exact = counts_on(plan.grid_of(cell / plan.groups()), prepared.values[cell]);
      std::vector<std::size_t> counts = exact;
      widen_steps(counts, rules.smallest_cell);
      for (std::size_t i = 0; i < counts.size(); ++i) {
        const bool step = counts[i] > (i > 0 ? counts[i - 1] : 0);
        if (!step || counts[i] != exact[i]) continue;
        const auto first = prepared.rows_of[cell].begin();
        std::vector<std::size_t> rows(first, first + static_cast<std::ptrdiff_t>(counts[i]));
        std::sort(rows.begin(), rows.end());
        told.push_back(std::move(rows));
      }
    }
    return told;
  }
  /// \throws Error (`invalid_argument`) for thresholds of another number of groups, or a grid that is none
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    const Plan& plan = broadcast.plan;
    if (plan.grids.empty()) return exact_answer(prepared, broadcast);
    const bool steps = rules.enforced && !rules.in_sum;
    std::vector<double> counts;
    for (std::size_t column = 0; column < plan.columns.size(); ++column) {
      const std::vector<double> grid = plan.grid_of(column);
      for (std::size_t group = 0; group < plan.groups(); ++group) {
        std::vector<std::size_t> at_most = counts_on(grid, prepared.values[column * plan.groups() + group]);
        if (steps) widen_steps(at_most, rules.smallest_cell);
        for (const std::size_t count : at_most) counts.push_back(static_cast<double>(count));
      }
    }
    const double uncertain =
        steps && rules.smallest_cell > 0 ? static_cast<double>(rules.smallest_cell - 1) : 0;
    return SummandBuilder().add("counts", counts).add("uncertain", uncertain).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    std::size_t total = 0;
    for (const auto& some : broadcast.thresholds) total += some.size() * sizeof(double);
    return total;
  }
  using SummedStatistic::bytes;

  /// \throws Error (`invalid_argument`) without `most_rows`
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    PublicBounds{{}, plan.most_rows}.require({});
    std::size_t size = 0;
    for (const QuantileGrid& grid : plan.grids) size += grid.points * plan.groups();
    if (plan.grids.empty()) {
      size = plan.cells();
      for (const auto& some : broadcast.thresholds) size += some.size();
    }
    return {detail::counts_segment("counts", size, plan.most_rows),
            detail::counts_segment("uncertain", 1, plan.most_rows)};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast&) { return {}; }

  /// Makes each step of ascending counts one of at least `smallest` patients: those of a smaller one are counted with the next, and those
  /// of a smaller last one with the one before. So each count is off by fewer than `smallest`, and the last one, which is that of all, is not.
  static void widen_steps(std::vector<std::size_t>& counts, std::size_t smallest) {
    const std::size_t all = counts.back();
    std::size_t told = 0;
    for (std::size_t& count : counts) {
      if (told == all || all < count + smallest) {
        told = all < told + smallest ? told : all;
      } else if (count >= told + smallest) {
        told = count;
      }
      count = told;
    }
    counts.back() = all;
  }

 private:
  [[nodiscard]] static std::size_t count_up_to(const std::vector<double>& sorted, double threshold) {
    return static_cast<std::size_t>(std::upper_bound(sorted.begin(), sorted.end(), threshold) -
                                    sorted.begin());
  }
  /// At or below each point of a grid; what is above the last counts as there.
  [[nodiscard]] static std::vector<std::size_t> counts_on(const std::vector<double>& grid,
                                                          const std::vector<double>& sorted) {
    std::vector<std::size_t> counts;
    for (const double threshold : grid) counts.push_back(count_up_to(sorted, threshold));
    counts.back() = sorted.size();
    return counts;
  }
  /// For each group the counts at its thresholds, and behind them how many values it has.
  [[nodiscard]] static Reply exact_answer(const Prepared& prepared, const Broadcast& broadcast) {
    if (broadcast.thresholds.size() != prepared.values.size())
      throw Error(error::invalid_argument, "quantiles: expected thresholds for each of " +
                                               std::to_string(prepared.values.size()) + " groups, got " +
                                               std::to_string(broadcast.thresholds.size()));
    std::vector<double> counts;
    for (std::size_t cell = 0; cell < prepared.values.size(); ++cell) {
      for (const double threshold : broadcast.thresholds[cell])
        counts.push_back(static_cast<double>(count_up_to(prepared.values[cell], threshold)));
      counts.push_back(static_cast<double>(prepared.values[cell].size()));
    }
    return SummandBuilder().add("counts", counts).add("uncertain", 0.0).take();
  }
};
static_assert(Statistic<ThresholdCounts> && AdditiveTask<ThresholdCounts>);

}  // namespace healthai
