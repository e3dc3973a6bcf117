#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/secagg/segments.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/merged_intervals.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/statistics/survival_outcome.hpp"
#include "healthai/statistics/survival_plan.hpp"

namespace healthai {

/// Counts, for each stratum and group, the patients, and at each time of the plan those who have the event and those whose observation ends
/// without it. That is all that survival curves and log-rank tests need, and it adds up over hospitals.
///
/// Under rules a hospital counts on the whole public grid of its rules, and merges there the intervals in which fewer than `smallest_cell`
/// leave into the next (see `merged_intervals`, `spread_on_grid`), for each stratum and group by itself and also where the answer is masked.
/// What leaves follows from these intervals, whichever of the grid's times a plan asks for: two plans with other times, subtracted, tell no more.
/// (Two plans with other groups can: the curve of all less that of some is that of the others.)
struct LifeTable : SummedStatistic {
  using Plan = SurvivalPlan;
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    SurvivalOutcomes outcomes{};      ///< as they are, of each row
    std::vector<std::size_t> cell{};  ///< stratum and group of each row
    std::vector<double> patients{};   ///< of each cell: strata one after the other, in each its groups
  };
  /// Who leaves when: cells one after the other, in each the times.
  struct Counts {
    std::vector<double> events{};
    std::vector<double> censored{};
  };
  static constexpr std::string_view name = "life_table";
  /// Of one hospital: so that counts can be summed under masks. More are refused.
  static constexpr std::uint64_t most_patients = std::uint64_t{1} << 31U;
  /// Strata times groups times times. More are refused before there is memory for them.
  static constexpr std::size_t most_cells = std::size_t{1} << 25U;

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.columns(); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.columns(); }
  /// \throws Error (`invalid_argument`) for a plan that is not sound or too large; (`invalid_data`) for a level that the plan does not
  /// have, and as `survival_outcomes`
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    const std::size_t cells = cells_of(plan);
    Prepared prepared{survival_outcomes(rows, plan.outcome), cells_of_rows(plan, rows),
                      std::vector<double>(cells)};
    for (const std::size_t cell : prepared.cell) ++prepared.patients[cell];
    return prepared;
  }
  /// Each row at the first time that is not before its own; after the last one nobody leaves.
  [[nodiscard]] static Counts counts_at(const Prepared& prepared, std::span<const double> times) {
    const std::size_t size = prepared.patients.size() * times.size();
    Counts counts{std::vector<double>(size), std::vector<double>(size)};
    for (std::size_t row = 0; row < prepared.cell.size(); ++row) {
      const std::size_t next = first_not_before(times, prepared.outcomes.times[row]);
      if (next == times.size()) continue;
      const std::size_t at = prepared.cell[row] * times.size() + next;
      ++(prepared.outcomes.events[row] == 1 ? counts.events : counts.censored)[at];
    }
    return counts;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = plan.columns();
    for (const Grouping* grouping : {&plan.by, &plan.strata}) {
      if (!grouping->column.empty()) what.levels[grouping->column] = grouping->levels;
    }
    what.times = plan.times;
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.cell.size();
    what.events = prepared.outcomes.num_events();
    what.cells = prepared.patients;
    return what;
  }
  /// The patients of each stratum and group, whose numbers leave as they are.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    std::vector<std::vector<std::size_t>> rows(prepared.patients.size());
    for (std::size_t row = 0; row < prepared.cell.size(); ++row) rows[prepared.cell[row]].push_back(row);
    return detail::unless_few_in_sum(std::move(rows), rules);
  }
  /// \throws Error (`disclosure`) under rules for times that are not of their grid
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    const std::vector<double>& times = broadcast.plan.times;
    const Counts counts = rules.enforced ? merged_counts(prepared, times, rules) : counts_at(prepared, times);
    return SummandBuilder()
        .add("patients", prepared.patients)
        .add("events", counts.events)
        .add("censored", counts.censored)
        .take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    std::size_t total = broadcast.plan.times.size() * sizeof(double);
    for (const Grouping* grouping : {&broadcast.plan.by, &broadcast.plan.strata}) {
      for (const std::string& level : grouping->levels) total += level.size();
    }
    return total;
  }
  using SummedStatistic::bytes;

  /// Under secure aggregation: counts, which are summed exactly.
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast& broadcast) {
    const std::size_t cells = cells_of(broadcast.plan);
    const auto counts = [](const std::string& of, std::size_t size) {
      return secagg::VectorSegment{of, Layout{{of, {size}}}, false, static_cast<double>(most_patients),
                                   2 * most_patients};
    };
    return {counts("patients", cells), counts("events", cells * broadcast.plan.times.size()),
            counts("censored", cells * broadcast.plan.times.size())};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast& /*broadcast*/) {
    return {};
  }

  /// Strata times groups. \throws Error (`invalid_argument`) for a plan that is not sound, without times or levels, or too large
  [[nodiscard]] static std::size_t cells_of(const Plan& plan) {
    plan.require_sound();
    const std::size_t groups = plan.by.size();
    const std::size_t strata = plan.strata.size();
    if (plan.times.empty() || groups == 0 || strata == 0)
      throw Error(error::invalid_argument,
                  "a life table needs times, and the levels of its groups and strata");
    if (groups > most_cells || strata > most_cells / groups ||
        plan.times.size() > most_cells / (groups * strata)) {
      throw Error(error::invalid_argument,
                  "a life table of " + std::to_string(strata) + " strata, " + std::to_string(groups) +
                      " groups and " + std::to_string(plan.times.size()) + " times has more than " +
                      std::to_string(most_cells) + " cells; take a coarser grid of times or fewer strata");
    }
    return groups * strata;
  }
  /// In which cell each row is. \throws Error (`invalid_data`) for a level that was not agreed; (`refused`) for more rows than `most_patients`
  [[nodiscard]] static std::vector<std::size_t> cells_of_rows(const Plan& plan, const Table& rows) {
    if (rows.rows() > most_patients)
      throw Error(error::refused, "there are more than " + std::to_string(most_patients) + " patients here");
    std::vector<std::size_t> cell(rows.rows(), 0);
    if (!plan.strata.column.empty()) cell = level_indices(rows, plan.strata.column, plan.strata.levels);
    if (plan.by.column.empty()) return cell;
    const std::vector<std::size_t> group = level_indices(rows, plan.by.column, plan.by.levels);
    for (std::size_t row = 0; row < cell.size(); ++row) cell[row] = cell[row] * plan.by.size() + group[row];
    return cell;
  }

 private:
  [[nodiscard]] static std::size_t first_not_before(std::span<const double> times, double time) {
    return static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), time) - times.begin());
  }
  [[nodiscard]] static Counts merged_counts(const Prepared& prepared, std::span<const double> times,
                                            const DisclosureRules& rules) {
    std::vector<double> grid = rules.time_grid;
    std::sort(grid.begin(), grid.end());
    if (!std::includes(grid.begin(), grid.end(), times.begin(), times.end()))
      throw Error(error::disclosure,
                  "time_grid: patients may be counted at the times of the public grid only");
    const std::size_t cells = prepared.patients.size();
    Counts fine = counts_at(prepared, grid);
    Counts counts{std::vector<double>(cells * times.size()), std::vector<double>(cells * times.size())};
    for (std::size_t cell = 0; cell < cells; ++cell) {
      const auto events = std::span(fine.events).subspan(cell * grid.size(), grid.size());
      const auto censored = std::span(fine.censored).subspan(cell * grid.size(), grid.size());
      double beyond = prepared.patients[cell];
      for (std::size_t k = 0; k < grid.size(); ++k) beyond -= events[k] + censored[k];
      spread_on_grid(
          merged_intervals(events, censored, static_cast<std::uint64_t>(beyond), rules.smallest_cell), events,
          censored);
      for (std::size_t k = 0; k < grid.size(); ++k) {
        const std::size_t next = first_not_before(times, grid[k]);
        if (next == times.size()) break;
        counts.events[cell * times.size() + next] += events[k];
        counts.censored[cell * times.size() + next] += censored[k];
      }
    }
    return counts;
  }
};
static_assert(Statistic<LifeTable> && AdditiveTask<LifeTable>);

