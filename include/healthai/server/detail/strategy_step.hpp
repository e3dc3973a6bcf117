#pragma once

#include <cstddef>
#include <string>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/server/round_report.hpp"
#include "healthai/strategy/concept.hpp"

namespace healthai::detail {

/// Lets the strategy turn `parameters` into the next ones, in place. \return its next state
/// \throws Error (`not_finite`) for parameters that are not; as the strategy does
template <class StrategyType, class State, class Scalar>
[[nodiscard]] State strategy_step(const StrategyType& strategy, State state, Parameters<Scalar>& parameters,
                                  const RoundAggregate<Scalar>& round) {
  if constexpr (AppliesRound<StrategyType, Scalar>) {
    strategy.apply(state, parameters, round);
  } else if constexpr (AppliesUpdateOfRound<StrategyType, Scalar>) {
    strategy.apply(state, parameters, round.update, round.round);
  } else {
    strategy.apply(state, parameters, round.update);
  }
  if (!all_finite<Scalar>(parameters.span())) {
    throw Error(error::not_finite,
                "the strategy's step makes parameters that are not finite; try a smaller rate");
  }
  return state;
}

/// Why a round is below its quorum.
[[nodiscard]] inline std::string below_quorum(const RoundReport& report, std::size_t quorum) {
  std::string why =
      "round " + std::to_string(report.round) + ": " + std::to_string(report.participants.size()) + " of " +
      std::to_string(report.selected.size()) + " clients gave a usable update, but the quorum is " +
      std::to_string(quorum) + "; the model is unchanged";
  for (const Failure& failure : report.failures) why += "; " + failure.message;
  return why;
}

}  // namespace healthai::detail
