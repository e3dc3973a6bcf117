#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/layout.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/random.hpp"
#include "healthai/model/concept.hpp"
#include "healthai/model/detail/cross_entropy.hpp"
#include "healthai/model/detail/rows.hpp"
#include "healthai/model/features.hpp"

namespace healthai {

/// What a hidden unit of an MlpModel makes of its input.
enum class Activation {
  tanh,  ///< the hyperbolic tangent
  relu   ///< max(0, z); its derivative at 0 is taken as 0
};

/// The shape of an MlpModel and how it is fitted.
struct MlpOptions {
  std::vector<std::size_t> hidden{
      32};  ///< the sizes of the hidden layers, at least 1 each; none: a linear model
  Activation activation = Activation::relu;  ///< of all hidden layers
  double l2 = 0;  ///< >= 0; weight of the penalty l2/2 * ||all weights||^2 per row (see MlpModel)
};

/// A small fully connected network: a_0 = x, a_l = activation(W_l a_(l-1) + b_l), and a linear last layer with output
/// f(x). On the rows B of a batch,
///
///     loss = 1/|B| * sum over i in B of r(f(x_i), y_i)  +  l2/2 * sum over layers of ||W_l||^2
///
/// where r is minus the log of the softmax probability of the label (classification), or ||f - y||^2 / 2 (regression).
/// The penalty is added to the mean, and biases are not penalised. Gradients by back-propagation (Rumelhart, Hinton,
/// Williams: Learning representations by back-propagating errors, 1986).
///
/// Layout: "layer1.weight"[h_1, columns], "layer1.bias"[h_1], "layer2.weight"[h_2, h_1], and so on. Do not start from
/// zeros, where all hidden units stay equal, but from `initial_parameters`.
/// A PerExampleModel. Owns its data. One thread at a time (it keeps scratch memory, for at most 1024 rows whatever the batch).
template <class Scalar_>
class MlpModel {
 public:
  using Scalar = Scalar_;  ///< of features, parameters and gradients: float or double

  /// Classification. \param features one row per example. \param labels one per row, below `classes`. \param classes the
  /// same at every site, even where a class does not occur. \param options see MlpOptions.
  /// \throws Error (`invalid_data`) for no rows or columns, lengths that differ, a feature that is not finite or a label
  /// out of range, naming the row; (`invalid_argument`) for a bad penalty, an empty layer, or fewer than two classes.
  MlpModel(FeatureMatrix<Scalar> features, std::vector<std::size_t> labels, std::size_t classes,
           const MlpOptions& options = {})
      : MlpModel(std::move(features), classes, options) {
    labels_ = std::move(labels);
    detail::require_length(name, "labels", labels_.size(), rows_.count());
    detail::require_labels(name, labels_, classes);
  }

  /// Regression. \param features one row per example. \param targets one row per example, one column per output.
  /// \param options see MlpOptions.
  /// \throws Error as above, and (`invalid_data`) for a target that is not finite.
  MlpModel(FeatureMatrix<Scalar> features, FeatureMatrix<Scalar> targets, const MlpOptions& options = {})
      : MlpModel(std::move(features), static_cast<std::size_t>(targets.cols()), options) {
    detail::require_length(name, "rows of targets", static_cast<std::size_t>(targets.rows()), rows_.count());
    for (Eigen::Index i = 0; i < targets.size(); ++i) {
      const auto target = static_cast<double>(targets.data()[i]);
      if (!is_finite(target)) {
        detail::throw_bad_row(name, static_cast<std::size_t>(i / targets.cols()), "target", target,
                              "targets must be finite");
      }
    }
    targets_ = std::move(targets);
  }

  /// The layout of the parameters for data with so many columns and outputs (classes, or target columns): what a
  /// coordinator, which has no data, starts from. \throws Error (`invalid_argument`) for an empty layer.
  [[nodiscard]] static Layout layout_for(std::size_t columns, std::size_t outputs,
                                         const MlpOptions& options = {}) {
    std::vector<Tensor> tensors;
    std::size_t before = columns;
    for (std::size_t l = 0; l <= options.hidden.size(); ++l) {
      const std::size_t units = l < options.hidden.size() ? options.hidden[l] : outputs;
      const std::string layer = "layer" + std::to_string(l + 1);
      if (units == 0) {
        throw Error(error::invalid_argument,
                    std::string(name) + ": " + layer + " would have no units; give each at least 1");
      }
      tensors.push_back({layer + ".weight", {units, before}});
      tensors.push_back({layer + ".bias", {units}});
      before = units;
    }
    return Layout(std::move(tensors));
  }

