#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/training.hpp"
#include "healthai/simulation/detail/transport_around.hpp"
#include "healthai/simulation/virtual_clock.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// A transport whose clients train in virtual time: slow ones come late, some break off, and nobody waits for it.
///
///     InProcess hospitals{...};
///     SimulatedTime simulated(hospitals, VirtualClock({.median_seconds = 60, .drop_out = 0.05}, seed), 120.0);
///     Federation federation{FedAvg{}, simulated, {.rounds = 50}};
///
/// - Training replies are delivered in the order of their virtual times, those of equal times in the order of the
///   requests; the clock stands at the time of the last delivery. The order is the same for any number of threads and
///   any transport.
/// - A client becomes a Failure (`deadline`) at the virtual deadline if it takes longer; a Failure (`client_failed`)
///   when it breaks off, at the time at which it would have replied, or goes away before that. None of these is asked
///   to train at all: it would cost time, and a client's state changes only with a reply that counts.
/// - What is given up takes no more time: it is delivered, and the clock stays.
/// - `clients()` are those who are there now. When nobody is, advance the clock.
/// - Other tasks take no time and pass as they are. After a resumption from a checkpoint the clock starts at 0 again;
///   advance it to where it was if availability depends on it.
/// - Under the `Buffered` schedule clients train on from round to round. As many replies as there are clients at work may
///   have come from the wrapped transport and wait here for their time; a checkpoint takes the states of their clients
///   as they are after them.
///
/// How long a round took in virtual time is the difference of `clock().now()` after and before it:
///
///     federation.start(initial);
///     while (!federation.ended()) {
///       const RoundReport report = federation.step();
///       std::cout << report.round << ' ' << simulated.clock().now() << '\n';
///     }
///
/// or, in `run`, of what an observer `[&](const RoundReport&) { ... simulated.clock().now() ... }` sees.
///
/// \tparam TransportType  a Transport that gives up to 2^63 numbers to requests; kept by reference, and must outlive
///   this object. It satisfies Transport for the tasks that the wrapped one does.
/// Thread safety: as Transport says.
template <class TransportType>
class SimulatedTime : public detail::TransportAround<TransportType> {
  using Around = detail::TransportAround<TransportType>;
  using Around::wrapped;

 public:
  /// \param deadline  virtual seconds that a client may take; none: as long as it likes
  /// \throws Error (`invalid_argument`) unless the deadline is positive and finite.
  SimulatedTime(TransportType& inner, VirtualClock clock, std::optional<double> deadline = std::nullopt)
      : Around(inner), clock_(std::move(clock)), deadline_(deadline) {
    if (deadline_ && !(is_finite(*deadline_) && *deadline_ > 0)) {
      throw Error(
          error::invalid_argument,
          "simulated time: the deadline must be positive and finite, but is " + number_text(*deadline_));
    }
  }

  [[nodiscard]] const VirtualClock& clock() const noexcept { return clock_; }
  [[nodiscard]] VirtualClock& clock() noexcept { return clock_; }

  [[nodiscard]] std::vector<ClientId> clients() const {
    std::vector<ClientId> there = wrapped().clients();
    std::erase_if(there, [this](const ClientId& client) { return !clock_.there(client); });
    return there;
  }

  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    if constexpr (!detail::is_training<T>) {
      return wrapped().template send<T>(ids, std::move(broadcast));
    } else {
      std::vector<RequestId> requests(ids.size());
      std::map<When, std::size_t> in_time;  // places in ids of those who will reply
      Agenda<T>& agenda = std::get<Agenda<T>>(agendas_);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        Fate fate = fate_of(ids[i], broadcast->id.round);
        const When when{fate.time, next_++};
        if (fate.failure) {
          requests[i] = when.second;
          agenda.events.emplace(when, Delivery<T>{requests[i], ids[i], std::move(*fate.failure)});
        } else {
          in_time.emplace(when, i);
        }
      }
      // In the order of time, so that a transport that keeps the order of requests has the next reply first.
      std::vector<ClientId> asked;
      for (const auto& [when, i] : in_time) asked.push_back(ids[i]);
      const std::vector<RequestId> sent = wrapped().template send<T>(asked, std::move(broadcast));
      auto request = sent.begin();
      for (const auto& [when, i] : in_time) {
        requests[i] = *request;
        agenda.events.emplace(when, *request++);
      }
      return requests;
    }
  }

  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    if constexpr (!detail::is_training<T>) {
      return wrapped().template next<T>(deadline);
    } else {
      Agenda<T>& agenda = std::get<Agenda<T>>(agendas_);
      const auto first = agenda.events.begin();
      Delivery<T> delivery;
      if (auto* failure = std::get_if<Delivery<T>>(&first->second)) {
        delivery = std::move(*failure);
      } else {
        const RequestId request = std::get<RequestId>(first->second);
        while (!agenda.arrived.contains(request)) {
          std::optional<Delivery<T>> arrived = wrapped().template next<T>(deadline);
          if (!arrived) return std::nullopt;
          const RequestId id = arrived->request;
          agenda.arrived.emplace(id, std::move(*arrived));
        }
        delivery = std::move(agenda.arrived.extract(request).mapped());
      }
      clock_.advance_to(first->first.first);
      agenda.events.erase(first);
      return delivery;
    }
  }

  using Around::give_up;
  template <Task T>
  void give_up() {
    if constexpr (detail::is_training<T>) {
      std::map<When, std::variant<RequestId, Delivery<T>>> now;
      auto& events = std::get<Agenda<T>>(agendas_).events;
      for (auto& [when, event] : events) {
        now.emplace(When{std::fmin(when.first, clock_.now()), when.second}, std::move(event));
      }
      events = std::move(now);
    }
    wrapped().template give_up<T>();
  }

 private:
  using When = std::pair<double, RequestId>;  // virtual time; equal times in the order of requests
  template <class T>
  struct Agenda {
    std::map<When, std::variant<RequestId, Delivery<T>>> events;  // replies to come, and failures
    std::map<RequestId, Delivery<T>> arrived;                     // replies before their time
  };
  struct Fate {
    double time = 0;
    std::optional<Failure> failure;  // none: a reply
  };

  [[nodiscard]] Fate fate_of(const ClientId& client, std::uint64_t round) const {
    const double now = clock_.now();
    const double duration = clock_.duration(client, round);
    const double leaves = clock_.there_until(client);
    const double ends = std::fmin(now + duration, leaves);
    const auto fail = [&client](double time, ErrorId id, const std::string& what) {
      return Fate{time, Failure{client, std::string(id.name()), "client " + client.str() + " " + what}};
    };
    if (deadline_ && ends > now + *deadline_) {
      return fail(now + *deadline_, error::deadline,
                  "did not reply before the virtual deadline of " + number_text(*deadline_) + " s");
    }
    if (leaves < now + duration) {
      return fail(ends, error::client_failed, "was away at " + number_text(leaves) + " virtual seconds");
    }
    if (clock_.drops_out(client, round)) {
      return fail(ends, error::client_failed, "broke off, as its simulation says");
    }
    return {ends, std::nullopt};
  }

  VirtualClock clock_;
  std::optional<double> deadline_;
  std::tuple<Agenda<Train<float>>, Agenda<Train<double>>> agendas_;
  RequestId next_ = RequestId{1} << 63U;  // of requests that do not reach the wrapped transport
};

}  // namespace healthai
