#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/secagg/detail/secure_round.hpp"
#include "healthai/secagg/ranges.hpp"
#include "healthai/secagg/tasks.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// How a SecureAggregation works.
struct SecureAggregationOptions {
  /// What the sums must withstand. The clients compare it with their own rules.
  secagg::SecAggOptions protocol{};
  /// In which ranges numbers are clipped and rounded before they are masked; what has no range does not travel.
  secagg::SumRanges ranges{};
  /// The longest that clients are waited for in a step without work.
  std::chrono::milliseconds step_deadline{30000};
};

/// A transport that can sum and cannot show: secure aggregation over any transport whose clients offer `secagg::secure_handlers`. The
/// coordinator, which this is, learns the sum and who is in it, and nothing else of anybody; see docs/secure-aggregation.md.
///
///     SecureAggregation secure{hospitals, members, {.ranges = {.update_clip = 1, .most_examples = 1e5}}};
///     Federation federation{FedAvg{}, secure, {.rounds = 50}};
///
/// So a strategy whose rule has to see each update, or that looks at replies one by one, does not compile over it. Sums are exact sums of
/// whole numbers: the mean differs from the plain one by the rounding of `ranges` only. A client that cannot be part of a round (too
/// late, or it refuses) is a Failure like any other; where fewer than the threshold are left, all are, and no sum is opened.
///
/// Satisfies SummingTransport for every additive task that SumRanges can plan. Thread safety: as Transport says.
/// \tparam TransportType  a Transport for the steps; it must outlive this object
template <class TransportType>
class SecureAggregation {
 public:
  /// \param members  the pinned roster: the sums are over all of these, whoever is there
  /// \throws Error (`invalid_argument`) for options that cannot be met with a roster of this size
  SecureAggregation(TransportType& transport, std::shared_ptr<const secagg::Members> members,
                    SecureAggregationOptions options)
      : transport_(&transport),
        members_(std::move(members)),
        options_(std::move(options)),
        parameters_(secagg::SecAggParameters::of(members_->size(), options_.protocol)) {
    options_.ranges.noise = options_.ranges.noise.within(parameters_);
  }

  /// Members that are there.
  [[nodiscard]] std::vector<ClientId> clients() {
    std::vector<ClientId> ids = transport_->clients();
    std::erase_if(ids, [this](const ClientId& id) { return !members_->find(id); });
    return ids;
  }
  [[nodiscard]] Traffic traffic() const { return transport_->traffic(); }
  [[nodiscard]] const secagg::SecAggParameters& parameters() const noexcept { return parameters_; }

  /// One secure sum, as SummingTransport says. It waits for the work as long as `deadline` says, and for the other steps as the options do.
  template <AdditiveTask T, class Aggregator>
  [[nodiscard]] PartialAggregate<Aggregator, typename T::Scalar> sum(
      const Aggregator& aggregator, std::span<const ClientId> ids,
      std::shared_ptr<const typename T::Broadcast> broadcast, Deadline deadline, const SumRules& rules = {}) {
    using Scalar = typename T::Scalar;
    PartialAggregate<Aggregator, Scalar> part;
    secagg::detail::SecureRound<T, TransportType> round(*transport_, members_, ids, options_.step_deadline,
                                                        rules);
    try {
      secagg::Terms terms;
      terms.id = round_id(*broadcast);
      terms.members = members_->ids();
      terms.parameters = parameters_;
      terms.graph_seed = random_bytes<32>();
      terms.plan = options_.ranges.template plan<T>(*broadcast, rules, members_->size());
      std::optional<std::chrono::milliseconds> patience;
      if (deadline != Deadline::max()) {
        patience = (std::max)(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                              std::chrono::milliseconds{1});
      }
      const std::optional<secagg::RingVector> opened = round.run(terms, std::move(broadcast), patience);
      if (!opened) return part;
      part.contributors = round.contributors();
      const Summand<double> total =
          opened->visit([&](auto words) { return terms.plan.decode(words, part.contributors.size()); });
      part.weight = total.weight;
      part.scalars = total.scalars;
      for (std::size_t i = 0; i < total.vectors.size(); ++i) {
        part.states.push_back(aggregator.template begin<Scalar>(total.vectors[i].values.layout()));
        part.states.back().add_sum(
            total.vectors[i].values.span(),
            total.vectors[i].weighted ? total.weight : static_cast<double>(part.contributors.size()));
      }
    } catch (const Error& reason) {
      part = {};
      round.fail_all(reason);
    }
    part.failures = round.failures();
    return part;
  }

 private:
  template <class Broadcast>
  [[nodiscard]] RoundId round_id(const Broadcast& broadcast) {
    if constexpr (requires {
                    { broadcast.id } -> std::convertible_to<RoundId>;
                  }) {
      return broadcast.id;
    } else {
      return {0, ++unnamed_, 0};
    }
  }

  TransportType* transport_;
  std::shared_ptr<const secagg::Members> members_;
  SecureAggregationOptions options_;
  secagg::SecAggParameters parameters_;
  std::uint64_t unnamed_ = 0;  // requests of tasks without rounds
};

}  // namespace healthai
