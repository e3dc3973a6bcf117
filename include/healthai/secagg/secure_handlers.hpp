#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/client/task_handlers.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/training.hpp"
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/crypto/signing_key.hpp"
#include "healthai/secagg/client/unmasking.hpp"
#include "healthai/secagg/detail/additive_reply.hpp"
#include "healthai/secagg/detail/work_of_sum.hpp"
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
  /// Numbers are rounded to the nearest level, and the same work gives the same sum. Otherwise at random up or down, which has no bias
  /// that adds up over clients and rounds.
  bool nearest_rounding = false;
  /// Is told what of this client's work was outside its range and therefore clipped, if anything was: for its log, as nobody else sees it.
  std::function<void(std::span<const ClippedSegment>)> on_clipped{};
  /// Keep what was handed in until it is confirmed, so that the same bytes can be given again when the reply is lost, and that a second
  /// attempt at the same work needs no second training. It takes two vectors of memory; where no reply can be lost, as in one
  /// process, it may be left out. The client's state is kept twice as well.
  bool keep_vector = true;
  std::size_t threads = 1;  ///< that make masks; 0: one for each processor
};

namespace detail {

/// A step that was answered: asked the same again, as when the reply was lost, a member gives the same bytes.
template <class Reply>
struct AnsweredStep {
  Digest message{};  ///< of what was asked
  Reply reply{};
};

/// A client's end of secure sums: of one at a time, the one that was asked for last. A step out of turn, or another one than was answered,
/// changes nothing; one with wrong contents ends this sum for the member.
class SecureClient {
 public:
  SecureClient(TaskHandlers work, SecureMember member)
      : work_(std::move(work)), member_(std::move(member)), joined_(member_.joined_file) {
    if (!member_.members)
      throw Error(error::invalid_argument, "client " + member_.id.str() + " was given no roster");
  }

  template <AdditiveTask T>
  [[nodiscard]] AdvertisedKeys advertise(const typename Advertise<T>::Broadcast& request) {
    require_acceptable(request.terms, *member_.members, member_.rules, member_.id);
    if (!(request.id == request.terms.id))
      refuse(error::secagg_terms, "the terms are those of another round");
    // A policy judges the round of the work, and which rounds have a sum is known by that of the terms.
    if constexpr (requires {
                    { request.work->id } -> std::convertible_to<RoundId>;
                  }) {
      if (!(request.work->id == request.terms.id))
        refuse(error::secagg_terms, "the work is that of another round than the terms");
    }
    if constexpr (requires { T::require_plan(*request.work, request.terms.plan); }) {
      T::require_plan(*request.work, request.terms.plan);
    } else if (request.terms.plan.noise().unit() == SumUnit::patient) {
      refuse(error::secagg_terms,
             "its noise hides one patient, and the work is no sum over patients each of whom is clipped");
    }
    const auto message = encode(request.work);
    std::vector<std::span<const std::byte>> pieces{message->head};
    pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
    const Digest digest = request_digest(T::name, request.terms, pieces);
    if (joined_.contains(T::name, request.id, digest)) {
      refuse(error::secagg_replay, "it has released shares for round " + std::to_string(request.id.round) +
                                       " before, or for a later one, and makes no second sum of it");
    }
    if (advertised_ && digest == request_) return *advertised_;
    Advertising state(std::make_shared<const Session>(member_.members, request.terms, digest),
                      *member_.members->find(member_.id), member_.key);
    forget();
    work_of_sum_.begin(T::name, request.id, message, request.terms.plan, work_);
    make_vector_ = [this, work = request.work, plan = request.terms.plan](std::stop_token stop) {
      debit_noise(member_.rules, plan);  // before the data are touched
      typename T::Reply reply = work_.template handle<T>({work, member_.id}, std::move(stop));
      if constexpr (std::is_same_v<T, Train<typename T::Scalar>>) check(reply, *work);
      Summand<typename T::Scalar> summand = T::summand(std::move(reply));
      keep_planned(summand.scalars, plan);
      plan.require_fit(summand);  // before a coordinator's plan decides how much memory is taken
      RingVector vector(plan.ring_bits(), plan.size());
      RandomBits random;
      const std::vector<ClippedSegment> clipped = vector.visit([&](auto words) {
        return member_.nearest_rounding && !plan.noise().on() ? plan.encode_nearest(summand, words)
                                                              : plan.encode(summand, words, random);
      });
      if (!clipped.empty() && member_.on_clipped) member_.on_clipped(clipped);
      return vector;
    };
    request_ = digest;
    task_ = T::name;
    id_ = request.id;
    advertised_ = state.message();
    state_.emplace<Advertising>(std::move(state));
    return *advertised_;
  }
  [[nodiscard]] ShareSecrets::Reply share(const ShareSecrets::Broadcast& request) {
    return answer(shared_, request, error::secagg_replay, [&] {
      SharingSecrets state(take<Advertising>(), request.message);
      ShareSecrets::Reply reply{state.message()};
      state_.emplace<SharingSecrets>(std::move(state));
      return reply;
    });
  }
  [[nodiscard]] RingVector hand_in(const HandIn::Broadcast& request, std::stop_token stop) {
    const auto mask = [&] {
      Masking state(take<SharingSecrets>(), request.message);
      RingVector vector =
          work_of_sum_.vector(work_, member_.keep_vector, [&] { return make_vector_(std::move(stop)); });
      vector.visit([&](auto words) { state.mask(words, member_.threads); });
      state_.emplace<Masking>(std::move(state));
      return vector;
    };
    if (member_.keep_vector) return answer(handed_in_, request, error::secagg_replay, mask);
    require_current(request);
    return mask();
  }
  [[nodiscard]] Confirm::Reply confirm(const Confirm::Broadcast& request) {
    return answer(confirmed_, request, error::secagg_survivors, [&] {
      Confirming state(take<Masking>(), request.message);
      const Confirm::Reply reply{state.message()};
      state_.emplace<Confirming>(std::move(state));
      handed_in_.reset();  // it has arrived: the coordinator has told so
      work_of_sum_.counts(work_);
      return reply;
    });
  }
  /// The answer belongs to the list that was confirmed, whoever's signatures come with the question.
  [[nodiscard]] ReleasedShares release(const Release::Broadcast& request) {
    require_current(request);
    if (!released_) {
      const Unmasking state(take<Confirming>(), request.message);
      joined_.add(task_, id_, request_);
      released_ = state.message();
      work_of_sum_.end();
    }
    return *released_;
  }

