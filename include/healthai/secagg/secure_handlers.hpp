#pragma once

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/crypto/signing_key.hpp"
#include "healthai/secagg/client/unmasking.hpp"
#include "healthai/secagg/joined_requests.hpp"
#include "healthai/secagg/tasks.hpp"
#include "healthai/serialization/encoded_message.hpp"

namespace healthai::secagg {

/// Who a client is in secure aggregation, and what it accepts.
struct SecureMember {
  ClientId id{};
  SigningKey key;                          ///< whose public half the roster has
  std::shared_ptr<const Members> members;  ///< this client's own copy of the roster
  ClientRules rules{};
  /// A file of this client's own, in which it writes down the secure sums that it has released shares for; it never takes part in one of
  /// them again, also after a restart. Empty: in memory only.
  std::string joined_file{};
};

namespace detail {

/// A client's end of secure sums: of one at a time, the one that was asked for last.
class SecureClient {
 public:
  SecureClient(TaskHandlers work, SecureMember member)
      : work_(std::move(work)), member_(std::move(member)), joined_(member_.joined_file) {
    if (!member_.members)
      throw Error(error::invalid_argument, "client " + member_.id.str() + " was given no roster");
  }

  template <AdditiveTask T>
  [[nodiscard]] AdvertisedKeys advertise(const typename Advertise<T>::Broadcast& request) {
    state_ = std::monostate();  // whatever comes of it, the keys of the request before are gone
    require_acceptable(request.terms, *member_.members, member_.rules, member_.id);
    if (!(request.id == request.terms.id))
      refuse(error::secagg_terms, "the terms are those of another round");
    const auto message = encode(request.work);
    std::vector<std::span<const std::byte>> pieces{message->head};
    pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
    const Digest digest = request_digest(T::name, request.terms, pieces);
    if (joined_.contains(digest))
      refuse(error::secagg_replay,
             "it has released shares of this very request before, and makes no second sum of it");
    make_vector_ = [this, work = request.work, plan = request.terms.plan](std::stop_token stop) {
      debit_noise(member_.rules, plan);  // before the data are touched
      Summand<typename T::Scalar> summand =
          T::summand(work_.template handle<T>({work, member_.id}, std::move(stop)));
      keep_planned(summand.scalars, plan);
      plan.require_fit(summand);  // before a coordinator's plan decides how much memory is taken
      RingVector vector(plan.ring_bits(), plan.size());
      RandomBits random;
      vector.visit([&](auto words) { static_cast<void>(plan.encode(summand, words, random)); });
      return vector;
    };
    Advertising state(std::make_shared<const Session>(member_.members, request.terms, digest),
                      *member_.members->find(member_.id), member_.key);
    const AdvertisedKeys keys = state.message();
    request_ = digest;
    state_.emplace<Advertising>(std::move(state));
    return keys;
  }
  [[nodiscard]] ShareSecrets::Reply share(const ShareSecrets::Broadcast& request) {
    SharingSecrets state(take<Advertising>(request.request), request.message);
    ShareSecrets::Reply reply{state.message()};
    state_.emplace<SharingSecrets>(std::move(state));
    return reply;
  }
  [[nodiscard]] RingVector hand_in(const HandIn::Broadcast& request, std::stop_token stop) {
    Masking state(take<SharingSecrets>(request.request), request.message);
    RingVector vector = make_vector_(std::move(stop));
    vector.visit([&state](auto words) { state.mask(words); });
    state_.emplace<Masking>(std::move(state));
    return vector;
  }
  [[nodiscard]] Confirm::Reply confirm(const Confirm::Broadcast& request) {
    Confirming state(take<Masking>(request.request), request.message);
    const Confirm::Reply reply{state.message()};
    state_.emplace<Confirming>(std::move(state));
    return reply;
  }
  [[nodiscard]] ReleasedShares release(const Release::Broadcast& request) {
    const Unmasking state(take<Confirming>(request.request), request.message);
    joined_.add(request_);
    return state.message();
  }

 private:
  [[noreturn]] void refuse(ErrorId id, const std::string& why) const {
    throw Error(id, "client " + member_.id.str() + " refuses a step of a secure sum: " + why);
  }
  /// Numbers that have no range in the plan do not leave.
  static void keep_planned(std::vector<SummandScalar>& numbers, const SegmentPlan& plan) {
    std::vector<SummandScalar> kept;
    for (const ScalarSegment& segment : plan.scalars()) {
      for (const SummandScalar& number : numbers) {
        if (number.name == segment.name) kept.push_back(number);
      }
    }
    numbers = std::move(kept);
  }
  /// The state that this step follows on. Whatever comes of the step, it is gone: each message is answered once.
  template <class State>
  [[nodiscard]] State take(const Digest& request) {
    auto* const state = std::get_if<State>(&state_);
    if (state == nullptr || request != request_)
      refuse(error::secagg_replay, "it is not the next step of the request that it takes part in");
    State taken = std::move(*state);
    state_ = std::monostate();
    return taken;
  }

  TaskHandlers work_;
  SecureMember member_;
  JoinedRequests joined_;
  Digest request_{};
  std::function<RingVector(std::stop_token)> make_vector_{};
  std::variant<std::monostate, Advertising, SharingSecrets, Masking, Confirming> state_{};
};

}  // namespace detail

/// A client's end of secure aggregation: what its handlers answer leaves only as a masked part of a sum. A plain request for that work is
/// not among what is offered, so nobody can ask for it. A client that is restarted has lost its keys, and counts as dropped
/// out of the sum that it was in.
///
///     TaskHandlers secure = secure_handlers<Train<double>, Evaluate<double>>(TaskHandlers::of(client), {id, key, members});
///
/// \tparam Tasks  additive tasks that `work` offers
/// \throws Error (`file`, `archive_*`) for a `joined_file` that cannot be read
/// Thread safety: one call at a time, as for every client.
template <AdditiveTask... Tasks>
[[nodiscard]] TaskHandlers secure_handlers(TaskHandlers work, SecureMember member) {
  static_assert(sizeof...(Tasks) > 0,
                "healthai: name the tasks whose replies are to be summed, such as Train<double>");
  auto client = std::make_shared<detail::SecureClient>(std::move(work), std::move(member));
  TaskHandlers handlers;
  (handlers.offer<Advertise<Tasks>>(
       [client](const Request<typename Advertise<Tasks>::Broadcast>& request, std::stop_token) {
         return client->template advertise<Tasks>(*request);
       }),
   ...);
  handlers.offer<ShareSecrets>([client](const Request<ShareSecrets::Broadcast>& request, std::stop_token) {
    return client->share(*request);
  });
  handlers.offer<HandIn>([client](const Request<HandIn::Broadcast>& request, std::stop_token stop) {
    return client->hand_in(*request, std::move(stop));
  });
  handlers.offer<Confirm>([client](const Request<Confirm::Broadcast>& request, std::stop_token) {
    return client->confirm(*request);
  });
  handlers.offer<Release>([client](const Request<Release::Broadcast>& request, std::stop_token) {
    return client->release(*request);
  });
  return handlers;
}

}  // namespace healthai::secagg
