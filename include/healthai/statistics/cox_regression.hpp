#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/model/detail/newton_ascent.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/cox_baseline.hpp"
#include "healthai/statistics/cox_concordance.hpp"
#include "healthai/statistics/cox_event_counts.hpp"
#include "healthai/statistics/cox_fit.hpp"
#include "healthai/statistics/cox_moments.hpp"
#include "healthai/statistics/cox_plan.hpp"
#include "healthai/statistics/cox_risk_sets.hpp"
#include "healthai/statistics/cox_site_step.hpp"
#include "healthai/statistics/detail/cox_problems.hpp"
#include "healthai/statistics/detail/risk_set_likelihood.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/distinct_times.hpp"
#include "healthai/statistics/public_bounds.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/transport/concept.hpp"

/// \file
/// Cox regression over hospitals. Not part of healthai.hpp: factorisations and distributions take long to compile.

namespace healthai {

/// How a Cox regression is fitted.
struct CoxFitOptions {
  std::size_t max_iterations = 40;  ///< of Newton's method; at least 1
  double confidence_level = 0.95;   ///< of the intervals, between 0 and 1
  /// Also ask each hospital for its own baseline hazards, which rules allow on a public grid of times only. Without
  /// `CoxPlan::stratify_by_site` the common one is always there.
  bool baseline_hazards = false;
  AnalysisOptions asking{};
};

/// Offers all that `fit_cox` asks for. \return `handlers`
inline TaskHandlers& offer_cox(const StatisticsSite& site, TaskHandlers& handlers) {
  site.offer<ColumnLevels>(handlers);
  site.offer<DistinctTimes>(handlers);
  site.offer<CoxMoments>(handlers);
  site.offer<CoxSiteStep>(handlers);
  site.offer<CoxConcordance>(handlers);
  site.offer<CoxEventCounts>(handlers);
  site.offer<CoxRiskSets>(handlers);
  site.offer<CoxBaseline>(handlers);
  return handlers;
}

namespace detail {

/// The coordinator's side of one Cox regression over the sites of an analysis.
template <class TransportType>
class CoxFitter {
 public:
  CoxFitter(TransportType& transport, Analysis<TransportType>& analysis, CoxPlan plan, CoxFitOptions options)
      : transport_(transport), analysis_(analysis), options_(options) {
    static_cast<CoxPlan&>(plan_) = std::move(plan);
  }

  [[nodiscard]] CoxFit fit() {
    within_sites_ = plan_.stratify_by_site || analysis_.sites().size() == 1;
    if (!within_sites_ && plan_.time_grid.empty())
      require_visible(
          "the times of a common baseline hazard are not public (time_grid), and have to be asked for one "
          "hospital after the other");
    agree_on_levels();
    // Where that comes too late to leave a hospital out: first what rules forbid most.
    if (!within_sites_ && !visible) count_events();
    standardise();
    if (!within_sites_) choose_cells();
    const auto terms = static_cast<Eigen::Index>(plan_.scales.size());
    AscentOptions ascending{options_.max_iterations, 1e-16};
    const auto sites = static_cast<double>(analysis_.sites().size());
    if (!within_sites_) ascending.noise = 1e-12 * fit_.events_as_double();
    if (!visible) {  // whole numbers of 2^-50 of the ranges of CoxSiteStep, or of CoxRiskSets for each cell
      const std::vector<NamedRange> ranges =
          CoxSiteStep::ranges({plan_, std::vector<double>(plan_.scales.size(), 1.0)});
      ascending.noise = 4 * sites * power_of_two_from(ranges[2].most) * 0x1p-50;
      ascending.rounding = 1e-10 + sites * power_of_two_from(ranges[0].most) * 0x1p-50;
      if (!within_sites_) {
        ascending.noise = sites * fit_.events_as_double() * fit_.rows_as_double() * 0x1p-48 *
                          static_cast<double>(risk_sets_.cells.size());
        ascending.rounding = 1e-10;
      }
      ascending.rest = 1e-7;
    }
    const Ascent ascent = newton_ascent(
        plan_.scales.size(), [this](const Eigen::VectorXd& at) { return evaluate(at); }, ascending);
    require_solved(ascent, plan_, within_sites_);
    fill(ascent, terms);
    const std::vector<double> at(ascent.coefficients.data(), ascent.coefficients.data() + terms);
    concordance(at);
    baseline(at, ascent.coefficients);
    CoxFit result = std::move(fit_.result);
    result.sites = analysis_.sites();
    result.left_out = analysis_.left_out();
    return result;
  }

