#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/table.hpp"
#include "healthai/model/cox.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/cox_moments.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/ranged_statistic.hpp"
#include "healthai/statistics/sums.hpp"

namespace healthai {

namespace detail {

/// The strata of one hospital's rows, each sorted once.
struct CoxSiteRows {
  std::vector<std::string> levels{};       ///< of the column of strata; one empty text without one
  std::vector<CoxModel<double>> models{};  ///< one for each, of scaled covariates
  std::size_t rows = 0;
  std::size_t events = 0;
  PatientGroups groups{};
  std::vector<std::size_t> stratum_of{};  ///< of each row
  std::vector<double> patients{};         ///< of each stratum
  std::vector<double> spreads{};          ///< of each term

  [[nodiscard]] static CoxSiteRows of(const ScaledCoxPlan& plan, const Table& table) {
    require_bounded(plan, table);
    const SurvivalOutcomes outcomes = cox_outcomes(plan, table);
    CoxSiteRows site;
    site.rows = outcomes.rows();
    site.events = outcomes.num_events();
    site.groups = groups_of(table, plan.covariates, outcomes.events);
    site.stratum_of.resize(site.rows);
    const DesignMatrix x = scaled_model_matrix(plan, table);
    site.spreads = spreads_of(x);
    if (!plan.strata.empty() && !plan.strata_levels.empty())
      static_cast<void>(level_indices(table, plan.strata, plan.strata_levels));
    // Levels that are numbers in the order of the numbers.
    const bool numbers = !plan.strata.empty() && table.is_numeric(plan.strata);
    std::map<std::pair<double, std::string>, std::vector<std::size_t>> strata;
    for (std::size_t row = 0; row < site.rows; ++row) {
      strata[{numbers ? table.numeric(plan.strata)[row] : 0,
              plan.strata.empty() ? std::string() : level_text(table, plan.strata, row)}]
          .push_back(row);
    }
    for (const auto& [level, rows] : strata) {
      FeatureMatrix<double> features(static_cast<Eigen::Index>(rows.size()),
                                     static_cast<Eigen::Index>(x.cols));
      std::vector<double> times, events;
      for (const std::size_t row : rows) {
        features.row(static_cast<Eigen::Index>(times.size())) =
            x.matrix().row(static_cast<Eigen::Index>(row));
        times.push_back(outcomes.times[row]);
        events.push_back(outcomes.events[row]);
        site.stratum_of[row] = site.levels.size();
      }
      site.levels.push_back(level.second);
      site.patients.push_back(static_cast<double>(rows.size()));
      site.models.emplace_back(std::move(features), times, events, CoxOptions{plan.ties, 0});
    }
    return site;
  }
};

/// Coefficients as CoxModel wants them. \throws Error (`invalid_argument`) for other than the number of terms
[[nodiscard]] inline Parameters<double> cox_parameters(const ScaledCoxPlan& plan,
                                                       const std::vector<double>& coefficients) {
  if (coefficients.size() != plan.scales.size()) {
    throw Error(error::invalid_argument, "expected " + std::to_string(plan.scales.size()) +
                                             " coefficients, one for each term, got " +
                                             std::to_string(coefficients.size()));
  }
  return Parameters<double>(CoxModel<double>::layout_for(coefficients.size()), coefficients);
}

}  // namespace detail

/// One step of a Cox regression in which every hospital (and every level of the strata in it) has a baseline hazard of its own: the
/// log partial likelihood of its rows, its gradient (score) and minus its Hessian (information), at given coefficients. A hospital without
/// events adds zeros.
///
/// Ranges, where sums are of whole numbers, follow from the public bounds: n rows, and w for how far apart two values of a term can be. With
/// coefficients b, a log-likelihood is at most n (log n + sum of w |b|), a score n w, and an information n w^2 / 4, as variances
/// of what is in an interval are (Popoviciu 1935). A hospital that keeps to the bounds has nothing to refuse.
struct CoxSiteStep : RangedStatistic<CoxSiteStep> {
  using Plan = ScaledCoxPlan;
  struct Broadcast {
    ScaledCoxPlan plan{};
    std::vector<double> coefficients{};  ///< per scale of each term

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan& coefficients;
    }
  };
  using Prepared = detail::CoxSiteRows;
  static constexpr std::string_view name = "cox_site_step.f64";
  static constexpr std::string_view question_name = "cox";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns_of(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    return detail::CoxSiteRows::of(plan, rows);
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::cox_question(plan); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = detail::cox_disclosure(plan, prepared.rows, prepared.events, prepared.groups.cells());
    detail::tell_strata(what, plan, prepared.levels, prepared.patients);
    return what;
  }
  /// The rows of each level and stratum, and of each value of a column of few, for comparison with other answers.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return detail::cox_groups_told(prepared.groups, prepared.stratum_of, prepared.levels.size(), rules);
  }
  [[nodiscard]] static CoxPlan told_plan(const Plan& plan) { return detail::cox_told_plan(plan); }
  [[nodiscard]] static const std::vector<double>& coefficients(const Broadcast& broadcast) noexcept {
    return broadcast.coefficients;
  }
  [[nodiscard]] static std::vector<double> spreads(const Prepared& prepared) { return prepared.spreads; }
  /// \throws Error (`invalid_argument`) for other numbers than there are terms
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& /*rules*/) {
    const Parameters<double> at = detail::cox_parameters(broadcast.plan, broadcast.coefficients);
    const auto terms = static_cast<Eigen::Index>(at.size());
    double log_likelihood = 0;
    Eigen::VectorXd score = Eigen::VectorXd::Zero(terms);
    FeatureMatrix<double> information = FeatureMatrix<double>::Zero(terms, terms);
    for (const CoxModel<double>& model : prepared.models) {
      const auto part = model.derivatives(at);
      log_likelihood += part.log_likelihood;
      score += part.score;
      information += part.information;
    }
    return SummandBuilder()
        .add("log_likelihood", log_likelihood)
        .add("score", std::span<const double>(score.data(), at.size()))
        .add("information", packed_lower(information))
        .take();
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return detail::cox_plan_bytes(broadcast.plan) + 3 * sizeof(double) * broadcast.coefficients.size();
  }
  using SummedStatistic::bytes;

  /// \throws Error (`invalid_argument`) without public bounds
  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    const std::size_t terms = broadcast.coefficients.size();
    const std::vector<double> widths = detail::widths_of_terms(broadcast.plan);
    const auto n = static_cast<double>(broadcast.plan.bounds.most_rows);
    double size = 0;
    double widest = 0;
    for (std::size_t j = 0; j < (std::min)(terms, widths.size()); ++j) {
      size += std::fabs(broadcast.coefficients[j]) * widths[j];
      widest = (std::max)(widest, widths[j]);
    }
    return {{"log_likelihood", 1, n * (1 + std::log(n) + size)},
            {"score", terms, n * widest},
            {"information", terms * (terms + 1) / 2, n * widest * widest / 4}};
  }
};
static_assert(Statistic<CoxSiteStep>);

}  // namespace healthai
