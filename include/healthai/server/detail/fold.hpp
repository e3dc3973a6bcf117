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

/// What is wrong with the extra vectors of a reply, if anything: they must be those that the strategy asks for, in order.
template <class Scalar>
[[nodiscard]] std::optional<std::pair<ErrorId, std::string>> check_extra(
    const std::vector<SummandVector<Scalar>>& extra, std::span<const ExtraVector> wanted,
    const Layout& layout) {
  const auto same = [](const SummandVector<Scalar>& vector, const ExtraVector& wish) {
    return vector.name == wish.name && vector.weighted == wish.weighted;
  };
  if (!std::equal(extra.begin(), extra.end(), wanted.begin(), wanted.end(), same)) {
    const auto list = [](const auto& vectors) {
      std::string names;
      for (const auto& vector : vectors) {
        names += (names.empty() ? "" : ", ") + std::string(vector.name) +
                 (vector.weighted ? "" : " (not weighted)");
      }
      return names.empty() ? std::string("none") : names;
    };
    return std::pair{error::invalid_reply,
                     "sent the extra vectors: " + list(extra) + "; the strategy needs: " + list(wanted) +
                         ". Wrap the client in the class that makes them (ControlVariates, say), or fill "
                         "TrainReply::extra accordingly"};
  }
  for (const SummandVector<Scalar>& vector : extra) {
    if (!(vector.values.layout() == layout)) {
      return std::pair{error::layout_mismatch, "sent the extra vector " + vector.name + " with the layout " +
                                                   vector.values.layout().describe() + "; expected " +
                                                   layout.describe()};
    }
    if (!all_finite<Scalar>(vector.values.span())) {
      return std::pair{error::not_finite, "sent the extra vector " + vector.name +
                                              ", which holds NaN or infinity; try a smaller learning rate "
                                              "there"};
    }
  }
  return std::nullopt;
}

/// What is wrong with a training reply, if anything: nothing that this rejects may reach a model.
template <class Scalar>
[[nodiscard]] std::optional<Failure> check_reply(const ClientId& client, const TrainReply<Scalar>& reply,
                                                 const Layout& layout, bool accepts_partial_work,
                                                 std::span<const ExtraVector> extra_vectors) {
  const auto reject = [&client](ErrorId id, const std::string& what) {
    return Failure{client, std::string(id.name()), "client " + client.str() + " " + what};
  };
  if (!(reply.update.layout() == layout)) {
    return reject(error::layout_mismatch, "sent an update of the layout " + reply.update.layout().describe() +
                                              "; expected " + layout.describe());
  }
  if (reply.partial && (!accepts_partial_work || reply.local_steps == 0)) {
    return reject(error::partial_work, "stopped after " + std::to_string(reply.local_steps) +
                                           " local steps; the strategy only takes finished work");
  }
  if (!is_finite(reply.num_examples) || reply.num_examples <= 0) {
    return reject(error::invalid_reply,
                  "says that it trained on " + std::to_string(reply.num_examples) + " rows");
  }
  if (!all_finite(reply.update.span())) {
    return reject(error::not_finite,
                  "sent an update that holds NaN or infinity; try a smaller learning rate there");
  }
  if (!reply.metrics.all_finite()) {
    return reject(error::not_finite, "sent a metric that is NaN or infinite");
  }
  for (const auto& [value, what] : {std::pair{reply.effective_steps, "effective_steps"},
                                    std::pair{reply.learning_rate, "learning_rate"}}) {
    if (!is_finite(value) || value < 0) {
      return reject(error::invalid_reply, "sent " + std::string(what) + " = " + std::to_string(value) +
                                              "; it must be finite and not negative");
    }
  }
  if (reply.initial_loss && !is_finite(*reply.initial_loss)) {
    return reject(error::not_finite, "sent an initial loss that is NaN or infinite");
  }
  for (const SummandScalar& scalar : reply.extra_scalars) {
    if (!is_finite(scalar.value)) {
      return reject(error::not_finite, "sent the number " + scalar.name + ", which is NaN or infinite");
    }
  }
  if (const auto wrong = check_extra(reply.extra, extra_vectors, layout)) {
    return reject(wrong->first, wrong->second);
  }
  return std::nullopt;
}

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

  /// \throws Error when the strategy's `contribution` does; nothing has been folded then.
  void add(const ClientId& client, TrainReply<Scalar> reply) {
    const double rows = reply.num_examples;
    Metrics metrics = reply.metrics;
    Summand<Scalar> summand = contribution(std::move(reply));
    if (summand.vectors.size() != vectors_.size() || !is_finite(summand.weight) || summand.weight < 0) {
      throw Error(error::invalid_reply,
                  "the strategy " + std::string(StrategyType::name) +
                      " made a contribution of it with the weight " + std::to_string(summand.weight) +
                      " and " + std::to_string(summand.vectors.size()) +
                      " vectors; the weight must be finite and not negative, and the vectors are the update "
                      "and the extra ones");
    }
    if constexpr (RescalesReplies<StrategyType,
                                  Scalar>) {  // the reply has been checked, not what was made of it
      for (const SummandVector<Scalar>& vector : summand.vectors) {
        if (!all_finite<Scalar>(vector.values.span())) {
          throw Error(error::overflow, "rescaled by the strategy " + std::string(StrategyType::name) +
                                           ", it is too large for the parameters' type");
        }
      }
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
  [[nodiscard]] Summand<Scalar> contribution(TrainReply<Scalar>&& reply) const {
    if constexpr (RescalesReplies<StrategyType, Scalar>) {
      return strategy_->contribution(std::move(reply));
    } else {
      return Train<Scalar>::summand(std::move(reply));
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