  /// Parameters to start from, for a layout of `layout_for`: weights uniform within +-sqrt(6 / (inputs + units)) of their
  /// layer (Glorot, Bengio: Understanding the difficulty of training deep feedforward neural networks, 2010, eq. 16),
  /// biases 0. One set for all sites: draw it once, at the coordinator, from `Stream(seed, Purpose::initial_parameters)`.
  [[nodiscard]] static Parameters<Scalar> initial_parameters(const Layout& layout, Stream& stream) {
    Parameters<Scalar> parameters(layout);
    for (std::size_t t = 0; t < layout.tensors().size(); ++t) {
      const std::vector<std::size_t>& shape = layout.tensors()[t].shape;
      if (shape.size() != 2) continue;
      const double limit = std::sqrt(6.0 / static_cast<double>(shape[0] + shape[1]));
      Scalar* const weights = parameters.data() + layout.offset(t);
      for (std::size_t i = 0; i < layout.size(t); ++i) {
        weights[i] = static_cast<Scalar>(limit * (2 * uniform(stream) - 1));
      }
    }
    return parameters;
  }

  /// Names and shapes of the parameters.
  [[nodiscard]] const Layout& layout() const noexcept { return layout_; }
  /// The number of rows.
  [[nodiscard]] std::size_t num_examples() const noexcept { return rows_.count(); }

  /// The loss on `rows` (empty: all rows, without copying them), and its derivative in `gradient`, which is overwritten.
  /// Parameters that are not finite give a loss that is not, except where relu has cut a unit off.
  /// \throws Error (`layout_mismatch`) for parameters or a gradient of another model, (`invalid_argument`) for a row
  /// that is not there.
  double loss(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
              Parameters<Scalar>& gradient) {
    detail::require_model_layout(name, layout_, parameters, gradient);
    gradient.flat().setZero();
    const std::size_t count = rows.empty() ? rows_.count() : rows.size();
    const double per_row = 1 / static_cast<double>(count);
    double total = 0;
    for_each_block(parameters, rows,
                   [&](const View& x, std::size_t begin, std::span<const std::size_t> block) {
                     total += output_loss(begin, block, per_row);
                     backward(parameters, x, gradient);
                   });
    double penalty = 0;
    for (std::size_t l = 0; l < layers() && l2_ != 0; ++l) {
      const auto weight = parameters.flat().segment(offset(2 * l), size(2 * l));
      gradient.flat().segment(offset(2 * l), size(2 * l)) += static_cast<Scalar>(l2_) * weight;
      penalty += 0.5 * l2_ * weight.template cast<double>().squaredNorm();
    }
    return total * per_row + penalty;
  }

  /// The gradient of each of these rows by itself, see PerExampleModel.
  /// \throws Error (`layout_mismatch`), (`invalid_argument`) for a row that is not there
  template <class Visit>
  void for_each_gradient(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
                         Visit&& visit) {
    detail::require_model_layout(name, layout_, parameters, parameters);
    Parameters<Scalar> one(parameters.layout());
    std::vector<double> gradient(parameters.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      one.flat().setZero();
      // A block of one row, copied to the same place for each: the same products in the same order whoever else is asked for.
      for_each_block(parameters, rows.subspan(i, 1),
                     [&](const View& x, std::size_t begin, std::span<const std::size_t> block) {
                       static_cast<void>(output_loss(begin, block, 1));
                       backward(parameters, x, one);
                     });
      std::copy_n(one.data(), one.size(), gradient.begin());
      visit(std::span<const double>(gradient));
    }
  }
  /// Adds the derivative of the penalty. \throws Error (`layout_mismatch`)
  void add_penalty(const Parameters<Scalar>& parameters, Parameters<Scalar>& gradient) {
    detail::require_model_layout(name, layout_, parameters, gradient);
    for (std::size_t l = 0; l < layers() && l2_ != 0; ++l) {
      gradient.flat().segment(offset(2 * l), size(2 * l)) +=
          static_cast<Scalar>(l2_) * parameters.flat().segment(offset(2 * l), size(2 * l));
    }
  }

  /// Over all rows, without the penalty: "loss" = (sum of row losses, rows), and "accuracy" = (rows whose label is the most
  /// probable class, rows) or, for regression, "squared_error" = (sum of ||f - y||^2, rows). \throws Error
  /// (`layout_mismatch`)
  [[nodiscard]] Metrics evaluate(const Parameters<Scalar>& parameters) {
    detail::require_model_layout(name, layout_, parameters, parameters);
    double total = 0;
    std::size_t correct = 0;
    for_each_block(parameters, {}, [&](const View&, std::size_t begin, std::span<const std::size_t> block) {
      if (classifies()) correct += detail::count_correct(output(), labels_.data() + begin);
      total += output_loss(begin, block, 1);
    });
    const auto rows = static_cast<double>(num_examples());
    Metrics metrics;
    metrics.add("loss", total, rows);
    if (classifies()) metrics.add("accuracy", static_cast<double>(correct), rows);
    if (!classifies()) metrics.add("squared_error", 2 * total, rows);
    return metrics;
  }

 private:
  static constexpr const char* name = "MlpModel";
  static constexpr std::size_t block_rows = 1024;
  using Matrix = FeatureMatrix<Scalar>;
  using View = typename detail::Rows<Scalar>::View;

  MlpModel(FeatureMatrix<Scalar> features, std::size_t outputs, const MlpOptions& options)
      : rows_(std::move(features), name),
        activation_(options.activation),
        l2_(options.l2),
        layout_(layout_for(rows_.columns(), outputs, options)),
        values_(options.hidden.size() + 1),
        slopes_(options.hidden.size() + 1) {
    detail::require_penalty(name, l2_);
  }

