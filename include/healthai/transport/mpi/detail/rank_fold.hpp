#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
#include "healthai/server/detail/fold.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/server/detail/take_reply.hpp"
#include "healthai/strategy/concept.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/mpi/detail/add_up.hpp"
#include "healthai/transport/mpi/detail/messages.hpp"
#include "healthai/transport/mpi/detail/share_slices.hpp"

namespace healthai::detail {

/// How the folds of several ranks are brought together.
template <class StrategyType, class Scalar>
[[nodiscard]] Sharing how_shared(const StrategyType& strategy) {
  using Aggregator = std::remove_cvref_t<decltype(strategy.aggregator)>;
  if constexpr (requires { strategy.aggregator.how_shared(); }) {
    return strategy.aggregator.how_shared();
  } else {
    static_cast<void>(strategy);
    return sharing_of<typename Aggregator::template State<Scalar>, Scalar>;
  }
}

/// The clients of this rank, but somebody looks at every turn whether the round is called off.
template <class Look>
class Watched {
 public:
  Watched(InProcess& clients, Look look) : clients_(&clients), look_(std::move(look)) {}
  [[nodiscard]] std::vector<ClientId> clients() const { return clients_->clients(); }
  [[nodiscard]] Traffic traffic() const { return clients_->traffic(); }
  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    return clients_->template send<T>(ids, std::move(broadcast));
  }
  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    look_();
    return clients_->template next<T>(deadline);
  }
  template <Task T>
  void stop() {
    clients_->template stop<T>();
  }
  template <Task T>
  void give_up() {
    clients_->template give_up<T>();
  }

 private:
  InProcess* clients_;
  Look look_;
};

/// A rank's own part of a round: lets its clients train, and folds what they reply.
/// \return what rank 0 has to know beside the vectors
template <class Transport, class StrategyType, class Scalar>
[[nodiscard]] MpiFolded fold_here(Transport& clients, Fold<StrategyType, Scalar>& fold,
                                  std::span<const ClientId> ids,
                                  std::shared_ptr<const TrainBroadcast<Scalar>> broadcast,
                                  const Patience& patience, const std::stop_token& stop) {
  MpiFolded report;
  const Traffic before = clients.traffic();
  DecompressedBytes bytes;
  const Layout layout = broadcast->parameters.layout();
  auto failures = gather<Train<Scalar>>(clients, ids, std::move(broadcast), patience, stop,
                                        [&](const ClientId& client, TrainReply<Scalar> reply, bool last) {
                                          if (last) fold.let_last_wait();
                                          return take_reply(fold, layout, client, std::move(reply), 1, bytes);
                                        });
  report.interrupted = !failures;
  if (failures) report.failures = std::move(*failures);
  report.weighted = fold.weighted();
  const Traffic after = clients.traffic();
  report.sent = after.sent - before.sent;
  report.received = after.received - before.received;
  report.compressed = bytes.before;
  report.decompressed = bytes.after;
  return report;
}

/// Brings the sums of all ranks together. Every rank does this; \return the means, on rank 0.
/// \param wrong  becomes why there are none, on rank 0
template <class StrategyType, class Scalar>
[[nodiscard]] std::vector<Parameters<Scalar>> add_up_vectors(const Communicator& ranks,
                                                             Fold<StrategyType, Scalar>& fold,
                                                             const Layout& layout,
                                                             std::optional<Error>& wrong) {
  std::vector<Parameters<Scalar>> means;
  for (std::size_t v = 0; v < fold.vectors().size(); ++v) {
    auto& sums = fold.vectors()[v];
    sums.begin_pieces();
    Parameters<Scalar> mean;
    if (ranks.rank() == 0) {
      std::vector<double> weights;
      const bool weighted = fold.weighted()[v];
      fold.each_reply([&](const FoldedReply& reply) { weights.push_back(weighted ? reply.weight : 1.0); });
      try {
        mean = sums.state().begin_mean(weights);
      } catch (const Error& e) {
        wrong = e;
      }
    }
    // Nobody may stay away from what follows: what goes wrong is kept for later.
    add_up(ranks, sums, layout.size(), [&](std::size_t begin, std::size_t count, std::byte* piece) {
      if (wrong) return;
      try {
        sums.state().finish_piece(begin, count, piece, mean);
      } catch (const Error& e) {
        wrong = e;
      }
    });
    means.push_back(std::move(mean));
  }
  return means;
}

/// Shares the work of a robust rule. Every rank does this; \return the results, on rank 0.
/// \param wrong  becomes why there are none, on rank 0
template <class StrategyType, class Scalar>
[[nodiscard]] std::vector<Parameters<Scalar>> slice_vectors(const Communicator& ranks,
                                                            Fold<StrategyType, Scalar>& fold,
                                                            const Layout& layout, const MpiGo& go,
                                                            std::optional<Error>& wrong) {
  std::vector<std::vector<Parameters<Scalar>>> kept(fold.vectors().size());
  fold.release_updates(
      [&](std::size_t vector, Parameters<Scalar>&& values) { kept[vector].push_back(std::move(values)); });
  std::vector<Parameters<Scalar>> results;
  for (std::size_t v = 0; v < kept.size(); ++v) {
    std::vector<double> weights = go.weights;
    if (!go.weighted[v]) std::fill(weights.begin(), weights.end(), 1.0);
    results.push_back(share_slices(ranks, fold.strategy().aggregator, layout, std::move(kept[v]), go.ranks,
                                   weights, wrong));
  }
  return results;
}

