#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "healthai/core/client_memory.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/core/training.hpp"
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/privacy/adaptive_clipping.hpp"
#include "healthai/secagg/coordinator/kept_sums.hpp"
#include "healthai/secagg/detail/secure_round.hpp"
#include "healthai/secagg/ranges.hpp"
#include "healthai/secagg/tasks.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/confidentiality.hpp"

namespace healthai {

namespace detail {
template <class>
inline constexpr bool shows_single_replies = false;
}

/// How a SecureAggregation works.
struct SecureAggregationOptions {
  /// What the sums must withstand. The clients compare it with their own rules.
  secagg::SecAggOptions protocol{};
  /// In which ranges numbers are clipped and rounded before they are masked; what has no range does not travel.
  secagg::SumRanges ranges{};
  /// Who opens the sums: the name by which the members' nodes reach this coordinator, in lower case ("fl.example.org"); for a relay its own. It is in
  /// the terms that all sign: a member refuses another than its rules allow, and a Node another than it is connected to. Empty: not said.
  std::string opener{};
  /// How many threads of this coordinator take masks off; 0: one for each processor. The sum is the same for any number.
  std::size_t threads = 1;
  /// The longest that clients are waited for in a step without work.
  std::chrono::milliseconds step_deadline{30000};
  /// A folder of this coordinator's own for the sums of rounds that are not in a checkpoint yet: started again, with the federation's own
  /// checkpoint (`FederationOptions::resume`), it opens the same sum that it was about to open, and never another of that round.
  /// Empty: the latest sum of each task is kept in memory.
  std::string checkpoint_folder{};
};

/// A transport that can sum and cannot show: secure aggregation over any transport whose clients offer `secagg::secure_handlers`. The
/// coordinator, which this is, learns the sum and who is in it, and nothing else of anybody; see docs/secure-aggregation.md.
///
///     SecureAggregation secure{hospitals, members, {.ranges = {.update_clip = 1, .most_examples = 1e5}}};
///     Federation federation{FedAvg{}, secure, {.rounds = 50}};
///
/// So a strategy whose rule has to see each update, or that looks at replies one by one, does not compile over it. Sums are exact sums of
/// whole numbers: the mean differs from the plain one by the rounding of `ranges` only, by less than 2 clip / levels in each number. Metrics
/// and other numbers travel only where `ranges` has one for them. A client that cannot be part of a round (too
/// late, or it refuses) is a Failure like any other; where fewer than the threshold are left, all are, and no sum is opened.
///
/// Each round of a run has one sum of each task, whatever its attempt: it is kept from before anybody is asked to open it until a
/// Federation says that the round is over (see `settled`), and asked for again it is the same, bit for bit. So a round that is
/// stopped, or whose coordinator is killed, once all vectors are there is neither trained nor summed a second time.
///
/// Satisfies SummingTransport for every additive task that SumRanges can plan. Thread safety: as Transport says.
/// \tparam TransportType  a Transport for the steps; it must outlive this object
template <class TransportType>
class SecureAggregation {
 public:
  /// \param members  the pinned roster: the sums are over all of these, whoever is there
  /// \throws Error (`invalid_argument`) for options that cannot be met with a roster of this size, an opener that is no name, and a clip, levels or a name that
  /// FixedPoint or SegmentPlan refuse; (`overflow`) for ranges in which a sum over the roster could wrap without noise; (`file`) for a folder that
  /// cannot be used, or that another process uses
  SecureAggregation(TransportType& transport, std::shared_ptr<const secagg::Members> members,
                    SecureAggregationOptions options)
      : transport_(&transport),
        members_(std::move(members)),
        options_(std::move(options)),
        parameters_(secagg::SecAggParameters::of(members_->size(), options_.protocol)),
        kept_(options_.checkpoint_folder) {
    if (!options_.opener.empty() && !secagg::is_opener_name(options_.opener)) {
      throw Error(error::invalid_argument,
                  "secure aggregation: who opens the sums is a host name in lower case, not \"" +
                      options_.opener.substr(0, 100) + "\"");
    }
    options_.ranges.noise = options_.ranges.noise.within(parameters_);
    // Without noise, whether a sum could wrap does not depend on the model: of one number it can as well. With noise it does, a little;
    // then each sum's own plan says so.
    SumRules rules;
    if (!options_.ranges.noise.on()) rules.extra_vectors = std::vector<WantedVector>{{"extra", true}};
    const Parameters<double> any(Layout{{"any", {1}}});
    static_cast<void>(options_.ranges.plan<Train<double>>({{}, 0, any, {}}, rules, members_->size()));
    static_cast<void>(options_.ranges.plan<Evaluate<double>>({{}, any}, rules, members_->size()));
  }

