#pragma once

#include <cstddef>
#include <cstdint>
#include <healthai/core/parameters.hpp>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compare_strategies/metrics.hpp"
#include "compare_strategies/sites.hpp"

namespace compare {

using healthai::Parameters;

/// A model with its rows, of a type that is known at run time only (--task): one indirect call a step. Copies are the same
/// model, so that runs one after the other share it.
class AnyModel {
  struct Some {
    virtual ~Some() = default;
    [[nodiscard]] virtual const healthai::Layout& layout() const = 0;
    [[nodiscard]] virtual std::size_t num_examples() const = 0;
    virtual double loss(const Parameters<double>&, std::span<const std::size_t>, Parameters<double>&) = 0;
    virtual healthai::Metrics evaluate(const Parameters<double>&) = 0;
  };
  template <class M>
  struct Of final : Some {
    explicit Of(M some) : model(std::move(some)) {}
    [[nodiscard]] const healthai::Layout& layout() const override { return model.layout(); }
    [[nodiscard]] std::size_t num_examples() const override { return model.num_examples(); }
    double loss(const Parameters<double>& at, std::span<const std::size_t> rows,
                Parameters<double>& gradient) override {
      return model.loss(at, rows, gradient);
    }
    healthai::Metrics evaluate(const Parameters<double>& at) override { return model.evaluate(at); }
    M model;
  };

 public:
  using Scalar = double;
  AnyModel() = default;  ///< none
  template <class M>
  static AnyModel of(M model) {
    return AnyModel(std::make_shared<Of<M>>(std::move(model)));
  }
  [[nodiscard]] const healthai::Layout& layout() const { return model_->layout(); }
  [[nodiscard]] std::size_t num_examples() const { return model_->num_examples(); }
  double loss(const Parameters<double>& at, std::span<const std::size_t> rows, Parameters<double>& gradient) {
    return model_->loss(at, rows, gradient);
  }
  healthai::Metrics evaluate(const Parameters<double>& at) { return model_->evaluate(at); }

 private:
  explicit AnyModel(std::shared_ptr<Some> model) : model_(std::move(model)) {}
  std::shared_ptr<Some> model_;
};

/// The model that --task names, on these rows.
AnyModel make_model(const Flags& flags, const Dataset& data, const Rows& rows);
/// What a strategy's first round starts from: zeros, or random weights for networks.
Parameters<double> initial_parameters(const Flags& flags, const healthai::Layout& layout, std::uint64_t seed);

/// The metrics of a task, the one that matters most first.
inline std::vector<std::string> metrics_of(const Flags& flags) {
  if (flags.task == "linear") return {"r2", "loss"};
  if (flags.task == "logistic") return {"auc", "accuracy", "loss"};
  if (flags.task == "cox") return {"c_index", "loss"};
  return {"accuracy", "loss"};
}
inline bool larger_is_better(const std::string& metric) {
  return metric != "loss";
}

/// The rows of a site by which models are judged.
class TestSet {
 public:
  TestSet(const Flags& flags, const Dataset& data, Rows rows) : rows_(std::move(rows)) {
    linear_ = !is_classification(flags);
    if (rows_.count() > 0) model_.push_back(make_model(flags, data, rows_));
  }
  [[nodiscard]] Predictions predict(const Parameters<double>& at);

 private:
  Rows rows_;
  std::vector<AnyModel> model_;  // none without rows
  bool linear_ = false;
};

}  // namespace compare
