#pragma once

#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/model/cox.hpp"
#include "healthai/model/detail/newton_ascent.hpp"
#include "healthai/model/features.hpp"

/// \file
/// Fitting a site's own Cox model. Not part of healthai.hpp: factorisations take long to compile.

namespace healthai {

/// When Newton's method stops.
struct NewtonOptions {
  std::size_t max_iterations = 50;  ///< at least 1
  double tolerance = 1e-12;         ///< > 0; on half the squared Newton decrement, over 1 + |log-likelihood|
};

/// What Newton's method found.
struct NewtonResult {
  std::vector<double> coefficients{};  ///< log hazard ratios, per unit of the feature
  std::vector<double>
      standard_errors{};           ///< from the inverse of the observed information at the coefficients
  double log_likelihood_null = 0;  ///< log partial likelihood at zero coefficients
  double log_likelihood = 0;       ///< and at the coefficients
  std::size_t iterations = 0;      ///< steps taken
  bool converged = false;  ///< false: stopped after max_iterations, or where no step raises the likelihood
};

namespace detail {

/// The derivatives of the likelihood of several strata.
[[nodiscard]] inline AscentPoint stratified_likelihood(std::span<const CoxModel<double>> strata,
                                                       const Parameters<double>& at) {
  const auto columns = static_cast<Eigen::Index>(at.size());
  AscentPoint sum{0, AscentPoint::Vector::Zero(columns), FeatureMatrix<double>::Zero(columns, columns)};
  for (const CoxModel<double>& stratum : strata) {
    const auto part = stratum.derivatives(at);
    sum.log_likelihood += part.log_likelihood;
    sum.score += part.score;
    sum.information += part.information;
  }
  return sum;
}

}  // namespace detail

/// Maximises the partial likelihood of several strata of rows, each with a baseline hazard of its own, by Newton's method
/// from zeros, with step halving, and estimates standard errors by the inverse of the observed information, as R's coxph
/// does with `strata()`. The models' penalty is left out: with it the standard errors would mean something else.
///
/// \param strata one model a stratum, of the same features. One stratum is an ordinary fit.
/// \throws Error (`invalid_argument`) without strata; (`layout_mismatch`) when they differ in features; (`invalid_data`)
/// without an event; for a feature that is constant, or a linear combination of others, among the rows at risk at an event;
/// and where the likelihood has no maximum because too few events, or a feature that orders them perfectly, let coefficients
/// grow for ever. The message names the column, counted from 0.
/// Reads the models only through const members: several threads may fit one. Takes O(iterations * rows * columns^2).
[[nodiscard]] inline NewtonResult fit_newton(std::span<const CoxModel<double>> strata,
                                             NewtonOptions options = {}) {
  if (options.max_iterations == 0 || !(options.tolerance > 0)) {
    throw Error(error::invalid_argument,
                "fit_newton: max_iterations must be at least 1 and tolerance positive, but they are " +
                    std::to_string(options.max_iterations) + " and " + number_text(options.tolerance));
  }
  if (strata.empty()) throw Error(error::invalid_argument, "fit_newton: there is no stratum to fit");
  std::size_t events = 0;
  std::size_t rows = 0;
  for (const CoxModel<double>& stratum : strata) {
    require_layout(strata.front().layout(), stratum.layout(), "fit_newton: a stratum");
    events += stratum.num_events();
    rows += stratum.num_examples();
  }
  const std::string data =
      "fit_newton: " + std::to_string(events) + " events among " + std::to_string(rows) + " rows";
  if (events == 0) throw Error(error::invalid_data, data + "; a fit needs at least one event");

  Parameters<double> parameters(strata.front().layout());
  const detail::Ascent ascent =
      detail::newton_ascent(parameters.size(),
                            [&](const detail::AscentPoint::Vector& at) {
                              parameters.flat() = at;
                              return detail::stratified_likelihood(strata, parameters);
                            },
                            {options.max_iterations, options.tolerance});
  const std::string column = "feature column " + std::to_string(ascent.problem_column);
  switch (ascent.problem) {
    case detail::Ascent::Problem::none:
      break;
    case detail::Ascent::Problem::constant:
      throw Error(error::invalid_data, data + ": " + column +
                                           " is constant among the rows at risk at an event; leave it out or "
                                           "add rows");
    case detail::Ascent::Problem::dependent:
      throw Error(error::invalid_data, data + ": " + column +
                                           " is a linear combination of the others among the rows at risk "
                                           "at an event; leave one out or add rows");
    case detail::Ascent::Problem::no_maximum:
      throw Error(error::invalid_data,
                  data + ": the likelihood has no maximum, the coefficient of " + column + " reached " +
                      number_text(ascent.coefficients[ascent.problem_column]) +
                      " and grows; use fewer features, more events, or a penalty (CoxOptions::l2) with "
                      "another optimiser");
  }
  NewtonResult result;
  result.log_likelihood_null = ascent.start.log_likelihood;
  result.log_likelihood = ascent.end.log_likelihood;
  result.iterations = ascent.iterations;
  result.converged = ascent.converged;
  const detail::ScaledInformation information(ascent.end.information);
  for (Eigen::Index k = 0; k < ascent.coefficients.size(); ++k) {
    result.coefficients.push_back(ascent.coefficients[k]);
    result.standard_errors.push_back(
        std::sqrt(information.solve(detail::AscentPoint::Vector::Unit(ascent.coefficients.size(), k))[k]));
  }
  return result;
}

/// The same for one site alone.
[[nodiscard]] inline NewtonResult fit_newton(const CoxModel<double>& model, NewtonOptions options = {}) {
  return fit_newton(std::span<const CoxModel<double>>(&model, 1), options);
}

}  // namespace healthai
