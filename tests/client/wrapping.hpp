#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "healthai/core/training.hpp"

/// What tests of clients around clients share.
namespace wrapping {

inline healthai::TrainRequest<double> train_at(const healthai::Layout& layout,
                                               const std::vector<double>& start,
                                               healthai::LocalObjective<double> objective = {},
                                               std::uint64_t round = 1) {
  return {std::make_shared<const healthai::TrainBroadcast<double>>(healthai::TrainBroadcast<double>{
              {1, round, 0}, 42, healthai::Parameters<double>(layout, start), std::move(objective)}),
          "north"};
}
inline healthai::EvaluateRequest<double> evaluate_at(const healthai::Layout& layout,
                                                     const std::vector<double>& start) {
  return {std::make_shared<const healthai::EvaluateBroadcast<double>>(
              healthai::EvaluateBroadcast<double>{{1, 1, 0}, healthai::Parameters<double>(layout, start)}),
          "north"};
}

/// A client that can be moved and not copied, has a state of its own, and honours a linear correction.
struct MoveOnly {
  std::unique_ptr<std::uint64_t> calls = std::make_unique<std::uint64_t>(0);

  healthai::TrainReply<double> train(const healthai::TrainRequest<double>& request, std::stop_token) {
    ++*calls;
    healthai::TrainReply<double> reply;
    reply.update = healthai::Parameters<double>(request->parameters.layout());
    reply.update.flat().setOnes();
    reply.num_examples = 2;
    reply.local_steps = 4;
    reply.learning_rate = 0.5;
    return reply;
  }
  healthai::EvaluateReply evaluate(const healthai::EvaluateRequest<double>& request, std::stop_token) {
    healthai::EvaluateReply reply{2, {}};
    reply.metrics.add("first", request->parameters.data()[0], 1);
    return reply;
  }
  static healthai::ObjectiveParts honours() { return {.proximal = true, .linear_correction = true}; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive&* calls;
  }
};

}  // namespace wrapping
