#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"
#include "healthai/model/cox.hpp"
#include "healthai/model/newton.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/local_fits.hpp"
#include "healthai/statistics/detail/patient_cells.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/meta_analysis.hpp"
#include "healthai/statistics/survival_outcome.hpp"
#include "healthai/transport/concept.hpp"

/// \file
/// What one gets without federated fits: each hospital fits a Cox regression of its own, and the results are combined. Not for healthai.hpp:
/// factorisations take long to compile.

namespace healthai {

/// Fits a Cox regression to the hospital's own rows, and answers its coefficients and their standard errors. Not a sum.
struct LocalCoxFit {
  struct Plan {
    Cohort cohort{};
    SurvivalColumns outcome{};
    std::vector<Covariate> covariates{};
    Ties ties = Ties::efron;
    friend bool operator==(const Plan&, const Plan&) = default;

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      auto efron = static_cast<std::uint8_t>(ties == Ties::efron ? 1 : 0);
      archive& cohort& outcome& covariates& efron;
      ties = efron != 0 ? Ties::efron : Ties::breslow;
    }
  };
  struct Broadcast {
    Plan plan{};

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& plan;
    }
  };
  struct Reply {
    std::uint64_t rows = 0;
    std::uint64_t events = 0;
    std::vector<double> coefficients{};  ///< log hazard ratios, per unit, of each of `term_names(covariates)`
    std::vector<double> standard_errors{};  ///< likewise
    std::string problem{};                  ///< why there is no fit; empty: there is one

    template <class Archive>
    void serialize(Archive& archive, unsigned /*version*/) {
      archive& rows& events& coefficients& standard_errors& problem;
    }
  };
  struct Prepared {
    SurvivalOutcomes outcomes{};
    DesignMatrix covariates{};
    std::vector<double> cells{};  ///< how many patients stand behind the numbers
  };
  static constexpr std::string_view name = "local_cox_fit";

  [[nodiscard]] static std::vector<std::string> columns(const Plan& plan) {
    std::vector<std::string> columns = columns_of(plan.covariates);
    columns.push_back(plan.outcome.time);
    columns.push_back(plan.outcome.event);
    return columns;
  }
  [[nodiscard]] static std::vector<std::string> complete(const Plan& plan) { return columns(plan); }
  [[nodiscard]] static Prepared prepare(const Plan& plan, const Table& rows) {
    Prepared prepared{survival_outcomes(rows, plan.outcome), model_matrix(rows, plan.covariates), {}};
    prepared.cells = detail::cross_tables(rows, plan.covariates, prepared.outcomes.events);
    return prepared;
  }
  /// What is asked, before rows are read.
  [[nodiscard]] static Disclosure question(const Plan& plan) {
    Disclosure what;
    what.columns = columns(plan);
    what.levels = detail::levels_of(plan.covariates);
    return what;
  }
  [[nodiscard]] static Disclosure disclosure(const Plan& plan, const Prepared& prepared) {
    Disclosure what = question(plan);
    what.rows = prepared.outcomes.rows();
    what.events = prepared.outcomes.num_events();
    what.parameters = prepared.covariates.cols;
    what.cells = prepared.cells;
    return what;
  }
  /// A fit that fails is an answer too: `problem` says why, under rules without a word about the data.
  [[nodiscard]] static Reply answer(const Prepared& prepared, const Broadcast& broadcast,
                                    const DisclosureRules& rules) {
    Reply reply;
    reply.rows = prepared.outcomes.rows();
    reply.events = prepared.outcomes.num_events();
    if (reply.rows == 0) {
      reply.problem = "there is no complete row";
    } else {
      try {
        const CoxModel<double> model(prepared.covariates.matrix(), prepared.outcomes.times,
                                     prepared.outcomes.events, {broadcast.plan.ties, 0});
        NewtonResult fit = fit_newton(model);
        if (!fit.converged) reply.problem = "the fit did not converge";
        reply.coefficients = std::move(fit.coefficients);
        reply.standard_errors = std::move(fit.standard_errors);
      } catch (const Error& e) {
        reply.problem = with_column_names(e.what(), prepared.covariates.names);
      }
    }
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
  /// A model knows its columns by number only.
  [[nodiscard]] static std::string with_column_names(std::string text,
                                                     const std::vector<std::string>& names) {
    constexpr std::string_view numbered = "feature column ";
    for (std::size_t at = text.find(numbered); at != std::string::npos; at = text.find(numbered, at + 1)) {
      const std::size_t begin = at + numbered.size();
      std::size_t end = begin;
      while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
      const auto number = detail::parse_number(text.substr(begin, end - begin));
      if (!number || !(*number < static_cast<double>(names.size()))) continue;
      text.replace(begin, end - begin, detail::quoted(names[static_cast<std::size_t>(*number)]));
    }
    return text;
  }
};
static_assert(Statistic<LocalCoxFit>);

/// A hospital's own fit.
struct LocalCoxResult {
  ClientId site{};
  std::size_t rows = 0;
  std::size_t events = 0;
  std::vector<double> coefficients{};  ///< of each term
  std::vector<double> standard_errors{};
};

/// What the hospitals' own fits say together.
struct CoxMetaAnalysis {
  std::vector<std::string> terms{};      ///< as `term_names`
  std::vector<MetaAnalysis> combined{};  ///< of each term
  std::vector<LocalCoxResult> fits{};    ///< that were combined
  std::vector<Failure> without_a_fit{};  ///< whose own rows do not support one: not in it
  std::vector<Failure> left_out{};       ///< whose rules forbid it
};

/// Lets every hospital fit the regression to its own rows, and combines each coefficient by `meta_analysis`: the contrast to a federated
/// fit. Levels that the covariates leave open are asked for; a hospital that lacks one of them has no fit of its own.
/// \param transport  a Transport: no sum over hospitals, so not over secure aggregation. One thread
/// \throws Error (`invalid_argument`) without covariates; (`invalid_data`) when no hospital has a fit, saying why; (`invalid_reply`) for a fit
/// with other numbers than asked for; and as Analysis::each
template <class TransportType>
[[nodiscard]] CoxMetaAnalysis cox_meta_analysis(TransportType& transport, LocalCoxFit::Plan plan,
                                                const AnalysisOptions& options = {}) {
  if (plan.covariates.empty())
    throw Error(error::invalid_argument, "a Cox regression needs at least one covariate");
  Analysis<TransportType> analysis(transport, options);
  CoxMetaAnalysis result = analysis.over_the_same_sites([&] {
    LocalCoxFit::Plan agreed = plan;
    agree_levels(analysis, agreed.cohort, agreed.covariates);
    CoxMetaAnalysis all;
    all.terms = term_names(agreed.covariates);
    for (auto& [site, reply] : analysis.template each<LocalCoxFit>({agreed}))
      detail::take_local_fit(all, site, std::move(reply));
    return all;
  });
  detail::combine_local_fits(result, "a Cox fit");
  result.left_out = analysis.left_out();
  return result;
}

}  // namespace healthai
