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
#include "healthai/model/detail/convolution.hpp"
#include "healthai/model/detail/cross_entropy.hpp"
#include "healthai/model/detail/rows.hpp"
#include "healthai/model/features.hpp"

namespace healthai {

/// The size of an image. Its numbers stand one channel after the other, each line by line: the index of (channel, y,
/// x) is (channel * height + y) * width + x.
struct ImageShape {
  std::size_t channels = 1;  ///< 1 for grey, 3 for colour
  std::size_t height = 0;
  std::size_t width = 0;
};

/// What a convolution sees beyond the border of its image.
enum class Padding {
  valid,  ///< nothing: the output is smaller by kernel - 1
  same    ///< zeros: the output is as large as the input
};

/// The shape of a ConvNetModel and how it is fitted.
struct ConvNetOptions {
  std::vector<std::size_t> channels{16, 32};  ///< the number of filters of each convolution, at least 1 each
  std::size_t kernel = 3;               ///< height and width of the filters; an odd number with Padding::same
  Padding padding = Padding::same;      ///< of all convolutions
  std::vector<std::size_t> hidden{64};  ///< the sizes of the dense layers before the last, at least 1 each
  double l2 = 0;  ///< >= 0; weight of the penalty l2/2 * ||all weights||^2 per row (see ConvNetModel)
};

/// A small convolutional network that classifies images (LeCun, Bottou, Bengio, Haffner: Gradient-based learning
/// applied to document recognition, 1998): convolution, rectifier max(0, z), the largest of each 2 by 2 square, all
/// this once for each of `options.channels`; then dense layers with rectifiers, and a linear last one with one output
/// a class. On the rows B of a batch,
///
///     loss = 1/|B| * sum over i in B of -log softmax(f(x_i))[y_i]  +  l2/2 * sum over layers of ||W||^2
///
/// A convolution is z[k, y, x] = b_k + sum over (c, i, j) of W[k, c, i, j] a[c, y + i - p, x + j - p], with p lines
/// of zeros around the image. Of an odd number of lines or columns the last is not pooled. The penalty is added to
/// the mean, and biases are not penalised.
///
/// Layout: "conv1.weight"[channels, image channels, kernel, kernel], "conv1.bias"[channels], "conv2.weight", ...,
/// "dense1.weight"[units, inputs], "dense1.bias"[units], ...: names apart, the tensors and the order of their numbers
/// are those of PyTorch's Conv2d, MaxPool2d(2) and Linear. `{.channels = {32, 64}, .kernel = 5, .hidden = {512}}` on
/// images of 28 by 28 and 10 classes is the network of McMahan, Moore, Ramage, Hampson, Aguera y Arcas:
/// Communication-Efficient Learning of Deep Networks from Decentralized Data, 2017 (1,663,370 parameters).
///
/// Do not start from zeros, but from `initial_parameters`. A Model. Owns its data. One thread at a time; scratch
/// memory, for 32 images whatever the batch, belongs to the thread and is shared by the models that it trains.
template <class Scalar_>
class ConvNetModel {
 public:
  using Scalar = Scalar_;  ///< of features, parameters and gradients: float or double

  /// \param features one image a row, of `image`'s size; see `features_from_array`. Scale them to about 0 to 1 or -1
  /// to 1.
  /// \param labels one per row, below `classes`. \param classes the same at every site, even where a class does not
  /// occur.
  /// \throws Error (`invalid_data`) for no rows, lengths that differ, a feature that is not finite or a label out of
  /// range, naming the row; (`invalid_argument`) for features of another size, a bad penalty, fewer than two classes,
  /// and as `layout_for` does.
  ConvNetModel(FeatureMatrix<Scalar> features, const ImageShape& image, std::vector<std::size_t> labels,
               std::size_t classes, const ConvNetOptions& options = {})
      : rows_(std::move(features), name),
        labels_(std::move(labels)),
        l2_(options.l2),
        layout_(layout_for(image, classes, options)),
        convolutions_(convolutions_for(image, options)) {
    const std::size_t numbers = image.channels * image.height * image.width;
    if (rows_.columns() != numbers) {
      throw Error(error::invalid_argument,
                  std::string(name) + ": " + describe(image) + " have " + std::to_string(numbers) +
                      " numbers each, but the features have " + std::to_string(rows_.columns()) + " columns");
    }
    detail::require_length(name, "labels", labels_.size(), rows_.count());
    detail::require_labels(name, labels_, classes);
    detail::require_penalty(name, l2_);
  }