  /// Members that are there.
  [[nodiscard]] std::vector<ClientId> clients() {
    std::vector<ClientId> ids = transport_->clients();
    std::erase_if(ids, [this](const ClientId& id) { return !members_->find(id); });
    return ids;
  }
  [[nodiscard]] Traffic traffic() const { return transport_->traffic(); }
  [[nodiscard]] const secagg::SecAggParameters& parameters() const noexcept { return parameters_; }
  /// Simulated, unless the transport reaches programs of other parties: over InProcess and MPI it is the same code, but whoever runs the
  /// program holds the secrets of all. Reports of a run say so (RunStart).
  [[nodiscard]] static constexpr Confidentiality confidentiality() noexcept {
    return detail::reaches_other_parties<TransportType>() ? Confidentiality::secure_aggregation
                                                          : Confidentiality::simulated;
  }

  /// What a Transport does, and this cannot: it does not compile, and says why.
  template <Task T>
  std::vector<RequestId> send(std::span<const ClientId> /*ids*/,
                              std::shared_ptr<const typename T::Broadcast> /*broadcast*/) {
    static_assert(
        detail::shows_single_replies<T>,
        "healthai: SecureAggregation sends no request of its own to some of the members and shows no "
        "single reply: every member signs one and the same request. Use sum(), with an additive "
        "task, or the transport underneath");
    return {};
  }

  /// One secure sum, as SummingTransport says. It waits for the work as long as `deadline` says, and for the other steps as the options do.
  template <AdditiveTask T, class Aggregator>
  [[nodiscard]] PartialAggregate<Aggregator, typename T::Scalar> sum(
      const Aggregator& aggregator, std::span<const ClientId> ids,
      std::shared_ptr<const typename T::Broadcast> broadcast, Deadline deadline, const SumRules& rules = {}) {
    using Scalar = typename T::Scalar;
    PartialAggregate<Aggregator, Scalar> part;
    secagg::detail::SecureRound<T, TransportType> round(*transport_, members_, ids, options_.step_deadline,
                                                        rules, options_.threads);
    try {
      const RoundId id = round_id(*broadcast);
      std::optional<secagg::KeptSum> sum;
      if (id.run != 0) sum = kept_.find(T::name, id);
      std::shared_ptr<const secagg::Session> session;
      if (sum) {
        session = session_of(round, *sum, std::move(broadcast));
      } else {
        secagg::Terms terms;
        terms.id = id;
        terms.members = members_->ids();
        terms.parameters = parameters_;
        terms.opener = options_.opener;
        terms.graph_seed = random_bytes<32>();  // also tells this sum from one that was begun and not masked
        terms.plan = ranges_of<T>(*broadcast, rules).template plan<T>(*broadcast, rules, members_->size());
        std::optional<std::chrono::milliseconds> patience;
        if (deadline != Deadline::max()) {
          patience =
              (std::max)(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                         std::chrono::milliseconds{1});
        }
        session = round.session_of(terms, broadcast);
        std::optional<secagg::MaskedSum> masked = round.mask(session, std::move(broadcast), patience);
        if (!masked) return part;
        sum = secagg::KeptSum{std::string(T::name), std::move(terms), std::move(*masked), round.failures(),
                              false};
        if (id.run != 0) kept_.keep(*sum);  // before anybody is asked to open it
      }
      const bool opens_now = !sum->opened;
      if (opens_now) {
        secagg::MaskedSum opened{sum->masked.request, {}, sum->masked.survivors, {}};
        std::optional<secagg::RingVector> vector = round.open(session, std::move(sum->masked));
        if (!vector) return part;
        opened.sum = std::move(*vector);
        sum->masked = std::move(opened);
        sum->opened = true;
      }
      round.set_survivors(sum->masked.survivors);
      part.contributors = round.contributors();
      const Summand<double> total = std::as_const(sum->masked.sum).visit([&](auto words) {
        return sum->terms.plan.decode(words, part.contributors.size());
      });
      part.weight = total.weight;
      part.scalars = total.scalars;
      for (std::size_t i = 0; i < total.vectors.size(); ++i) {
        part.states.push_back(aggregator.template begin<Scalar>(total.vectors[i].values.layout()));
        part.states.back().add_sum(
            total.vectors[i].values.span(),
            total.vectors[i].weighted ? total.weight : static_cast<double>(part.contributors.size()));
      }
      // From here on clients may forget what they have answered.
      if (opens_now && id.run != 0) kept_.keep(std::move(*sum));
    } catch (const Error& reason) {
      part = {};
      round.fail_all(reason);
    }
    part.failures = round.failures();
    return part;
  }