  [[nodiscard]] bool classifies() const noexcept { return !labels_.empty(); }
  [[nodiscard]] std::size_t layers() const noexcept { return values_.size(); }
  [[nodiscard]] Eigen::Index offset(std::size_t tensor) const {
    return static_cast<Eigen::Index>(layout_.offset(tensor));
  }
  [[nodiscard]] Eigen::Index size(std::size_t tensor) const {
    return static_cast<Eigen::Index>(layout_.size(tensor));
  }
  [[nodiscard]] Eigen::Index units(std::size_t layer) const { return size(2 * layer + 1); }
  [[nodiscard]] auto weight(const Parameters<Scalar>& parameters, std::size_t layer) const {
    return Eigen::Map<const Matrix>(parameters.data() + offset(2 * layer), units(layer),
                                    size(2 * layer) / units(layer));
  }
  // A layer's values (outputs) or slopes (derivatives of the loss in its inputs) for the rows of the present block.
  [[nodiscard]] auto block_of(std::vector<Matrix>& memory, std::size_t layer) const {
    return Eigen::Map<Matrix>(memory[layer].data(), block_, units(layer));
  }
  [[nodiscard]] auto output() { return block_of(values_, layers() - 1); }

  // Runs the network on the chosen rows, a block at a time, and calls visit(features, first row, chosen rows) after each.
  template <class Visit>
  void for_each_block(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
                      const Visit& visit) {
    const std::size_t count = rows.empty() ? rows_.count() : rows.size();
    for (std::size_t begin = 0; begin < count; begin += block_rows) {
      const std::size_t taken = (std::min)(block_rows, count - begin);
      const auto chosen = rows.empty() ? rows : rows.subspan(begin, taken);
      const View x = rows.empty() ? rows_.range(begin, taken) : rows_.select(chosen);
      block_ = x.rows();
      for (std::size_t l = 0; l < layers(); ++l) {
        if (values_[l].rows() < block_) {
          values_[l].resize(block_, units(l));
          slopes_[l].resize(block_, units(l));
        }
        auto z = block_of(values_, l);
        if (l == 0) {
          z.noalias() = x * weight(parameters, l).transpose();
        } else {
          z.noalias() = block_of(values_, l - 1) * weight(parameters, l).transpose();
        }
        z.rowwise() += parameters.flat().segment(offset(2 * l + 1), units(l)).transpose();
        if (l + 1 == layers()) continue;
        if (activation_ == Activation::tanh) {
          z = z.array().tanh();
        } else {
          z = z.cwiseMax(Scalar{0});
        }
      }
      visit(x, begin, chosen);
    }
  }

  // The summed loss of the block; its derivative, times `scale`, becomes the slopes of the last layer.
  double output_loss(std::size_t begin, std::span<const std::size_t> chosen, double scale) {
    auto slopes = block_of(slopes_, layers() - 1);
    slopes = output();
    if (classifies()) {
      const std::size_t* labels = chosen.empty() ? labels_.data() + begin : detail::gather(labels_, chosen);
      return detail::cross_entropy(slopes, labels, scale);
    }
    for (Eigen::Index i = 0; i < block_; ++i) {
      const auto row = static_cast<std::size_t>(i);
      slopes.row(i) -= targets_.row(static_cast<Eigen::Index>(chosen.empty() ? begin + row : chosen[row]));
    }
    const double total = 0.5 * slopes.template cast<double>().squaredNorm();
    slopes *= static_cast<Scalar>(scale);
    return total;
  }

  // Adds the block's derivative to `gradient`, from the last layer's slopes back to the first.
  void backward(const Parameters<Scalar>& parameters, const View& x, Parameters<Scalar>& gradient) {
    for (std::size_t l = layers(); l-- > 0;) {
      const auto slopes = block_of(slopes_, l);
      Eigen::Map<Matrix> weight_slope(gradient.data() + offset(2 * l), units(l), size(2 * l) / units(l));
      gradient.flat().segment(offset(2 * l + 1), units(l)) += slopes.colwise().sum().transpose();
      if (l == 0) {
        weight_slope.noalias() += slopes.transpose() * x;
        return;
      }
      const auto values = block_of(values_, l - 1);
      weight_slope.noalias() += slopes.transpose() * values;
      auto below = block_of(slopes_, l - 1);
      below.noalias() = slopes * weight(parameters, l);
      if (activation_ == Activation::tanh) {
        below.array() *= 1 - values.array().square();
      } else {
        below = (values.array() > Scalar{0}).select(below, Scalar{0});
      }
    }
  }

  detail::Rows<Scalar> rows_;
  std::vector<std::size_t> labels_;  // for classification
  Matrix targets_;                   // for regression
  Activation activation_;
  double l2_;
  Layout layout_;
  std::vector<Matrix> values_;
  std::vector<Matrix> slopes_;
  Eigen::Index block_ = 0;
};

}  // namespace healthai
