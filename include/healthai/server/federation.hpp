#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/norm.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/core/random.hpp"
#include "healthai/core/training.hpp"
#include "healthai/server/checkpoint.hpp"
#include "healthai/server/detail/decompressed.hpp"
#include "healthai/server/detail/evaluate_cohort.hpp"
#include "healthai/server/detail/fill_buffer.hpp"
#include "healthai/server/detail/fold.hpp"
#include "healthai/server/detail/folds_replies.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/server/detail/in_flight.hpp"
#include "healthai/server/detail/keep_best.hpp"
#include "healthai/server/detail/lent_parameters.hpp"
#include "healthai/server/detail/require_fitting.hpp"
#include "healthai/server/detail/strategy_step.hpp"
#include "healthai/server/detail/summed_round.hpp"
#include "healthai/server/detail/take_reply.hpp"
#include "healthai/server/observer.hpp"
#include "healthai/server/options.hpp"
#include "healthai/server/outcome.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// Runs a strategy over the clients of a transport, round by round.
///
///     Federation federation{FedProx{.mu = 0.1}, hospitals, {.rounds = 50, .seed = 1, .checkpoint = "run.ckpt"}};
///     auto outcome = federation.run(initial, ProgressBar{}, CsvLog{"rounds.csv"});
///
/// An application that owns its loop calls `start(initial)` and then `step()` as often as it likes.
///
/// A round: choose clients; send them the global parameters and the strategy's objective; fold in the replies that come in
/// time, decompressed where clients compress, and pass the checks (layout, finite numbers, positive num_examples); with at least `quorum` of them let the strategy make the next parameters,
/// else leave them as they were and say in the report who failed and why; evaluate; write the checkpoint. Failures of clients are values in the
/// RoundReport. What throws is misuse (`invalid_argument`, `not_started`), and a checkpoint that cannot be written or read.
///
/// With `FederationOptions::schedule = Buffered{...}` a round is one aggregation, and clients train on from round to round (see
/// Buffered). A checkpoint then holds what has been aggregated, and nothing of what is under way: after a resumption all clients
/// are free, and are asked with the version of the checkpoint. Whatever is still out when `run` returns, `start` is called again or the
/// federation is destroyed is given up.
///
/// \tparam StrategyType   see Strategy; kept by value
/// \tparam TransportType  see Transport and SummingTransport; kept by reference, and must outlive the federation
/// \tparam Scalar         float or double: `Federation<FedAvg, InProcess, float>`
/// Thread safety: one thread at a time.
template <class StrategyType, class TransportType, class Scalar = double>
class Federation {
  using Aggregator = std::remove_cvref_t<decltype(std::declval<StrategyType&>().aggregator)>;
  using Fold = detail::Fold<StrategyType, Scalar>;
  static constexpr bool shows_replies = Transport<TransportType, Train<Scalar>>;
  static constexpr bool can_buffer = shows_replies && takes_stale_updates<StrategyType, Scalar>();
  struct NothingInFlight {
    explicit NothingInFlight(TransportType& /*transport*/) noexcept {}
  };
  using InFlight =
      std::conditional_t<can_buffer, detail::InFlight<Train<Scalar>, TransportType>, NothingInFlight>;

  static_assert(
      !detail::ConfiguresEachClient<StrategyType, Scalar>,
      "healthai: configure of this strategy takes a client, but a round has one request, the same "
      "for all clients: it is encoded once, and under secure aggregation every member signs it. Make "
      "it configure(state, round), and let clients derive what differs from their own data");
  static_assert(Strategy<StrategyType, Scalar>,
                "healthai: the first argument of Federation is not a Strategy: see the list of members in "
                "strategy/concept.hpp and docs/how-to-write-a-strategy.md");
  static_assert(
      shows_replies || SummingTransport<TransportType, Train<Scalar>>,
      "healthai: the second argument of Federation is neither a Transport nor a SummingTransport: see "
      "transport/concept.hpp and docs/how-to-write-a-transport.md");
  static_assert(
      shows_replies || AdditiveAggregator<Aggregator, Scalar>,
      "healthai: this transport can sum updates and cannot show them, and this aggregator needs to see each "
      "one. Use an additive aggregator such as WeightedMean, or a transport that shows replies");
  static_assert(
      shows_replies || !RescalesReplies<StrategyType, Scalar>,
      "healthai: this transport can sum updates and cannot show them, and this strategy rescales each reply "
      "before it is summed (it has a member contribution). Use a strategy without one, such as FedAvg, "
      "FedProx or Scaffold, or a transport that shows replies");

