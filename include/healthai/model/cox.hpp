#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <utility>
#include <vector>

#include "healthai/core/layout.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/model/concept.hpp"
#include "healthai/model/detail/partial_likelihood.hpp"
#include "healthai/model/detail/rows.hpp"
#include "healthai/model/features.hpp"

namespace healthai {

/// How a CoxModel is fitted.
struct CoxOptions {
  Ties ties = Ties::efron;  ///< what becomes of events at the same time
  double l2 = 0;            ///< >= 0; weight of the penalty l2/2 * ||coefficients||^2 per row (see CoxModel)
};

/// Proportional hazards regression (Cox: Regression models and life-tables, 1972; partial likelihood: Cox, 1975). With
/// time t_i, event d_i in {0, 1} (0: censored), features x_i and log hazard ratios w, and without ties, for n rows
///
///     loss = -1/n * sum over events i of [x_i.w - log(sum over j with t_j >= t_i of exp(x_j.w))]  +  l2/2 * ||w||^2
///
/// Ties are those of Breslow or Efron (see Ties); times are tied when they are equal as numbers. The loss of a site is
/// its -log partial likelihood divided by its rows, so that the mean over sites weighted by rows is, up to a constant
/// factor, the likelihood stratified by site: sites need no common baseline hazard.
///
/// On a batch it is the partial likelihood of the batch's rows alone, divided by their number: risk sets do not reach
/// beyond the batch. That is another function than a part of the whole loss (the partial likelihood is not a sum over
/// patients), with the same parameters in expectation only for large batches: prefer full batches.
/// Without an event the loss is the penalty, and so is the gradient.
///
/// Sorted once, at construction; an evaluation then takes two passes over the features, O(rows * columns), and no log or
/// exp of a large number. Everything is computed in double on centred features, whatever the scalar (the partial
/// likelihood does not depend on a shift).
///
/// Layout: "coefficients"[columns]. Start from zeros. A Model that bounds its curvature. Owns its data. One thread at a
/// time for `loss` and `evaluate`; the const members may run concurrently with each other.
template <class Scalar_>
class CoxModel {
 public:
  using Scalar = Scalar_;  ///< of features, parameters and gradients: float or double