 private:
  [[noreturn]] void refuse(ErrorId id, const std::string& why) const {
    throw Error(id, "client " + member_.id.str() + " refuses a step of a secure sum: " + why);
  }
  /// What a coordinator checks of a reply that it can see, the client must check of one that nobody will.
  template <class Scalar>
  void check(TrainReply<Scalar>& reply, const TrainBroadcast<Scalar>& work) const {
    require_summable(reply, work.parameters.layout());
    if (!is_finite(reply.num_examples) || reply.num_examples <= 0)
      refuse(error::invalid_reply, "it trained on " + number_text(reply.num_examples) + " rows");
    if (reply.partial && reply.local_steps == 0)
      refuse(error::partial_work, "it was stopped before it had done any work");
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
  template <class Broadcast>
  void require_current(const Broadcast& step) const {
    if (step.request != request_ || !(step.id == id_))
      refuse(error::secagg_replay, "it is no step of the request that it takes part in");
  }
  /// The state that this step follows on. Whatever comes of the step, it is gone.
  template <class State>
  [[nodiscard]] State take() {
    auto* const state = std::get_if<State>(&state_);
    if (state == nullptr)
      refuse(error::secagg_replay, "it is not the next step of the request that it takes part in");
    State taken = std::move(*state);
    state_ = std::monostate();
    return taken;
  }
  /// \param otherwise  the error of asking a second time, and something else
  template <class Reply, class Broadcast, class Make>
  [[nodiscard]] Reply answer(std::optional<AnsweredStep<Reply>>& answered, const Broadcast& request,
                             ErrorId otherwise, const Make& make) {
    require_current(request);
    const Digest asked = sha256(to_bytes(request.message));
    if (!answered) {
      Reply reply = make();
      answered = AnsweredStep<Reply>{asked, std::move(reply)};
    } else if (answered->message != asked) {
      refuse(otherwise,
             "it has answered this step of this request before, and what it was asked then was not the same");
    }
    return answered->reply;
  }
  /// The keys and answers of the sum before are gone.
  void forget() {
    state_ = std::monostate();
    advertised_.reset();
    shared_.reset();
    handed_in_.reset();
    confirmed_.reset();
    released_.reset();
  }

  TaskHandlers work_;
  SecureMember member_;
  JoinedRequests joined_;
  Digest request_{};
  std::string task_{};
  RoundId id_{};
  std::function<RingVector(std::stop_token)> make_vector_{};
  WorkOfSum work_of_sum_{};
  std::variant<std::monostate, Advertising, SharingSecrets, Masking, Confirming> state_{};
  std::optional<AdvertisedKeys> advertised_{};
  std::optional<AnsweredStep<ShareSecrets::Reply>> shared_{};
  std::optional<AnsweredStep<RingVector>> handed_in_{};
  std::optional<AnsweredStep<Confirm::Reply>> confirmed_{};
  std::optional<ReleasedShares> released_{};
};

}  // namespace detail

/// A client's end of secure aggregation: what its handlers answer leaves only as a masked part of a sum. A plain request for that work is
/// not among what is offered, so nobody can ask for it. A step that is asked for again, as when a reply was lost, gets the same bytes. A
/// client that is restarted has lost its keys, and counts as dropped out of the sum that it was in. See docs/secure-aggregation.md,
/// "Restarts".
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
  TaskHandlers handlers;
  handlers.with_state_of(work);
  auto client = std::make_shared<detail::SecureClient>(std::move(work), std::move(member));
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

/// The same for a client whose class is known, so that one whose replies cannot be summed under masks does not compile: compressed by what
/// the values are (TopK, Sign, Qsgd and the like), in whatever it is wrapped.
///
///     TaskHandlers secure = secure_handlers<Train<double>>(ControlVariates{LocalTrainer{model}}, {id, key, members});
template <AdditiveTask... Tasks, class C>
requires(!std::is_same_v<C, TaskHandlers>) [[nodiscard]] TaskHandlers
    secure_handlers(C client, SecureMember member) {
  static_assert(
      detail::replies_can_be_summed<C>(),
      "healthai: this client compresses its updates in a way that depends on their values (TopK, Sign, Qsgd, "
      "fewer bits), and such updates cannot be summed under masks. Leave Compressed out, or take RandomK, "
      "with which all clients keep the same coordinates");
  return secure_handlers<Tasks...>(TaskHandlers::of(std::move(client)), std::move(member));
}

}  // namespace healthai::secagg
