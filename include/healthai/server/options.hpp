#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/rate_schedule.hpp"
#include "healthai/server/selection.hpp"

namespace healthai {

/// Evaluation of the global parameters: by a fixed cohort of clients on their own data, beside the coordinator's own
/// evaluation if it has one (`Federation::evaluate_centrally`).
struct EvaluationOptions {
  std::uint64_t every = 0;          ///< every so many rounds, and after the last; 0: never
  std::vector<ClientId> clients{};  ///< the cohort; empty: everyone who is there when the run starts
  std::size_t quorum = 1;           ///< fewer answers than this, and the evaluation does not count
};

/// Ends a run when an evaluated metric has not improved for a while. The clients' metric is used, or else the central one.
struct EarlyStopping {
  std::string metric = "loss";
  bool maximise = false;  ///< whether larger is better
  double min_delta = 0;   ///< an improvement is one by more than this
  std::uint64_t patience =
      10;  ///< evaluations in a row without improvement that end the run; ones below quorum do not count
};

/// What every client is told about its local training, where the strategy says nothing of its own. A client that cannot
/// honour what is set refuses (see LocalObjective).
struct TrainingOptions {
  std::optional<std::uint64_t> local_steps{};   ///< gradient steps a round; none: the client's own choice
  std::optional<RateSchedule> learning_rate{};  ///< that of each round; none: the client's own choice
};

/// How a Federation runs. Every field has a working default.
struct FederationOptions {
  std::uint64_t rounds = 10;  ///< the most rounds
  std::uint64_t seed = 0;     ///< all randomness derives from it
  TrainingOptions training{};
  ClientSelection selection{AllClients{}};
  std::size_t quorum = 1;  ///< fewer usable replies than this, and the model stays as it was

  /// How long clients may train; none: as long as they like. Then they are asked to stop, and a strategy that accepts
  /// partial work waits `grace` longer for what they have.
  std::optional<std::chrono::milliseconds> deadline{};
  std::chrono::milliseconds grace{1000};

  /// A run ends after this many rounds in a row below quorum.
  std::uint64_t max_failed_rounds = 3;
  /// Converged: the run ends once the global parameters move by no more than this (Euclidean length) in a round; none: never.
  std::optional<double> tolerance{};

  EvaluationOptions evaluation{};
  std::optional<EarlyStopping> early_stopping{};  ///< also names the metric by which the best model is kept

  std::string checkpoint{};            ///< the file to write after rounds; empty: none
  std::uint64_t checkpoint_every = 1;  ///< rounds between checkpoints; the last round always writes one
  bool resume = false;                 ///< go on from `checkpoint` if that file is there

  bool keep_history = true;  ///< keep every RoundReport in the outcome; turn off for very long runs
};

}  // namespace healthai
