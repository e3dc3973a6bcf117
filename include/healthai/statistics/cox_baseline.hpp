#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/cox_site_step.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// The steps of a hospital's own cumulative baseline hazards, one for each level of the strata at it, at the means of the plan. Not a sum.
/// They are at the times of single patients, which rules forbid, unless the plan has a public grid of times.
struct CoxBaseline {
  using Plan = ScaledCoxPlan;
  struct Broadcast {
    ScaledCoxPlan plan{};
    std::vector<double> coefficients{};  ///< per scale of each term

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& coefficients;
    }
  };
  struct Reply {
    std::vector<std::string> levels{};             ///< of the column of strata; one empty text without one
    std::vector<std::vector<double>> times{};      ///< of each, with an event, ascending
    std::vector<std::vector<double>> increases{};  ///< of the hazard at these

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& levels& times& increases;
    }
  };
  struct Prepared {
    detail::CoxSiteRows site{};
    std::vector<double>
        leaving{};  ///< on a grid: the patients whose time each of its times is, and those beyond; before them those with an event and
                    ///< those without
  };
  static constexpr std::string_view name = "cox_baseline.f64";
  static constexpr std::string_view question_name = "cox";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared{detail::CoxSiteRows::of(plan, rows), {}};
    if (plan.time_grid.empty()) return prepared;
    const SurvivalOutcomes outcomes = detail::cox_outcomes(plan, rows);
    const std::size_t intervals = plan.time_grid.size() + 1;
    const std::size_t size = prepared.site.levels.size() * intervals;
    prepared.leaving.assign(3 * size, 0);  // with an event, without one, all
    for (std::size_t row = 0; row < outcomes.rows(); ++row) {
      const std::string level = plan.strata.empty() ? std::string() : level_text(rows, plan.strata, row);
      const auto stratum = static_cast<std::size_t>(
          std::find(prepared.site.levels.begin(), prepared.site.levels.end(), level) -
          prepared.site.levels.begin());
      const auto interval = static_cast<std::size_t>(
          std::lower_bound(plan.time_grid.begin(), plan.time_grid.end(), outcomes.times[row]) -
          plan.time_grid.begin());
      const std::size_t cell = stratum * intervals + interval;
      ++prepared.leaving[(outcomes.events[row] == 1 ? 0 : size) + cell];
      ++prepared.leaving[2 * size + cell];
    }
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what = detail::cox_question(plan);
    what.times = plan.time_grid;
    what.single_values = plan.time_grid.empty();
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what =
        detail::cox_disclosure(plan, prepared.site.rows, prepared.site.events, prepared.site.groups.cells());
    what.cells.insert(what.cells.end(), prepared.leaving.begin(), prepared.leaving.end());
    what.times = plan.time_grid;
    what.single_values = plan.time_grid.empty();
    detail::tell_strata(what, plan, prepared.site.levels, prepared.site.patients);
    return what;
  }
  /// The rows of each level and stratum, and of each value of a column of few, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return detail::cox_groups_told(prepared.site.groups, prepared.site.stratum_of,
                                   prepared.site.levels.size(), rules);
  }
  [[nodiscard]] static CoxPlan told_plan(const Plan& plan) { return detail::cox_told_plan(plan); }
  [[nodiscard]] static const std::vector<double>& coefficients(const Broadcast& broadcast) noexcept {
    return broadcast.coefficients;
  }
  [[nodiscard]] static std::vector<double> spreads(const Prepared& prepared) { return prepared.site.spreads; }
  /// \throws Error (`invalid_argument`) for other numbers of coefficients than of terms
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& /*rules*/) {
    const Parameters<double> at = detail::cox_parameters(broadcast.plan, broadcast.coefficients);
    Reply reply;
    reply.levels = prepared.site.levels;
    for (const CoxModel<double>& model : prepared.site.models) {
      reply.times.emplace_back();
      reply.increases.emplace_back();
      for (const auto& step : model.baseline_hazard(at)) {
        reply.times.back().push_back(step.time);
        reply.increases.back().push_back(step.increase);
      }
    }
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan) + 3 * sizeof(double) * broadcast.coefficients.size();
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    std::size_t total = 0;
    for (const auto& times : reply.times) total += 2 * sizeof(double) * times.size();
    return total;
  }
};
static_assert(Statistic<CoxBaseline>);

}  // namespace healthai
