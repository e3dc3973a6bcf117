#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/transport/confidentiality.hpp"

namespace healthai {

/// The result of an evaluation round.
struct EvaluationReport {
  Metrics clients{};                     ///< summed over the clients that answered
  Metrics central{};                     ///< of the coordinator's own evaluation, when it has one
  std::vector<ClientId> participants{};  ///< who answered
  std::vector<Failure> failures{};       ///< who did not, and why
  bool quorum = false;                   ///< whether enough clients answered for the result to count
  friend bool operator==(const EvaluationReport&, const EvaluationReport&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& clients& central& participants& failures& quorum;
  }
};

/// What happened in one round. Under `Buffered` a round is one aggregation; clients may have been asked in an earlier one,
/// and may still train when it ends.
struct RoundReport {
  std::uint64_t round = 0;  ///< from 1
  /// Who was asked to train, in client-id order. Under `Buffered` also who was asked earlier and still trained.
  std::vector<ClientId> selected{};
  std::vector<ClientId> participants{};  ///< whose update is in the aggregate
  std::vector<Failure> failures{};       ///< everyone else who is not at work any more, and why
  bool updated = false;                  ///< whether the global parameters changed
  std::string error{};                   ///< why they did not; empty when they did
  double num_examples = 0;               ///< total weight of the aggregate
  Metrics metrics{};                     ///< the clients' training metrics, summed
  double update_norm = 0;                ///< Euclidean length of the step that the global parameters took
  /// Over the participants, how many versions of the parameters were made while they trained; 0 unless under `Buffered`.
  double mean_staleness = 0;
  std::uint64_t max_staleness = 0;               ///< likewise, the largest
  std::optional<EvaluationReport> evaluation{};  ///< when this round was evaluated
  std::uint64_t bytes_down = 0;  ///< sent to clients: bytes on the wire, or of parameters in-process
  std::uint64_t bytes_up = 0;    ///< received from clients, likewise
  /// What `bytes_up` would be if clients had sent their updates as they are: the difference is what compression saves. A
  /// compressed update that could not be decoded counts as it came.
  std::uint64_t bytes_up_uncompressed = 0;
  double seconds = 0;                          ///< wall-clock time, evaluation included
  std::vector<std::string> observer_errors{};  ///< observers that threw on the round before

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& round& selected& participants& failures& updated& error& num_examples& metrics& update_norm&
        mean_staleness& max_staleness& evaluation& bytes_down& bytes_up& bytes_up_uncompressed& seconds&
            observer_errors;
  }
};

/// What is known when a run begins.
struct RunStart {
  std::string strategy{};  ///< its name, "FedProx"
  std::uint64_t run = 0;   ///< the run's own number
  std::uint64_t seed = 0;
  std::uint64_t rounds = 0;            ///< the most rounds that there will be
  std::uint64_t completed_rounds = 0;  ///< not 0 when the run was resumed from a checkpoint
  std::size_t num_parameters = 0;
  std::vector<ClientId> clients{};  ///< who is there now
  Confidentiality confidentiality =
      Confidentiality::none;  ///< what keeps a single client's reply from this side
};

/// Why a run ended.
enum class StopReason : std::uint8_t {
  all_rounds,      ///< the number of rounds asked for is done
  converged,       ///< the parameters moved by no more than the tolerance
  early_stopping,  ///< the watched metric no longer improved
  stop_requested,  ///< the caller's stop token
  below_quorum     ///< too many rounds in a row had too few usable replies
};

[[nodiscard]] constexpr std::string_view to_string(StopReason reason) noexcept {
  switch (reason) {
    case StopReason::all_rounds:
      return "all_rounds";
    case StopReason::converged:
      return "converged";
    case StopReason::early_stopping:
      return "early_stopping";
    case StopReason::stop_requested:
      return "stop_requested";
    case StopReason::below_quorum:
      return "below_quorum";
  }
  return "unknown";
}

/// What is known when a run ends.
struct RunEnd {
  StopReason reason = StopReason::all_rounds;
  std::uint64_t completed_rounds = 0;
  double seconds = 0;
};

}  // namespace healthai
