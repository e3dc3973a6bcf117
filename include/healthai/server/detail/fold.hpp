#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/metrics.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/core/training.hpp"
#include "healthai/strategy/concept.hpp"

namespace healthai::detail {

/// How many updates may wait to be aggregated together: at most 16, and 64 MiB of them.
template <class Scalar>
[[nodiscard]] std::size_t fold_batch(const Layout& layout) noexcept {
  constexpr std::size_t memory = std::size_t{64} << 20U;
  return std::clamp<std::size_t>(memory / (std::max)(layout.size() * sizeof(Scalar), std::size_t{1}), 1, 16);
}
/// Of a model so large that every vector of it counts, none is kept that is not needed.
template <class Scalar>
[[nodiscard]] bool saves_memory(const Layout& layout) noexcept {
  return fold_batch<Scalar>(layout) == 1;
}

/// Whether an aggregator's state is a sum, so that updates need not be kept: for AnyAggregator known at run time only.
template <class Scalar, class Aggregator>
[[nodiscard]] bool is_sum(const Aggregator& aggregator) {
  if constexpr (requires { aggregator.additive(); }) {
    return aggregator.additive();
  } else {
    static_cast<void>(aggregator);
    return AdditiveAggregator<Aggregator, Scalar>;
  }
}

/// One vector of a round's replies on its way into an aggregator's state. A few wait so that the aggregator can take them
/// together, which is faster and gives the same bits; of large models none.
template <class Aggregator, class Scalar>
class VectorFold {
  using State = typename Aggregator::template State<Scalar>;

 public:
  /// \param spare  memory that may become the result
  VectorFold(const Aggregator& aggregator, const Layout& layout, Parameters<Scalar> spare)
      : state_(begin(aggregator, layout, std::move(spare))), batch_(fold_batch<Scalar>(layout)) {}

  void add(Parameters<Scalar>&& values, double weight) {
    if (waiting_.size() >= batch_) flush();
    waiting_.push_back({std::move(values), weight});
    if (batch_ == 1 && !last_waits_) flush();
  }

  /// The aggregated vector. \throws Error as the aggregator's `finish` does
  [[nodiscard]] Parameters<Scalar> finish() {
    // An aggregator that can take the last updates while it finishes need not write its sums and read them again.
    if constexpr (requires { state_.finish(std::move(waiting_.front())); }) {
      if (waiting_.size() == 1) return state_.finish(std::move(waiting_.front()));
    }
    if constexpr (requires { state_.finish(std::span<const Update<Scalar>>(waiting_)); }) {
      return state_.finish(std::span<const Update<Scalar>>(waiting_));
    } else {
      flush();
      return state_.finish();
    }
  }

  /// The state itself, for a partial aggregate. The fold is spent afterwards.
  [[nodiscard]] State release() {
    flush();
    return std::move(state_);
  }

  /// From now on the last update waits, even of a large model: for whoever knows that it is the last, since whatever ends the
  /// fold can take what waits while it does.
  void let_last_wait() noexcept { last_waits_ = true; }
  [[nodiscard]] State& state() noexcept { return state_; }
  /// Before the first piece (see SumInPieces); nothing may be added any more.
  void begin_pieces() {
    if constexpr (!takes_last) flush();
  }
  void write_piece(std::size_t begin, std::size_t count, std::byte* piece) {
    if constexpr (takes_last) {
      state_.write_piece(std::span<const Update<Scalar>>(waiting_), begin, count, piece);
    } else {
      state_.write_piece(begin, count, piece);
    }
  }

 private:
  static constexpr bool takes_last =
      requires(State & state, std::span<const Update<Scalar>> last, std::byte* piece) {
    state.write_piece(last, std::size_t{}, std::size_t{}, piece);
  };

  static State begin(const Aggregator& aggregator, const Layout& layout, Parameters<Scalar> spare) {
    if constexpr (requires { aggregator.template begin<Scalar>(layout, std::move(spare)); }) {
      return aggregator.template begin<Scalar>(layout, std::move(spare));
    } else {
      return aggregator.template begin<Scalar>(layout);
    }
  }
  void flush() {
    if (waiting_.empty()) return;
    if constexpr (BatchAggregation<State, Scalar>) {
      state_.add_batch(std::span<const Update<Scalar>>(waiting_));
    } else {
      for (Update<Scalar>& update : waiting_) state_.add(std::move(update));
    }
    waiting_.clear();
  }