/// Brings the vectors of all ranks' folds together. Every rank does this; rank 0's fold then has what its `finish` returns.
template <class StrategyType, class Scalar>
void bring_together(const Communicator& ranks, Fold<StrategyType, Scalar>& fold, const Layout& layout,
                    const MpiGo& go) {
  using State = typename std::remove_cvref_t<decltype(fold.strategy().aggregator)>::template State<Scalar>;
  const Sharing sharing = how_shared<StrategyType, Scalar>(fold.strategy());
  std::vector<Parameters<Scalar>> results;
  std::optional<Error> wrong;
  if constexpr (SumInPieces<State, Scalar>) {
    if (sharing == Sharing::pieces) {
      fold.add_kept_updates();
      results = add_up_vectors(ranks, fold, layout, wrong);
    }
  }
  if constexpr (SlicedAggregation<State, Scalar>) {
    if (sharing == Sharing::slices) results = slice_vectors(ranks, fold, layout, go, wrong);
  }
  if (ranks.rank() != 0) return;
  if (wrong) return fold.set_no_aggregate(std::move(*wrong));
  fold.set_aggregated(std::move(results));
}

/// A strategy's rounds, on a rank that serves them.
class RankRounds {
 public:
  RankRounds() = default;
  RankRounds(const RankRounds&) = delete;
  RankRounds& operator=(const RankRounds&) = delete;
  virtual ~RankRounds() = default;
  virtual void round(const MpiCommand& command) = 0;
};

template <class StrategyType, class Scalar>
class RankRoundsOf final : public RankRounds {
 public:
  RankRoundsOf(const Communicator& ranks, InProcess& clients, StrategyType strategy, Layout layout)
      : ranks_(&ranks),
        clients_(&clients),
        strategy_(std::move(strategy)),
        layout_(std::move(layout)),
        all_(clients.clients()) {}

  void round(const MpiCommand& command) override {
    if (command.task != Train<Scalar>::name) {  // not even the broadcast can be read
      throw Error(error::mpi, "rank " + std::to_string(ranks_->rank()) + " serves rounds of " +
                                  std::string(Train<Scalar>::name) + ", but rank 0 runs " + command.task +
                                  "; serve<float> goes with a Federation of float");
    }
    broadcast_ = take_broadcast(*ranks_, command.head, command.arrays, std::move(broadcast_));
    const std::shared_ptr<const TrainBroadcast<Scalar>> broadcast = broadcast_;
    const std::string wrong = mismatch(command, broadcast->parameters.layout());
    if (!wrong.empty()) {
      MpiFolded report;
      report.error = wrong;
      ranks_->send_value(0, MpiTag::folded, report);
      static_cast<void>(hear());
      return;
    }
    Patience patience;
    if (command.patience_ms) patience.deadline = std::chrono::milliseconds(*command.patience_ms);
    patience.grace = std::chrono::milliseconds(command.grace_ms);
    std::stop_source called_off;
    Watched clients(*clients_, [&] {
      if (command.interruptible && !called_off.stop_requested() && ranks_->probe(0, MpiTag::interrupt))
        called_off.request_stop();
    });
    Fold<StrategyType, Scalar> fold(strategy_, layout_, {});
    MpiFolded report =
        fold_here(clients, fold, command.all_clients ? all_ : command.clients, broadcast, patience,
                  command.interruptible ? called_off.get_token() : std::stop_token());
    fold.each_reply([&](const FoldedReply& reply) { report.replies.add(reply, all_); });
    ranks_->send_value(0, MpiTag::folded, report);
    const MpiGo go = hear();
    if (go.go) bring_together(*ranks_, fold, layout_, go);
  }

 private:
  /// Whether to go on, as rank 0 says when it has heard of all.
  [[nodiscard]] MpiGo hear() const {
    auto go = ranks_->receive_value<MpiGo>(0, MpiTag::go);
    if (go.called_off) static_cast<void>(ranks_->receive_message(0, MpiTag::interrupt));
    return go;
  }
  [[nodiscard]] std::string mismatch(const MpiCommand& command, const Layout& layout) const {
    if (command.strategy != strategy_.describe()) {
      return "serves the strategy " + strategy_.describe() + ", but rank 0 runs " + command.strategy +
             "; start the same program with the same settings on all ranks";
    }
    if (!(layout == layout_)) {
      return "has parameters of the layout " + layout_.describe() + ", but rank 0 has " + layout.describe() +
             "; give all ranks the same data columns and model settings";
    }
    return {};
  }

  const Communicator* ranks_;
  InProcess* clients_;
  StrategyType strategy_;
  Layout layout_;
  std::vector<ClientId> all_;
  std::shared_ptr<TrainBroadcast<Scalar>>
      broadcast_{};  // memory for the next: fresh memory costs more than to fill it
};

}  // namespace healthai::detail