 private:
  static constexpr bool visible = Transport<TransportType, CoxBaseline>;
  /// Of one block of sums: 8 MiB.
  static constexpr std::size_t most_numbers = std::size_t{1} << 20U;

  struct Result {
    CoxFit result{};
    [[nodiscard]] double rows_as_double() const { return static_cast<double>(result.n); }
    [[nodiscard]] double events_as_double() const { return static_cast<double>(result.events); }
  };

  static void require_visible(const std::string& why) {
    if constexpr (!visible) {
      throw Error(error::invalid_argument,
                  "a Cox regression over a transport that only sums (secure aggregation): " + why +
                      ", which such a transport does not do");
    }
  }
  void agree_on_levels() {
    for (Covariate& covariate : plan_.covariates) {
      if (!covariate.categorical || covariate.levels.size() > 1) continue;
      require_visible("the levels of column " + detail::quoted(covariate.column) +
                      " are not named, and have to be asked for one hospital after the other");
    }
    if constexpr (visible) {
      agree_levels(analysis_, plan_.cohort, plan_.covariates);
      if (!within_sites_ && !plan_.strata.empty() && plan_.strata_levels.empty())
        plan_.strata_levels = agree_levels(analysis_, plan_.cohort, plan_.strata);
    } else if (!within_sites_ && !plan_.strata.empty() && plan_.strata_levels.empty()) {
      require_visible("the levels of the strata are not named (strata_levels), and have to be asked for");
    }
    for (const Covariate& covariate : plan_.covariates) {
      if (covariate.categorical && covariate.levels.size() < 2) {
        throw Error(error::invalid_data, "Cox regression: column " + detail::quoted(covariate.column) +
                                             " has no more than one level; leave it out");
      }
    }
  }

  /// Means and scales of the terms, rows and events.
  void standardise() {
    const std::size_t terms = term_names(plan_.covariates).size();
    std::vector<double> means, units;
    for (const Covariate& covariate : plan_.covariates) {
      // Between its public bounds a covariate is from -1 to 1; without any it is as it is.
      const ColumnScale scale =
          covariate.categorical ? ColumnScale{} : scale_of(plan_.bounds, covariate.column);
      means.insert(means.end(), term_names({covariate}).size(), scale.origin);
      units.insert(units.end(), term_names({covariate}).size(), scale.unit);
    }
    const Sums first = analysis_.template sum<CoxMoments>({plan_, means, units});
    fit_.result.n = static_cast<std::size_t>(std::llround(first.number("n")));
    fit_.result.events = static_cast<std::size_t>(std::llround(first.number("events")));
    const std::string data = "Cox regression: " + std::to_string(fit_.result.n) +
                             " rows that miss no value and pass the filters, at " +
                             std::to_string(analysis_.sites().size()) + " hospitals";
    if (fit_.result.n == 0) throw Error(error::invalid_data, data);
    if (fit_.result.events == 0) {
      throw Error(error::invalid_data, data + ", have no event: column " +
                                           detail::quoted(plan_.outcome.event) + " is never " +
                                           number_text(plan_.outcome.event_value) + " in them");
    }
    const double n = fit_.rows_as_double();
    const auto total = first.vector("sums", terms);
    require_pooled(total);
    const auto other = first.vector("other", terms);
    for (std::size_t j = 0; j < terms; ++j) means[j] += units[j] * total[j] / n;
    const CoxMoments::Broadcast about{plan_, means, units};
    const Sums second = analysis_.template sum<CoxMoments>(about);
    double noise = 0;  // the mean square that rounding makes of a constant covariate
    if (!visible)
      noise = 4 * power_of_two_from(CoxMoments::ranges(about).back().most) * 0x1p-50 *
              static_cast<double>(second.sites.size()) / n;
    const auto rest = second.vector("sums", terms);
    const auto squares = second.vector("squares", terms);
    const std::vector<std::string> names = term_names(plan_.covariates);
    for (std::size_t j = 0; j < terms; ++j) {
      const double shift = rest[j] / n;
      const double square = (std::max)(squares[j] / n - shift * shift, 0.0);
      const double scale = units[j] * std::sqrt(square);
      if (!(scale > 1e-12 * std::fabs(means[j]) && square > noise)) {
        throw Error(error::invalid_data, "Cox regression: covariate " + detail::quoted(names[j]) +
                                             " is constant: it has the same value in all " +
                                             std::to_string(fit_.result.n) + " rows; leave it out");
      }
      plan_.means.push_back(means[j]);
      plan_.scales.push_back(scale);
      fit_.result.means.push_back(other[j] > 0.5 ? means[j] + units[j] * shift : 0.0);
    }
  }