  State state_;
  std::size_t batch_;
  bool last_waits_ = false;
  std::vector<Update<Scalar>> waiting_;
};

/// What a round keeps of a reply beside its vectors.
struct FoldedReply {
  ClientId client{};
  double rows = 0;
  double weight = 0;
  Metrics metrics{};
  std::vector<SummandScalar> scalars{};
};

/// Folds checked replies as they come: every vector into an aggregator state of its own. What is small, and what a robust rule
/// keeps anyway, is added in the order of the clients' ids at the end, so that over a network the order of arrival shows in
/// the sums of an additive rule only (and in those of ReproducibleMean not at all).
template <class StrategyType, class Scalar>
class Fold {
  using Aggregator = std::remove_cvref_t<decltype(std::declval<const StrategyType&>().aggregator)>;

 public:
  using Broadcast = TrainBroadcast<Scalar>;

  /// \param spare  memory that may become the results; missing vectors are made
  Fold(const StrategyType& strategy, const Layout& layout, std::vector<Parameters<Scalar>> spare)
      : strategy_(&strategy), in_order_(!is_sum<Scalar>(strategy.aggregator)) {
    const std::size_t count = 1 + extra_vectors_of<StrategyType>().size();
    spare.resize(count);
    vectors_.reserve(count);
    for (Parameters<Scalar>& memory : spare)
      vectors_.emplace_back(strategy.aggregator, layout, std::move(memory));
  }

  /// \param discount  of the reply's weight
  /// \return why the reply cannot be used, if the strategy's `contribution` says so; nothing has been folded then.
  [[nodiscard]] std::optional<Failure> add(const ClientId& client, TrainReply<Scalar> reply,
                                           double discount = 1) {
    Part part{{client, reply.num_examples, 0, {}, {}}, {}};
    reply.num_examples *= discount;
    part.reply.metrics = std::exchange(reply.metrics, keeps_metrics ? reply.metrics : Metrics());
    Summand<Scalar> summand;
    try {
      summand = contribution(std::move(reply));
    } catch (const Error& e) {
      return Failure{client, std::string(e.id().name()),
                     "the reply of client " + client.str() + " cannot be used: " + e.what()};
    }
    part.reply.weight = summand.weight;
    if (weighted_.empty()) {
      for (const SummandVector<Scalar>& vector : summand.vectors) weighted_.push_back(vector.weighted);
    }
    if constexpr (AppliesRound<StrategyType, Scalar>) part.reply.scalars = std::move(summand.scalars);
    if (in_order_) {
      part.vectors = std::move(summand.vectors);
    } else {
      add_vectors(summand.vectors, summand.weight);
    }
    contributors_.push_back(client);
    settled_ = false;
    parts_.push_back(std::move(part));
    return std::nullopt;
  }

  /// In the order of arrival.
  [[nodiscard]] std::vector<ClientId>& contributors() noexcept { return contributors_; }
  [[nodiscard]] double num_examples() {
    settle();
    return num_examples_;
  }
  [[nodiscard]] Metrics& metrics() {
    settle();
    return metrics_;
  }
  /// Calls `visit(const FoldedReply&)` for each reply, in the order of the clients' ids.
  template <class Visit>
  void each_reply(Visit visit) {
    settle();
    for (const Part& part : parts_) visit(std::as_const(part.reply));
  }

  /// All but `clients` and `population`; at the end. \throws Error as the aggregator's `finish` does
  [[nodiscard]] RoundAggregate<Scalar> finish() {
    settle();
    if (no_aggregate_) throw Error(*no_aggregate_);
    for (Part& part : parts_) {
      if (in_order_ && !aggregated_) add_vectors(part.vectors, part.reply.weight);
      add_scalars(scalars_, std::move(part.reply.scalars));
    }
    RoundAggregate<Scalar> round;
    if (!aggregated_) {
      aggregated_.emplace();
      for (auto& vector : vectors_) aggregated_->push_back(vector.finish());
    }
    round.update = std::move(aggregated_->front());
    for (std::size_t i = 1; i < aggregated_->size(); ++i) round.extra.push_back(std::move((*aggregated_)[i]));
    if (saves_memory<Scalar>(round.update.layout())) vectors_.clear();
    round.scalars = std::move(scalars_);
    round.weight = weight_;
    return round;
  }

  /// The next reply is the last one.
  void let_last_wait() noexcept {
    for (auto& vector : vectors_) vector.let_last_wait();
  }

  // For a transport that folds replies where its clients are, in several folds which it brings together in this one.

