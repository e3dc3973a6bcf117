#pragma once

#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <utility>
#include <vector>

#include "healthai/core/layout.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/model/concept.hpp"
#include "healthai/model/detail/cross_entropy.hpp"
#include "healthai/model/detail/rows.hpp"
#include "healthai/model/detail/spectral_bound.hpp"
#include "healthai/model/features.hpp"

namespace healthai {

/// How a SoftmaxModel is fitted.
struct SoftmaxOptions {
  double l2 = 0;  ///< >= 0; weight of the penalty l2/2 * ||weight||^2 per row (see SoftmaxModel)
};

/// Multinomial logistic regression with K classes: P(y = k | x) is proportional to exp(W_k.x + b_k). On the rows B of a
/// batch,
///
///     loss = 1/|B| * sum over i in B of [log(sum over k of exp(z_ik)) - z_i,y_i]  +  l2/2 * ||W||^2,   z_i = W x_i + b
///
/// The penalty is added to the mean, and biases are not penalised. All K classes have weights of their own, so that without
/// penalty the minimum is not unique (a constant may be added to all classes): from zeros, gradient descent stays at the
/// solution whose weights sum to zero over classes. For K = 2 the probabilities are those of LogisticModel with
/// coefficients W_1 - W_0 and intercept b_1 - b_0.
///
/// Layout: "weight"[K, columns], "bias"[K]. Start from zeros. A PerExampleModel that bounds its curvature. Owns its data. One thread
/// at a time (it keeps scratch memory).
template <class Scalar_>
class SoftmaxModel {
 public:
  using Scalar = Scalar_;  ///< of features, parameters and gradients: float or double

  /// \param features one row per example. \param labels one per row, below `classes`. \param classes K, the same at every
  /// site, even where a class does not occur.
  /// \param options see SoftmaxOptions.
  /// \throws Error (`invalid_data`) for no rows or columns, lengths that differ, a feature that is not finite or a label
  /// out of range, naming the row; (`invalid_argument`) for a bad penalty or fewer than two classes.
  SoftmaxModel(FeatureMatrix<Scalar> features, std::vector<std::size_t> labels, std::size_t classes,
               SoftmaxOptions options = {})
      : rows_(std::move(features), name), labels_(std::move(labels)), l2_(options.l2) {
    detail::require_length(name, "labels", labels_.size(), rows_.count());
    detail::require_labels(name, labels_, classes);
    detail::require_penalty(name, l2_);
    layout_ = layout_for(rows_.columns(), classes);
    classes_ = static_cast<Eigen::Index>(classes);
  }

  /// The layout of the parameters for data with so many columns: what a coordinator, which has no data, starts from.
  [[nodiscard]] static Layout layout_for(std::size_t columns, std::size_t classes) {
    return Layout{{"weight", {classes, columns}}, {"bias", {classes}}};
  }
  /// Names and shapes of the parameters.
  [[nodiscard]] const Layout& layout() const noexcept { return layout_; }
  /// The number of rows.
  [[nodiscard]] std::size_t num_examples() const noexcept { return rows_.count(); }

  /// The loss on `rows` (empty: all rows, without copying them), and its derivative in `gradient`, which is overwritten.
  /// Parameters that are not finite give a loss that is not.
  /// \throws Error (`layout_mismatch`) for parameters or a gradient of another model, (`invalid_argument`) for a row
  /// that is not there.
  double loss(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
              Parameters<Scalar>& gradient) {
    detail::require_model_layout(name, layout_, parameters, gradient);
    const auto x = rows_.select(rows);
    auto slopes = logits(parameters, x);
    const double per_row = 1 / static_cast<double>(x.rows());
    const double total = detail::cross_entropy(slopes, detail::gather(labels_, rows), per_row);
    Eigen::Map<Matrix> weight_slope(gradient.data(), classes_, x.cols());
    weight_slope.noalias() = slopes.transpose() * x;
    gradient.flat().tail(classes_) = slopes.colwise().sum().transpose();
    double penalty = 0;
    if (l2_ != 0) {
      const auto weights = parameters.flat().head(classes_ * x.cols());
      gradient.flat().head(weights.size()) += static_cast<Scalar>(l2_) * weights;
      penalty = 0.5 * l2_ * weights.template cast<double>().squaredNorm();
    }
    return total * per_row + penalty;
  }

