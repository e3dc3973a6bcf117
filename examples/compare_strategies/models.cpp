#include "compare_strategies/models.hpp"

#include <healthai/model/conv_net.hpp>
#include <healthai/model/cox.hpp>
#include <healthai/model/linear.hpp>
#include <healthai/model/logistic.hpp>
#include <healthai/model/mlp.hpp>
#include <healthai/model/softmax.hpp>

namespace compare {

static std::vector<std::size_t> labels_of(const Rows& rows) {
  return {rows.y.begin(), rows.y.end()};
}

AnyModel make_model(const Flags& flags, const Dataset& data, const Rows& rows) {
  using namespace healthai;
  if (flags.task == "linear") return AnyModel::of(LinearModel<double>(rows.x, rows.y, {.l2 = flags.l2}));
  if (flags.task == "logistic") return AnyModel::of(LogisticModel<double>(rows.x, rows.y, {.l2 = flags.l2}));
  if (flags.task == "cox") {
    const Ties ties = flags.ties == "efron" ? Ties::efron : Ties::breslow;
    return AnyModel::of(CoxModel<double>(rows.x, rows.time, rows.y, {.ties = ties, .l2 = flags.l2}));
  }
  if (flags.task == "softmax") {
    return AnyModel::of(SoftmaxModel<double>(rows.x, labels_of(rows), data.classes, {.l2 = flags.l2}));
  }
  if (flags.task == "conv") {
    return AnyModel::of(
        ConvNetModel<double>(rows.x, data.image, labels_of(rows), data.classes,
                             {.channels = flags.channels, .hidden = flags.hidden, .l2 = flags.l2}));
  }
  return AnyModel::of(
      MlpModel<double>(rows.x, labels_of(rows), data.classes, {.hidden = flags.hidden, .l2 = flags.l2}));
}

Parameters<double> initial_parameters(const Flags& flags, const healthai::Layout& layout,
                                      std::uint64_t seed) {
  if (flags.task != "mlp" && flags.task != "conv") return Parameters<double>(layout);
  healthai::Stream stream(seed, healthai::Purpose::initial_parameters);
  return flags.task == "mlp" ? healthai::MlpModel<double>::initial_parameters(layout, stream)
                             : healthai::ConvNetModel<double>::initial_parameters(layout, stream);
}

Predictions TestSet::predict(const Parameters<double>& at) {
  if (model_.empty()) return {};
  Predictions result{model_.front().evaluate(at), {}, rows_.y, rows_.time};
  if (linear_) {
    const Eigen::Index columns = rows_.x.cols();
    result.score.resize(rows_.count());
    Eigen::Map<Eigen::VectorXd> score(result.score.data(), rows_.x.rows());
    score = rows_.x * at.flat().head(columns);
    if (at.flat().size() > columns) score.array() += at.flat()[columns];  // the intercept
  }
  return result;
}

}  // namespace compare