  /// What a Federation says when a checkpoint is written: no round of this run up to this one will be asked for again.
  void settled(std::uint64_t run, std::uint64_t round) noexcept { kept_.forget(run, round); }

 private:
  /// The ranges, with those of the counts without which a strategy whose clients remember something (SCAFFOLD, FedDyn), or whose bound
  /// follows the updates (AdaptivelyClipped), does not work.
  template <class T>
  [[nodiscard]] secagg::SumRanges ranges_of(const typename T::Broadcast& broadcast,
                                            [[maybe_unused]] const SumRules& rules) const {
    secagg::SumRanges ranges = options_.ranges;
    if constexpr (std::is_same_v<T, Train<typename T::Scalar>>) {
      if (broadcast.objective.update_clip) {
        const double share =  // refuses too much noise for the count to be worth anything
            adaptive_clipping_share(ranges.noise.noise_multiplier, static_cast<double>(members_->size()),
                                    ranges.squared_shares(rules, within_clip));
        add_number(ranges, {std::string(within_clip), within_clip_value(true), 1, share});
      }
      if (!broadcast.objective.control_variates && !broadcast.objective.dynamic_regularisation) return ranges;
      if (ranges.noise.on()) {
        throw Error(error::invalid_argument,
                    "secure aggregation: with noise all members weigh the same, and a strategy whose clients "
                    "remember something (Scaffold, FedDyn) needs to know how many rows they have");
      }
      for (const auto& [name, most] : {std::pair{client_memory::new_clients, std::uint64_t{1}},
                                       std::pair{client_memory::new_examples, ranges.most_examples}}) {
        add_number(ranges, secagg::ScalarSegment::count(std::string(name), most));
      }
    }
    return ranges;
  }
  /// Unless it has a range of the user's.
  static void add_number(secagg::SumRanges& ranges, secagg::ScalarSegment number) {
    const bool given = std::any_of(ranges.training_numbers.begin(), ranges.training_numbers.end(),
                                   [&](const auto& one) { return one.name == number.name; });
    if (!given) ranges.training_numbers.push_back(std::move(number));
  }
  template <class Broadcast>
  static constexpr bool has_round = requires(Broadcast& broadcast) {
    { broadcast.id } -> std::convertible_to<RoundId>;
  };
  /// Of a sum that was masked before. A round that was called off after that is asked for with a higher attempt, and it is the same
  /// sum. \throws Error (`secagg_replay`) if the same round is asked for with other work
  template <class Round, class Broadcast>
  [[nodiscard]] static std::shared_ptr<const secagg::Session> session_of(
      Round& round, const secagg::KeptSum& sum, std::shared_ptr<const Broadcast> broadcast) {
    if constexpr (has_round<const Broadcast>) {
      if (broadcast->id.attempt != sum.terms.id.attempt) {
        auto as_then = std::make_shared<Broadcast>(*broadcast);
        as_then->id.attempt = sum.terms.id.attempt;
        broadcast = std::move(as_then);
      }
    }
    auto session = round.session_of(sum.terms, std::move(broadcast));
    if (session->request() != sum.masked.request) {
      throw Error(error::secagg_replay,
                  "secure aggregation: a sum of round " + std::to_string(sum.terms.id.round) +
                      " was masked before, of other work than is asked for now; a round has one sum only, "
                      "as the difference of two would be that of updates");
    }
    round.resume(sum);
    return session;
  }

  template <class Broadcast>
  [[nodiscard]] RoundId round_id(const Broadcast& broadcast) {
    if constexpr (has_round<const Broadcast>) {
      return broadcast.id;
    } else {
      return {0, ++unnamed_, 0};
    }
  }

  TransportType* transport_;
  std::shared_ptr<const secagg::Members> members_;
  SecureAggregationOptions options_;
  secagg::SecAggParameters parameters_;
  secagg::KeptSums kept_;
  std::uint64_t unnamed_ = 0;  // requests of tasks without rounds
};

}  // namespace healthai
