#pragma once

#include <cmath>
#include <cstddef>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/model/cox.hpp"
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

/// An information matrix, factorised after its diagonal has been scaled to one, so that units do not matter.
class ScaledInformation {
 public:
  using Vector = Eigen::Matrix<double, Eigen::Dynamic, 1>;

  ScaledInformation(const std::vector<double>& values, std::size_t columns)
      : ScaledInformation(Eigen::Map<const FeatureMatrix<double>>(
            values.data(), static_cast<Eigen::Index>(columns), static_cast<Eigen::Index>(columns))) {}
  explicit ScaledInformation(const FeatureMatrix<double>& matrix)
      : diagonal_(matrix.diagonal()),
        inverse_roots_(
            diagonal_.unaryExpr([](double value) { return value > 0 ? 1 / std::sqrt(value) : 0.0; })),
        factor_(inverse_roots_.asDiagonal() * matrix * inverse_roots_.asDiagonal()) {}

  /// Per column, what the data say about it while all others are known.
  [[nodiscard]] const Vector& diagonal() const noexcept { return diagonal_; }
  /// A column of which the others explain all but 1e-10 (or that says nothing at all); -1 if there is none.
  [[nodiscard]] Eigen::Index dependent_column() const {
    Eigen::VectorXi column(diagonal_.size());
    for (Eigen::Index k = 0; k < column.size(); ++k) column[k] = static_cast<int>(k);
    column = (factor_.transpositionsP() * column).eval();
    for (Eigen::Index k = 0; k < column.size(); ++k) {
      if (!(factor_.vectorD()[k] > 1e-10)) return column[k];
    }
    return -1;
  }
  [[nodiscard]] Vector solve(const Vector& right) const {
    return factor_.solve(right.cwiseProduct(inverse_roots_)).cwiseProduct(inverse_roots_);
  }

 private:
  Vector diagonal_;
  Vector inverse_roots_;
  Eigen::LDLT<FeatureMatrix<double>> factor_;  // pivoted: takes next what is explained least
};

/// Sums over strata.
struct StratifiedLikelihood {
  std::span<const CoxModel<double>> strata;

  [[nodiscard]] double log_likelihood(const Parameters<double>& at) const {
    double sum = 0;
    for (const CoxModel<double>& stratum : strata) sum += stratum.log_likelihood(at);
    return sum;
  }
  [[nodiscard]] std::vector<double> score(const Parameters<double>& at) const {
    return sum([&at](const CoxModel<double>& stratum) { return stratum.score(at); });
  }
  [[nodiscard]] std::vector<double> information(const Parameters<double>& at) const {
    return sum([&at](const CoxModel<double>& stratum) { return stratum.information(at); });
  }

 private:
  template <class Part>
  [[nodiscard]] std::vector<double> sum(Part part) const {
    std::vector<double> total;
    for (const CoxModel<double>& stratum : strata) {
      const std::vector<double> values = part(stratum);
      total.resize(values.size());
      for (std::size_t i = 0; i < values.size(); ++i) total[i] += values[i];
    }
    return total;
  }
};

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
  using Vector = detail::ScaledInformation::Vector;
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
  const detail::StratifiedLikelihood model{strata};

  Parameters<double> now(strata.front().layout());
  Parameters<double> next(strata.front().layout());
  const std::size_t columns = now.size();
  NewtonResult result;
  result.log_likelihood_null = model.log_likelihood(now);
  result.log_likelihood = result.log_likelihood_null;
  detail::ScaledInformation information(model.information(now), columns);
  const Vector at_zero = information.diagonal();
  for (Eigen::Index k = 0; k < at_zero.size(); ++k) {
    if (!(at_zero[k] > 0)) {
      throw Error(error::invalid_data,
                  data + ": feature column " + std::to_string(k) +
                      " is constant among the rows at risk at an event; leave it out or add rows");
    }
  }
  if (const Eigen::Index column = information.dependent_column(); column >= 0) {
    throw Error(error::invalid_data, data + ": feature column " + std::to_string(column) +
                                         " is a linear combination of the others among the rows at risk "
                                         "at an event; leave one out or add rows");
  }

  while (!result.converged && result.iterations < options.max_iterations) {
    const std::vector<double> score = model.score(now);
    const Eigen::Map<const Vector> slope(score.data(), now.flat().size());
    const Vector step = information.solve(slope);
    const double gain = 0.5 * slope.dot(step);  // what the quadratic model promises
    const double size = 1 + std::fabs(result.log_likelihood);
    double taken = 1;
    double value = 0;
    for (int halvings = 0; halvings < 40; ++halvings, taken /= 2) {
      next.flat() = now.flat() + taken * step;
      value = model.log_likelihood(next);
      // Rounding may take away the last digits of an optimum already reached.
      if (value >= result.log_likelihood - 1e-13 * size) break;
      value = -std::numeric_limits<double>::infinity();
    }
    if (!is_finite(value)) break;
    now = next;
    result.log_likelihood = value;
    ++result.iterations;
    result.converged = gain <= options.tolerance * size;
    information = detail::ScaledInformation(model.information(now), columns);
    Eigen::Index column = information.dependent_column();
    // Where coefficients run away, the information dies out: nobody reports standard errors 10^4 times those at zero.
    for (Eigen::Index k = 0; k < at_zero.size() && column < 0; ++k) {
      if (!(information.diagonal()[k] > 1e-8 * at_zero[k])) column = k;
    }
    if (column >= 0) {
      throw Error(error::invalid_data,
                  data + ": the likelihood has no maximum, the coefficient of feature column " +
                      std::to_string(column) + " reached " + number_text(now.flat()[column]) +
                      " and grows; use fewer features, more events, or a penalty (CoxOptions::l2) with "
                      "another optimiser");
    }
  }
  for (Eigen::Index k = 0; k < now.flat().size(); ++k) {
    result.coefficients.push_back(now.flat()[k]);
    result.standard_errors.push_back(std::sqrt(information.solve(Vector::Unit(now.flat().size(), k))[k]));
  }
  return result;
}

/// The same for one site alone.
[[nodiscard]] inline NewtonResult fit_newton(const CoxModel<double>& model, NewtonOptions options = {}) {
  return fit_newton(std::span<const CoxModel<double>>(&model, 1), options);
}

}  // namespace healthai
