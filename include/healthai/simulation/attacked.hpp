#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/compression/decode.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/training.hpp"
#include "healthai/simulation/attack.hpp"
#include "healthai/simulation/detail/held_replies.hpp"
#include "healthai/simulation/detail/poison.hpp"
#include "healthai/simulation/detail/transport_around.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// A transport some of whose clients are malicious: it hands on what another transport delivers, after the attackers
/// have rewritten the updates of their training replies. Everything else (rows, metrics, failures, other tasks)
/// passes as it is.
///
///     InProcess hospitals{...};
///     Attacked attacked(hospitals, parse_attack("little:0.2"), seed);
///     Federation federation{FedAvg{}, attacked, {.rounds = 50}};
///
/// Attackers train as honest clients do; what they make of the result happens here, between the clients and the
/// coordinator, as two of the attacks need the updates of others. That makes the outcome the same for any number of
/// threads. Attacks that need others' updates hold back a whole round (as many models as there are clients) and then
/// deliver it in the order of the requests; the others keep the order of the wrapped transport and hold nothing. An
/// update whose layout is not the request's, or that is not finite, teaches nothing; when nothing is known, attackers
/// send their honest updates. When a round is given up, attackers use what came before that. Under the `Buffered` schedule there are
/// no whole rounds, so attacks that need others' updates throw there.
///
/// Compressed updates that an attacker has to see or to rewrite are handed on decompressed.
///
/// Noise comes from the stream (request's seed, simulation, round, client).
/// \tparam TransportType  a Transport; kept by reference, and must outlive this object. It satisfies Transport for
///   the tasks that the wrapped one does.
/// Thread safety: as Transport says.
template <class TransportType>
class Attacked : public detail::TransportAround<TransportType> {
  using Around = detail::TransportAround<TransportType>;
  using Around::wrapped;

 public:
  /// \throws Error (`invalid_argument`) for a setting outside its range.
  Attacked(TransportType& inner, Attack attack, std::vector<ClientId> attackers)
      : Around(inner), attack_(std::move(attack)), attackers_(std::move(attackers)) {
    validate(attack_);
    std::sort(attackers_.begin(), attackers_.end());
  }
  /// Attackers are chosen among the clients who are there now. \throws Error (`invalid_argument`)
  Attacked(TransportType& inner, const AttackPlan& plan, std::uint64_t seed)
      : Attacked(inner, plan.attack, choose_attackers(inner.clients(), plan.share, seed)) {}

  /// In the order of their ids.
  [[nodiscard]] const std::vector<ClientId>& attackers() const noexcept { return attackers_; }

  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> ids,
                              std::shared_ptr<const typename T::Broadcast> broadcast) {
    if constexpr (!detail::is_training<T>) {
      return wrapped().template send<T>(ids, std::move(broadcast));
    } else {
      auto& round = round_of<T>();
      if (!round.held.empty()) {
        throw Error(
            error::invalid_argument,
            "attacked: this attack needs the updates of a whole round, and requests of an earlier one are "
            "still out, as under the Buffered schedule; use Synchronous, or an attack that needs its own "
            "update only");
      }
      std::vector<RequestId> requests = wrapped().template send<T>(ids, broadcast);
      if (detail::needs_others(attack_)) {
        round.clients = ids.size();
        round.attackers = static_cast<std::size_t>(
            std::count_if(ids.begin(), ids.end(), [this](const ClientId& id) { return attacks(id); }));
        for (const RequestId request : requests) round.held.expect(request);
        round.broadcast = std::move(broadcast);
      } else {
        for (std::size_t i = 0; i < ids.size(); ++i) {
          if (attacks(ids[i])) round.asked.emplace(requests[i], broadcast);
        }
      }
      return requests;
    }
  }

  template <Task T>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    if constexpr (!detail::is_training<T>) {
      return wrapped().template next<T>(deadline);
    } else {
      auto& round = round_of<T>();
      if (!detail::needs_others(attack_)) {
        std::optional<Delivery<T>> delivery = wrapped().template next<T>(deadline);
        const auto found = delivery ? round.asked.find(delivery->request) : round.asked.end();
        if (found == round.asked.end()) return delivery;
        const std::shared_ptr<const typename T::Broadcast> asked = std::move(found->second);
        round.asked.erase(found);
        open(*delivery, asked->parameters.layout());
        if (auto* reply = std::get_if<typename T::Reply>(&delivery->result)) {
          detail::poison_own(
              attack_, reply->update,
              Stream(asked->seed, Purpose::simulation, asked->id.round, "noise/" + delivery->client.str()));
        }
        return delivery;
      }
      while (!round.held.complete()) {
        std::optional<Delivery<T>> delivery = wrapped().template next<T>(deadline);
        if (!delivery) return std::nullopt;
        open(*delivery, round.broadcast->parameters.layout());
        round.held.put(std::move(*delivery));
        if (round.held.complete()) poison_together(round);
      }
      return round.held.take();
    }
  }

 private:
  template <class T>
  struct Round {
    // Of attacks that need others' updates: the round.
    std::shared_ptr<const typename T::Broadcast> broadcast;
    std::size_t clients = 0;
    std::size_t attackers = 0;
    detail::HeldReplies<T> held;
    // Of the others: what attackers who have not replied were asked with.
    std::map<RequestId, std::shared_ptr<const typename T::Broadcast>> asked;
  };
  template <class T>
  [[nodiscard]] Round<T>& round_of() noexcept {
    return std::get<Round<T>>(rounds_);
  }

  /// Decompresses a reply that can be.
  template <class T>
  static void open(Delivery<T>& delivery, const Layout& layout) {
    auto* reply = std::get_if<typename T::Reply>(&delivery.result);
    if (reply == nullptr) return;
    try {
      decompress(*reply, layout);
    } catch (const Error&) {  // for the coordinator to report
    }
  }

  [[nodiscard]] bool attacks(const ClientId& client) const {
    return std::binary_search(attackers_.begin(), attackers_.end(), client);
  }

  template <class T>
  void poison_together(Round<T>& round) {
    using Scalar = typename T::Scalar;
    const auto* inner_product = std::get_if<InnerProductManipulation>(&attack_);
    const bool attackers_know_themselves = inner_product == nullptr;
    std::vector<const Parameters<Scalar>*> known;
    round.held.for_each_reply([&](const ClientId& client, const TrainReply<Scalar>& reply) {
      if (attacks(client) == attackers_know_themselves &&
          reply.update.layout() == round.broadcast->parameters.layout() && all_finite(reply.update.span())) {
        known.push_back(&reply.update);
      }
    });
    if (known.empty()) return;
    const std::span<const Parameters<Scalar>* const> updates(known);
    const Parameters<Scalar> sent =
        inner_product != nullptr ? detail::mean_less_deviations<Scalar>(updates, -inner_product->epsilon, 0)
                                 : detail::mean_less_deviations<Scalar>(
                                       updates, 1,
                                       std::get<ALittleIsEnough>(attack_).z.value_or(
                                           ALittleIsEnough::largest_z(round.clients, round.attackers)));
    round.held.for_each_reply([&](const ClientId& client, TrainReply<Scalar>& reply) {
      if (!attacks(client)) return;
      reply.update = sent;
      reply.compressed.reset();
    });
  }

  Attack attack_;
  std::vector<ClientId> attackers_;
  std::tuple<Round<Train<float>>, Round<Train<double>>> rounds_;
};

}  // namespace healthai
