#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
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
#include "healthai/server/detail/in_flight.hpp"
#include "healthai/server/round_report.hpp"
#include "healthai/server/schedule.hpp"
#include "healthai/server/selection.hpp"

namespace healthai::detail {

/// The failure of a reply for parameters that are too old.
[[nodiscard]] inline Failure stale_reply(const ClientId& client, std::uint64_t staleness,
                                         std::uint64_t most) {
  return {client, std::string(error::stale.name()),
          "client " + client.str() + " replied with an update for parameters " + std::to_string(staleness) +
              " versions old; max_staleness is " + std::to_string(most)};
}

/// The training half of a buffered round (see Buffered): asks who is free, and gives replies to `use(client, reply&&, discount) ->
/// std::optional<Failure>` until the buffer is full or there is nobody left to wait for. Who still trains stays in flight.
/// Fills in the report's `selected`, `failures` and staleness.
/// \param broadcast  what makes the request for this version; called at most once
/// \return false if `stop` was requested meanwhile
template <Task T, class TransportType, class MakeBroadcast, class Use>
[[nodiscard]] bool fill_buffer(const Buffered& buffered, TransportType& transport,
                               InFlight<T, TransportType>& in_flight, std::uint64_t seed,
                               const Patience& patience, const std::stop_token& stop, RoundReport& report,
                               MakeBroadcast broadcast, Use use) {
  report.selected = in_flight.clients(false);
  std::vector<ClientId> free = transport.clients();
  const std::vector<ClientId> busy = in_flight.clients(true);
  std::erase_if(
      free, [&busy](const ClientId& client) { return std::binary_search(busy.begin(), busy.end(), client); });
  free = in_random_order(std::move(free), seed, report.round);

  std::shared_ptr<const typename T::Broadcast> request;
  const auto ask = [&] {
    const std::size_t at_work = in_flight.size();
    const std::size_t places = buffered.concurrency == 0
                                   ? free.size()
                                   : buffered.concurrency - (std::min)(at_work, buffered.concurrency);
    const std::size_t count = (std::min)(places, free.size());
    if (count == 0) return;
    std::vector<ClientId> ids(std::make_move_iterator(free.end() - static_cast<std::ptrdiff_t>(count)),
                              std::make_move_iterator(free.end()));
    free.resize(free.size() - count);
    std::sort(ids.begin(), ids.end());
    if (!request) request = broadcast();
    in_flight.ask(ids, request, report.round, patience);
    report.selected.insert(report.selected.end(), ids.begin(), ids.end());
  };

  std::size_t used = 0;
  double staleness_sum = 0;
  ask();
  while (used < buffered.size && in_flight.size() > 0) {
    auto arrival = in_flight.next(patience, stop);
    if (!arrival) return false;
    const std::uint64_t staleness = report.round - arrival->version;
    std::optional<Failure> wrong;
    if (auto* failure = std::get_if<Failure>(&arrival->result)) {
      wrong = std::move(*failure);
    } else if (buffered.max_staleness && staleness > *buffered.max_staleness) {
      wrong = stale_reply(arrival->client, staleness, *buffered.max_staleness);
    } else {
      wrong = use(arrival->client, std::get<typename T::Reply>(std::move(arrival->result)),
                  buffered.discount(staleness));
    }
    if (wrong) {
      report.failures.push_back(std::move(*wrong));
    } else {
      ++used;
      staleness_sum += static_cast<double>(staleness);
      report.max_staleness = (std::max)(report.max_staleness, staleness);
    }
    if (used < buffered.size) ask();
  }
  if (used > 0) report.mean_staleness = staleness_sum / static_cast<double>(used);
  std::sort(report.selected.begin(), report.selected.end());
  std::ranges::sort(report.failures, {}, &Failure::client);
  return true;
}

}  // namespace healthai::detail
