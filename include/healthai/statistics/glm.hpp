#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/covariates.hpp"
#include "healthai/statistics/detail/glm_inference.hpp"
#include "healthai/statistics/detail/glm_newton.hpp"
#include "healthai/statistics/detail/glm_sums.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/disclosure_refusal.hpp"
#include "healthai/statistics/glm_fit.hpp"
#include "healthai/statistics/glm_plan.hpp"

namespace healthai {

/// How a model is fitted.
struct GlmOptions {
  std::size_t most_iterations =
      40;  ///< of Newton's method; hospitals have a limit of their own (`most_steps`)
  /// It ends when the next step is shorter than this many standard errors (of all coefficients together: the Newton decrement); that
  /// step is still made.
  double tolerance = 1e-10;
  double confidence_level = 0.95;
  std::optional<std::chrono::milliseconds> deadline{};  ///< for each answer
  PooledRules pooled{};                                 ///< see AnalysisOptions::pooled
};

namespace detail {

/// A fit from its start to its inference; `fit_glm` in pieces.
/// \tparam Source  as GlmSite
template <class Source>
class GlmFitting {
 public:
  GlmFitting(Source& source, GlmPlan plan, GlmOptions options)
      : source_(&source), plan_(std::move(plan)), options_(options) {}

  [[nodiscard]] GlmFit fit() {
    agree_on_levels();
    GlmFit fit;
    fit.terms = plan_.terms();
    fit.columns = term_names(plan_.covariates);
    fit.confidence_level = options_.confidence_level;
    if (fit.columns.empty() && (plan_.stratify_by_site || !plan_.intercept))
      throw Error(error::invalid_argument,
                  "a model without covariates and without a common intercept has nothing to fit");
    GlmSite<Source> site(*source_, plan_);
    columns_ = site.columns();
    require_pooled(fit.columns.size());
    require_information(fit.columns);
    scale(site, fit.columns.size());
    fit.n = columns_.rows;
    fit.mean_response = columns_.means[fit.columns.size()];

    const auto width = static_cast<Eigen::Index>(fit.terms.size());
    const double n = static_cast<double>(fit.n);
    Eigen::VectorXd null(1);
    GlmSums null_sums = null_model(site, null);
    if (null_sums.valid) fit.null_deviance = null_sums.deviance;
    Eigen::VectorXd start = Eigen::VectorXd::Zero(width);
    if (plan_.common_intercept()) start[0] = null[0];
    GlmSums sums = site.ask(GlmQuestion::step, start);
    GlmSearch search{
        options_.most_iterations,
        options_.tolerance,
        fit.terms,
        penalties(width),
        0,
        n,
        fits_dispersion(),
        plan_.l2 == 0 && (plan_.family == GlmFamily::binomial || plan_.family == GlmFamily::poisson)};
    if (!sums.valid && !plan_.intercept) {
      sums = site.ask(GlmQuestion::begin, start);
      if (const auto step = GlmNewton(site, search).solved(sums.information, sums.score)) {
        start = *step;
        sums = site.ask(GlmQuestion::step, start);
      }
    }
    fit.strata = sums.strata;
    fit.df = n - static_cast<double>(width) - static_cast<double>(fit.strata);
    fit.null_df = n - (plan_.intercept ? 1 : 0);
    if (fit.df < 0 && plan_.l2 == 0)
      throw Error(error::invalid_data, "there are " + std::to_string(fit.n) +
                                           " complete rows, fewer than the " +
                                           std::to_string(fit.terms.size() + fit.strata) + " coefficients");
    search.residual_df = fit.df;
    GlmNewton newton(site, search);
    const GlmSolution solution = newton.from(std::move(start), std::move(sums));
    conclude(fit, solution, search.penalties);
    return fit;
  }

 private:
  [[nodiscard]] GlmLink link() const { return link_of(plan_.family, plan_.link); }
  [[nodiscard]] bool fits_dispersion() const noexcept {
    return plan_.family == GlmFamily::gaussian || plan_.family == GlmFamily::gamma;
  }

