#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/strategy/concept.hpp"

namespace healthai::detail {

/// What a strategy gets of a round that the transport has summed. \throws Error (`invalid_reply`) for other vectors than the
///   strategy needs; as the aggregator's `finish` does
template <class StrategyType, class Aggregator, class Scalar>
[[nodiscard]] RoundAggregate<Scalar> summed_round(PartialAggregate<Aggregator, Scalar>& aggregate) {
  const std::size_t expected = 1 + extra_vectors_of<StrategyType>().size();
  if (aggregate.states.size() != expected) {
    throw Error(error::invalid_reply, "the transport summed " + std::to_string(aggregate.states.size()) +
                                          " vectors, but the strategy " + std::string(StrategyType::name) +
                                          " needs " + std::to_string(expected) +
                                          ": the update and its extra vectors");
  }
  RoundAggregate<Scalar> round;
  round.update = aggregate.states.front().finish();
  for (std::size_t i = 1; i < expected; ++i) round.extra.push_back(aggregate.states[i].finish());
  round.scalars = std::move(aggregate.scalars);
  round.weight = aggregate.weight;
  return round;
}

}  // namespace healthai::detail
