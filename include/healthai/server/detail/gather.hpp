#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// How long a round waits, and for what.
struct Patience {
  std::optional<std::chrono::milliseconds> deadline{};
  std::chrono::milliseconds grace{0};  ///< after the deadline, for clients that hand in what they have
};

/// Asks `ids`, and gives each reply to `use(client, reply&&) -> std::optional<Failure>` as it is delivered.
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
  Deadline deadline = patience.deadline ? Clock::now() + *patience.deadline : Deadline::max();
  bool asked_to_stop = false;
  while (outstanding > 0) {
    if (stop.stop_requested()) {
      static_cast<void>(transport.template abandon<T>());
      return std::nullopt;
    }
    const Deadline wake =
        stop.stop_possible() ? (std::min)(deadline, Clock::now() + look_at_stop_token) : deadline;
    if (std::optional<Delivery<T>> delivery = transport.template next<T>(wake)) {
      --outstanding;
      if (auto* failure = std::get_if<Failure>(&delivery->result)) {
        failures.push_back(std::move(*failure));
      } else if (auto rejected =
                     use(delivery->client, std::move(std::get<typename T::Reply>(delivery->result)))) {
        failures.push_back(std::move(*rejected));
      }
    } else if (Clock::now() >= deadline) {
      if (asked_to_stop || patience.grace.count() == 0) {
        for (Failure& failure : transport.template abandon<T>()) failures.push_back(std::move(failure));
        break;
      }
      transport.template stop<T>();
      deadline = Clock::now() + patience.grace;
      asked_to_stop = true;
    }
  }
  std::sort(failures.begin(), failures.end(),
            [](const Failure& a, const Failure& b) { return a.client < b.client; });
  return failures;
}

}  // namespace healthai::detail
