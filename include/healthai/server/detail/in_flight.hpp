#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// Requests of one task that are out, over several rounds: for which version of the parameters each of them is, and until
/// when it may take. Whatever is still out when this object ends is given up, so that the transport is free for others.
///
/// A request that has passed its deadline is given up alone where the transport can do that. Where it cannot, its failure
/// is reported, its client counts as busy, and what it replies later is dropped.
template <Task T, class TransportType>
class InFlight {
 public:
  /// One request's end.
  struct Arrival {
    ClientId client{};
    std::uint64_t version = 0;  ///< of the parameters that it was asked with
    std::variant<typename T::Reply, Failure> result{};
  };

  explicit InFlight(TransportType& transport) : transport_(&transport) {}
  InFlight(InFlight&& other) noexcept
      : transport_(other.transport_), asked_(std::exchange(other.asked_, {})) {}
  InFlight& operator=(InFlight&& other) noexcept {
    std::swap(transport_, other.transport_);
    std::swap(asked_, other.asked_);
    return *this;
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;
  ~InFlight() {
    try {
      abandon();
    } catch (...) {  // a transport that cannot even give up
    }
  }

  void ask(std::span<const ClientId> ids, std::shared_ptr<const typename T::Broadcast> broadcast,
           std::uint64_t version, const Patience& patience) {
    const std::vector<RequestId> requests = transport_->template send<T>(ids, std::move(broadcast));
    const Deadline deadline = patience.deadline ? Clock::now() + *patience.deadline : Deadline::max();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      asked_.emplace(requests[i], Asked{ids[i], version, deadline, Phase::at_work});
    }
  }

  /// How many requests have not come to an end, late ones not counted.
  [[nodiscard]] std::size_t size() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        asked_.begin(), asked_.end(), [](const auto& entry) { return entry.second.phase != Phase::late; }));
  }
  /// Their clients, in client-id order. \param late  with those who are late, too
  [[nodiscard]] std::vector<ClientId> clients(bool late) const {
    std::vector<ClientId> ids;
    for (const auto& [request, asked] : asked_) {
      if (late || asked.phase != Phase::late) ids.push_back(asked.client);
    }
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  /// Waits for the next end of a request, of which there must be one to come (`size() > 0`). \return nothing if `stop` was
  ///   requested meanwhile, which abandons all.
  [[nodiscard]] std::optional<Arrival> next(const Patience& patience, const std::stop_token& stop) {
    constexpr std::chrono::milliseconds look_at_stop_token{20};
    for (;;) {
      if (stop.stop_requested()) {
        abandon();
        return std::nullopt;
      }
      Deadline wake = stop.stop_possible() ? Clock::now() + look_at_stop_token : Deadline::max();
      if (patience.deadline) {
        for (const auto& [request, asked] : asked_) wake = (std::min)(wake, asked.deadline);
      }
      if (std::optional<Delivery<T>> delivery = transport_->template next<T>(wake)) {
        const auto found = asked_.find(delivery->request);
        if (found == asked_.end()) continue;
        const Asked asked = std::move(found->second);
        asked_.erase(found);
        if (asked.phase == Phase::late) continue;
        return Arrival{asked.client, asked.version, std::move(delivery->result)};
      }
      if (std::optional<Arrival> late = pass_deadline(patience)) return late;
    }
  }

  /// Ends everything that is out. What it would have brought is dropped.
  void abandon() {
    if (asked_.empty()) return;
    transport_->template give_up<T>();
    while (!asked_.empty()) {
      const std::optional<Delivery<T>> delivery = transport_->template next<T>(Deadline::max());
      if (!delivery) break;
      asked_.erase(delivery->request);
    }
    asked_.clear();
  }

 private:
  enum class Phase { at_work, asked_to_stop, given_up, late };
  struct Asked {
    ClientId client{};
    std::uint64_t version = 0;
    Deadline deadline{};
    Phase phase = Phase::at_work;
  };

  /// Does what is due. \return a failure that the transport will not deliver in time
  [[nodiscard]] std::optional<Arrival> pass_deadline(const Patience& patience) {
    const Deadline now = Clock::now();
    for (auto& [request, asked] : asked_) {
      if (asked.deadline > now) continue;
      asked.deadline = Deadline::max();
      if constexpr (EndsSingleRequests<TransportType, T>) {
        const std::span<const RequestId> only(&request, 1);
        if (asked.phase == Phase::at_work && patience.grace.count() > 0) {
          transport_->template stop<T>(only);
          asked.deadline = now + patience.grace;
          asked.phase = Phase::asked_to_stop;
        } else {
          transport_->template give_up<T>(only);
          asked.phase = Phase::given_up;
        }
      } else {
        asked.phase = Phase::late;
        return Arrival{asked.client, asked.version,
                       Failure{asked.client, std::string(error::deadline.name()),
                               "client " + asked.client.str() + " did not reply before the deadline"}};
      }
    }
    return std::nullopt;
  }

  TransportType* transport_;
  std::map<RequestId, Asked> asked_;
};

}  // namespace healthai::detail