  /// The layout of the parameters for such images: what a coordinator, which has no data, starts from.
  /// \throws Error (`invalid_argument`) for a layer of no channels or units, an even kernel with Padding::same, and
  /// images too small for so many convolutions and poolings, naming the layer.
  [[nodiscard]] static Layout layout_for(const ImageShape& image, std::size_t classes,
                                         const ConvNetOptions& options = {}) {
    std::vector<Tensor> tensors;
    std::size_t inputs = image.channels * image.height * image.width;
    std::size_t channels = image.channels;
    for (const detail::Convolution& c : convolutions_for(image, options)) {
      const std::string layer = "conv" + std::to_string(tensors.size() / 2 + 1);
      const auto filters = static_cast<std::size_t>(c.filters);
      tensors.push_back({layer + ".weight", {filters, channels, options.kernel, options.kernel}});
      tensors.push_back({layer + ".bias", {filters}});
      channels = filters;
      inputs = static_cast<std::size_t>(c.pooled_size());
    }
    for (std::size_t l = 0; l <= options.hidden.size(); ++l) {
      const std::size_t units = l < options.hidden.size() ? options.hidden[l] : classes;
      const std::string layer = "dense" + std::to_string(l + 1);
      if (units == 0) refuse(layer + " would have no units; give each at least 1");
      tensors.push_back({layer + ".weight", {units, inputs}});
      tensors.push_back({layer + ".bias", {units}});
      inputs = units;
    }
    return Layout(std::move(tensors));
  }