  void agree_on_levels() {
    if constexpr (Source::template shows<ColumnLevels>) {
      agree_levels(*source_, plan_.cohort, plan_.covariates);
    }
    for (const Covariate& covariate : plan_.covariates) {
      if (!covariate.categorical || covariate.levels.size() > 1) continue;
      if (GlmSite<Source>::hidden)
        throw Error(error::invalid_argument,
                    "covariate C(" + covariate.column +
                        "): where answers are hidden, give all levels, from a code book");
      throw Error(error::invalid_data,
                  "column " + detail::quoted(covariate.column) +
                      " is constant: all rows have one and the same level, so that it explains nothing");
    }
  }
  /// \throws Error (`invalid_data`) for a constant column or response, and where there are fewer rows than coefficients
  void require_information(const std::vector<std::string>& names) const {
    const bool centred = plan_.intercept || plan_.stratify_by_site;
    for (std::size_t j = 0; j < names.size(); ++j) {
      const bool is_null = columns_.means[j] == 0 && columns_.deviations[j] == 0;
      if ((centred && columns_.deviations[j] == 0) || is_null) {
        throw Error(error::invalid_data,
                    "column " + detail::quoted(names[j]) +
                        " is constant: it has the same value in all rows, so that " +
                        (centred ? "the intercept explains it; leave it out" : "it explains nothing"));
      }
    }
    const double mean = columns_.means[names.size()];
    const bool constant = plan_.family == GlmFamily::binomial ? mean < 0.5 / rows() || mean > 1 - 0.5 / rows()
                          : plan_.family == GlmFamily::poisson ? mean < 0.5 / rows()
                                                               : columns_.deviations[names.size()] == 0;
    if (constant && plan_.intercept)
      throw Error(error::invalid_data,
                  "the response " + detail::quoted(plan_.response) +
                      " is constant: it has the same value in all rows, so that there is nothing to explain");
    if (plan_.l2 == 0 && columns_.rows < plan_.terms().size())
      throw Error(error::invalid_data, "there are " + std::to_string(columns_.rows) +
                                           " complete rows, fewer than the " +
                                           std::to_string(plan_.terms().size()) + " coefficients");
  }
  [[nodiscard]] double rows() const noexcept { return static_cast<double>(columns_.rows); }
  /// The rules about sizes, where no hospital can hold them, of what means tell: levels of categories and a response of 0 and 1.
  /// \throws Error (`disclosure`)
  void require_pooled([[maybe_unused]] std::size_t width) const {
    if constexpr (GlmSite<Source>::hidden) {
      Disclosure pooled;
      pooled.rows = columns_.rows;
      pooled.parameters =
          plan_.terms().size() + (plan_.stratify_by_site ? source_->sites().size() : std::size_t{0});
      std::size_t first = 0;
      for (const Covariate& covariate : plan_.covariates) {
        const std::size_t terms = term_names({covariate}).size();
        double others = rows();
        for (std::size_t j = first; covariate.categorical && j < first + terms; ++j) {
          pooled.cells.push_back(std::round(columns_.means[j] * rows()));
          others -= pooled.cells.back();
        }
        if (covariate.categorical) pooled.cells.push_back(others);
        first += terms;
      }
      if (plan_.family == GlmFamily::binomial) {
        const double events = std::round(columns_.means[width] * rows());
        pooled.events = static_cast<std::size_t>((std::max)(events, 0.0));
        pooled.cells.push_back(events);
        pooled.cells.push_back(rows() - events);
      }
      healthai::require_pooled(options_.pooled.rules(), pooled);
    }
  }

