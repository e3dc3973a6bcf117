#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/client/task_handlers.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/detail/partial_fold.hpp"
#include "healthai/transport/partial_sum.hpp"

namespace healthai {

/// How a relay looks after its region.
struct RelayOptions {
  /// The longest that the region's clients are waited for, whatever time the coordinator gives; none: as long as it says.
  std::optional<std::chrono::milliseconds> deadline{};
  /// The fewest clients whose sum may leave the region, > 0. A sum of one client is that client's update.
  std::size_t quorum = 1;
};

namespace detail {

/// What the handlers of one relay share.
template <class Region, class Aggregator>
class Relay {
 public:
  Relay(std::shared_ptr<Region> region, Aggregator aggregator, RelayOptions options)
      : region_(std::move(region)), aggregator_(std::move(aggregator)), options_(options) {
    if (!region_) throw Error(error::invalid_argument, "relay: there is no region");
    if (options_.quorum == 0) throw Error(error::invalid_argument, "relay: quorum must be at least 1");
    if (options_.deadline && options_.deadline->count() <= 0)
      throw Error(error::invalid_argument, "relay: deadline must be positive");
  }

  [[nodiscard]] RegionRoster::Reply roster(const Request<RegionRoster::Broadcast>& request) {
    // A region of relays has to ask them in turn, and in time.
    if constexpr (requires { region_->clients(std::chrono::milliseconds{}); }) {
      if (request->patience_ms > 0) return {region_->clients(milliseconds(request->patience_ms))};
    }
    return {region_->clients()};
  }

  template <AdditiveTask T>
  [[nodiscard]] PartialAggregate<Aggregator, typename T::Scalar> sum(
      const Request<PartialSumBroadcast<T>>& request, std::stop_token stop) {
    if (!request->work) throw Error(error::invalid_argument, "a partial sum was asked for without any work");
    const std::vector<ClientId> ids = asked(request->shares, request.client);
    std::optional<std::chrono::milliseconds> patience = options_.deadline;
    if (request->patience_ms) {
      const auto theirs = milliseconds(*request->patience_ms);
      patience = patience ? (std::min)(*patience, theirs) : theirs;
    }
    SumRules rules;
    rules.accepts_partial_work = request->accepts_partial_work;
    rules.grace = milliseconds(request->grace_ms);
    rules.extra_vectors = request->extra_vectors;
    rules.hand_in = std::move(stop);

    PartialAggregate<Aggregator, typename T::Scalar> part;
    if constexpr (Transport<Region, T>) {
      PartialFold<T, Aggregator> fold(aggregator_, *request->work, rules);
      auto failures = gather<T>(*region_, ids, request->work, {patience, rules.grace, rules.hand_in},
                                std::stop_token{}, [&fold](const ClientId& client, typename T::Reply reply) {
                                  return fold.add(client, std::move(reply));
                                });
      part = fold.finish();
      part.failures = std::move(failures).value();
    } else {
      part = sum_over<T>(*region_, aggregator_, ids, request->work, patience, rules).value();
    }
    if (part.contributors.size() < options_.quorum) withhold(part);
    return part;
  }

 private:
  /// What a peer says, in the range of clocks.
  [[nodiscard]] static std::chrono::milliseconds milliseconds(std::uint64_t count) {
    constexpr std::uint64_t year = 366ULL * 24 * 3600 * 1000;
    return std::chrono::milliseconds((std::min)(count, year));
  }

  [[nodiscard]] std::vector<ClientId> asked(const std::vector<RegionShare>& shares, const ClientId& relay) {
    if (shares.empty()) return region_->clients();
    for (const RegionShare& share : shares) {
      if (share.relay == relay) return share.clients;
    }
    throw Error(error::invalid_argument,
                "relay " + relay.str() + " was sent a request that is for the clients of other relays only");
  }

  /// Too few for their sum to be shown: they count as failed.
  template <class Scalar>
  void withhold(PartialAggregate<Aggregator, Scalar>& part) const {
    for (const ClientId& client : part.contributors) {
      part.failures.push_back({client, std::string(error::below_quorum.name()),
                               "client " + client.str() + " replied, but only " +
                                   std::to_string(part.contributors.size()) +
                                   " of the region did, and a sum of fewer than " +
                                   std::to_string(options_.quorum) + " does not leave it"});
    }
    part = {{}, 0, {}, {}, std::move(part.failures)};
  }

