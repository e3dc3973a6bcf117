#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/concept.hpp"
#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/detail/check_part.hpp"
#include "healthai/transport/partial_sum.hpp"

namespace healthai {

/// How a coordinator deals with its relays.
struct RelaysOptions {
  /// How much earlier than the coordinator's the deadline of a region's clients is, for the way of the request and of the sum: but a
  /// quarter of the whole time at most.
  std::chrono::milliseconds margin{5000};
  /// How long relays have to say who their clients are.
  std::chrono::milliseconds roster_deadline{5000};
};

/// The clients behind relays, as one transport that sums: wraps a Transport whose clients are relays (see `relay_handlers`). The
/// coordinator sees the sums of regions and who is in them; quorums, selections and reports count the clients of the regions. Relays of
/// relays work the same, to any depth.
///
///     Relays world{relays};
///     Federation federation{FedAvg{}, world, {.rounds = 50, .quorum = 10}};
///
/// - Partial aggregates are merged in the order of the relays' ids, so that the order of arrival does not matter. With
///   ReproducibleMean the result has the same bits as without relays, and for any grouping into regions; with WeightedMean the last
///   bits depend on the grouping, as sums are then added in another order. Numbers (metrics, weights) are summed in double.
/// - A relay that fails, or answers what cannot be, is a Failure of each of its clients that was asked. Failures name the relay.
/// - `clients()` asks the relays who their clients are whenever a sum was made or a relay has come or gone since it was last
///   asked. A relay that does not say keeps the clients that it had, and is itself among the failures of each sum.
/// - A client in two regions: an Error when they are first asked. Later it stays where it was, and the other relay is among the
///   failures of each sum; or it is in neither, and among the failures itself.
/// - What comes from a relay is checked, but nobody can check that a sum is the sum of its clients: relays are trusted with their
///   regions.
///
/// Memory: while relays reply in the order of their ids one state a vector; else one more for each relay that waits for its turn.
/// Traffic is that between the coordinator and the relays. Satisfies SummingTransport for every additive task that the relays offer.
/// \tparam TransportType  kept by reference, and must outlive this object
/// Thread safety: as Transport says.
template <class TransportType>
class Relays {
  static_assert(Transport<TransportType, RegionRoster>,
                "healthai: Relays wraps a Transport whose clients are relays: see relay_handlers and "
                "transport/concept.hpp");

 public:
  /// \throws Error (`invalid_argument`) for options outside their range
  explicit Relays(TransportType& relays, RelaysOptions options = {}) : relays_(&relays), options_(options) {
    if (options_.margin.count() < 0)
      throw Error(error::invalid_argument, "relays: margin must not be negative");
    if (options_.roster_deadline.count() <= 0)
      throw Error(error::invalid_argument, "relays: roster_deadline must be positive");
  }

  /// The clients of all regions, in the order of their ids. \throws Error (`invalid_id`), naming both relays, if a client is in two
  ///   regions when they are first asked
  [[nodiscard]] std::vector<ClientId> clients() { return clients(options_.roster_deadline); }
  /// The same, with another time for the relays to answer.
  [[nodiscard]] std::vector<ClientId> clients(std::chrono::milliseconds roster_deadline) {
    std::vector<ClientId> present = relays_->clients();
    std::sort(present.begin(), present.end());
    if (stale_ || present != present_) ask_rosters(std::move(present), roster_deadline);
    std::vector<ClientId> ids;
    ids.reserve(relay_of_.size());
    for (const auto& [client, relay] : relay_of_) ids.push_back(client);
    return ids;
  }

  /// Which relay each client belongs to, as of the last time that they were asked.
  [[nodiscard]] const std::map<ClientId, ClientId>& relay_of() const noexcept { return relay_of_; }

  [[nodiscard]] Traffic traffic() const { return relays_->traffic(); }

