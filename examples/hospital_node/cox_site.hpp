#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/data.hpp"
#include "healthai/data/standardise.hpp"
#include "healthai/healthai.hpp"

namespace hospital_node {

/// One hospital's patients and its Cox model, which it can make only when it has been told how to standardise. A Client, and a handle:
/// copies speak for the same hospital.
class CoxSite {
 public:
  /// \throws healthai::Error for whatever is wrong with the file
  static CoxSite read(const std::string& path, const std::string& time, const std::string& event,
                      const std::vector<std::string>& covariates) {
    healthai::Table table = healthai::read_csv(path);
    std::vector<std::string> used = covariates;
    used.push_back(time);
    used.push_back(event);
    table = table.select(table.complete_rows(used));
    if (table.rows() == 0) {
      throw healthai::Error(healthai::error::invalid_data,
                            path + ": no row has a value in every column used");
    }
    // What the model could not use is told now, and not when the coordinator asks.
    static_cast<void>(healthai::design_matrix(table, covariates));
    static_cast<void>(healthai::nonnegative_target(table, time));
    static_cast<void>(healthai::binary_target(table, event));
    return CoxSite(std::make_shared<Held>(Held{std::move(table), time, event, std::move(used), {}, {}, {}}));
  }
  /// Of rows that are there already, all of them complete.
  static CoxSite of(healthai::Table table, const std::string& time, const std::string& event,
                    healthai::CoxOptions options) {
    return CoxSite(std::make_shared<Held>(Held{std::move(table), time, event, {}, options, {}, {}}));
  }

  [[nodiscard]] std::size_t rows() const { return held_->table.rows(); }
  [[nodiscard]] const std::vector<std::string>& columns() const { return held_->columns; }

  /// Everything that the coordinator may ask.
  [[nodiscard]] healthai::TaskHandlers handlers() const {
    healthai::TaskHandlers handlers = healthai::TaskHandlers::of(*this);
    handlers.offer<healthai::ColumnMoments>(
        [held = held_](const healthai::Request<healthai::ColumnMomentsBroadcast>& request, std::stop_token) {
          return healthai::column_moments(held->table, *request);
        });
    handlers.offer<healthai::Standardise>(
        [held = held_](const healthai::Request<healthai::StandardiseBroadcast>& request, std::stop_token) {
          held->standardise(request->scaling);
          return healthai::StandardiseReply{static_cast<double>(held->table.rows())};
        });
    return handlers;
  }

  static healthai::ObjectiveParts honours() { return healthai::ObjectiveParts::memoryless(); }
  healthai::TrainReply<double> train(const healthai::TrainRequest<double>& request, std::stop_token stop) {
    return held_->ready().train(request, stop);
  }
  healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>& request, std::stop_token stop) {
    return held_->ready().evaluate(request, stop);
  }
  [[nodiscard]] healthai::CurvatureBound::Reply curvature() const { return held_->ready().curvature(); }

  /// What a restart must not lose: how to standardise.
  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive & held_->scaling;
    if constexpr (Archive::is_loading::value) {
      held_->trainer.reset();
      if (!held_->scaling.names.empty()) held_->standardise(held_->scaling);
    }
  }

 private:
  using Trainer = healthai::LocalTrainer<healthai::CoxModel<double>>;
  struct Held {
    healthai::Table table;
    std::string time;
    std::string event;
    std::vector<std::string> columns;
    healthai::CoxOptions options;
    healthai::Scaling scaling;  // without names: not known yet
    std::optional<Trainer> trainer;

    void standardise(const healthai::Scaling& by) {
      healthai::DesignMatrix x = by.apply(healthai::design_matrix(table, by.names));
      trainer.emplace(healthai::CoxModel<double>{x.matrix(), healthai::nonnegative_target(table, time),
                                                 healthai::binary_target(table, event), options});
      scaling = by;
    }
    Trainer& ready() {
      if (!trainer) {
        throw healthai::Error(healthai::error::refused,
                              "the coordinator has not said yet how to standardise the covariates");
      }
      return *trainer;
    }
  };
  explicit CoxSite(std::shared_ptr<Held> held) : held_(std::move(held)) {}
  std::shared_ptr<Held> held_;
};

}  // namespace hospital_node
