#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/failure.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/training.hpp"
#include "healthai/strategy/round_aggregate.hpp"

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

}  // namespace healthai::detail