  /// \param features one row per patient. \param times one per row, at least 0, in any unit (only their order counts).
  /// \param events one per row: 1 if the event happened then, 0 if the patient was last seen without it.
  /// \param options see CoxOptions.
  /// \throws Error (`invalid_data`) for no rows or columns, lengths that differ, or a feature, time or event that breaks
  /// those rules, naming the row; (`invalid_argument`) for a bad penalty.
  CoxModel(FeatureMatrix<Scalar> features, const std::vector<double>& times,
           const std::vector<double>& events, CoxOptions options = {})
      : options_(options) {
    const detail::Rows<Scalar> rows(std::move(features), name);
    const std::size_t count = rows.count();
    detail::require_length(name, "times", times.size(), count);
    detail::require_length(name, "events", events.size(), count);
    detail::require_penalty(name, options.l2);
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_finite(times[i]) || times[i] < 0) {
        detail::throw_bad_row(name, i, "time", times[i], "times must be finite and at least 0");
      }
      if (events[i] != 0 && events[i] != 1) {
        detail::throw_bad_row(name, i, "event", events[i], "events are 1 (it happened) or 0 (censored)");
      }
    }
    std::vector<std::size_t> order(count);
    for (std::size_t i = 0; i < count; ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      if (times[a] != times[b]) return times[a] > times[b];
      return events[a] != events[b] ? events[a] < events[b] : a < b;
    });
    layout_ = layout_for(rows.columns());
    x_.resize(rows.all().rows(), rows.all().cols());
    place_.resize(count);
    time_.resize(count);
    event_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      place_[order[i]] = i;
      time_[i] = times[order[i]];
      event_[i] = events[order[i]] == 1;
      x_.row(static_cast<Eigen::Index>(i)) =
          rows.all().row(static_cast<Eigen::Index>(order[i])).template cast<double>();
    }
    detail::make_tie_groups(
        count, [this](std::size_t i) { return time_[i]; }, [this](std::size_t i) { return event_[i] != 0; },
        groups_);
    centre();
  }

  /// The layout of the parameters for data with so many columns: what a coordinator, which has no data, starts from.
  [[nodiscard]] static Layout layout_for(std::size_t columns) { return Layout{{"coefficients", {columns}}}; }
  /// Names and shapes of the parameters.
  [[nodiscard]] const Layout& layout() const noexcept { return layout_; }
  /// The number of rows.
  [[nodiscard]] std::size_t num_examples() const noexcept { return time_.size(); }
  /// The rows whose event happened.
  [[nodiscard]] std::size_t num_events() const noexcept {
    return static_cast<std::size_t>(std::count(event_.begin(), event_.end(), 1));
  }

  /// The loss on `rows` (empty: all rows, without copying them), and its derivative in `gradient`, which is overwritten.
  /// Parameters that are not finite give a loss that is not, if there is an event.
  /// \throws Error (`layout_mismatch`) for parameters or a gradient of another model, (`invalid_argument`) for a row
  /// that is not there.
  double loss(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
              Parameters<Scalar>& gradient) {
    detail::require_model_layout(name, layout_, parameters, gradient);
    const double* features = x_.data();
    std::span<const detail::TieGroup> groups = groups_;
    std::size_t count = num_examples();
    if (!rows.empty()) {
      gather(rows);
      features = batch_x_.data();
      groups = batch_groups_;
      count = rows.size();
    }
    const Eigen::Map<const Matrix> x(features, static_cast<Eigen::Index>(count), x_.cols());
    const double log_likelihood = likelihood(parameters, x, groups, work_, true);
    const double per_row = 1 / static_cast<double>(count);
    gradient.flat() = (options_.l2 * work_.coefficients - per_row * work_.score).template cast<Scalar>();
    return 0.5 * options_.l2 * work_.coefficients.squaredNorm() - log_likelihood * per_row;
  }

  /// Over all rows, without the penalty: "loss" = (-log partial likelihood, rows). (Concordance is not a mean over rows
  /// and so not a metric that averages over sites.) \throws Error (`layout_mismatch`)
  [[nodiscard]] Metrics evaluate(const Parameters<Scalar>& parameters) {
    detail::require_model_layout(name, layout_, parameters, parameters);
    Metrics metrics;
    metrics.add("loss", -likelihood(parameters, x_, groups_, work_, false),
                static_cast<double>(num_examples()));
    return metrics;
  }

  /// The log partial likelihood of all rows, without the penalty; 0 without an event. \throws Error (`layout_mismatch`)
  [[nodiscard]] double log_likelihood(const Parameters<Scalar>& parameters) const {
    detail::require_model_layout(name, layout_, parameters, parameters);
    Work work;
    return likelihood(parameters, x_, groups_, work, false);
  }

  /// The derivative of `log_likelihood` in the coefficients. \throws Error (`layout_mismatch`)
  [[nodiscard]] std::vector<double> score(const Parameters<Scalar>& parameters) const {
    detail::require_model_layout(name, layout_, parameters, parameters);
    Work work;
    (void)likelihood(parameters, x_, groups_, work, true);
    return std::vector<double>(work.score.data(), work.score.data() + work.score.size());
  }

  /// The observed information: minus the Hessian of `log_likelihood`, columns by columns, row-major (and symmetric).
  /// Its inverse at the maximum estimates the covariance of the coefficients. \throws Error (`layout_mismatch`)
  [[nodiscard]] std::vector<double> information(const Parameters<Scalar>& parameters) const {
    const Matrix matrix = derivatives(parameters).information;
    return std::vector<double>(matrix.data(), matrix.data() + matrix.size());
  }

  /// `log_likelihood`, `score` and `information` at once: what a step of Newton's method needs.
  struct Derivatives {
    double log_likelihood = 0;
    Eigen::Matrix<detail::Wide<Scalar>, Eigen::Dynamic, 1> score{};
    FeatureMatrix<detail::Wide<Scalar>> information{};
  };
  /// \throws Error (`layout_mismatch`)
  [[nodiscard]] Derivatives derivatives(const Parameters<Scalar>& parameters) const {
    detail::require_model_layout(name, layout_, parameters, parameters);
    Work work;
    const double value = likelihood(parameters, x_, groups_, work, true);
    return {value, work.score,
            detail::partial_likelihood_information(groups_, options_.ties, work.weights.data(), work.hazards,
                                                   work.residuals.data(), x_)};
  }

  /// A step of the cumulative baseline hazard, that of patients whose features are all 0.
  struct HazardStep {
    double time = 0;
    double increase = 0;
  };
  /// The steps of that hazard (Breslow's or Efron's estimate, as the ties), by ascending time. \throws Error (`layout_mismatch`)
  [[nodiscard]] std::vector<HazardStep> baseline_hazard(const Parameters<Scalar>& parameters) const {
    detail::require_model_layout(name, layout_, parameters, parameters);
    Work work;
    (void)likelihood(parameters, x_, groups_, work, false);
    const double centre = centre_.dot(work.coefficients);  // features of 0 are -centre_ in x_
    std::vector<HazardStep> steps;
    for (std::size_t g = groups_.size(); g-- > 0;) {
      const detail::TieHazard& hazard = work.hazards[g];
      if (groups_[g].events != groups_[g].end)
        steps.push_back({time_[groups_[g].begin], hazard.for_later * std::exp(-hazard.scale - centre)});
    }
    return steps;
  }

  /// At least the largest eigenvalue of the Hessian of `loss` over all rows, whatever the parameters.
  ///
  /// Each event adds the covariance of the features under some distribution over its risk set. Its largest eigenvalue is
  /// at most the trace, hence at most max over the risk set of ||x - c||^2 for any c, and at most the sum over columns of
  /// (largest - smallest)^2 / 4 (Popoviciu's inequality on variances, 1935). The smallest of these is taken per event, with
  /// c the mean of the rows ever at risk and the midrange of all; the sum is divided by the rows, and l2 added.
  [[nodiscard]] double curvature_bound() const {
    const Vector middle = 0.5 * (x_.colwise().maxCoeff() + x_.colwise().minCoeff()).transpose();
    Vector low = x_.row(0).transpose();
    Vector high = low;
    double from_mean = 0;
    double from_middle = 0;
    double total = 0;
    for (const detail::TieGroup& group : groups_) {
      for (std::size_t i = group.begin; i < group.end; ++i) {
        const auto x = x_.row(static_cast<Eigen::Index>(i)).transpose();
        from_mean = (std::max)(from_mean, x.squaredNorm());
        from_middle = (std::max)(from_middle, (x - middle).squaredNorm());
        low = low.cwiseMin(x);
        high = high.cwiseMax(x);
      }
      const double box = 0.25 * (high - low).squaredNorm();
      total += (std::min)({from_mean, from_middle, box}) * static_cast<double>(group.end - group.events);
    }
    return total / static_cast<double>(num_examples()) + options_.l2;
  }

 private:
  static constexpr const char* name = "CoxModel";
  using Matrix = FeatureMatrix<detail::Wide<Scalar>>;
  using Vector = Eigen::Matrix<detail::Wide<Scalar>, Eigen::Dynamic, 1>;

  struct Work {
    Vector coefficients;
    Vector eta;
    Vector weights;
    Vector residuals;
    Vector score;
    std::vector<detail::TieHazard> hazards;
  };

  template <class Rows>
  [[nodiscard]] double likelihood(const Parameters<Scalar>& parameters, const Rows& x,
                                  std::span<const detail::TieGroup> groups, Work& work,
                                  bool with_score) const {
    work.coefficients = parameters.flat().template cast<double>();
    if (work.eta.size() < x.rows()) {
      work.eta.resize(x.rows());
      work.weights.resize(x.rows());
    }
    work.eta.head(x.rows()).noalias() = x * work.coefficients;
    if (work.hazards.size() < groups.size()) work.hazards.resize(groups.size());
    const double value = detail::log_partial_likelihood(groups, options_.ties, work.eta.data(),
                                                        work.weights.data(), work.hazards);
    if (with_score) {
      if (work.residuals.size() < x.rows()) work.residuals.resize(x.rows());
      detail::partial_likelihood_residuals(groups, work.weights.data(), work.hazards, work.residuals.data());
      if (work.score.size() != x.cols()) work.score.resize(x.cols());
      work.score.noalias() = x.transpose() * work.residuals.head(x.rows());
    }
    return value;
  }

  // Subtracts the mean over the rows that are ever at risk at an event: the others have no part in the likelihood. A
  // column that is constant among those becomes exactly 0 there, so that its information is exactly 0, not rounding.
  void centre() {
    std::size_t at_risk = num_examples();
    if (num_events() != 0) {
      auto last = groups_.end();
      while (last[-1].events == last[-1].end) --last;
      at_risk = last[-1].end;
    }
    centre_.resize(x_.cols());
    for (Eigen::Index j = 0; j < x_.cols(); ++j) {
      const auto column = x_.col(j).head(static_cast<Eigen::Index>(at_risk));
      const double constant = column[0];
      const double mean = (column.array() == constant).all() ? constant : column.mean();
      x_.col(j).array() -= mean;
      centre_[j] = mean;
    }
  }

  void gather(std::span<const std::size_t> rows) {
    batch_places_.clear();
    for (const std::size_t row : rows) {
      if (row >= place_.size()) detail::throw_no_such_row(name, row, place_.size());
      batch_places_.push_back(place_[row]);
    }
    std::sort(batch_places_.begin(), batch_places_.end());
    const auto count = static_cast<Eigen::Index>(rows.size());
    if (batch_x_.rows() < count) batch_x_.resize(count, x_.cols());
    for (Eigen::Index i = 0; i < count; ++i) {
      batch_x_.row(i) = x_.row(static_cast<Eigen::Index>(batch_places_[static_cast<std::size_t>(i)]));
    }
    detail::make_tie_groups(
        rows.size(), [this](std::size_t i) { return time_[batch_places_[i]]; },
        [this](std::size_t i) { return event_[batch_places_[i]] != 0; }, batch_groups_);
  }

  CoxOptions options_;
  Layout layout_;
  Matrix x_;                                // centred; sorted by descending time, events last within a time
  Vector centre_;                           // what was subtracted from each column
  std::vector<std::size_t> place_;          // of each of the caller's rows in that order
  std::vector<double> time_;                // in that order
  std::vector<unsigned char> event_;        // in that order
  std::vector<detail::TieGroup> groups_{};  // of all rows
  Work work_{};
  Matrix batch_x_;
  std::vector<std::size_t> batch_places_{};
  std::vector<detail::TieGroup> batch_groups_{};
};

}  // namespace healthai
