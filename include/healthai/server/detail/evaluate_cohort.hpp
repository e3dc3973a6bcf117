#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/server/round_report.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// Asks `cohort` to evaluate. \return nothing if `stop` was requested meanwhile. The report's `quorum` and `central` are left to
///   the caller.
template <class Scalar, class TransportType, class Aggregator>
[[nodiscard]] std::optional<EvaluationReport> evaluate_cohort(
    TransportType& transport, const Aggregator& aggregator, std::span<const ClientId> cohort,
    std::shared_ptr<const EvaluateBroadcast<Scalar>> broadcast,
    const std::optional<std::chrono::milliseconds>& deadline, const std::stop_token& stop) {
  EvaluationReport result;
  if constexpr (Transport<TransportType, Evaluate<Scalar>>) {
    std::vector<std::pair<ClientId, Metrics>> replies;
    auto failures = gather<Evaluate<Scalar>>(
        transport, cohort, std::move(broadcast), {deadline, {}}, stop,
        [&](const ClientId& client, const EvaluateReply& reply) -> std::optional<Failure> {
          if (!reply.metrics.all_finite()) {
            return Failure{client, std::string(error::not_finite.name()),
                           "client " + client.str() + " evaluated to a metric that is NaN or infinite"};
          }
          replies.emplace_back(client, reply.metrics);
          return std::nullopt;
        });
    if (!failures) return std::nullopt;
    // In the order of ids, so that the sums do not depend on that of arrival.
    std::ranges::sort(replies, {}, &std::pair<ClientId, Metrics>::first);
    for (const auto& [client, metrics] : replies) {
      result.clients += metrics;
      result.participants.push_back(client);
    }
    result.failures = std::move(*failures);
  } else {
    SumRules rules;
    rules.stop = stop;
    auto sums =
        sum_over<Evaluate<Scalar>>(transport, aggregator, cohort, std::move(broadcast), deadline, rules);
    if (!sums) return std::nullopt;
    result.clients = metrics_of(sums->scalars);
    result.participants = std::move(sums->contributors);
    result.failures = std::move(sums->failures);
  }
  return result;
}

}  // namespace healthai::detail
