#pragma once

#include <string>
#include <variant>

#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
#include "healthai/server/options.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// \throws Error (`invalid_argument`) for options that this strategy cannot use, or this transport.
template <class StrategyType, class TransportType, class Scalar>
void require_fitting(const FederationOptions& options) {
  constexpr bool shows_replies = Transport<TransportType, Train<Scalar>>;
  const auto refuse = [](const std::string& what) {
    throw Error(error::invalid_argument, "federation: " + what);
  };
  if (!shows_replies && std::holds_alternative<PowerOfChoice>(options.selection)) {
    refuse("PowerOfChoice needs each client's loss, and this transport shows sums only");
  }
  if (!std::holds_alternative<Buffered>(options.schedule)) return;
  if (!shows_replies) {
    refuse(
        "Buffered waits for one reply after the other, and this transport shows sums only; use Synchronous");
  }
  if (!takes_stale_updates<StrategyType, Scalar>()) {
    refuse("Buffered aggregates updates for parameters of different ages, and " +
           std::string(StrategyType::name) +
           " cannot use them (its accepts_stale_updates says so); use Synchronous, or a strategy such as "
           "FedAvg, FedProx, FedAvgM or FedAdam");
  }
}

}  // namespace healthai::detail
