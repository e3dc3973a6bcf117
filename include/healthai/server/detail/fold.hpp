#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/training.hpp"

namespace healthai::detail {

/// What is wrong with a training reply, if anything: nothing that this rejects may reach a model.
template <class Scalar>
[[nodiscard]] std::optional<Failure> check_reply(const ClientId& client, const TrainReply<Scalar>& reply,
                                                 const Layout& layout, bool accepts_partial_work) {
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
  return std::nullopt;
}

/// Folds checked replies into an aggregator's state as they come. A few wait so that the aggregator can take them together,
/// which is faster and gives the same bits.
template <class Aggregator, class Scalar>
class Fold {
 public:
  /// \param spare  memory that may become the result
  Fold(const Aggregator& aggregator, const Layout& layout, Parameters<Scalar> spare)
      : state_(begin(aggregator, layout, std::move(spare))), batch_(batch_for(layout)) {}

  void add(const ClientId& client, TrainReply<Scalar> reply) {
    if (waiting_.size() >= batch_) flush();
    contributors_.push_back(client);
    weight_ += reply.num_examples;
    metrics_ += reply.metrics;
    waiting_.push_back({std::move(reply.update), reply.num_examples});
  }

  [[nodiscard]] std::vector<ClientId>& contributors() noexcept { return contributors_; }
  [[nodiscard]] double weight() const noexcept { return weight_; }
  [[nodiscard]] Metrics& metrics() noexcept { return metrics_; }

  /// The aggregated update. \throws Error as the aggregator's `finish` does
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
  std::vector<ClientId> contributors_;
  Metrics metrics_;
  double weight_ = 0;
};

}  // namespace healthai::detail
