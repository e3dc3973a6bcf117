#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/local_fits.hpp"
#include "healthai/statistics/detail/local_sums.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/glm.hpp"
#include "healthai/statistics/glm_moments.hpp"
#include "healthai/statistics/glm_plan.hpp"
#include "healthai/statistics/glm_step.hpp"
#include "healthai/statistics/meta_analysis.hpp"
#include "healthai/transport/concept.hpp"

/// \file
/// What one gets without federated fits: each hospital fits a generalised linear model of its own, and the results are combined. Not for
/// healthai.hpp: factorisations and distributions take long to compile.

namespace healthai {

/// Fits a generalised linear model to the hospital's own rows, as `fit_glm` does with those of all hospitals, and answers its coefficients and their
/// standard errors: one question instead of one for each step. Not a sum.
struct LocalGlmFit {
  using Plan = GlmPlan;
  struct Broadcast {
    GlmPlan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Reply {
    std::uint64_t rows = 0;
    std::uint64_t events = 0;               ///< rows with another response than 0, of binomial and poisson
    std::vector<double> coefficients{};     ///< of each of `plan.terms()`
    std::vector<double> standard_errors{};  ///< likewise
    std::string problem{};                  ///< why there is no fit; empty: there is one

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& rows& events& coefficients& standard_errors& problem;
    }
  };
  struct Prepared {
    Table rows{};
    std::size_t events = 0;
    detail::PatientGroups groups{};
  };
  static constexpr std::string_view name = "local_glm_fit";
  static constexpr std::string_view question_name = GlmStep::question_name;  ///< it tells of the same groups

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) { return plan.columns(); }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return plan.columns(); }
  /// \throws Error (`invalid_argument`) for a plan that nobody can answer; (`invalid_data`) for a response outside the family's range,
  /// without saying which; and as `model_matrix`
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    detail::require_possible(plan);
    const auto response = detail::glm_response(plan, rows);
    static_cast<void>(model_matrix(rows, plan.covariates));
    return {rows,
            static_cast<std::size_t>(
                std::count_if(response.begin(), response.end(), [](double y) { return y != 0; })),
            detail::glm_groups(plan, rows, response)};
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) { return detail::glm_question(plan); }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.rows.rows();
    if (counts_events(plan)) what.events = prepared.events;
    what.parameters = GlmStep::parameters(plan) + (plan.stratify_by_site ? 1 : 0);
    what.cells = prepared.groups.cells();
    if (counts_events(plan)) {
      what.cells.push_back(static_cast<double>(prepared.events));
      what.cells.push_back(static_cast<double>(what.rows - prepared.events));
    }
    return what;
  }
  /// As GlmMoments::groups.
  [[nodiscard]] static std::vector<std::vector<std::size_t>> groups(const Plan& /*plan*/,
                                                                    const Prepared& prepared,
                                                                    const DisclosureRules& rules) {
    return prepared.groups.told(rules);
  }
  [[nodiscard]] static GlmPlan told_plan(const Plan& plan) { return detail::without_bounds(plan); }
  /// A fit that fails is an answer too: `problem` says why, under rules without a word about the data.
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    Reply reply;
    reply.rows = prepared.rows.rows();
    if (counts_events(broadcast.plan)) reply.events = prepared.events;
    if (reply.rows == 0) {
      reply.problem = "there is no complete row";
    } else {
      try {
        detail::LocalSums<GlmMoments, GlmStep> own(prepared.rows);
        GlmFit fit = detail::GlmFitting(own, broadcast.plan, GlmOptions{}).fit();
        if (!fit.converged)
          reply.problem = fit.problems.empty() ? "the fit did not converge" : fit.problems.front().sentence;
        reply.coefficients = std::move(fit.coefficients);
        reply.standard_errors = std::move(fit.standard_errors);
      } catch (const Error& e) {
        reply.problem = e.what();
      }
    }
    if (reply.problem.empty() && !has_errors(reply.standard_errors))
      reply.problem =
          "its rows leave nothing to estimate standard errors from: they are too few, or the fit is perfect";
    detail::conclude_local_fit(reply, rules);
    return reply;
  }
  [[nodiscard]] static std::size_t bytes(const Broadcast& broadcast) noexcept {
    return broadcast.plan.covariates.size() * sizeof(Covariate);
  }
  [[nodiscard]] static std::size_t bytes(const Reply& reply) noexcept {
    return detail::bytes_of_local_fit(reply);
  }

 private:
  [[nodiscard]] static bool counts_events(const Plan& plan) noexcept {
    return plan.family == GlmFamily::binomial || plan.family == GlmFamily::poisson;
  }
  [[nodiscard]] static bool has_errors(const std::vector<double>& standard_errors) {
    return std::all_of(standard_errors.begin(), standard_errors.end(),
                       [](double error) { return is_finite(error) && error > 0; });
  }
};
static_assert(Statistic<LocalGlmFit>);

/// A hospital's own fit.
struct LocalGlmResult {
  ClientId site{};
  std::size_t rows = 0;
  std::size_t events = 0;              ///< rows with another response than 0, of binomial and poisson
  std::vector<double> coefficients{};  ///< of each term
  std::vector<double> standard_errors{};
};

/// What the hospitals' own fits say together.
struct GlmMetaAnalysis {
  std::vector<std::string> terms{};      ///< as GlmPlan::terms
  std::vector<MetaAnalysis> combined{};  ///< of each term
  std::vector<LocalGlmResult> fits{};    ///< that were combined
  std::vector<Failure> without_a_fit{};  ///< whose own rows do not support one: not in it
  std::vector<Failure> left_out{};       ///< whose rules forbid it
};

/// Lets every hospital fit the model to its own rows, and combines each coefficient by `meta_analysis`: the contrast to a federated fit. Levels
/// that the covariates leave open are asked for; a hospital that lacks one of them has no fit of its own. The hospitals offer ColumnLevels
/// (for such levels) and LocalGlmFit.
/// \param transport  a Transport: no sum over hospitals, so not over secure aggregation. One thread
/// \throws Error (`invalid_argument`) for a plan that makes no sense; (`invalid_data`) when no hospital has a fit, saying why; (`invalid_reply`) for
/// a fit with other numbers than asked for; and as Analysis::each
template <class TransportType>
[[nodiscard]] GlmMetaAnalysis glm_meta_analysis(TransportType& transport, const GlmPlan& plan,
                                                const AnalysisOptions& options = {}) {
  detail::require_possible(plan);
  Analysis<TransportType> analysis(transport, options);
  GlmMetaAnalysis result = analysis.over_the_same_sites([&] {
    GlmPlan agreed = plan;
    agree_levels(analysis, agreed.cohort, agreed.covariates);
    GlmMetaAnalysis all;
    all.terms = agreed.terms();
    for (auto& [site, reply] : analysis.template each<LocalGlmFit>({agreed}))
      detail::take_local_fit(all, site, std::move(reply));
    return all;
  });
  detail::combine_local_fits(result, "a fit");
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
