#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/secagg/coordinator/collecting_releases.hpp"
#include "healthai/secagg/coordinator/collecting_vectors.hpp"
#include "healthai/secagg/coordinator/kept_sums.hpp"
#include "healthai/secagg/tasks.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/server/detail/gather.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::secagg::detail {

/// Sends each client a broadcast of its own, where `gather` sends one to all.
template <class TransportType, class T>
class SendsEach {
 public:
  using Make = std::function<std::shared_ptr<const typename T::Broadcast>(const ClientId&)>;
  SendsEach(TransportType& transport, Make make) : transport_(&transport), make_(std::move(make)) {}

  template <class>
  std::vector<RequestId> send(std::span<const ClientId> ids, std::shared_ptr<const typename T::Broadcast>) {
    std::vector<RequestId> requests;
    for (const ClientId& id : ids) {
      for (const RequestId request : transport_->template send<T>(std::span(&id, 1), make_(id)))
        requests.push_back(request);
    }
    return requests;
  }
  template <class>
  [[nodiscard]] std::optional<Delivery<T>> next(Deadline deadline) {
    return transport_->template next<T>(deadline);
  }
  template <class>
  void stop() {
    transport_->template stop<T>();
  }
  template <class>
  void give_up() {
    transport_->template give_up<T>();
  }

 private:
  TransportType* transport_;
  Make make_;
};

/// One secure sum over a transport: its five steps, one after the other, in two parts. What lies between them is kept.
template <AdditiveTask T, class TransportType>
class SecureRound {
 public:
  /// \param asked    who shall take part
  /// \param threads  that take off masks; 0: one for each processor
  SecureRound(TransportType& transport, std::shared_ptr<const Members> members,
              std::span<const ClientId> asked, std::chrono::milliseconds step_deadline, const SumRules& rules,
              std::size_t threads = 1)
      : transport_(&transport),
        members_(std::move(members)),
        step_deadline_(step_deadline),
        rules_(&rules),
        threads_(threads),
        asked_(asked.begin(), asked.end()) {
    for (const ClientId& id : asked_) {
      if (!members_->find(id))
        fail({id, std::string(error::secagg_keys.name()), "client " + id.str() + " is not on the roster"});
    }
  }

  /// What all parties know of a sum of this work.
  [[nodiscard]] std::shared_ptr<const Session> session_of(
      const Terms& terms, std::shared_ptr<const typename T::Broadcast> work) const {
    const auto message = encode(std::move(work));
    std::vector<std::span<const std::byte>> pieces{message->head};
    pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
    return std::make_shared<const Session>(members_, terms, request_digest(T::name, terms, pieces));
  }

  /// Steps 1 to 3.
  /// \param patience  for the work itself
  /// \return what has to be kept before step 4 begins; nothing once `rules.stop` has been requested
  /// \throws Error where too few take part
  [[nodiscard]] std::optional<MaskedSum> mask(const std::shared_ptr<const Session>& session,
                                              std::shared_ptr<const typename T::Broadcast> work,
                                              const std::optional<std::chrono::milliseconds>& patience) {
    const Terms& terms = session->terms();
    const Digest request = session->request();
    auto first = std::make_shared<typename Advertise<T>::Broadcast>();
    first->terms = terms;
    first->id = terms.id;
    first->work = std::move(work);
    CollectingKeys keys(session);
    if (!step<Advertise<T>>(
            here(), std::move(first), step_deadline_, true,
            [&keys](Index from, AdvertisedKeys reply) { return keys.add(from, std::move(reply)); }))
      return std::nullopt;

    CollectingShares shares(std::move(keys));
    if (!step<ShareSecrets>(here(), say<ShareSecrets>(terms.id, request, shares.message()), step_deadline_,
                            true, [&shares](Index from, ShareSecrets::Reply reply) {
                              return shares.add(from, std::move(reply.shares));
                            }))
      return std::nullopt;

    CollectingVectors vectors(std::move(shares));
    SendsEach<TransportType, HandIn> each(*transport_, [&](const ClientId& id) {
      return say<HandIn>(terms.id, request, vectors.messages().at(*members_->find(id)));
    });
    if (!step<HandIn>(each, here(), nullptr, patience, true,
                      [&vectors](Index from, const RingVector& reply) { return vectors.add(from, reply); }))
      return std::nullopt;
    return std::move(vectors).finish();
  }