  /// Parameters to start from, for a layout of `layout_for`: weights uniform within +-sqrt(6 / inputs of a unit),
  /// whose variance is that of He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015, eq. 10; of the last layer,
  /// which has no rectifier, within +-sqrt(6 / (inputs + units)) (Glorot, Bengio 2010, eq. 16); biases 0. One set for
  /// all sites: draw it once, at the coordinator, from `Stream(seed, Purpose::initial_parameters)`.
  [[nodiscard]] static Parameters<Scalar> initial_parameters(const Layout& layout, Stream& stream) {
    Parameters<Scalar> parameters(layout);
    const auto tensors = layout.tensors();
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      if (tensors[t].shape.size() < 2) continue;
      const std::size_t units = tensors[t].shape[0];
      const bool last = t + 2 == tensors.size();
      const auto fan = static_cast<double>(layout.size(t) / units + (last ? units : 0));
      const double limit = std::sqrt(6.0 / fan);
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

  /// The loss on `rows` (empty: all rows), and its derivative in `gradient`, which is overwritten. Parameters that
  /// are not finite give a loss that is not, except where a rectifier has cut a unit off.
  /// \throws Error (`layout_mismatch`) for parameters or a gradient of another model, (`invalid_argument`) for a row
  /// that is not there.
  double loss(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
              Parameters<Scalar>& gradient) {
    detail::require_model_layout(name, layout_, parameters, gradient);
    gradient.flat().setZero();
    const double per_row = 1 / static_cast<double>(rows.empty() ? rows_.count() : rows.size());
    double total = 0;
    for_each_block(parameters, rows, [&](Scratch& scratch) {
      total += output_loss(scratch, per_row);
      backward(parameters, scratch, gradient);
    });
    double penalty = 0;
    for (std::size_t t = 0; t < layout_.tensors().size() && l2_ != 0; t += 2) {
      const auto weight = parameters.flat().segment(offset(t), size(t));
      gradient.flat().segment(offset(t), size(t)) += static_cast<Scalar>(l2_) * weight;
      penalty += 0.5 * l2_ * weight.template cast<double>().squaredNorm();
    }
    return total * per_row + penalty;
  }

  /// Over all rows, without the penalty: "loss" = (sum of row losses, rows) and "accuracy" = (rows whose label is the
  /// most probable class, rows). \throws Error (`layout_mismatch`)
  [[nodiscard]] Metrics evaluate(const Parameters<Scalar>& parameters) {
    detail::require_model_layout(name, layout_, parameters, parameters);
    double total = 0;
    std::size_t correct = 0;
    for_each_block(parameters, {}, [&](Scratch& scratch) {
      correct +=
          detail::count_correct(matrix(scratch.values.back(), units(layers() - 1)), scratch.labels.data());
      total += output_loss(scratch, 1);
    });
    const auto rows = static_cast<double>(num_examples());
    Metrics metrics;
    metrics.add("loss", total, rows);
    metrics.add("accuracy", static_cast<double>(correct), rows);
    return metrics;
  }

 private:
  static constexpr const char* name = "ConvNetModel";
  static constexpr std::size_t block_rows = 32;
  static constexpr Eigen::Index patch_numbers = 1 << 16;  // what a core's cache holds beside the weights
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;  // column-major: image by feature
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  // Of the thread, not of the model: of thousands of clients that are simulated on a few threads each would keep its
  // own.
  struct Scratch {
    Eigen::Index images = 0;       // of the present block
    std::vector<Vector> values{};  // what goes into each layer, and last what comes out
    std::vector<Vector> slopes{};  // the derivative of the loss in the values
    std::vector<Vector>
        sums{};  // of each convolution, before rectifier and pooling; then the derivative in them
    Vector patches{};
    Vector patch_slopes{};
    std::vector<std::size_t> labels{};
  };
  static Scratch& thread_scratch() {
    thread_local Scratch scratch;
    return scratch;
  }
  static void reserve(Vector& memory, Eigen::Index size) {
    if (memory.size() < size) memory.resize(size);
  }

  [[noreturn]] static void refuse(const std::string& what) {
    throw Error(error::invalid_argument, std::string(name) + ": " + what);
  }
  static std::string describe(const ImageShape& image) {
    return "images of " + std::to_string(image.channels) + " x " + std::to_string(image.height) + " x " +
           std::to_string(image.width) + " (channels, height, width)";
  }
  static std::vector<detail::Convolution> convolutions_for(const ImageShape& image,
                                                           const ConvNetOptions& options) {
    if (image.channels == 0 || image.height == 0 || image.width == 0) refuse(describe(image) + " are empty");
    const bool same = options.padding == Padding::same;
    if (options.kernel == 0 || (same && options.kernel % 2 == 0)) {
      refuse("kernel must be " + std::string(same ? "odd (with Padding::same)" : "at least 1") + ", not " +
             std::to_string(options.kernel));
    }
    std::vector<detail::Convolution> convolutions;
    detail::Convolution next;
    next.channels = static_cast<Eigen::Index>(image.channels);
    next.height = static_cast<Eigen::Index>(image.height);
    next.width = static_cast<Eigen::Index>(image.width);
    next.kernel = static_cast<Eigen::Index>(options.kernel);
    next.padding = same ? (next.kernel - 1) / 2 : 0;
    for (const std::size_t filters : options.channels) {
      const std::string layer = "conv" + std::to_string(convolutions.size() + 1);
      if (filters == 0) refuse(layer + " would have no channels; give each at least 1");
      next.filters = static_cast<Eigen::Index>(filters);
      if (next.out_height() < 2 || next.out_width() < 2) {
        refuse(layer + " would leave " + std::to_string((std::max)(Eigen::Index{0}, next.out_height())) +
               " x " + std::to_string((std::max)(Eigen::Index{0}, next.out_width())) +
               " points of the image, too few to pool 2 x 2; use fewer convolutions, a smaller kernel or "
               "larger images");
      }
      convolutions.push_back(next);
      next.channels = next.filters;
      next.height = next.out_height() / 2;
      next.width = next.out_width() / 2;
    }
    return convolutions;
  }

  // Layers are convolutions, then dense ones; tensors 2 l and 2 l + 1 are layer l's weight and bias.
  [[nodiscard]] std::size_t layers() const noexcept { return layout_.tensors().size() / 2; }
  [[nodiscard]] Eigen::Index offset(std::size_t tensor) const {
    return static_cast<Eigen::Index>(layout_.offset(tensor));
  }
  [[nodiscard]] Eigen::Index size(std::size_t tensor) const {
    return static_cast<Eigen::Index>(layout_.size(tensor));
  }
  [[nodiscard]] Eigen::Index units(std::size_t layer) const { return size(2 * layer + 1); }
  [[nodiscard]] Eigen::Index inputs(std::size_t layer) const { return size(2 * layer) / units(layer); }
  // How many numbers of an image come out of a layer.
  [[nodiscard]] Eigen::Index outputs(std::size_t layer) const {
    return layer < convolutions_.size() ? convolutions_[layer].pooled_size() : units(layer);
  }
  // The transposed weight of a layer, inputs by units, column-major.
  [[nodiscard]] auto weight(const Parameters<Scalar>& parameters, std::size_t layer) const {
    return Eigen::Map<const Matrix>(parameters.data() + offset(2 * layer), inputs(layer), units(layer));
  }
  [[nodiscard]] auto bias(const Parameters<Scalar>& parameters, std::size_t layer) const {
    return parameters.flat().segment(offset(2 * layer + 1), units(layer)).transpose();
  }
  [[nodiscard]] auto matrix(Vector& memory, Eigen::Index columns) const {
    return Eigen::Map<Matrix>(memory.data(), thread_scratch().images, columns);
  }

  // Runs the network on the chosen rows, a block at a time, and calls visit(scratch) after each.
  template <class Visit>
  void for_each_block(const Parameters<Scalar>& parameters, std::span<const std::size_t> rows,
                      const Visit& visit) {
    Scratch& scratch = thread_scratch();
    if (scratch.values.size() != layers() + 1) scratch.values.resize(layers() + 1);
    scratch.slopes.resize(layers() + 1);
    scratch.sums.resize(convolutions_.size());
    const std::size_t count = rows.empty() ? rows_.count() : rows.size();
    for (std::size_t begin = 0; begin < count; begin += block_rows) {
      const std::size_t taken = (std::min)(block_rows, count - begin);
      load(scratch, rows.empty() ? rows : rows.subspan(begin, taken), begin, taken);
      for (std::size_t l = 0; l < layers(); ++l) {
        reserve(scratch.values[l + 1], scratch.images * outputs(l));
        if (l < convolutions_.size()) {
          convolve(parameters, scratch, l);
          continue;
        }
        auto z = matrix(scratch.values[l + 1], units(l));
        z.rowwise() = bias(parameters, l);
        z.noalias() += matrix(scratch.values[l], inputs(l)) * weight(parameters, l);
        if (l + 1 != layers()) z = z.cwiseMax(Scalar{0});
      }
      visit(scratch);
    }
  }
  // The images of a block, transposed so that the image runs fastest, and their labels.
  void load(Scratch& scratch, std::span<const std::size_t> rows, std::size_t begin, std::size_t count) const {
    scratch.images = static_cast<Eigen::Index>(count);
    scratch.labels.resize(count);
    const FeatureMatrix<Scalar>& all = rows_.all();
    reserve(scratch.values[0], scratch.images * all.cols());
    auto images = matrix(scratch.values[0], all.cols());
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t row = rows.empty() ? begin + i : rows[i];
      if (row >= rows_.count()) detail::throw_no_such_row(name, row, rows_.count());
      images.row(static_cast<Eigen::Index>(i)) = all.row(static_cast<Eigen::Index>(row));
      scratch.labels[i] = labels_[row];
    }
  }

