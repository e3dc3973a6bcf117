#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "healthai/core/layout.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/model/concept.hpp"
#include "healthai/model/detail/linear_predictor.hpp"
#include "healthai/model/features.hpp"

namespace healthai {

/// How a LogisticModel is fitted.
struct LogisticOptions {
  double l2 = 0;  ///< >= 0; weight of the penalty l2/2 * ||coefficients||^2 per row (see LogisticModel)
  bool intercept = true;  ///< whether the model has an intercept, which is never penalised
};

/// Logistic regression of a yes/no outcome: P(y = 1 | x) = 1 / (1 + exp(-z)), z = x.w + b. On the rows B of a batch,
///
///     loss = 1/|B| * sum over i in B of [log(1 + exp(z_i)) - y_i z_i]  +  l2/2 * ||w||^2
///
/// which is minus the mean log-likelihood (natural logarithm) and a penalty. The penalty is added to the mean: a sum over
/// rows with penalty lambda/2 * ||w||^2 (scikit-learn's C = 1/lambda) has the same minimum at l2 = lambda / rows.
/// Computed without overflow or loss of digits for any z that is finite.
///
/// Layout: "coefficients"[columns], and "intercept"[] unless it is switched off. Start from zeros.
/// A PerExampleModel that bounds its curvature. Owns its data. One thread at a time; `loss` on a batch no
/// larger than one before allocates nothing.
template <class Scalar_>
class LogisticModel {
 public:
  using Scalar = Scalar_;  ///< of features, parameters and gradients: float or double

  /// \param features one row per example. \param labels one per row, 0 or 1.
  /// \param options see LogisticOptions.
  /// \throws Error (`invalid_data`) for no rows or columns, lengths that differ, a feature that is not finite or another
  /// label, naming the row; (`invalid_argument`) for a bad penalty.
  LogisticModel(FeatureMatrix<Scalar> features, std::vector<Scalar> labels, LogisticOptions options = {})
      : predictor_(std::move(features), std::move(labels), options.l2, options.intercept, name, "labels") {
    for (std::size_t i = 0; i < predictor_.count(); ++i) {
      const Scalar label = predictor_.targets()[i];
      if (label != Scalar{0} && label != Scalar{1}) {
        detail::throw_bad_row(name, i, "label", static_cast<double>(label),
                              "labels are 0 or 1 (for more than two classes there is SoftmaxModel)");
      }
    }
  }

  /// The layout of the parameters for data with so many columns: what a coordinator, which has no data, starts from.
  [[nodiscard]] static Layout layout_for(std::size_t columns, LogisticOptions options = {}) {
    return detail::LinearPredictor<Scalar>::layout_for(columns, options.intercept);
  }
  /// Names and shapes of the parameters.
  [[nodiscard]] const Layout& layout() const noexcept { return predictor_.layout(); }
  /// The number of rows.
  [[nodiscard]] std::size_t num_examples() const noexcept { return predictor_.count(); }

  /// The loss on `rows` (empty: all rows, without copying them), and its derivative in `gradient`, which is overwritten.
  /// Parameters that are not finite give a loss that is not.
  /// \throws Error (`layout_mismatch`) for parameters or a gradient of another model, (`invalid_argument`) for a row
  /// that is not there.
  double loss(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
              Parameters<Scalar>& gradient) {
    return predictor_.loss(parameters, rows, gradient, Losses{});
  }

  /// The gradient of each of these rows by itself, see PerExampleModel.
  /// \throws Error (`layout_mismatch`), (`invalid_argument`) for a row that is not there
  template <class Visit>
  void for_each_gradient(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
                         Visit&& visit) const {
    predictor_.template for_each_gradient<Losses>(parameters, rows, std::forward<Visit>(visit));
  }
  /// Adds the derivative of the penalty. \throws Error (`layout_mismatch`)
  void add_penalty(const Parameters<Scalar>& parameters, Parameters<Scalar>& gradient) const {
    predictor_.add_penalty(parameters, gradient);
  }

  /// For speed only, see PrefetchesRows.
  void prefetch(std::span<const std::size_t> rows) const noexcept { predictor_.prefetch(rows); }

  /// Over all rows, without the penalty: "loss" = (minus the log-likelihood, rows) and "accuracy" = (rows whose label is
  /// the more probable one, rows); at probability 1/2 exactly the prediction is 0. \throws Error (`layout_mismatch`)
  [[nodiscard]] Metrics evaluate(const Parameters<Scalar>& parameters) {
    Losses losses;
    std::size_t correct = 0;
    predictor_.for_each_row(parameters, [&](double z, double label) {
      losses.add(z, label);
      correct += (z > 0) == (label == 1) ? 1U : 0U;
    });
    const auto rows = static_cast<double>(num_examples());
    Metrics metrics;
    metrics.add("loss", losses.sum(), rows);
    metrics.add("accuracy", static_cast<double>(correct), rows);
    return metrics;
  }

  /// At least the largest eigenvalue of the Hessian of `loss` over all rows, whatever the parameters: a quarter of a bound
  /// for ZᵀZ / rows (Z: the features and a column of ones for the intercept), plus l2, because p (1 - p) <= 1/4 (Böhning,
  /// Lindsay: Monotonicity of quadratic-approximation algorithms, 1988). Costs a product ZᵀZ: call it once.
  [[nodiscard]] double curvature_bound() const { return 0.25 * predictor_.gram_bound() + predictor_.l2(); }

 private:
  static constexpr const char* name = "LogisticModel";

  // log(1 + e^z) - y z = max((1-2y) z, 0) + log(1 + e^-|z|) for y in {0, 1}: no term is ever large and cancelled. The logarithms
  // become one of the product, less 1, of the (1 + e^-|z|): a logarithm a row would take a quarter of a small client's time.
  class Losses {
   public:
    double add(double z, double label) noexcept {
      const double side = 1 - 2 * label;  // a factor, as labels are in no order that a branch could foresee
      const double wrong = side * z;      // how far z is on the wrong side
      const double small = std::exp(-std::fabs(z));
      wrong_sum_ += wrong > 0 ? wrong : 0.0;
      excess_ += small + small * excess_;
      if (excess_ > 0x1p1000) {  // at most doubled by a row
        logarithms_ += std::log1p(excess_);
        excess_ = 0;
      }
      return side * (wrong > 0 ? 1.0 : small) / (1 + small);  // the other label's probability, with its side
    }
    [[nodiscard]] double sum() const noexcept { return wrong_sum_ + logarithms_ + std::log1p(excess_); }

   private:
    double wrong_sum_ = 0;
    double excess_ = 0;
    double logarithms_ = 0;
  };

  detail::LinearPredictor<Scalar> predictor_;
};

}  // namespace healthai