  /// How columns are standardised, and in which ranges the sums will be: from the number of rows and the response's mean and variance. A
  /// sum of w z^2 is about n w, of a score (Cauchy, Schwarz) at most n times the root of dispersion and w.
  void scale(GlmSite<Source>& site, std::size_t width) {
    const bool centred = plan_.intercept || plan_.stratify_by_site;
    for (std::size_t j = 0; j < width; ++j) {
      centres_.push_back(centred ? columns_.means[j] : 0);
      scales_.push_back(centred ? columns_.deviations[j]
                                : std::hypot(columns_.means[j], columns_.deviations[j]));
    }
    const double mean = columns_.means[width];
    GlmRow row;
    double weight = 1;
    if (glm_row(plan_.family, link(), plan_.family == GlmFamily::binomial ? 0 : mean,
                link_function(link(), mean), row))
      weight = row.weight;
    const double spread =
        columns_.deviations[width] * columns_.deviations[width] + (plan_.intercept ? 0 : mean * mean);
    const double dispersion = plan_.family == GlmFamily::gaussian ? spread
                              : plan_.family == GlmFamily::gamma  ? 1 + spread / (mean * mean)
                                                                  : 1 + mean;
    site.set_scale(centres_, scales_,
                   {1024 * rows() * weight, 16 * rows() * std::sqrt(weight * dispersion),
                    1024 * rows() * dispersion, 1024 * rows() * dispersion});
  }
  /// Intercept and offset only; of no intercept the offset only. \param intercept  is set
  [[nodiscard]] GlmSums null_model(GlmSite<Source>& site, Eigen::VectorXd& intercept) {
    const std::size_t width = scales_.size();
    intercept[0] = 0;
    if (!plan_.intercept) return site.ask(GlmQuestion::null_step, intercept);
    intercept[0] =
        link_function(link(), columns_.means[width]) - (plan_.offset.empty() ? 0 : columns_.means[width + 1]);
    GlmSums sums = site.ask(GlmQuestion::null_step, intercept);
    if (plan_.offset.empty() || !sums.valid) return sums;
    GlmSearch search{options_.most_iterations,
                     options_.tolerance,
                     {"(Intercept)"},
                     Eigen::VectorXd::Zero(1),
                     rows() - 1,
                     rows(),
                     fits_dispersion(),
                     false};
    GlmSolution solution =
        GlmNewton(site, std::move(search), GlmQuestion::null_step).from(intercept, std::move(sums));
    intercept = solution.coefficients;
    return std::move(solution.sums);
  }
  /// Of the standardised columns.
  [[nodiscard]] Eigen::VectorXd penalties(Eigen::Index width) const {
    Eigen::VectorXd all = Eigen::VectorXd::Zero(width);
    const Eigen::Index first = width - static_cast<Eigen::Index>(scales_.size());
    for (std::size_t j = 0; j < scales_.size(); ++j)
      all[first + static_cast<Eigen::Index>(j)] =
          plan_.penalise_standardised ? plan_.l2 : plan_.l2 / (scales_[j] * scales_[j]);
    return all;
  }

  void conclude(GlmFit& fit, const GlmSolution& solution, const Eigen::VectorXd& penalties) {
    const Eigen::Index width = solution.coefficients.size();
    const double n = rows();
    fit.iterations = solution.iterations;
    fit.converged = solution.converged;
    fit.gradient_norm = solution.gradient_norm;
    fit.problems = solution.problems;
    fit.deviance = solution.sums.deviance;
    fit.penalty = penalties.dot(solution.coefficients.cwiseAbs2()) / 2;
    fit.t_distributed = fits_dispersion();
    if (fits_dispersion())
      fit.dispersion = fit.df > 0 ? solution.sums.pearson / fit.df : std::numeric_limits<double>::quiet_NaN();
    fit.log_likelihood = glm_log_likelihood(plan_.family, fit.deviance, n, columns_.constants);
    fit.null_log_likelihood = glm_log_likelihood(plan_.family, fit.null_deviance, n, columns_.constants);
    const double fitted = n - fit.df + (fits_dispersion() ? 1 : 0);
    fit.aic = -2 * fit.log_likelihood + 2 * fitted;
    fit.means.assign(columns_.means.begin(),
                     columns_.means.begin() + static_cast<std::ptrdiff_t>(scales_.size()));
    fit.standard_deviations.assign(columns_.deviations.begin(),
                                   columns_.deviations.begin() + static_cast<std::ptrdiff_t>(scales_.size()));

    // Back from standardised columns: b = T w.
    Eigen::MatrixXd back = Eigen::MatrixXd::Identity(width, width);
    const Eigen::Index first = width - static_cast<Eigen::Index>(scales_.size());
    if (!plan_.standardise) {
      for (Eigen::Index j = first; j < width; ++j) {
        const auto column = static_cast<std::size_t>(j - first);
        back(j, j) = 1 / scales_[column];
        if (first == 1) back(0, j) = -centres_[column] / scales_[column];
      }
    }
    const Eigen::VectorXd coefficients = back * solution.coefficients;
    fit.coefficients.assign(coefficients.data(), coefficients.data() + width);
    const Eigen::MatrixXd covariance =
        back * (fit.dispersion * covariance_of(solution.sums.information, penalties)) * back.transpose();
    fit.covariance.assign(covariance.data(), covariance.data() + covariance.size());  // symmetric
    add_tests(fit);
    if (plan_.family == GlmFamily::gaussian && link() == GlmLink::identity) add_linear_model(fit);
  }
  /// I^-1, or (I + P)^-1 I (I + P)^-1 of a penalised fit: the variance of its estimate, which knows nothing of its bias.
  [[nodiscard]] static Eigen::MatrixXd covariance_of(const Eigen::MatrixXd& information,
                                                     const Eigen::VectorXd& penalties) {
    const Eigen::Index width = information.rows();
    Eigen::MatrixXd penalised = information;
    penalised.diagonal() += penalties;
    const Eigen::VectorXd scale = penalised.diagonal().cwiseSqrt().cwiseInverse();
    const Eigen::LLT<Eigen::MatrixXd> cholesky(scale.asDiagonal() * penalised * scale.asDiagonal());
    if (!scale.allFinite() || cholesky.info() != Eigen::Success)
      return Eigen::MatrixXd::Constant(width, width, std::numeric_limits<double>::quiet_NaN());
    const Eigen::MatrixXd inverse =
        scale.asDiagonal() * cholesky.solve(Eigen::MatrixXd::Identity(width, width)) * scale.asDiagonal();
    if (penalties.maxCoeff() == 0) return inverse;
    return inverse * information * inverse;
  }