 public:
  using State = typename StrategyType::template State<Scalar>;

  /// \throws Error (`invalid_argument`) for hyperparameters or options outside their range.
  Federation(StrategyType strategy, TransportType& transport, FederationOptions options = {})
      : strategy_(std::move(strategy)),
        transport_(&transport),
        options_(std::move(options)),
        in_flight_(transport) {
    strategy_.validate();
    validate(options_);
    detail::require_fitting<StrategyType, TransportType, Scalar>(options_);
  }

  /// Lets the coordinator evaluate the global parameters itself, on data of its own.
  Federation& evaluate_centrally(std::function<Metrics(const Parameters<Scalar>&)> evaluate) {
    central_ = std::move(evaluate);
    return *this;
  }

  /// Begins a run at `initial`, or where the checkpoint left off (see `FederationOptions::resume`).
  /// \throws Error (`checkpoint_mismatch`, `archive_*`, `file`) for a checkpoint that cannot be read or written.
  void start(const Parameters<Scalar>& initial) {
    abandon();
    current_ = {};
    current_.strategy = strategy_.describe();
    current_.seed = options_.seed;
    if (options_.resume && checkpoint_exists(options_.checkpoint)) {
      current_.read(options_.checkpoint, initial.layout());
      if constexpr (requires { transport_->restore_client_states(current_.client_states); }) {
        transport_->restore_client_states(current_.client_states);
      }
    } else {
      current_.run =
          Stream(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()),
                 Purpose::run_id)();
      current_.parameters = initial;
      current_.state = strategy_.template init<Scalar>(initial.layout());
      current_.evaluation_cohort = options_.evaluation.clients;
    }
    if (options_.evaluation.every > 0 && current_.evaluation_cohort.empty()) {
      current_.evaluation_cohort = transport_->clients();
    }
    std::sort(current_.evaluation_cohort.begin(), current_.evaluation_cohort.end());
    if (!options_.checkpoint.empty() && current_.completed_rounds == 0)
      write_checkpoint();  // cannot write? say so now
    failed_rounds_ = 0;
    started_ = true;
  }

  /// One round, which under `Buffered` is one aggregation: clients who still train when it ends go on. When `stop` is requested
  /// meanwhile, the round is abandoned and leaves no trace but the report's `error` and the next RoundId's `attempt`.
  /// \throws Error (`not_started`); (`file`) when the checkpoint cannot be written.
  RoundReport step(std::stop_token stop = {}) {
    if (!started_) throw Error(error::not_started, "Federation::step: call start(initial) first");
    const auto began = Clock::now();
    const Traffic before = transport_->traffic();
    decompressed_ = {};
    Before previous{failed_rounds_, current_.last_update_norm, current_.client_losses, {}};
    RoundReport report;
    report.round = current_.completed_rounds + 1;
    const auto* buffered = std::get_if<Buffered>(&options_.schedule);
    const bool trained =
        buffered != nullptr ? train(*buffered, report, previous, stop) : train(report, previous, stop);
    if (trained && evaluate(report, stop)) {
      current_.completed_rounds = report.round;
      current_.attempt = 0;
      if (options_.checkpoint.empty()) {
        settle();
      } else if (report.round % options_.checkpoint_every == 0) {
        write_checkpoint();
      }
    } else {
      undo(report, previous);
      report.error = "stopped by the caller";
      // Clients that were told that nobody waits any more shall not take the next request for the one they gave up.
      ++current_.attempt;
      if (!options_.checkpoint.empty()) write_checkpoint();
    }
    if (detail::saves_memory<Scalar>(current_.parameters.layout())) {
      next_ = {};
      spare_.clear();
    }
    const Traffic after = transport_->traffic();
    report.bytes_down = after.sent - before.sent;
    report.bytes_up = after.received - before.received;
    report.bytes_up_uncompressed = report.bytes_up - decompressed_.before + decompressed_.after;
    report.seconds = std::chrono::duration<double>(Clock::now() - began).count();
    return report;
  }

  /// Rounds until one of the StopReasons holds. Observers watch (see Observer); they are passed by reference or as
  /// temporaries. \throws as `start` and `step`.
  template <class... Observers>
  [[nodiscard]] Outcome<Scalar> run(const Parameters<Scalar>& initial, Observers&&... observers) {
    return run(initial, std::stop_token{}, std::forward<Observers>(observers)...);
  }
  /// \copydoc run
  template <class... Observers>
  [[nodiscard]] Outcome<Scalar> run(const Parameters<Scalar>& initial, std::stop_token stop,
                                    Observers&&... observers) {
    static_assert(
        (Observer<std::remove_reference_t<Observers>> && ...),
        "healthai: an observer of Federation::run has none of the hooks on_start, on_round and on_end and "
        "cannot be called with a const RoundReport&; see server/observer.hpp");
    const auto began = Clock::now();
    const auto seconds = [began] { return std::chrono::duration<double>(Clock::now() - began).count(); };
    start(initial);
    Outcome<Scalar> outcome;
    std::vector<std::string> errors;
    (detail::notify_start(observers, start_of_run(), errors), ...);
    std::optional<StopReason> reason = ended();
    while (!reason) {
      RoundReport report = step(stop);
      if (current_.completed_rounds != report.round) {
        reason = StopReason::stop_requested;
        break;
      }
      report.observer_errors = std::exchange(errors, {});
      if (failed_rounds_ > 0) outcome.message = report.error;
      (detail::notify_round(observers, report, errors), ...);
      reason = ended();
      if (options_.keep_history) outcome.history.push_back(std::move(report));
    }
    if (!options_.checkpoint.empty() && current_.completed_rounds % options_.checkpoint_every != 0)
      write_checkpoint();
    abandon();
    outcome.reason = *reason;
    if (outcome.reason != StopReason::below_quorum) outcome.message.clear();
    outcome.parameters = current_.parameters;
    outcome.best = current_.best;
    outcome.completed_rounds = current_.completed_rounds;
    outcome.seconds = seconds();
    (detail::notify_end(observers, RunEnd{outcome.reason, outcome.completed_rounds, outcome.seconds}, errors),
     ...);
    outcome.observer_errors = std::move(errors);
    return outcome;
  }

  /// Why the run is over, or nothing while it is not.
  [[nodiscard]] std::optional<StopReason> ended() const {
    if (failed_rounds_ >= options_.max_failed_rounds) return StopReason::below_quorum;
    if (options_.tolerance && current_.last_update_norm &&
        *current_.last_update_norm <= *options_.tolerance) {
      return StopReason::converged;
    }
    if (options_.early_stopping &&
        current_.evaluations_without_improvement >= options_.early_stopping->patience) {
      return StopReason::early_stopping;
    }
    if (current_.completed_rounds >= options_.rounds) return StopReason::all_rounds;
    return std::nullopt;
  }

  /// The global parameters as they stand.
  [[nodiscard]] const Parameters<Scalar>& parameters() const noexcept { return current_.parameters; }
  /// With early stopping: the best parameters that were evaluated.
  [[nodiscard]] const std::optional<BestModel<Scalar>>& best() const noexcept { return current_.best; }
  [[nodiscard]] std::uint64_t completed_rounds() const noexcept { return current_.completed_rounds; }
  [[nodiscard]] const StrategyType& strategy() const noexcept { return strategy_; }

 private:
  [[nodiscard]] RunStart start_of_run() const {
    return {std::string(StrategyType::name),
            current_.run,
            current_.seed,
            options_.rounds,
            current_.completed_rounds,
            current_.parameters.size(),
            transport_->clients(),
            detail::confidentiality_over(*transport_)};
  }

  /// What a round changes before it is over.
  struct Before {
    std::uint64_t failed_rounds;
    std::optional<double> last_update_norm;
    ClientLosses client_losses;
    State state;  // if the round has updated; the parameters are then in next_
  };
  void undo(RoundReport& report, Before& previous) {
    abandon();
    failed_rounds_ = previous.failed_rounds;
    current_.last_update_norm = previous.last_update_norm;
    current_.client_losses = std::move(previous.client_losses);
    if (!std::exchange(report.updated, false)) return;
    std::swap(current_.parameters, next_);
    current_.state = std::move(previous.state);
  }

  /// Ends what is still out under `Buffered`.
  void abandon() {
    if constexpr (can_buffer) in_flight_.abandon();
  }

  /// The training half of a synchronous round. \return false when stopped by the caller.
  bool train(RoundReport& report, Before& previous, const std::stop_token& stop) {
    report.selected = select_clients(options_.selection, transport_->clients(), options_.seed, report.round,
                                     std::span<const ClientLosses::value_type>(current_.client_losses));
    if (report.selected.empty()) return nobody(report);
    if constexpr (shows_replies) {
      Fold fold(strategy_, current_.parameters.layout(), std::move(spare_));
      std::optional<std::vector<Failure>> failures;
      {
        detail::LentParameters lent(current_.parameters, broadcast_without_parameters(report.round));
        if constexpr (detail::FoldsReplies<TransportType, Fold>) {
          failures =
              transport_->fold(fold, report.selected, lent.broadcast(), patience(), stop, decompressed_);
        } else {
          failures =
              detail::gather<Train<Scalar>>(*transport_, report.selected, lent.broadcast(), patience(), stop,
                                            [&](const ClientId& client, TrainReply<Scalar> reply, bool last) {
                                              if (last) fold.let_last_wait();
                                              return take(fold, lent.layout(), client, std::move(reply), 1);
                                            });
        }
      }
      if (!failures) return false;
      if (std::holds_alternative<PowerOfChoice>(options_.selection)) {
        fold.each_reply([this](const detail::FoldedReply& reply) {
          if (const auto loss = reply.metrics.find("loss"))
            note_loss(current_.client_losses, reply.client, *loss);
        });
      }
      report.failures = std::move(*failures);
      apply(report, previous, fold);
    } else {
      auto aggregate =
          detail::sum_over<Train<Scalar>>(*transport_, strategy_.aggregator, report.selected,
                                          broadcast(report.round), options_.deadline, sum_rules(stop));
      if (!aggregate) return false;
      report.failures = std::move(aggregate->failures);
      report.participants = std::move(aggregate->contributors);
      report.metrics = metrics_of(aggregate->scalars);
      report.num_examples = aggregate->weight;
      apply(report, previous, [&aggregate] { return detail::summed_round<StrategyType>(*aggregate); });
    }
    return true;
  }

  /// The training half of a buffered round. \return false when stopped by the caller.
  bool train(const Buffered& buffered, RoundReport& report, Before& previous, const std::stop_token& stop) {
    if constexpr (can_buffer) {
      Fold fold(strategy_, current_.parameters.layout(), std::move(spare_));
      const bool finished = detail::fill_buffer(
          buffered, *transport_, in_flight_, options_.seed, patience(), stop, report,
          [&] { return broadcast(report.round); },
          [&](const ClientId& client, TrainReply<Scalar> reply, double discount) {
            return take(fold, current_.parameters.layout(), client, std::move(reply), discount);
          });
      if (!finished) return false;
      if (report.selected.empty()) return nobody(report);
      apply(report, previous, fold);
    } else {  // the constructor has refused it
      static_cast<void>(buffered), static_cast<void>(report), static_cast<void>(previous),
          static_cast<void>(stop);
    }
    return true;
  }

  bool nobody(RoundReport& report) {
    if (transport_->clients().empty()) {
      report.error = "no client is connected";
    } else if (std::holds_alternative<Buffered>(options_.schedule)) {
      report.error = "no client is free: every one is still busy with a request that has passed its deadline";
    } else {
      report.error = "nobody was sampled for this round";
      return true;
    }
    ++failed_rounds_;
    return true;
  }

  /// Checks a reply and folds it in. \return what is wrong with it, if anything
  std::optional<Failure> take(Fold& fold, const Layout& layout, const ClientId& client,
                              TrainReply<Scalar>&& reply, double discount) {
    return detail::take_reply(fold, layout, client, std::move(reply), discount, decompressed_);
  }

  [[nodiscard]] TrainBroadcast<Scalar> broadcast_without_parameters(std::uint64_t round) const {
    return {{current_.run, round, current_.attempt}, current_.seed, {}, objective(round)};
  }
  [[nodiscard]] std::shared_ptr<const TrainBroadcast<Scalar>> broadcast(std::uint64_t round) const {
    auto result = std::make_shared<TrainBroadcast<Scalar>>(broadcast_without_parameters(round));
    result->parameters = current_.parameters;
    return result;
  }
  [[nodiscard]] detail::Patience patience() const {
    return {options_.deadline,
            StrategyType::accepts_partial_work ? options_.grace : std::chrono::milliseconds{0}};
  }
  /// The same for a transport that sums, with what it has to look at in replies.
  [[nodiscard]] SumRules sum_rules(const std::stop_token& stop) const {
    SumRules rules;
    rules.accepts_partial_work = StrategyType::accepts_partial_work;
    rules.grace = patience().grace;
    rules.extra_vectors.emplace();
    for (const ExtraVector& vector : extra_vectors_of<StrategyType>())
      rules.extra_vectors->push_back({std::string(vector.name), vector.weighted});
    rules.stop = stop;
    return rules;
  }

  [[nodiscard]] LocalObjective<Scalar> objective(std::uint64_t round) const {
    LocalObjective<Scalar> objective = strategy_.configure(current_.state, round);
    if (!objective.local_steps) objective.local_steps = options_.training.local_steps;
    if (!objective.learning_rate && options_.training.learning_rate) {
      objective.learning_rate = options_.training.learning_rate->at(round);
    }
    return objective;
  }

  /// From the aggregate to the next parameters, or to the reason why there are none.
  void apply(RoundReport& report, Before& previous, Fold& fold) {
    report.participants = std::move(fold.contributors());
    report.metrics = std::move(fold.metrics());
    report.num_examples = fold.num_examples();
    apply(report, previous, [&fold] { return fold.finish(); });
  }
  /// \copydoc apply
  template <class Finish>
  void apply(RoundReport& report, Before& previous, Finish finish_aggregate) {
    if (report.participants.size() < options_.quorum) {
      report.error = detail::below_quorum(report, options_.quorum);
      ++failed_rounds_;
      return;
    }
    try {
      RoundAggregate<Scalar> round = finish_aggregate();
      round.round = report.round;
      round.clients = report.participants.size();
      round.population = transport_->clients().size();
      next_ = current_.parameters;
      State state = detail::strategy_step(strategy_, current_.state, next_, std::as_const(round));
      report.update_norm = distance(next_, current_.parameters);
      std::swap(current_.parameters, next_);
      spare_ = std::move(round.extra);
      spare_.insert(spare_.begin(), std::move(round.update));
      previous.state = std::exchange(current_.state, std::move(state));
      current_.last_update_norm = report.update_norm;
      report.updated = true;
      failed_rounds_ = 0;
    } catch (const Error& e) {
      report.error =
          "round " + std::to_string(report.round) + ": no aggregate, the model is unchanged: " + e.what();
      ++failed_rounds_;
    }
  }

  /// The evaluating half of a round. \return false when stopped by the caller.
  bool evaluate(RoundReport& report, const std::stop_token& stop) {
    const std::uint64_t every = options_.evaluation.every;
    if (every == 0 || (report.round % every != 0 && report.round != options_.rounds)) return true;
    std::optional<EvaluationReport> result = EvaluationReport{};
    if (!current_.evaluation_cohort.empty()) {
      result = detail::evaluate_cohort<Scalar>(
          *transport_, strategy_.aggregator, current_.evaluation_cohort,
          std::make_shared<const EvaluateBroadcast<Scalar>>(
              EvaluateBroadcast<Scalar>{{current_.run, report.round, current_.attempt}, current_.parameters}),
          options_.deadline, stop);
      if (!result) return false;
    }
    result->quorum = result->participants.size() >= options_.evaluation.quorum;
    if (central_) result->central = central_(current_.parameters);
    if (options_.early_stopping) {
      detail::keep_best(current_.best, current_.evaluations_without_improvement, *options_.early_stopping,
                        report.round, *result, current_.parameters);
    }
    report.evaluation = std::move(result);
    return true;
  }

  void write_checkpoint() {
    if constexpr (requires { transport_->client_states(); })
      current_.client_states = transport_->client_states();
    current_.write(options_.checkpoint);
    settle();
  }
  /// Nobody will resume before this round, so a transport need not keep what it would need for that.
  void settle() {
    if constexpr (requires { transport_->settled(current_.run, current_.completed_rounds); })
      transport_->settled(current_.run, current_.completed_rounds);
  }

  StrategyType strategy_;
  TransportType* transport_;
  FederationOptions options_;
  std::function<Metrics(const Parameters<Scalar>&)> central_;
  Checkpoint<Scalar, StrategyType> current_{};
  Parameters<Scalar>
      next_{};  // memory kept between rounds, where it is not too much: to get it afresh costs more than arithmetic
  std::vector<Parameters<Scalar>> spare_{};
  detail::DecompressedBytes decompressed_{};  // of this round
  InFlight in_flight_;                        // under Buffered
  std::uint64_t failed_rounds_ = 0;           // in a row
  bool started_ = false;
};

template <class StrategyType, class TransportType>
Federation(StrategyType, TransportType&, FederationOptions) -> Federation<StrategyType, TransportType>;
template <class StrategyType, class TransportType>
Federation(StrategyType, TransportType&) -> Federation<StrategyType, TransportType>;

}  // namespace healthai