  // Calls visit(first, last, patches, sums) for bands of output rows whose patches the cache holds.
  template <class Visit>
  void for_each_band(Scratch& scratch, std::size_t layer, const Visit& visit) const {
    const detail::Convolution& c = convolutions_[layer];
    const Eigen::Index line = c.out_width() * scratch.images;
    const Eigen::Index height = c.out_height();
    const Eigen::Index band = std::clamp<Eigen::Index>(patch_numbers / (line * c.patch()), 1, height);
    reserve(scratch.patches, band * line * c.patch());
    for (Eigen::Index first = 0; first < height; first += band) {
      const Eigen::Index last = (std::min)(height, first + band);
      detail::gather_patches(c, scratch.images, first, last, scratch.values[layer].data(),
                             scratch.patches.data());
      Eigen::Map<Matrix> patches(scratch.patches.data(), (last - first) * line, c.patch());
      Eigen::Map<Matrix, 0, Eigen::OuterStride<>> sums(scratch.sums[layer].data() + first * line,
                                                       patches.rows(), c.filters,
                                                       Eigen::OuterStride<>(height * line));
      visit(first, last, patches, sums);
    }
  }
  void convolve(const Parameters<Scalar>& parameters, Scratch& scratch, std::size_t layer) const {
    const detail::Convolution& c = convolutions_[layer];
    reserve(scratch.sums[layer], scratch.images * c.out_size());
    for_each_band(scratch, layer, [&](Eigen::Index, Eigen::Index, const auto& patches, auto& sums) {
      sums.rowwise() = bias(parameters, layer);
      sums.noalias() += patches * weight(parameters, layer);
    });
    detail::rectify_and_pool(c, scratch.images, scratch.sums[layer].data(), scratch.values[layer + 1].data());
  }

