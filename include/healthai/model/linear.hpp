#pragma once

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

/// How a LinearModel is fitted.
struct LinearOptions {
  double l2 = 0;          ///< >= 0; weight of the penalty l2/2 * ||coefficients||^2 per row (see LinearModel)
  bool intercept = true;  ///< whether the model has an intercept, which is never penalised
};

/// Linear regression by least squares (ridge regression with `l2`). On the rows B of a batch, with features x_i, target
/// y_i, coefficients w and intercept b,
///
///     loss = 1/|B| * sum over i in B of (x_i.w + b - y_i)^2 / 2  +  l2/2 * ||w||^2
///
/// The penalty is added to the mean: a sum of squares (not a mean) with penalty lambda/2 * ||w||^2 has the same minimum
/// at l2 = lambda / rows.
///
/// Layout: "coefficients"[columns], and "intercept"[] unless it is switched off. Start from zeros.
/// A PerExampleModel that bounds its curvature. Owns its data. One thread at a time; `loss` on a batch no
/// larger than one before allocates nothing.
template <class Scalar_>
class LinearModel {
 public:
  using Scalar = Scalar_;  ///< of features, parameters and gradients: float or double

  /// \param features one row per example. \param targets one per row, in any unit.
  /// \param options see LinearOptions.
  /// \throws Error (`invalid_data`) for no rows or columns, lengths that differ or a value that is not finite, naming
  /// the row; (`invalid_argument`) for a bad penalty.
  LinearModel(FeatureMatrix<Scalar> features, std::vector<Scalar> targets, LinearOptions options = {})
      : predictor_(std::move(features), std::move(targets), options.l2, options.intercept, name, "targets") {
    for (std::size_t i = 0; i < predictor_.count(); ++i) {
      const auto target = static_cast<double>(predictor_.targets()[i]);
      if (!is_finite(target)) detail::throw_bad_row(name, i, "target", target, "targets must be finite");
    }
  }

  /// The layout of the parameters for data with so many columns: what a coordinator, which has no data, starts from.
  [[nodiscard]] static Layout layout_for(std::size_t columns, LinearOptions options = {}) {
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

  /// Over all rows, without the penalty: "loss" = (sum of squared residuals / 2, rows) and "squared_error" = (sum of
  /// squared residuals, rows), so that the latter's value is the mean squared error. \throws Error (`layout_mismatch`)
  [[nodiscard]] Metrics evaluate(const Parameters<Scalar>& parameters) {
    double squares = 0;
    predictor_.for_each_row(parameters,
                            [&squares](double z, double target) { squares += (z - target) * (z - target); });
    const auto rows = static_cast<double>(num_examples());
    Metrics metrics;
    metrics.add("loss", 0.5 * squares, rows);
    metrics.add("squared_error", squares, rows);
    return metrics;
  }

  /// At least the largest eigenvalue of the Hessian of `loss` over all rows, which is ZᵀZ / rows + l2 with Z the features
  /// and a column of ones for the intercept, and the same everywhere; within a few per cent of it for up to 256 columns.
  /// Costs a product ZᵀZ: call it once.
  [[nodiscard]] double curvature_bound() const { return predictor_.gram_bound() + predictor_.l2(); }

 private:
  static constexpr const char* name = "LinearModel";

  class Losses {
   public:
    double add(double z, double target) noexcept {
      const double residual = z - target;
      squares_ += residual * residual;
      return residual;
    }
    [[nodiscard]] double sum() const noexcept { return 0.5 * squares_; }

   private:
    double squares_ = 0;
  };

  detail::LinearPredictor<Scalar> predictor_;
};

}  // namespace healthai
