#pragma once

#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <utility>
#include <vector>

#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/model/detail/rows.hpp"
#include "healthai/model/detail/spectral_bound.hpp"

namespace healthai::detail {

/// The common part of models whose row loss depends on the parameters through z = x·coefficients + intercept only:
/// one product with the features to get z, one with their transpose to get the gradient, and nothing allocated after
/// the first call with the largest batch. The caller says what the row loss is, with an object that is new for each sum: `add(z,
/// target)` returns the derivative in z of one row's loss, `sum()` is the loss of all that were added.
template <class Scalar>
class LinearPredictor {
 public:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  LinearPredictor(FeatureMatrix<Scalar> features, std::vector<Scalar> targets, double l2, bool intercept,
                  const char* model, const char* target_name)
      : rows_(std::move(features), model),
        targets_(std::move(targets)),
        l2_(l2),
        intercept_(intercept),
        model_(model),
        layout_(layout_for(rows_.columns(), intercept)) {
    require_length(model, target_name, targets_.size(), rows_.count());
    require_penalty(model, l2);
  }

  [[nodiscard]] static Layout layout_for(std::size_t columns, bool intercept) {
    if (intercept) return Layout{{"coefficients", {columns}}, {"intercept", {}}};
    return Layout{{"coefficients", {columns}}};
  }
  [[nodiscard]] const Layout& layout() const noexcept { return layout_; }
  [[nodiscard]] std::size_t count() const noexcept { return rows_.count(); }
  [[nodiscard]] const std::vector<Scalar>& targets() const noexcept { return targets_; }
  [[nodiscard]] double l2() const noexcept { return l2_; }
  [[nodiscard]] double gram_bound() const { return largest_gram_eigenvalue_bound(rows_.all(), intercept_); }

  /// The mean of the chosen rows' losses, plus the penalty; `gradient` becomes its derivative.
  template <class Loss>
  double loss(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
              Parameters<Scalar>& gradient, Loss losses) {
    require_model_layout(model_, layout_, parameters, gradient);
    const auto x = rows_.select(rows);
    const Scalar* targets = gather(targets_, rows);
    Eigen::Map<Vector> slopes = predict(parameters, x);  // overwrites each z by the slope there
    const double per_row = 1.0 / static_cast<double>(x.rows());
    double slope_sum = 0;
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      const double slope = losses.add(static_cast<double>(slopes[i]), static_cast<double>(targets[i]));
      slope_sum += slope;
      slopes[i] = static_cast<Scalar>(slope * per_row);
    }
    const Eigen::Index columns = x.cols();
    auto slope_of_coefficients = gradient.flat().head(columns);
    slope_of_coefficients.noalias() = x.transpose() * slopes;
    if (intercept_) gradient.data()[columns] = static_cast<Scalar>(slope_sum * per_row);
    double penalty = 0;
    if (l2_ != 0) {
      const auto coefficients = parameters.flat().head(columns);
      slope_of_coefficients += static_cast<Scalar>(l2_) * coefficients;
      penalty = 0.5 * l2_ * coefficients.template cast<double>().squaredNorm();
    }
    return losses.sum() * per_row + penalty;
  }

  /// What PerExampleModel asks: the slope of a row times its features, and 1 for the intercept.
  template <class Loss, class Visit>
  void for_each_gradient(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
                         Visit&& visit) const {
    require_layout(layout_, parameters.layout(), model_, ", parameters");
    const std::size_t columns = rows_.columns();
    std::vector<double> gradient(parameters.size());
    for (const std::size_t row : rows) {
      if (row >= count()) throw_no_such_row(model_, row, count());
      const Scalar* const x = rows_.all().data() + row * columns;
      const double offset = intercept_ ? static_cast<double>(parameters.data()[columns]) : 0;
      const double slope =
          Loss().add(offset + ordered_dot(x, parameters.data(), columns), static_cast<double>(targets_[row]));
      for (std::size_t j = 0; j < columns; ++j) gradient[j] = slope * static_cast<double>(x[j]);
      if (intercept_) gradient[columns] = slope;
      visit(std::span<const double>(gradient));
    }
  }
  void add_penalty(const Parameters<Scalar>& parameters, Parameters<Scalar>& gradient) const {
    require_model_layout(model_, layout_, parameters, gradient);
    const auto columns = static_cast<Eigen::Index>(rows_.columns());
    if (l2_ != 0) gradient.flat().head(columns) += static_cast<Scalar>(l2_) * parameters.flat().head(columns);
  }

  void prefetch(std::span<const std::size_t> rows) const noexcept { rows_.prefetch(rows); }

  /// Calls `visit(z, target)` for all rows in order.
  template <class Visit>
  void for_each_row(const Parameters<Scalar>& parameters, const Visit& visit) {
    require_model_layout(model_, layout_, parameters, parameters);
    const auto x = rows_.select({});
    const Eigen::Map<Vector> predictor = predict(parameters, x);
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      visit(static_cast<double>(predictor[i]), static_cast<double>(targets_[static_cast<std::size_t>(i)]));
    }
  }

 private:
  /// z of each row, in memory of the thread that its next call uses again.
  [[nodiscard]] Eigen::Map<Vector> predict(const Parameters<Scalar>& parameters,
                                           const typename Rows<Scalar>::View& x) const {
    thread_local Vector memory;
    if (memory.size() < x.rows()) memory.resize(x.rows());
    Eigen::Map<Vector> z(memory.data(), x.rows());
    z.noalias() = x * parameters.flat().head(x.cols());
    if (intercept_) z.array() += parameters.data()[x.cols()];
    return z;
  }

  Rows<Scalar> rows_;
  std::vector<Scalar> targets_;
  double l2_;
  bool intercept_;
  const char* model_;
  Layout layout_;
};

}  // namespace healthai::detail
