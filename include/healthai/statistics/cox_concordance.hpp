#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/cox_moments.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/detail/concordance_counts.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/ranged_statistic.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

/// How many pairs of patients of the same hospital, and the same level of the strata, a linear predictor orders as their survival times do, and
/// what the standard error of that share is made of. Pairs across hospitals are nobody's to count.
///
/// Ranges, where sums are of whole numbers: there are at most n^2 pairs of n rows, and none is in more than n of them; n by the public bounds.
struct CoxConcordance : RangedStatistic<CoxConcordance> {
  using Plan = ScaledCoxPlan;
  struct Broadcast {
    ScaledCoxPlan plan{};
    std::vector<double> coefficients{};  ///< per scale of each term

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& coefficients;
    }
  };
  /// The times, events and covariates of the rows of one stratum.
  struct Stratum {
    std::vector<double> times{}, events{};
    std::vector<double> x{};  ///< row after row
  };
  struct Prepared {
    std::map<std::string, Stratum> strata{};
    std::size_t rows = 0;
    std::size_t events = 0;
    detail::PatientGroups groups{};
    std::map<std::string, std::vector<std::size_t>> rows_of{};  ///< of each stratum
    std::vector<double> spreads{};                              ///< of each term
  };
  static constexpr std::string_view name = "cox_concordance.f64";
  static constexpr std::string_view question_name = "cox";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    detail::require_bounded(plan, rows);
    const SurvivalOutcomes outcomes = detail::cox_outcomes(plan, rows);
    const DesignMatrix x = detail::scaled_model_matrix(plan, rows);
    Prepared prepared{{},
                      outcomes.rows(),
                      outcomes.num_events(),
                      detail::groups_of(rows, plan.covariates, outcomes.events),
                      {},
                      detail::spreads_of(x)};
    for (std::size_t row = 0; row < x.rows; ++row) {
      const std::string level = plan.strata.empty() ? std::string() : level_text(rows, plan.strata, row);
      Stratum& stratum = prepared.strata[level];
      prepared.rows_of[level].push_back(row);
      stratum.times.push_back(outcomes.times[row]);
      stratum.events.push_back(outcomes.events[row]);
      const auto values = x.row(row);
      stratum.x.insert(stratum.x.end(), values.begin(), values.end());
    }
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::cox_question(plan); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = detail::cox_disclosure(plan, prepared.rows, prepared.events, prepared.groups.cells());
    std::vector<std::string> levels;
    std::vector<double> patients;
    for (const auto& [level, stratum] : prepared.strata) {
      levels.push_back(level);
      patients.push_back(static_cast<double>(stratum.times.size()));
    }
    detail::tell_strata(what, plan, levels, patients);
    return what;
  }
  /// The rows of each level and stratum, and of each value of a column of few, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    std::vector<std::size_t> stratum_of(prepared.rows);
    std::size_t number = 0;
    for (const auto& [level, rows] : prepared.rows_of) {
      for (const std::size_t row : rows) stratum_of[row] = number;
      ++number;
    }
    return detail::cox_groups_told(prepared.groups, std::move(stratum_of), number, rules);
  }
  [[nodiscard]] static CoxPlan told_plan(const Plan& plan) { return detail::cox_told_plan(plan); }
  [[nodiscard]] static const std::vector<double>& coefficients(const Broadcast& broadcast) noexcept {
    return broadcast.coefficients;
  }
  [[nodiscard]] static std::vector<double> spreads(const Prepared& prepared) { return prepared.spreads; }
  /// \throws Error (`invalid_argument`) for other numbers of coefficients than of terms
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& /*rules*/) {
    const std::size_t terms = broadcast.coefficients.size();
    if (terms != broadcast.plan.scales.size())
      throw Error(error::invalid_argument, "a concordance needs a coefficient for each term");
    std::vector<double> pairs(5), influence(3);
    for (const auto& [level, stratum] : prepared.strata) {
      // Term by term in their order, so that equal rows have equal risks, to the last bit.
      std::vector<double> risk(stratum.times.size());
      for (std::size_t row = 0; row < risk.size(); ++row) {
        for (std::size_t j = 0; j < terms; ++j)
          risk[row] += stratum.x[row * terms + j] * broadcast.coefficients[j];
      }
      const detail::ConcordanceCounts counts =
          detail::concordance_counts(stratum.times, stratum.events, risk);
      const double values[] = {counts.concordant, counts.discordant, counts.tied_x, counts.tied_y,
                               counts.tied_xy};
      for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] += values[i];
      influence[0] += counts.uu;
      influence[1] += counts.um;
      influence[2] += counts.mm;
    }
    return SummandBuilder().add("pairs", pairs).add("influence", influence).take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan) + 3 * sizeof(double) * broadcast.coefficients.size();
  }
  using SummedStatistic::bytes;

  /// \throws Error (`invalid_argument`) without public bounds
  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    broadcast.plan.bounds.require({});
    const auto n = static_cast<double>(broadcast.plan.bounds.most_rows);
    return {{"pairs", 5, n * n}, {"influence", 3, n * n * n}};
  }
};
static_assert(Statistic<CoxConcordance>);

}  // namespace healthai