  /// See SummingTransport. Contributors and failures are in the order of their ids.
  /// \throws Error as `clients` does, if that was never called
  template <AdditiveTask T, class Aggregator>
  [[nodiscard]] PartialAggregate<Aggregator, typename T::Scalar> sum(
      const Aggregator& aggregator, std::span<const ClientId> ids,
      std::shared_ptr<const typename T::Broadcast> broadcast, Deadline deadline, const SumRules& rules = {}) {
    static_assert(AdditiveAggregator<Aggregator, typename T::Scalar>,
                  "healthai: relays sum updates and cannot show them, and this aggregator needs to see each "
                  "one. Use an "
                  "additive aggregator such as WeightedMean");
    static_cast<void>(aggregator);  // the relays have one of the same type
    if (!asked_) static_cast<void>(clients());
    Sum<T, Aggregator> sum{broadcast, rules, share_out(ids)};
    sum.total.failures = failures_;
    for (const ClientId& client : sum.asked.unknown) {
      sum.total.failures.push_back({client, std::string(error::no_clients.name()),
                                    "client " + client.str() + " is in the region of no relay"});
    }

    auto request = std::make_shared<PartialSumBroadcast<T>>();
    for (const auto& [relay, clients] : sum.asked.shares) request->shares.push_back({relay, clients});
    request->accepts_partial_work = rules.accepts_partial_work;
    request->grace_ms = count(rules.grace);
    request->extra_vectors = rules.extra_vectors;
    request->work = std::move(broadcast);
    const detail::Patience patience = share_time(deadline, rules, *request);

    std::vector<ClientId> relays;
    for (const auto& [relay, clients] : sum.asked.shares) relays.push_back(relay);
    const auto failed = detail::gather<PartialSum<T, Aggregator>>(
        *relays_, relays, std::move(request), patience, rules.stop,
        [&](const ClientId& relay,
            PartialAggregate<Aggregator, typename T::Scalar> part) -> std::optional<Failure> {
          sum.parts.emplace(relay, std::move(part));
          sum.merge_in_turn(*this);
          return std::nullopt;
        });
    stale_ = true;
    if (!failed) return {};
    for (const Failure& failure : *failed) sum.fail(failure.client, failure.error, failure.message);
    sum.merge_rest(*this);
    return sum.finish();
  }

 private:
  /// Who is asked for a sum.
  struct Asked {
    std::map<ClientId, std::vector<ClientId>> shares;  // of each relay, sorted
    std::vector<ClientId> unknown;
  };

  /// A sum in the making.
  template <class T, class Aggregator>
  struct Sum {
    using Part = PartialAggregate<Aggregator, typename T::Scalar>;
    std::shared_ptr<const typename T::Broadcast> work;
    const SumRules& rules;
    Asked asked;
    Part total{};
    std::map<ClientId, Part> parts{};  // that wait for their turn
    std::size_t merged = 0;            // relays at the front of `asked` whose turn is over

    /// Merges what has come of the relays in front.
    void merge_in_turn(const Relays& relays) {
      auto next = std::next(asked.shares.begin(), static_cast<std::ptrdiff_t>(merged));
      for (; next != asked.shares.end() && parts.contains(next->first); ++next, ++merged)
        merge(relays, next->first);
    }
    void merge_rest(const Relays& relays) {
      while (!parts.empty()) merge(relays, ClientId(parts.begin()->first));
    }
    void merge(const Relays& relays, const ClientId& relay) {
      Part part = std::move(parts.extract(relay).mapped());
      const std::vector<ClientId>& share = asked.shares.at(relay);
      if (const auto wrong = detail::check_part<T>(part, share, *work, rules, total)) {
        return fail(relay, std::string(error::invalid_reply.name()),
                    "relay " + relay.str() + " sent " + *wrong);
      }
      std::vector<ClientId> silent;  // neither contributed nor failed
      std::vector<ClientId> named = part.contributors;
      for (const Failure& failure : part.failures) named.push_back(failure.client);
      std::sort(named.begin(), named.end());
      std::set_difference(share.begin(), share.end(), named.begin(), named.end(), std::back_inserter(silent));
      // What it says of the clients of others is not its to say.
      std::erase_if(part.failures, [&](const Failure& failure) {
        const auto known = relays.relay_of_.find(failure.client);
        return known != relays.relay_of_.end() && known->second != relay;
      });
      for (Failure& failure : part.failures)
        failure.message = "relay " + relay.str() + ": " + failure.message;
      for (const ClientId& client : silent) {
        part.failures.push_back({client, std::string(error::invalid_reply.name()),
                                 "relay " + relay.str() + " was asked for client " + client.str() +
                                     " and does not say what became of it"});
      }
      total.merge(std::move(part));
    }
    /// What became of a relay became of all its clients that were asked.
    void fail(const ClientId& relay, const std::string& id, const std::string& why) {
      for (const ClientId& client : asked.shares.at(relay)) {
        total.failures.push_back(
            {client, id,
             "client " + client.str() + " is in the region of relay " + relay.str() + ": " + why});
      }
    }
    [[nodiscard]] Part finish() {
      std::vector<ClientId>& in = total.contributors;
      std::sort(in.begin(), in.end());
      std::vector<Failure>& out =
          total.failures;  // no client twice, even where a relay is called like a client
      std::erase_if(out,
                    [&in](const Failure& f) { return std::binary_search(in.begin(), in.end(), f.client); });
      std::stable_sort(out.begin(), out.end(),
                       [](const Failure& a, const Failure& b) { return a.client < b.client; });
      out.erase(std::unique(out.begin(), out.end(),
                            [](const Failure& a, const Failure& b) { return a.client == b.client; }),
                out.end());
      return std::move(total);
    }
  };

