#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"

namespace healthai {

/// A test of all coefficients being zero.
struct CoxTest {
  double statistic = 0;  ///< chi-squared
  double p_value = 1;
};

/// How well the linear predictor orders the patients: among comparable pairs, those of which the one with the higher hazard had the event
/// first (Harrell, Califf, Pryor, Lee, Rosati: Evaluating the yield of medical tests, 1982). Pairs are compared within a stratum.
struct Concordance {
  double value = 0;           ///< (concordant + tied_x / 2) / (concordant + discordant + tied_x)
  double standard_error = 0;  ///< by the infinitesimal jackknife, as R's `concordance`
  double concordant = 0;      ///< pairs
  double discordant = 0;
  double tied_x = 0;   ///< with the same predictor
  double tied_y = 0;   ///< with their events at the same time
  double tied_xy = 0;  ///< with both
};

/// The cumulative baseline hazard of a stratum (Breslow's or Efron's estimate, like the fit), where it steps.
struct CoxBaselineHazard {
  std::string site{};              ///< of the hospital that it belongs to; empty: of all
  std::string stratum{};           ///< level of the stratum's column; empty without one
  std::vector<double> times{};     ///< with an event, ascending
  std::vector<double> at_zero{};   ///< up to and with each time, for covariates of 0
  std::vector<double> at_means{};  ///< for those of CoxFit::means

  /// At a time, for covariates of 0: 0 before the first event.
  [[nodiscard]] double at_zero_until(double time) const noexcept {
    double hazard = 0;
    for (std::size_t i = 0; i < times.size() && times[i] <= time; ++i) hazard = at_zero[i];
    return hazard;
  }
};

/// What a Cox regression over hospitals found. Vectors have one entry for each of `terms`.
struct CoxFit {
  std::vector<std::string> terms{};       ///< as R names them: "age", "celltypelarge"
  std::vector<double> coefficients{};     ///< log hazard ratios, per unit of the covariate
  std::vector<double> standard_errors{};  ///< from the inverse of the observed information
  std::vector<double> z{};                ///< coefficient / standard error
  std::vector<double> p_values{};         ///< two-sided, of z
  std::vector<double> hazard_ratios{};    ///< exp(coefficient)
  std::vector<double> lower{}, upper{};   ///< the confidence interval of the hazard ratio (Wald's)
  double confidence_level = 0.95;
  std::vector<double> covariance{};  ///< of the coefficients, row after row

  double log_likelihood_null = 0;  ///< log partial likelihood at coefficients of 0
  double log_likelihood = 0;       ///< and at those found
  CoxTest likelihood_ratio{};
  CoxTest wald{};
  CoxTest score{};
  std::size_t df = 0;  ///< degrees of freedom of the three tests: the number of terms
  std::optional<Concordance> concordance{};
  std::string concordance_missing{};  ///< why there is none, in words
  std::vector<double>
      means{};  ///< of the terms, 0 for those that are only ever -1, 0 or 1, as R's coxph centres
  std::vector<CoxBaselineHazard> baseline{};  ///< where it may be told (see CoxFitOptions::baseline_hazards)
  std::size_t n = 0;                          ///< complete rows
  std::size_t events = 0;
  std::size_t iterations = 0;  ///< steps taken
  bool converged = false;      ///< false: the coefficients are not to be used
  std::vector<ClientId> sites{};
  std::vector<Failure> left_out{};  ///< hospitals whose rules forbid it
};

}  // namespace healthai