  /// The gradient of each of these rows by itself, see PerExampleModel.
  /// \throws Error (`layout_mismatch`), (`invalid_argument`) for a row that is not there
  template <class Visit>
  void for_each_gradient(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
                         Visit&& visit) const {
    require_layout(layout_, parameters.layout(), name, ", parameters");
    const std::size_t columns = rows_.columns();
    const auto classes = static_cast<std::size_t>(classes_);
    std::vector<double> gradient(parameters.size());
    FeatureMatrix<double> slopes(1, classes_);
    for (const std::size_t row : rows) {
      if (row >= num_examples()) detail::throw_no_such_row(name, row, num_examples());
      const Scalar* const x = rows_.all().data() + row * columns;
      for (std::size_t k = 0; k < classes; ++k) {
        slopes.data()[k] = detail::ordered_dot(x, parameters.data() + k * columns, columns) +
                           static_cast<double>(parameters.data()[classes * columns + k]);
      }
      static_cast<void>(detail::cross_entropy(slopes, &labels_[row], 1));
      for (std::size_t k = 0; k < classes; ++k) {
        const double slope = slopes.data()[k];
        for (std::size_t j = 0; j < columns; ++j) {
          gradient[k * columns + j] = slope * static_cast<double>(x[j]);
        }
        gradient[classes * columns + k] = slope;
      }
      visit(std::span<const double>(gradient));
    }
  }
  /// Adds the derivative of the penalty. \throws Error (`layout_mismatch`)
  void add_penalty(const Parameters<Scalar>& parameters, Parameters<Scalar>& gradient) {
    detail::require_model_layout(name, layout_, parameters, gradient);
    const auto size = classes_ * static_cast<Eigen::Index>(rows_.columns());
    if (l2_ != 0) gradient.flat().head(size) += static_cast<Scalar>(l2_) * parameters.flat().head(size);
  }

  /// For speed only, see PrefetchesRows.
  void prefetch(std::span<const std::size_t> rows) const noexcept { rows_.prefetch(rows); }

  /// Over all rows, without the penalty: "loss" = (minus the log-likelihood, rows) and "accuracy" = (rows whose label is
  /// the most probable class, rows); of equally probable classes the first counts. \throws Error (`layout_mismatch`)
  [[nodiscard]] Metrics evaluate(const Parameters<Scalar>& parameters) {
    detail::require_model_layout(name, layout_, parameters, parameters);
    auto z = logits(parameters, rows_.select({}));
    const std::size_t correct = detail::count_correct(z, labels_.data());
    const auto rows = static_cast<double>(num_examples());
    Metrics metrics;
    metrics.add("loss", detail::cross_entropy(z, labels_.data(), 1), rows);
    metrics.add("accuracy", static_cast<double>(correct), rows);
    return metrics;
  }

  /// At least the largest eigenvalue of the Hessian of `loss` over all rows, whatever the parameters: half of a bound for
  /// ZᵀZ / rows (Z: the features and a column of ones), plus l2, because diag(p) - p pᵀ has no eigenvalue above 1/2
  /// (Böhning: Multinomial logistic regression algorithm, 1992). Costs a product ZᵀZ: call it once.
  [[nodiscard]] double curvature_bound() const {
    return 0.5 * detail::largest_gram_eigenvalue_bound(rows_.all(), true) + l2_;
  }

 private:
  static constexpr const char* name = "SoftmaxModel";
  using Matrix = FeatureMatrix<Scalar>;

  /// x Wᵀ + b, in scratch memory.
  Eigen::Map<Matrix> logits(const Parameters<Scalar>& parameters,
                            const typename detail::Rows<Scalar>::View& x) {
    if (logits_.rows() < x.rows()) logits_.resize(x.rows(), classes_);
    Eigen::Map<Matrix> z(logits_.data(), x.rows(), classes_);
    z.noalias() = x * Eigen::Map<const Matrix>(parameters.data(), classes_, x.cols()).transpose();
    z.rowwise() += parameters.flat().tail(classes_).transpose();
    return z;
  }

  detail::Rows<Scalar> rows_;
  std::vector<std::size_t> labels_;
  double l2_;
  Eigen::Index classes_ = 0;
  Layout layout_;
  Matrix logits_;
};

}  // namespace healthai