  [[nodiscard]] static std::uint64_t count(std::chrono::milliseconds time) noexcept {
    return static_cast<std::uint64_t>((std::max)(time.count(), std::chrono::milliseconds::rep{0}));
  }

  [[nodiscard]] Asked share_out(std::span<const ClientId> ids) const {
    Asked asked;
    for (const ClientId& id : ids) {
      const auto found = relay_of_.find(id);
      if (found == relay_of_.end()) {
        asked.unknown.push_back(id);
      } else {
        asked.shares[found->second].push_back(id);
      }
    }
    for (auto& [relay, clients] : asked.shares) {
      std::sort(clients.begin(), clients.end());
      clients.erase(std::unique(clients.begin(), clients.end()), clients.end());
    }
    return asked;
  }

  /// Tells the relays how long their clients have, and this side how long to wait: until shortly before its own deadline, and then
  /// a moment for the relays to hand in what they have.
  template <class Broadcast>
  [[nodiscard]] detail::Patience share_time(Deadline deadline, const SumRules& rules,
                                            Broadcast& request) const {
    using std::chrono::milliseconds;
    milliseconds margin = options_.margin;
    detail::Patience patience{{}, margin / 2, rules.hand_in};
    if (deadline == Deadline::max()) return patience;
    const auto left =
        (std::max)(std::chrono::duration_cast<milliseconds>(deadline - Clock::now()), milliseconds{0});
    margin = (std::min)(margin, left / 4);
    request.patience_ms = count(left - margin);
    patience.grace = margin / 2;
    patience.deadline = left + rules.grace - patience.grace;
    return patience;
  }

  /// Asks all relays who their clients are.
  void ask_rosters(std::vector<ClientId> present, std::chrono::milliseconds deadline) {
    // A region of relays needs some of the time for itself.
    const auto request = std::make_shared<const RegionRoster::Broadcast>(
        RegionRoster::Broadcast{count(deadline - (std::min)(options_.margin, deadline / 4))});
    std::map<ClientId, std::vector<ClientId>> rosters;
    const auto failed = detail::gather<RegionRoster>(
        *relays_, present, request, {deadline, {}}, std::stop_token{},
        [&rosters](const ClientId& relay, RegionRoster::Reply reply) -> std::optional<Failure> {
          std::sort(reply.clients.begin(), reply.clients.end());
          reply.clients.erase(std::unique(reply.clients.begin(), reply.clients.end()), reply.clients.end());
          if (!reply.clients.empty() && reply.clients.front() == ClientId()) {
            return Failure{relay, std::string(error::invalid_reply.name()), "it has a client without an id"};
          }
          rosters[relay] = std::move(reply.clients);
          return std::nullopt;
        });
    std::vector<Failure> failures;
    for (const Failure& failure : failed.value()) {
      failures.push_back({failure.client, failure.error,
                          "relay " + failure.client.str() +
                              " does not say who its clients are, and is taken to have those that it had: " +
                              failure.message});
      for (const auto& [client, relay] : relay_of_) {
        if (relay == failure.client) rosters[relay].push_back(client);
      }
    }

    std::map<ClientId, ClientId> relay_of;
    for (const auto& [relay, clients] : rosters) {
      for (const ClientId& client : clients) {
        const auto [place, is_new] = relay_of.emplace(client, relay);
        if (!is_new) settle(place->second, client, relay, failures);
      }
    }
    std::erase_if(relay_of, [](const auto& entry) { return entry.second == ClientId(); });
    relay_of_ = std::move(relay_of);
    failures_ = std::move(failures);
    present_ = std::move(present);
    stale_ = false;
    asked_ = true;
  }
  /// Two relays have a client of the same id: it stays where it was, or is in neither region (an empty id).
  void settle(ClientId& first, const ClientId& client, const ClientId& second,
              std::vector<Failure>& failures) const {
    const std::string both = "client " + client.str() + " is in the regions of two relays, " + first.str() +
                             " and " + second.str() +
                             "; rename one of the two clients, or remove it from one region";
    if (!asked_) throw Error(error::invalid_id, both);
    const auto before = relay_of_.find(client);
    if (before != relay_of_.end() && before->second == first) {
      failures.push_back({second, std::string(error::invalid_id.name()), both});
    } else if (before != relay_of_.end() && before->second == second) {
      failures.push_back({std::exchange(first, second), std::string(error::invalid_id.name()), both});
    } else {
      failures.push_back({client, std::string(error::invalid_id.name()), both});
      first = ClientId();
    }
  }

  TransportType* relays_;
  RelaysOptions options_;
  std::map<ClientId, ClientId> relay_of_{};  // of each client
  std::vector<ClientId> present_{};          // the relays that were asked last
  std::vector<Failure> failures_{};          // of that
  bool stale_ = true;                        // a sum was made since
  bool asked_ = false;                       // at least once
};

}  // namespace healthai