  Source* source_;
  GlmPlan plan_;
  GlmOptions options_;
  GlmColumns columns_{};
  std::vector<double> centres_{}, scales_{};
};

}  // namespace detail

/// Fits a generalised linear model over hospitals, as if their rows were in one place: the same coefficients, standard errors and likelihood as R's
/// glm and lm, to rounding. The hospitals offer ColumnLevels (for categories whose levels are not given), GlmMoments and GlmStep:
///
///     InProcess hospitals;
///     hospitals.add("north", StatisticsSite(read_csv("north.csv"), rules).handlers<ColumnLevels, GlmMoments, GlmStep>());
///     GlmPlan plan;
///     plan.response = "died";
///     plan.covariates = parse_covariates("age,C(ward)");
///     plan.family = GlmFamily::binomial;
///     const GlmFit fit = fit_glm(hospitals, plan);
///
/// Under secure aggregation only sums over hospitals are seen; they are sums of whole numbers then, of 2^-51 of ranges that follow from
/// `plan.bounds`, and for the steps from the number of rows and the response's mean and variance. Nothing is clipped: what would be outside
/// makes a hospital refuse, or a step shorter.
///
/// Separation and a fit that does not converge are in `problems` of the result, in words. Its time is that of the hospitals' steps.
/// \tparam TransportType  as Analysis says
/// \throws Error (`invalid_argument`) for a plan that makes no sense, or over a transport that only sums without public bounds; (`disclosure`)
/// where there are too few patients of all hospitals together (`options.pooled`); (`invalid_data`) for a constant or collinear column, which it names, for
/// fewer rows than coefficients, or a constant response; as Analysis::sum: of a hospital whose response is outside the family's
/// range, for example
template <class TransportType>
[[nodiscard]] GlmFit fit_glm(TransportType& transport, GlmPlan plan, GlmOptions options = {}) {
  detail::require_possible(plan);
  if (!(options.confidence_level > 0 && options.confidence_level < 1))
    throw Error(error::invalid_argument,
                "the confidence of an interval must be between 0 and 1, such as 0.95");
  if constexpr (!Transport<TransportType, GlmStep>) plan.bounds.require(plan.bounded_columns());
  Analysis<TransportType> analysis(transport, {options.deadline, options.pooled});
  return analysis.over_the_same_sites([&] {
    GlmFit fit = detail::GlmFitting(analysis, plan, options).fit();
    fit.sites = analysis.sites();
    fit.left_out = analysis.left_out();
    return fit;
  });
}

}  // namespace healthai