  /// Steps 4 and 5, also after a restart: asks the survivors of this sum, and nobody else.
  /// \return the opened sum; nothing once `rules.stop` has been requested
  /// \throws Error where no sum could be opened
  [[nodiscard]] std::optional<RingVector> open(const std::shared_ptr<const Session>& session,
                                               MaskedSum masked) {
    const RoundId& id = session->terms().id;
    const Digest request = session->request();
    CollectingConfirmations confirmations(session, std::move(masked));
    if (!step<Confirm>(ids_of(confirmations.message()), say<Confirm>(id, request, confirmations.message()),
                       step_deadline_, false, [&confirmations](Index from, const Confirm::Reply& reply) {
                         return confirmations.add(from, reply.signature);
                       }))
      return std::nullopt;

    CollectingReleases releases(std::move(confirmations));
    std::vector<Index> who;
    for (const Confirmation& one : releases.message()) who.push_back(one.member);
    if (!step<Release>(
            ids_of(who), say<Release>(id, request, releases.message()), step_deadline_, false,
            [&releases](Index from, ReleasedShares reply) { return releases.add(from, std::move(reply)); }))
      return std::nullopt;
    return std::move(releases).open(threads_);
  }

  /// The sum was masked before a restart: these were asked then, and are not in it.
  void resume(const KeptSum& kept) {
    for (const Failure& failure : kept.failures) fail(failure);
    for (const ClientId& id : asked_) {
      const auto member = members_->find(id);
      if (!member || !std::binary_search(kept.masked.survivors.begin(), kept.masked.survivors.end(), *member))
        fail({id, std::string(error::secagg_survivors.name()),
              "client " + id.str() + " is not in the sum, which was masked before the restart"});
    }
  }
  void set_survivors(std::vector<Index> survivors) { survivors_ = std::move(survivors); }

  /// Whose vectors are in the sum.
  [[nodiscard]] std::vector<ClientId> contributors() const { return ids_of(survivors_); }
  /// Everybody else who was asked, in the order of ids.
  [[nodiscard]] std::vector<Failure> failures() const {
    std::vector<Failure> all;
    for (const auto& [id, failure] : failures_) all.push_back(failure);
    return all;
  }
  /// No sum was opened: whoever has not failed has the reason.
  void fail_all(const Error& reason) {
    survivors_.clear();
    for (const ClientId& id : asked_) fail({id, std::string(reason.id().name()), reason.what()});
  }

 private:
  void fail(Failure failure) { failures_.try_emplace(failure.client, failure); }
  /// Those of whom no failure is known.
  [[nodiscard]] std::vector<ClientId> here() const {
    std::vector<ClientId> ids;
    for (const ClientId& id : asked_) {
      if (!failures_.contains(id)) ids.push_back(id);
    }
    return ids;
  }
  [[nodiscard]] std::vector<ClientId> ids_of(const std::vector<Index>& members) const {
    std::vector<ClientId> ids;
    for (const Index member : members) ids.push_back(members_->id(member));
    return ids;
  }
  template <class S, class Message>
  [[nodiscard]] static std::shared_ptr<const typename S::Broadcast> say(const RoundId& id,
                                                                        const Digest& request,
                                                                        const Message& message) {
    return std::make_shared<const typename S::Broadcast>(typename S::Broadcast{id, request, message});
  }

  /// \param counts  whether who fails in this step is out of the sum
  /// \return false once a stop was requested
  template <class S, class Through, class Use>
  [[nodiscard]] bool step(Through& through, const std::vector<ClientId>& ids,
                          std::shared_ptr<const typename S::Broadcast> broadcast,
                          const std::optional<std::chrono::milliseconds>& patience, bool counts,
                          const Use& use) {
    const healthai::detail::Patience time{patience, rules_->grace, rules_->hand_in};
    auto failed = healthai::detail::gather<S>(through, ids, std::move(broadcast), time, rules_->stop,
                                              [&](const ClientId& client, typename S::Reply reply) {
                                                return use(*members_->find(client), std::move(reply));
                                              });
    if (!failed) return false;
    if (counts) {
      for (Failure& failure : *failed) fail(std::move(failure));
    }
    return true;
  }
  template <class S, class Use>
  [[nodiscard]] bool step(const std::vector<ClientId>& ids,
                          std::shared_ptr<const typename S::Broadcast> broadcast,
                          const std::optional<std::chrono::milliseconds>& patience, bool counts,
                          const Use& use) {
    return step<S>(*transport_, ids, std::move(broadcast), patience, counts, use);
  }

  TransportType* transport_;
  std::shared_ptr<const Members> members_;
  std::chrono::milliseconds step_deadline_;
  const SumRules* rules_;
  std::size_t threads_;
  std::vector<ClientId> asked_;
  std::vector<Index> survivors_{};
  std::map<ClientId, Failure> failures_{};
};

}  // namespace healthai::secagg::detail
