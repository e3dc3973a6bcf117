#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/cox_moments.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/detail/cox_intervals.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/ranged_statistic.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

/// How many events there are at each of the agreed times, in each stratum: which risk sets a Cox regression with a common baseline hazard
/// needs at all.
struct CoxEventCounts : RangedStatistic<CoxEventCounts> {
  struct Plan : CoxPlan {
    std::vector<double> times{};  ///< ascending; all at which there are events
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned version) {
      CoxPlan::serialize(archive, version);
      archive& times;
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
    std::vector<double> events{};  ///< of each stratum at each time
    std::vector<double>
        leaving{};  ///< the patients whose time is from one of the times to before the next, those with and without an event among them,
                    ///< and those at each of the grid
    std::size_t rows = 0;
    std::size_t all_events = 0;
    detail::PatientGroups patients{};
    std::vector<std::size_t> stratum_of{};
  };
  static constexpr std::string_view name = "cox_event_counts.f64";
  static constexpr std::string_view question_name = "cox";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  /// \throws Error (`invalid_data`) for an event at another time than the agreed ones
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    detail::require_bounded(plan, rows);
    const SurvivalOutcomes outcomes = detail::cox_outcomes(plan, rows);
    const std::vector<std::size_t> strata = detail::cox_strata(plan, rows);
    const std::size_t count = plan.strata.empty() ? 1 : plan.strata_levels.size();
    const std::size_t times = plan.times.size();
    Prepared prepared{std::vector<double>(count * times),
                      std::vector<double>(count * (times + 1)),
                      outcomes.rows(),
                      outcomes.num_events(),
                      detail::groups_of(rows, plan.covariates, outcomes.events),
                      strata};
    std::vector<std::size_t> part(
        outcomes
            .rows());  // of the risk sets' sums: its interval, and with Efron's ties whether it has the event
    for (std::size_t row = 0; row < outcomes.rows(); ++row) {
      const auto after = static_cast<std::size_t>(
          std::upper_bound(plan.times.begin(), plan.times.end(), outcomes.times[row]) - plan.times.begin());
      const std::size_t interval = strata[row] * (times + 1) + after;
      ++prepared.leaving[interval];
      part[row] = 2 * interval + (plan.ties == Ties::efron && outcomes.events[row] == 1 ? 1 : 0);
      if (outcomes.events[row] == 0) continue;
      if (after == 0 || plan.times[after - 1] != outcomes.times[row])
        throw Error(error::invalid_data, "there is an event at a time that was not agreed on");
      ++prepared.events[strata[row] * times + after - 1];
    }
    // The events leave as they are, and with risk sets those without one.
    std::vector<double> others(prepared.leaving);
    for (std::size_t i = 0; i < prepared.events.size(); ++i)
      others[i / times * (times + 1) + i % times + 1] -= prepared.events[i];
    const std::vector<double> on_grid = detail::leaving_on_grid(plan, outcomes.times, strata);
    // What the risk sets will tell of covariates: whoever cannot answer that is left out now, not after it has been part of a sum.
    const std::vector<double> told =
        detail::groups_of(rows, plan.covariates, {}).cells_within(part, 2 * count * (times + 1));
    prepared.leaving.insert(prepared.leaving.end(), prepared.events.begin(), prepared.events.end());
    prepared.leaving.insert(prepared.leaving.end(), others.begin(), others.end());
    prepared.leaving.insert(prepared.leaving.end(), on_grid.begin(), on_grid.end());
    prepared.leaving.insert(prepared.leaving.end(), told.begin(), told.end());
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what = detail::cox_question(plan);
    what.times = plan.times;
    what.single_values = plan.time_grid.empty();
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = detail::cox_disclosure(plan, prepared.rows, prepared.all_events, prepared.leaving);
    what.parameters = 0;
    what.times = plan.times;
    what.single_values = plan.time_grid.empty();
    return what;
  }
  /// The rows of each level and stratum, and of each value of a column of few, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& plan,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return detail::cox_groups_told(prepared.patients, prepared.stratum_of,
                                   plan.strata.empty() ? 1 : plan.strata_levels.size(), rules);
  }
  [[nodiscard]] static CoxPlan told_plan(const Plan& plan) { return detail::cox_told_plan(plan); }
  /// \throws Error (`disclosure`) where rules are in force and an interval has few patients; (`refused`) for more than 2^40 events
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    detail::require_large_intervals(rules, prepared.leaving);
    Reply reply = SummandBuilder().add("events", prepared.events).take();
    if (!detail::within(reply, ranges(broadcast)))
      throw Error(error::refused, "there are more than 2^40 events");
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan) + sizeof(double) * broadcast.plan.times.size();
  }
  using SummedStatistic::bytes;

  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    const Plan& plan = broadcast.plan;
    return {{"events", (plan.strata.empty() ? 1 : plan.strata_levels.size()) * plan.times.size(), 0x1p40}};
  }
};
static_assert(Statistic<CoxEventCounts>);

}  // namespace healthai