/// The life tables of all hospitals together.
struct PooledLifeTable {
  SurvivalPlan plan{};                  ///< with all levels and times
  std::vector<std::size_t> patients{};  ///< of each stratum, in it of each group
  std::vector<std::size_t> events{};    ///< likewise, in each group at each time
  std::vector<std::size_t> censored{};  ///< likewise: observation ends without the event
  std::vector<ClientId> sites{};        ///< in it

  [[nodiscard]] std::size_t cell(std::size_t stratum, std::size_t group) const noexcept {
    return stratum * plan.by.size() + group;
  }
  /// Of one cell, at each time.
  [[nodiscard]] std::span<const std::size_t> events_of(std::size_t cell) const {
    return std::span(events).subspan(cell * plan.times.size(), plan.times.size());
  }
  [[nodiscard]] std::span<const std::size_t> censored_of(std::size_t cell) const {
    return std::span(censored).subspan(cell * plan.times.size(), plan.times.size());
  }
};

namespace detail {

/// \throws Error (`invalid_reply`) for a sum that is not a number of patients
[[nodiscard]] inline std::vector<std::size_t> counts_of(const Sums& sums, std::string_view name,
                                                        std::size_t size) {
  std::vector<std::size_t> counts;
  counts.reserve(size);
  for (const double sum : sums.vector(name, size)) {
    if (!(sum >= 0 && sum <= 0x1p53) || sum != std::floor(sum))
      throw Error(error::invalid_reply,
                  "the sites' sums \"" + std::string(name) + "\": expected numbers of patients");
    counts.push_back(static_cast<std::size_t>(sum));
  }
  return counts;
}

}  // namespace detail

/// Asks for the life table of all hospitals together, and for the levels and times that the plan leaves open. To be called within
/// Analysis::over_the_same_sites.
/// \throws Error (`invalid_reply`) for sums that are no life table, as when more leave than there are; and as `agree_on`, Analysis::sum
template <class TransportType>
[[nodiscard]] PooledLifeTable life_table(Analysis<TransportType>& analysis, SurvivalPlan plan) {
  agree_on(analysis, plan);
  const std::size_t cells = LifeTable::cells_of(plan);
  const Sums sums = analysis.template sum<LifeTable>({plan});
  const std::size_t size = cells * plan.times.size();
  PooledLifeTable table{std::move(plan), detail::counts_of(sums, "patients", cells),
                        detail::counts_of(sums, "events", size), detail::counts_of(sums, "censored", size),
                        sums.sites};
  for (std::size_t cell = 0; cell < cells; ++cell) {
    std::size_t left = table.patients[cell];
    for (std::size_t k = 0; k < table.plan.times.size(); ++k) {
      const std::size_t leaving = table.events_of(cell)[k] + table.censored_of(cell)[k];
      if (leaving > left)
        throw Error(error::invalid_reply, "the sites' life tables: more patients leave than there are");
      left -= leaving;
    }
  }
  return table;
}

}  // namespace healthai
