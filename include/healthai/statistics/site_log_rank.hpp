#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/secagg/segments.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/life_table.hpp"
#include "healthai/statistics/log_rank_moments.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/statistics/survival_outcome.hpp"
#include "healthai/statistics/survival_plan.hpp"

namespace healthai {

namespace detail {

/// \throws Error (`invalid_argument`)
inline void require_rho(double rho) {
  if (!(rho >= 0) || !is_finite(rho)) {
    throw Error(
        error::invalid_argument,
        "a log-rank test: expected a rho of 0 or more (0: log-rank, 1: Peto), got " + number_text(rho));
  }
}

}  // namespace detail

/// What a hospital adds to a log-rank test that is stratified by hospital: observed and expected events of its own patients and their
/// covariance. No times leave, so that it needs no grid unless rules are enforced: then it is made at all times of their grid. A hospital
/// needs no patients of all groups.
struct SiteLogRank : SummedStatistic {
  struct Plan {
    Cohort cohort{};
    SurvivalPlan survival{};  ///< with all levels; its cohort is that above. Without times, exact ones
    double rho = 0;
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& cohort& survival& rho;
    }
  };
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Prepared {
    LogRankMoments moments{};
    std::vector<std::size_t> events{};  ///< of each group
    std::vector<double> strata{};       ///< patients of each
    detail::PatientGroups patients{};   ///< groups, and strata if there are some
  };
  static constexpr std::string_view name = "site_log_rank";
  /// Of one hospital: so that sums can be rounded to a known range where they are masked. More are refused.
  static constexpr std::uint64_t most_patients = std::uint64_t{1} << 24U;
  static constexpr std::size_t most_groups = 1000;

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.survival.columns(); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.survival.columns(); }
  /// \throws Error as LifeTable::prepare; (`invalid_argument`) for a rho below 0; (`refused`) for more than `most_patients`
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    const std::size_t groups = groups_of(plan);
    if (rows.rows() > most_patients)
      throw Error(error::refused, "there are more than " + std::to_string(most_patients) + " patients here");
    SurvivalPlan survival = plan.survival;
    if (survival.times.empty()) {
      survival.times = survival_outcomes(rows, survival.outcome).times;
      std::sort(survival.times.begin(), survival.times.end());
      survival.times.erase(std::unique(survival.times.begin(), survival.times.end()), survival.times.end());
    }
    Prepared prepared{LogRankMoments(groups),
                      std::vector<std::size_t>(groups),
                      std::vector<double>(plan.survival.strata.size()),
                      {}};
    if (rows.rows() == 0) return prepared;
    // A stratum at a time: there may be many, each with few of the times.
    SurvivalPlan one = survival;
    one.strata = {};
    std::vector<std::vector<std::size_t>> rows_of(survival.strata.size());
    const std::vector<std::size_t> cells = LifeTable::cells_of_rows(survival, rows);
    std::vector<std::size_t> stratum_of, group_of;
    for (std::size_t row = 0; row < cells.size(); ++row) {
      stratum_of.push_back(cells[row] / groups);
      group_of.push_back(cells[row] % groups);
      rows_of[stratum_of.back()].push_back(row);
    }
    if (groups > 1) prepared.patients.add(std::move(group_of), groups);
    if (rows_of.size() > 1) prepared.patients.add(std::move(stratum_of), rows_of.size());
    for (std::size_t s = 0; s < rows_of.size(); ++s)
      prepared.strata[s] = static_cast<double>(rows_of[s].size());
    for (const std::vector<std::size_t>& stratum : rows_of) {
      if (stratum.empty()) continue;
      const LifeTable::Prepared patients = LifeTable::prepare(one, rows.select(stratum));
      const LifeTable::Counts counts = LifeTable::counts_at(patients, one.times);
      add_stratum<double>(prepared.moments, patients.patients, counts.events, counts.censored, plan.rho);
      for (std::size_t i = 0; i < counts.events.size(); ++i)
        prepared.events[i / one.times.size()] += static_cast<std::size_t>(counts.events[i]);
    }
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = columns(plan);
    for (const Grouping* grouping : {&plan.survival.by, &plan.survival.strata}) {
      if (!grouping->column.empty()) what.levels[grouping->column] = grouping->levels;
    }
    what.times = plan.survival.times;
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.events = 0;
    for (std::size_t g = 0; g < prepared.events.size(); ++g) {
      what.rows += static_cast<std::size_t>(prepared.moments.patients[g]);
      *what.events += prepared.events[g];
      what.cells.push_back(prepared.moments.patients[g]);
      what.cells.push_back(static_cast<double>(prepared.events[g]));  // behind the observed
    }
    if (!plan.survival.strata.column.empty())
      what.cells.insert(what.cells.end(), prepared.strata.begin(), prepared.strata.end());
    what.parameters = prepared.events.size() - 1;
    return what;
  }
  /// The patients of each group, and of each stratum, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return prepared.patients.told(rules);
  }
  /// \throws Error (`disclosure`) under rules for other times than all of their grid, and for a rho other than 0 and 1: sums at one choice
  /// of times, or weights, and at another, subtracted, tell of single events
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    if (rules.enforced) require_harmless(broadcast.plan, rules);
    return SummandBuilder()
        .add("patients", prepared.moments.patients)
        .add("observed", prepared.moments.observed)
        .add("expected", prepared.moments.expected)
        .add("variance", prepared.moments.variance)
        .take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return LifeTable::bytes(LifeTable::Broadcast{broadcast.plan.survival});
  }
  using SummedStatistic::bytes;

  /// Under secure aggregation. No weight is above 1, so that no number is above the patients of a hospital; steps of 7.5e-9.
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast& broadcast) {
    const std::size_t groups = groups_of(broadcast.plan);
    const auto most = static_cast<double>(most_patients);
    const auto sums = [most](const std::string& of, std::size_t size) {
      return secagg::VectorSegment{of, Layout{{of, {size}}}, false, most, std::uint64_t{1} << 52U};
    };
    return {{"patients", Layout{{"patients", {groups}}}, false, most, 2 * most_patients},
            sums("observed", groups),
            sums("expected", groups),
            sums("variance", groups * groups)};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast& /*broadcast*/) {
    return {};
  }

 private:
  static void require_harmless(const Plan& plan, const DisclosureRules& rules) {
    std::vector<double> grid = rules.time_grid;
    std::sort(grid.begin(), grid.end());
    grid.erase(std::unique(grid.begin(), grid.end()), grid.end());
    if (plan.survival.times.empty() || plan.survival.times != grid) {
      throw Error(
          error::disclosure,
          "time_grid: a log-rank test within hospitals may be made at all times of the public grid only");
    }
    if (plan.rho != 0 && plan.rho != 1) {
      throw Error(
          error::disclosure,
          "single_values: a log-rank test may have a rho of 0 or 1 only; the sums of many weights tell "
          "of single events");
    }
  }
  [[nodiscard]] static std::size_t groups_of(const Plan& plan) {
    plan.survival.require_sound();
    detail::require_rho(plan.rho);
    const std::size_t groups = plan.survival.by.size();
    if (groups == 0 || groups > most_groups || plan.survival.strata.size() == 0) {
      throw Error(error::invalid_argument, "a log-rank test needs 1 to " + std::to_string(most_groups) +
                                               " groups, and the levels of its strata");
    }
    return groups;
  }
};
static_assert(Statistic<SiteLogRank> && AdditiveTask<SiteLogRank>);

}  // namespace healthai
