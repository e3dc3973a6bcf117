#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/partial_aggregate.hpp"
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

/// Folds checked replies into a PartialAggregate as they come. A few wait so that an aggregator can take them together,
/// which is faster and gives the same bits.
template <class Aggregator, class Scalar>
class Fold {
 public:
  Fold(const Aggregator& aggregator, const Layout& layout) : aggregator_(aggregator), layout_(layout) {}

  void add(const ClientId& client, TrainReply<Scalar> reply) {
    if (result_.states.empty()) result_.states.push_back(aggregator_.template begin<Scalar>(layout_));
    result_.contributors.push_back(client);
    result_.weight += reply.num_examples;
    metrics_ += reply.metrics;
    waiting_.push_back({std::move(reply.update), reply.num_examples});
    if (waiting_.size() >= batch()) flush();
  }

  /// Everything folded, and the metrics.
  [[nodiscard]] std::pair<PartialAggregate<Aggregator, Scalar>, Metrics> finish() {
    flush();
    return {std::move(result_), std::move(metrics_)};
  }

 private:
  /// At most 16 updates wait, and 64 MiB of them.
  [[nodiscard]] std::size_t batch() const noexcept {
    constexpr std::size_t memory = std::size_t{64} << 20U;
    return std::clamp<std::size_t>(memory / (std::max)(layout_.size() * sizeof(Scalar), std::size_t{1}), 1,
                                   16);
  }
  void flush() {
    if (waiting_.empty()) return;
    auto& state = result_.states.front();
    if constexpr (BatchAggregation<typename Aggregator::template State<Scalar>, Scalar>) {
      state.add_batch(std::span<const Update<Scalar>>(waiting_));
    } else {
      for (Update<Scalar>& update : waiting_) state.add(std::move(update));
    }
    waiting_.clear();
  }

  const Aggregator& aggregator_;
  Layout layout_;
  PartialAggregate<Aggregator, Scalar> result_;
  Metrics metrics_;
  std::vector<Update<Scalar>> waiting_;
};

}  // namespace healthai::detail