  /// The rules about sizes, where no hospital can hold them: of all, of events, and of each level. \param total  of each term
  /// \throws Error (`disclosure`)
  void require_pooled(std::span<const double> total) const {
    Disclosure pooled;
    pooled.rows = fit_.result.n;
    pooled.events = fit_.result.events;
    pooled.parameters = total.size();
    pooled.cells = {fit_.events_as_double(), fit_.rows_as_double() - fit_.events_as_double()};
    std::size_t first = 0;
    for (const Covariate& covariate : plan_.covariates) {
      const std::size_t last = first + term_names({covariate}).size();
      double others = fit_.rows_as_double();
      for (std::size_t j = first; covariate.categorical && j < last; ++j) {
        pooled.cells.push_back(std::round(total[j]));
        others -= pooled.cells.back();
      }
      if (covariate.categorical) pooled.cells.push_back(others);
      first = last;
    }
    analysis_.template require_pooled<CoxSiteStep>(pooled);
  }

  /// The event times of each stratum, with how many events there are.
  void count_events() {
    CoxEventCounts::Plan counted;
    static_cast<CoxPlan&>(counted) = plan_;
    counted.times = plan_.time_grid;
    if constexpr (visible) {
      if (plan_.time_grid.empty())
        counted.times = agree_times(analysis_, {plan_.cohort, plan_.outcome, columns_of(plan_), false});
    }
    const std::size_t strata = plan_.strata.empty() ? 1 : plan_.strata_levels.size();
    const std::size_t times = counted.times.size();
    const Sums sums = analysis_.template sum<CoxEventCounts>({counted});
    const auto events = sums.vector("events", strata * times);
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i] > 0.5)
        risk_sets_.cells.push_back(
            {i / times, counted.times[i % times], static_cast<std::uint64_t>(std::llround(events[i]))});
    }
  }
  void choose_cells() {
    static_cast<ScaledCoxPlan&>(risk_sets_) = plan_;
    if (visible) count_events();
  }

  [[nodiscard]] AscentPoint evaluate(const Eigen::VectorXd& at) {
    const std::vector<double> coefficients(at.data(), at.data() + at.size());
    try {
      return within_sites_ ? evaluate_within(coefficients) : evaluate_across(coefficients);
    } catch (const Error& e) {
      if (e.id() != error::disclosure ||
          std::string(e.what()).find("largest_coefficient") == std::string::npos)
        throw;
      Eigen::Index largest = 0;
      at.cwiseAbs().maxCoeff(&largest);
      const auto column = static_cast<std::size_t>(largest);
      throw Error(
          error::invalid_data,
          "Cox regression: the coefficient of covariate " +
              detail::quoted(term_names(plan_.covariates)[column]) + " grew to " + number_text(at[largest]) +
              " per standard deviation, and the hospitals' rules allow no step there "
              "(largest_coefficient); most likely the likelihood has no maximum (monotone likelihood): leave "
              "it out, join levels, or wait for more events");
    }
  }
  [[nodiscard]] AscentPoint evaluate_within(const std::vector<double>& at) {
    const Sums sums = analysis_.template sum<CoxSiteStep>({plan_, at});
    const std::size_t terms = at.size();
    return {sums.number("log_likelihood"), sums.column("score", terms),
            from_packed_lower(sums.vector("information", terms * (terms + 1) / 2), terms)};
  }
  [[nodiscard]] AscentPoint evaluate_across(const std::vector<double>& at) {
    double growth = growth_;
    while (true) {
      RiskSetLikelihood likelihood(risk_sets_);
      const std::size_t block = (std::max)(most_numbers / (2 * risk_sets_.width()), std::size_t{1});
      for (std::size_t to = risk_sets_.cells.size(); to > 0 && !(likelihood.is_beyond() && !visible);) {
        const std::size_t from = to - (std::min)(block, to);
        const double rows = visible ? 0 : fit_.rows_as_double();
        likelihood.add(analysis_.template sum<CoxRiskSets>({risk_sets_, at, from, to, rows, growth}), from,
                       to);
        to = from;
      }
      if (!visible && likelihood.is_beyond() && growth < most_growth) {
        growth *= 16;
        continue;
      }
      if (!likelihood.is_beyond()) growth_ = growth;
      increases_ = likelihood.increases();
      increases_at_ = at;
      return likelihood.point();
    }
  }

  void fill(const Ascent& ascent, Eigen::Index terms) {
    CoxFit& result = fit_.result;
    result.terms = term_names(plan_.covariates);
    result.df = result.terms.size();
    result.confidence_level = options_.confidence_level;
    result.iterations = ascent.iterations;
    result.converged = ascent.converged;
    result.log_likelihood_null = ascent.start.log_likelihood;
    result.log_likelihood = ascent.end.log_likelihood;
    const ScaledInformation information(ascent.end.information);
    const double width = boost::math::quantile(
        boost::math::complement(boost::math::normal(), (1 - options_.confidence_level) / 2));
    for (Eigen::Index j = 0; j < terms; ++j) {
      const double scale = plan_.scales[static_cast<std::size_t>(j)];
      const Eigen::VectorXd column = information.solve(Eigen::VectorXd::Unit(terms, j));
      for (Eigen::Index k = 0; k < terms; ++k)
        result.covariance.push_back(column[k] / (scale * plan_.scales[static_cast<std::size_t>(k)]));
      const double coefficient = ascent.coefficients[j] / scale;
      const double error = std::sqrt(column[j]) / scale;
      result.coefficients.push_back(coefficient);
      result.standard_errors.push_back(error);
      result.z.push_back(coefficient / error);
      result.p_values.push_back(std::erfc(std::fabs(coefficient / error) / std::sqrt(2.0)));
      result.hazard_ratios.push_back(std::exp(coefficient));
      result.lower.push_back(std::exp(coefficient - width * error));
      result.upper.push_back(std::exp(coefficient + width * error));
    }
    const auto test = [&](double statistic) {
      const boost::math::chi_squared distribution(static_cast<double>(terms));
      return CoxTest{statistic,
                     boost::math::cdf(boost::math::complement(distribution, (std::max)(statistic, 0.0)))};
    };
    result.likelihood_ratio = test(2 * (result.log_likelihood - result.log_likelihood_null));
    result.wald = test(ascent.coefficients.dot(ascent.end.information * ascent.coefficients));
    result.score =
        test(ascent.start.score.dot(ScaledInformation(ascent.start.information).solve(ascent.start.score)));
  }

  void concordance(const std::vector<double>& at) {
    CoxFit& result = fit_.result;
    if (!within_sites_) {
      result.concordance_missing =
          "with one baseline hazard for several hospitals, patients of different hospitals would have to be "
          "compared one by "
          "one, which no sum tells; with a baseline hazard for each hospital (stratify_by_site) pairs are "
          "counted "
          "within them";
      return;
    }
    const Sums sums = analysis_.template sum<CoxConcordance>({plan_, at});
    const auto pairs = sums.vector("pairs", 5);
    const auto influence = sums.vector("influence", 3);
    Concordance found{0, 0, pairs[0], pairs[1], pairs[2], pairs[3], pairs[4]};
    const double comparable = found.concordant + found.discordant + found.tied_x;
    if (!(comparable > 0)) {
      result.concordance_missing = "no two patients of the same stratum can be compared";
      return;
    }
    const double somers_d = (found.concordant - found.discordant) / comparable;
    const double squares = influence[0] - 2 * somers_d * influence[1] + somers_d * somers_d * influence[2];
    found.value = (somers_d + 1) / 2;
    found.standard_error = std::sqrt((std::max)(squares, 0.0)) / (2 * comparable);
    result.concordance = found;
  }

  void baseline(const std::vector<double>& at, const Eigen::VectorXd& coefficients) {
    double centre = 0;  // the linear predictor at the means of the plan, and at those of the result
    double means = 0;
    for (std::size_t j = 0; j < at.size(); ++j) {
      const double coefficient = coefficients[static_cast<Eigen::Index>(j)] / plan_.scales[j];
      centre += coefficient * plan_.means[j];
      means += coefficient * fit_.result.means[j];
    }
    const auto add = [&](CoxBaselineHazard& hazard, double time, double increase) {
      const double before = hazard.at_zero.empty() ? 0 : hazard.at_zero.back();
      const double before_at_means = hazard.at_means.empty() ? 0 : hazard.at_means.back();
      hazard.times.push_back(time);
      hazard.at_zero.push_back(before + increase * std::exp(-centre));
      hazard.at_means.push_back(before_at_means + increase * std::exp(means - centre));
    };
    std::vector<CoxBaselineHazard>& all = fit_.result.baseline;
    if (!within_sites_) {
      if (increases_at_ != at) static_cast<void>(evaluate_across(at));
      for (std::size_t cell = 0; cell < risk_sets_.cells.size(); ++cell) {
        const CoxCell& one = risk_sets_.cells[cell];
        if (cell == 0 || risk_sets_.cells[cell - 1].stratum != one.stratum) {
          all.emplace_back();
          if (!plan_.strata.empty()) all.back().stratum = plan_.strata_levels[one.stratum];
        }
        add(all.back(), one.time, increases_[cell]);
      }
      return;
    }
    if (plan_.stratify_by_site && !options_.baseline_hazards) return;
    if constexpr (visible) {
      // Those that refuse are still part of the fit.
      Analysis<TransportType> asking(transport_, options_.asking);
      try {
        for (const auto& [site, reply] : asking.template each<CoxBaseline>({plan_, at})) {
          if (std::ranges::find(analysis_.sites(), site) == analysis_.sites().end()) continue;
          for (std::size_t s = 0; s < (std::min)(reply.levels.size(), reply.times.size()); ++s) {
            all.emplace_back();
            if (plan_.stratify_by_site) all.back().site = site.str();
            all.back().stratum = reply.levels[s];
            for (std::size_t i = 0; i < (std::min)(reply.times[s].size(), reply.increases[s].size()); ++i)
              add(all.back(), reply.times[s][i], reply.increases[s][i]);
          }
        }
      } catch (const Error& e) {
        if (e.id() != error::disclosure) throw;
      }
    }
  }

  TransportType& transport_;
  Analysis<TransportType>& analysis_;
  CoxFitOptions options_;
  ScaledCoxPlan plan_{};
  CoxRiskSets::Plan risk_sets_{};
  bool within_sites_ = true;
  double growth_ = 1;  // of the ranges of CoxRiskSets, so far
  Result fit_{};
  std::vector<double> increases_{};     // of the baseline hazard, per cell
  std::vector<double> increases_at_{};  // at these coefficients
};

}  // namespace detail

