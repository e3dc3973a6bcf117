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
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/training.hpp"
#include "healthai/strategy/concept.hpp"

namespace healthai::detail {

/// One vector of a round's replies on its way into an aggregator's state. A few wait so that the aggregator can take them
/// together, which is faster and gives the same bits.
template <class Aggregator, class Scalar>
class VectorFold {
 public:
  /// \param spare  memory that may become the result
  VectorFold(const Aggregator& aggregator, const Layout& layout, Parameters<Scalar> spare)
      : state_(begin(aggregator, layout, std::move(spare))), batch_(batch_for(layout)) {}

  void add(Parameters<Scalar>&& values, double weight) {
    if (waiting_.size() >= batch_) flush();
    waiting_.push_back({std::move(values), weight});
  }

  /// The aggregated vector. \throws Error as the aggregator's `finish` does
  [[nodiscard]] Parameters<Scalar> finish() {
    // An aggregator that can take the last updates while it finishes reads them once and its sums not at all.
    if constexpr (requires { state_.finish(std::span<const Update<Scalar>>(waiting_)); }) {
      return state_.finish(std::span<const Update<Scalar>>(waiting_));
    } else {
      flush();
      return state_.finish();
    }
  }

 private:
  using State = typename Aggregator::template State<Scalar>;

  static State begin(const Aggregator& aggregator, const Layout& layout, Parameters<Scalar> spare) {
    if constexpr (requires { aggregator.template begin<Scalar>(layout, std::move(spare)); }) {
      return aggregator.template begin<Scalar>(layout, std::move(spare));
    } else {
      return aggregator.template begin<Scalar>(layout);
    }
  }
  /// At most 16 updates wait, and 64 MiB of them.
  [[nodiscard]] static std::size_t batch_for(const Layout& layout) noexcept {
    constexpr std::size_t memory = std::size_t{64} << 20U;
    return std::clamp<std::size_t>(memory / (std::max)(layout.size() * sizeof(Scalar), std::size_t{1}), 1,
                                   16);
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
  std::vector<Update<Scalar>> waiting_;
};

/// Adds numbers to sums of the same names; a name that is new begins a sum.
inline void add_scalars(std::vector<SummandScalar>& sums, std::vector<SummandScalar>&& scalars) {
  if (sums.empty()) {
    sums = std::move(scalars);
    return;
  }
  for (std::size_t i = 0; i < scalars.size(); ++i) {
    if (i < sums.size() &&
        sums[i].name == scalars[i].name) {  // the rule: all clients send the same, in order
      sums[i].value += scalars[i].value;
      continue;
    }
    const auto same = std::find_if(sums.begin(), sums.end(),
                                   [&](const SummandScalar& sum) { return sum.name == scalars[i].name; });
    if (same != sums.end()) {
      same->value += scalars[i].value;
    } else {
      sums.push_back(std::move(scalars[i]));
    }
  }
}

/// Folds checked replies as they come: every vector into an aggregator state of its own, the numbers into sums.
template <class StrategyType, class Scalar>
class Fold {
  using Aggregator = std::remove_cvref_t<decltype(std::declval<const StrategyType&>().aggregator)>;

 public:
  /// \param spare  memory that may become the results; missing vectors are made
  Fold(const StrategyType& strategy, const Layout& layout, std::vector<Parameters<Scalar>> spare)
      : strategy_(&strategy) {
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
    const double rows = reply.num_examples;
    reply.num_examples *= discount;
    const Metrics metrics = std::exchange(reply.metrics, keeps_metrics ? reply.metrics : Metrics());
    Summand<Scalar> summand;
    try {
      summand = contribution(std::move(reply));
    } catch (const Error& e) {
      return Failure{client, std::string(e.id().name()),
                     "the reply of client " + client.str() + " cannot be used: " + e.what()};
    }
    contributors_.push_back(client);
    num_examples_ += rows;
    metrics_ += metrics;
    weight_ += summand.weight;
    if constexpr (AppliesRound<StrategyType, Scalar>) add_scalars(scalars_, std::move(summand.scalars));
    for (std::size_t i = 0; i < vectors_.size(); ++i) {
      SummandVector<Scalar>& vector = summand.vectors[i];
      vectors_[i].add(std::move(vector.values), vector.weighted ? summand.weight : 1.0);
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<ClientId>& contributors() noexcept { return contributors_; }
  [[nodiscard]] double num_examples() const noexcept { return num_examples_; }
  [[nodiscard]] Metrics& metrics() noexcept { return metrics_; }

  /// All but `clients` and `population`. \throws Error as the aggregator's `finish` does
  [[nodiscard]] RoundAggregate<Scalar> finish() {
    RoundAggregate<Scalar> round;
    round.update = vectors_.front().finish();
    for (std::size_t i = 1; i < vectors_.size(); ++i) round.extra.push_back(vectors_[i].finish());
    round.scalars = std::move(scalars_);
    round.weight = weight_;
    return round;
  }

 private:
  /// Whether anyone looks at metrics in a Summand: else there is no need to give them names there.
  static constexpr bool keeps_metrics =
      AppliesRound<StrategyType, Scalar> || RescalesReplies<StrategyType, Scalar>;

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
  std::vector<VectorFold<Aggregator, Scalar>> vectors_;
  std::vector<SummandScalar> scalars_;
  std::vector<ClientId> contributors_;
  Metrics metrics_;
  double weight_ = 0;
  double num_examples_ = 0;
};

}  // namespace healthai::detail