  std::shared_ptr<Region> region_;
  Aggregator aggregator_;
  RelayOptions options_;
};

template <AdditiveTask T, class Region, class Aggregator>
void offer_sum(TaskHandlers& handlers, const std::shared_ptr<Relay<Region, Aggregator>>& relay) {
  static_assert(AdditiveAggregator<Aggregator, typename T::Scalar>,
                "healthai: a relay answers with the sum of its region, and this aggregator needs to see each "
                "update. Use an additive aggregator such as WeightedMean or ReproducibleMean");
  static_assert(Transport<Region, T> || SummingTransport<Region, T>,
                "healthai: the region of a relay is neither a Transport nor a SummingTransport: see "
                "transport/concept.hpp and docs/how-to-write-a-transport.md");
  if constexpr (AdditiveAggregator<Aggregator, typename T::Scalar> &&
                (Transport<Region, T> || SummingTransport<Region, T>)) {
    using Sum = PartialSum<T, Aggregator>;
    handlers.offer<Sum>([relay](const Request<typename Sum::Broadcast>& request, std::stop_token stop) {
      return relay->template sum<T>(request, std::move(stop));
    });
  }
}

}  // namespace detail

/// What a relay offers the coordinator above it: a coordinator for its region that is one client of the next level. It lets
/// the region's clients do the work, makes the checks that a Federation makes of their replies (decompression, layout, finite
/// numbers, positive num_examples), and answers with their sum as a PartialAggregate: the next level sees sums, and
/// the names of those who contributed or failed.
///
///     InProcess relays;
///     relays.add("north", relay_handlers(std::make_shared<InProcess>(hospitals_of_the_north())));
///     Relays world{relays};
///     Federation federation{FedAvg{}, world};
///
/// For training in double; for other tasks name them all: `relay_handlers<Train<float>, Evaluate<float>>(region)`.
///
/// Deadline: the region's clients have the time that the request says, and `RelayOptions::deadline` at most. When the stop token is
/// requested, their deadline has come: the relay hands in the sum of those who replied.
///
/// A relay sees the updates of its region, unless the region's transport only sums. What its clients remember from round to round
/// stays with them: a checkpoint above does not hold it.
///
/// \tparam Tasks   additive tasks; none: Train<double> and Evaluate<double>
/// \param region   a Transport, or a SummingTransport (a Relays, for a region of regions); only the relay may use it from now on
/// \param aggregator  the one of the coordinator's strategy, an AdditiveAggregator; coordinator and relays must have the same type
/// \throws Error (`invalid_argument`) for options outside their range
/// Thread safety: one call of a handler at a time, as for every client.
template <AdditiveTask... Tasks, class Region, class Aggregator = WeightedMean>
[[nodiscard]] TaskHandlers relay_handlers(std::shared_ptr<Region> region, Aggregator aggregator = {},
                                          RelayOptions options = {}) {
  auto relay =
      std::make_shared<detail::Relay<Region, Aggregator>>(std::move(region), std::move(aggregator), options);
  TaskHandlers handlers;
  handlers.offer<RegionRoster>([relay](const Request<RegionRoster::Broadcast>& request, std::stop_token) {
    return relay->roster(request);
  });
  if constexpr (sizeof...(Tasks) == 0) {
    detail::offer_sum<Train<double>>(handlers, relay);
    detail::offer_sum<Evaluate<double>>(handlers, relay);
  } else {
    (detail::offer_sum<Tasks>(handlers, relay), ...);
  }
  return handlers;
}

/// The same for a region that somebody else owns. It must outlive the handlers, and every thread that may still run one.
template <AdditiveTask... Tasks, class Region, class Aggregator = WeightedMean>
requires requires(Region& region) {
  region.clients();
}
[[nodiscard]] TaskHandlers relay_handlers(Region& region, Aggregator aggregator = {},
                                          RelayOptions options = {}) {
  return relay_handlers<Tasks...>(std::shared_ptr<Region>(std::shared_ptr<Region>(), &region),
                                  std::move(aggregator), options);
}

}  // namespace healthai