/// Proportional hazards regression over hospitals, equal to that of all rows in one table: maximises the partial likelihood by Newton's
/// method from zeros, with step halving (Cox: Regression models and life-tables, 1972; ties of Breslow or Efron; standard errors from
/// the inverse of the observed information). Covariates are standardised by means and standard deviations over all hospitals, so that units do
/// not matter.
///
/// - `plan.stratify_by_site`: the partial likelihood stratified by hospital, as R's `coxph(... + strata(hospital))`. Each step is one sum of
///   log-likelihoods, scores and informations. Also over secure aggregation; then the levels of categories must be named, and `plan.bounds` given.
/// - else: one baseline hazard, as `coxph(...)`, or one for each level of `plan.strata`, from sums over the patients at risk at each event
///   time (see CoxRiskSets), in blocks of bounded memory. Exact event times are agreed on first, which rules forbid; with
///   `plan.time_grid` the times are those of the grid. With one hospital there is no difference, and it is fitted as above. Also over
///   secure aggregation, with a grid and all levels named: that hides which hospital a patient is of, and nothing of what the sums at each time
///   tell, so that rules hold each interval at each hospital to `smallest_cell` as without.
///
///     CoxPlan plan{.outcome = {"time", "status", 2}, .covariates = parse_covariates("age,sex,ph.ecog")};
///     const CoxFit fit = fit_cox(hospitals, plan);
///
/// Equal to the pooled fit up to rounding; over secure aggregation coefficients are off by some 1e-9 of their standard errors.
/// \tparam TransportType  see Analysis
/// \throws Error (`invalid_argument`) for a plan that nobody can answer, or over a transport that only sums without public bounds; (`disclosure`)
/// where there are too few patients of all hospitals together (`options.asking.pooled`); (`invalid_data`), with the column's name, where there is no event
/// at all, for a covariate that is constant, or a linear combination of others, among those who are compared, and where a coefficient
/// grows for ever (monotone likelihood); as Analysis::sum
template <class TransportType>
[[nodiscard]] CoxFit fit_cox(TransportType& transport, CoxPlan plan, CoxFitOptions options = {}) {
  detail::require_possible(plan);
  if (options.max_iterations == 0 || !(options.confidence_level > 0 && options.confidence_level < 1)) {
    throw Error(error::invalid_argument,
                "a Cox regression: expected at least one iteration and a confidence between 0 and 1");
  }
  if constexpr (!Transport<TransportType, CoxSiteStep>) plan.bounds.require(detail::bounded_columns(plan));
  Analysis<TransportType> analysis(transport, options.asking);
  return analysis.over_the_same_sites(
      [&] { return detail::CoxFitter<TransportType>(transport, analysis, plan, options).fit(); });
}

}  // namespace healthai