  // The summed loss of the block; its derivative, times `scale`, becomes the last slopes.
  double output_loss(Scratch& scratch, double scale) const {
    reserve(scratch.slopes.back(), scratch.images * units(layers() - 1));
    auto slopes = matrix(scratch.slopes.back(), units(layers() - 1));
    slopes = matrix(scratch.values.back(), units(layers() - 1));
    return detail::cross_entropy(slopes, scratch.labels.data(), scale);
  }

  // Adds the block's derivative to `gradient`, from the last layer's slopes back to the first. There is none in the
  // images.
  void backward(const Parameters<Scalar>& parameters, Scratch& scratch, Parameters<Scalar>& gradient) const {
    for (std::size_t l = layers(); l-- > 0;) {
      Eigen::Map<Matrix> weight_slope(gradient.data() + offset(2 * l), inputs(l), units(l));
      auto bias_slope = gradient.flat().segment(offset(2 * l + 1), units(l));
      const Eigen::Index below_size = l == 0 ? 0 : scratch.images * outputs(l - 1);
      reserve(scratch.slopes[l], below_size);
      if (l < convolutions_.size()) {
        const detail::Convolution& c = convolutions_[l];
        detail::unpool(c, scratch.images, scratch.sums[l].data(), scratch.values[l + 1].data(),
                       scratch.slopes[l + 1].data());
        scratch.slopes[l].head(below_size).setZero();
        for_each_band(
            scratch, l, [&](Eigen::Index first, Eigen::Index last, const auto& patches, const auto& sums) {
              weight_slope.noalias() += patches.transpose() * sums;
              bias_slope += sums.colwise().sum().transpose();
              if (l == 0) return;
              reserve(scratch.patch_slopes, patches.size());
              Eigen::Map<Matrix> below(scratch.patch_slopes.data(), patches.rows(), patches.cols());
              below.noalias() = sums * weight(parameters, l).transpose();
              detail::scatter_patches(c, scratch.images, first, last, below.data(), scratch.slopes[l].data());
            });
        continue;
      }
      const auto slopes = matrix(scratch.slopes[l + 1], units(l));
      const auto values = matrix(scratch.values[l], inputs(l));
      weight_slope.noalias() += values.transpose() * slopes;
      bias_slope += slopes.colwise().sum().transpose();
      if (l == 0) return;
      auto below = matrix(scratch.slopes[l], inputs(l));
      below.noalias() = slopes * weight(parameters, l).transpose();
      if (l > convolutions_.size()) below = (values.array() > Scalar{0}).select(below, Scalar{0});
    }
  }

  detail::Rows<Scalar> rows_;
  std::vector<std::size_t> labels_;
  double l2_;
  Layout layout_;
  std::vector<detail::Convolution> convolutions_;
};

}  // namespace healthai
