#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "healthai/core/parameters.hpp"
#include "healthai/server/round_report.hpp"

namespace healthai {

/// The best parameters so far: those that were evaluated, not those of the round after.
template <class Scalar>
struct BestModel {
  std::uint64_t round = 0;
  double value = 0;  ///< of the watched metric
  Parameters<Scalar> parameters{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& round& value& parameters;
  }
};

/// What a run leaves behind.
template <class Scalar>
struct Outcome {
  Parameters<Scalar> parameters{};          ///< the global parameters after the last round
  std::optional<BestModel<Scalar>> best{};  ///< with early stopping: the best that was evaluated
  StopReason reason = StopReason::all_rounds;
  std::string message{};               ///< for below_quorum: who failed and why
  std::uint64_t completed_rounds = 0;  ///< including those before a resume
  double seconds = 0;
  std::vector<RoundReport> history{};          ///< the rounds of this process
  std::vector<std::string> observer_errors{};  ///< observers that threw at the end

  [[nodiscard]] bool converged() const noexcept { return reason == StopReason::converged; }
};

}  // namespace healthai
