#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// How long a round waits, and for what.
struct Patience {
  std::optional<std::chrono::milliseconds> deadline{};
  std::chrono::milliseconds grace{0};  ///< after the deadline, for clients that hand in what they have
  std::stop_token hand_in{};           ///< once requested, the deadline has come
};

/// Asks `ids`, and gives each reply to `use(client, reply&&) -> std::optional<Failure>` as it is delivered; or to
/// `use(client, reply&&, last)`, where `last` is whether nothing is outstanding any more.
/// \return everyone whose reply was not used, in client-id order; nothing if `stop` was requested meanwhile, which abandons
///   the round.
template <Task T, class TransportType, class Use>
[[nodiscard]] std::optional<std::vector<Failure>> gather(
    TransportType& transport, std::span<const ClientId> ids,
    std::shared_ptr<const typename T::Broadcast> broadcast, const Patience& patience,
    const std::stop_token& stop, Use use) {
  constexpr std::chrono::milliseconds look_at_stop_token{20};
  std::vector<Failure> failures;
  std::size_t outstanding = transport.template send<T>(ids, std::move(broadcast)).size();
  const std::optional<std::chrono::milliseconds> within =
      patience.deadline;  // a copy: GCC 12 sees ghosts otherwise
  Deadline deadline = within ? Clock::now() + *within : Deadline::max();
  enum class Phase { waiting, asked_to_stop, given_up } phase = Phase::waiting;
  bool interrupted = false;
  const bool looks = stop.stop_possible() || patience.hand_in.stop_possible();
  while (outstanding > 0) {
    if (!interrupted && stop.stop_requested()) {
      transport.template give_up<T>();
      interrupted = true;
    }
    if (phase == Phase::waiting && patience.hand_in.stop_requested()) {
      deadline = (std::min)(deadline, Clock::now());
    }
    const Deadline wake = looks ? (std::min)(deadline, Clock::now() + look_at_stop_token) : deadline;
    if (std::optional<Delivery<T>> delivery = transport.template next<T>(wake)) {
      --outstanding;
      if (interrupted) continue;
      if (auto* failure = std::get_if<Failure>(&delivery->result)) {
        failures.push_back(std::move(*failure));
        continue;
      }
      auto& reply = std::get<typename T::Reply>(delivery->result);
      std::optional<Failure> rejected;
      if constexpr (std::is_invocable_v<Use&, const ClientId&, typename T::Reply, bool>) {
        rejected = use(delivery->client, std::move(reply), outstanding == 0);
      } else {
        rejected = use(delivery->client, std::move(reply));
      }
      if (rejected) {
        failures.push_back(std::move(*rejected));
      }
    } else if (Clock::now() >= deadline) {
      if (phase == Phase::waiting && patience.grace.count() > 0) {
        transport.template stop<T>();
        deadline = Clock::now() + patience.grace;
        phase = Phase::asked_to_stop;
      } else if (phase != Phase::given_up) {
        transport.template give_up<T>();
        deadline = Deadline::max();  // what is outstanding now comes without waiting
        phase = Phase::given_up;
      }
    }
  }
  if (interrupted) return std::nullopt;
  std::ranges::sort(failures, {}, &Failure::client);
  return failures;
}

}  // namespace healthai::detail
