#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/rate_schedule.hpp"
#include "healthai/server/schedule.hpp"
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
  ClientSelection selection{AllClients{}};  ///< for synchronous rounds; `Buffered` chooses by itself
  Schedule schedule{Synchronous{}};         ///< when replies are aggregated
  std::size_t quorum = 1;                   ///< fewer usable replies than this, and the model stays as it was

  /// How long clients may train, from when they are asked; none: as long as they like. Then they are asked to stop, and a strategy that accepts
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

/// \throws Error (`invalid_argument`) for options outside their range, or that contradict each other.
inline void validate(const FederationOptions& options) {
  validate(options.selection);
  validate(options.schedule);
  const auto require = [](bool good, const char* what) {
    if (!good) throw Error(error::invalid_argument, std::string("federation: ") + what);
  };
  const auto& training = options.training;
  require(!training.local_steps || *training.local_steps > 0, "local_steps must be at least 1");
  require(!training.learning_rate ||
              (is_finite(training.learning_rate->initial()) && training.learning_rate->initial() > 0),
          "learning_rate must be positive");
  require(options.quorum > 0, "quorum must be at least 1");
  require(options.max_failed_rounds > 0, "max_failed_rounds must be at least 1");
  require(options.checkpoint_every > 0, "checkpoint_every must be at least 1");
  require(!options.tolerance || *options.tolerance >= 0, "tolerance must be >= 0");
  require(!options.resume || !options.checkpoint.empty(), "resume needs the name of a checkpoint file");
  require(!options.early_stopping || options.evaluation.every > 0,
          "early stopping needs evaluations: set evaluation.every");
  require(!options.deadline || options.deadline->count() > 0, "deadline must be positive");
  if (const auto* buffered = std::get_if<Buffered>(&options.schedule)) {
    require(std::holds_alternative<AllClients>(options.selection),
            "Buffered chooses among the clients who are free by itself: set Buffered::concurrency, and leave "
            "selection at AllClients");
    require(options.quorum <= buffered->size, "quorum must not be larger than the size of the buffer");
  }
}

}  // namespace healthai