  [[nodiscard]] const StrategyType& strategy() const noexcept { return *strategy_; }
  /// One a vector; where updates are kept (`keeps_updates`), nothing is in them yet.
  [[nodiscard]] std::span<VectorFold<Aggregator, Scalar>> vectors() noexcept { return vectors_; }
  [[nodiscard]] bool keeps_updates() const noexcept { return in_order_; }
  /// Of each vector, whether updates enter it with their weight (else all alike); empty without replies.
  [[nodiscard]] const std::vector<bool>& weighted() const noexcept { return weighted_; }
  /// Gives each kept update up to `take(vector number, values)`, in the order of the clients' ids.
  template <class Take>
  void release_updates(Take take) {
    settle();
    for (Part& part : parts_) {
      for (std::size_t i = 0; i < part.vectors.size(); ++i) take(i, std::move(part.vectors[i].values));
    }
  }
  /// Adds what was kept to the vectors, for one who wants their states.
  void add_kept_updates() {
    settle();
    for (Part& part : parts_) {
      if (!part.vectors.empty()) add_vectors(part.vectors, part.reply.weight);
      part.vectors.clear();
    }
  }
  /// A reply that is in another fold, without its vectors. \param weighted  that fold's
  void add_folded(FoldedReply&& reply, const std::vector<bool>& weighted) {
    if (weighted_.empty()) weighted_ = weighted;
    contributors_.push_back(reply.client);
    parts_.push_back({std::move(reply), {}});
    settled_ = false;
  }
  /// What `finish` shall make of all vectors, from elsewhere; or why there is nothing.
  void set_aggregated(std::vector<Parameters<Scalar>> vectors) { aggregated_ = std::move(vectors); }
  void set_no_aggregate(Error why) { no_aggregate_ = std::move(why); }

 private:
  /// Whether anyone looks at metrics in a Summand: else there is no need to give them names there.
  static constexpr bool keeps_metrics =
      AppliesRound<StrategyType, Scalar> || RescalesReplies<StrategyType, Scalar>;

  struct Part {
    FoldedReply reply;
    std::vector<SummandVector<Scalar>> vectors;  // for a robust rule
  };

  void add_vectors(std::vector<SummandVector<Scalar>>& vectors, double weight) {
    for (std::size_t i = 0; i < vectors_.size(); ++i) {
      vectors_[i].add(std::move(vectors[i].values), vectors[i].weighted ? weight : 1.0);
    }
  }
  /// In the order of the clients' ids, as replies of one process come; those of several folds are several such runs.
  void sort_parts() {
    const auto by_client = [](const Part& a, const Part& b) { return a.reply.client < b.reply.client; };
    constexpr std::size_t few = 64;
    std::vector<typename std::vector<Part>::iterator> runs{parts_.begin()};
    while (runs.back() != parts_.end() && runs.size() <= few)
      runs.push_back(std::is_sorted_until(runs.back(), parts_.end(), by_client));
    if (runs.back() != parts_.end()) return std::stable_sort(parts_.begin(), parts_.end(), by_client);
    for (std::size_t r = 2; r < runs.size(); ++r)
      std::inplace_merge(parts_.begin(), runs[r - 1], runs[r], by_client);
  }
  void settle() {
    if (std::exchange(settled_, true)) return;
    sort_parts();
    metrics_ = {};
    weight_ = num_examples_ = 0;
    for (const Part& part : parts_) {
      num_examples_ += part.reply.rows;
      weight_ += part.reply.weight;
      metrics_ += part.reply.metrics;
    }
  }

  [[nodiscard]] Summand<Scalar> contribution(TrainReply<Scalar>&& reply) const {
    if constexpr (RescalesReplies<StrategyType, Scalar>) {
      Summand<Scalar> summand = strategy_->contribution(std::move(reply));
      check(summand);  // the reply has been checked, not what was made of it
      return summand;
    } else {
      return Train<Scalar>::summand(std::move(reply));
    }
  }
  void check(const Summand<Scalar>& summand) const {
    const std::string strategy(StrategyType::name);
    if (summand.vectors.size() != vectors_.size() || !is_finite(summand.weight) || summand.weight < 0) {
      throw Error(error::invalid_reply,
                  "the strategy " + strategy + " made a contribution of it with the weight " +
                      std::to_string(summand.weight) + " and " + std::to_string(summand.vectors.size()) +
                      " vectors; the weight must be finite and not negative, and the vectors are the update "
                      "and the extra ones");
    }
    for (const SummandVector<Scalar>& vector : summand.vectors) {
      if (!all_finite<Scalar>(vector.values.span())) {
        throw Error(error::overflow,
                    "rescaled by the strategy " + strategy + ", it is too large for the parameters' type");
      }
    }
  }

  const StrategyType* strategy_;
  bool in_order_;
  std::vector<VectorFold<Aggregator, Scalar>> vectors_;
  std::vector<Part> parts_;
  std::vector<bool> weighted_;
  bool settled_ = false;
  std::optional<std::vector<Parameters<Scalar>>> aggregated_;
  std::optional<Error> no_aggregate_;
  std::vector<SummandScalar> scalars_;
  std::vector<ClientId> contributors_;
  Metrics metrics_;
  double weight_ = 0;
  double num_examples_ = 0;
};

}  // namespace healthai::detail
