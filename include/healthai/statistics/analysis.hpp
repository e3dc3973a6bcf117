#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/server/ask.hpp"
#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/disclosure_refusal.hpp"
#include "healthai/statistics/sums.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai {

/// How an analysis asks.
struct AnalysisOptions {
  std::optional<std::chrono::milliseconds> deadline{};  ///< for each answer; not set: never mind how long
  /// Where a transport shows sums only, no hospital can hold its rules about sizes: they are held here against the sizes of all hospitals
  /// together, before a result is shown. Those of the hospitals, say; `DisclosureRules::off()` for data that are nobody's secret.
  PooledRules pooled{};
};

/// The coordinator's side of an analysis: asks the same hospitals again and again, and adds up what they answer. Sums are in the order of
/// the hospitals' ids, so that they have the same bits whatever the order of arrival.
///
/// A hospital whose rules forbid the analysis is left out of all of it, and named with the rule. Any other failure is an error: a
/// sum over fewer hospitals than before would be of other patients. Over a transport that only sums, a hospital's refusal after it has been
/// part of a sum is an error too: the sum without it would tell, by difference, what it alone had answered.
///
///     Analysis analysis(hospitals);
///     return analysis.over_the_same_sites([&] { const Sums sums = analysis.sum<CountRows>({plan}); ...; return result; });
///
/// \tparam TransportType  a Transport, or a SummingTransport such as SecureAggregation; it must outlive this object. One thread.
template <class TransportType>
class Analysis {
 public:
  /// Whether the answer of each hospital to this can be seen, and not only the sum.
  template <class T>
  static constexpr bool shows = Transport<TransportType, T>;

  explicit Analysis(TransportType& transport, AnalysisOptions options = {})
      : transport_(&transport), options_(std::move(options)), sites_(transport.clients()) {
    std::ranges::sort(sites_);
    if (sites_.empty())
      throw Error(error::no_clients, "an analysis needs at least one hospital, and none is there");
  }

  /// Those that take part, in the order of their ids.
  [[nodiscard]] const std::vector<ClientId>& sites() const noexcept { return sites_; }
  /// Those whose rules forbid it, with the rule.
  [[nodiscard]] const std::vector<Failure>& left_out() const noexcept { return left_out_; }

  /// The rules for what all hospitals together tell with statistic T: those of the options where only sums are seen; off where
  /// each hospital has held its own.
  template <Task T>
  [[nodiscard]] DisclosureRules pooled_rules() const {
    if constexpr (Transport<TransportType, T>) {
      return DisclosureRules::off();
    } else {
      return options_.pooled.rules();
    }
  }
  /// Holds these rules against sizes of all hospitals together. \throws Error (`disclosure`) naming the rule
  template <Task T>
  void require_pooled(const Disclosure& pooled) const {
    healthai::require_pooled(pooled_rules<T>(), pooled);
  }

  /// Calls `work` until all sums in it were over the same sites: anew without those whose rules forbid a later question.
  /// \throws Error (`disclosure`) when none is left
  template <class Work>
  auto over_the_same_sites(Work work) {
    while (true) {
      begun_ = false;
      try {
        return work();
      } catch (const SitesHaveChanged&) {
      }
    }
  }

  /// The sum of a statistic over all sites.
  /// \throws Error (`disclosure`) when the rules of every site forbid it; (`below_quorum`) naming those that failed otherwise
  template <AdditiveTask T>
  [[nodiscard]] Sums sum(typename T::Broadcast broadcast) {
    auto shared = std::make_shared<const typename T::Broadcast>(std::move(broadcast));
    while (true) {
      Sums sums;
      std::vector<Failure> failures;
      if constexpr (Transport<TransportType, T>) {
        std::vector<std::pair<ClientId, Summand<double>>> parts;
        failures = gather<T>(shared, [&](const ClientId& site, typename T::Reply&& reply) {
          parts.emplace_back(site, T::summand(std::move(reply)));
        });
        if (failures.empty()) sums = added(std::move(parts));
      } else {
        static_assert(
            SummingTransport<TransportType, T>,
            "healthai: an Analysis needs a Transport or a SummingTransport (see transport/concept.hpp)");
        const Deadline deadline = options_.deadline ? Clock::now() + *options_.deadline : Deadline::max();
        auto part = transport_->template sum<T>(WeightedMean{}, sites_, shared, deadline);
        failures = std::move(part.failures);
        if (failures.empty()) sums = opened(std::move(part));
      }
      if (failures.empty()) {
        begun_ = true;
        return sums;
      }
      leave_out<Transport<TransportType, T>>(T::name, std::move(failures));
    }
  }

  /// What each site answers, in the order of their ids: for statistics that are no sums. Not over a transport that only sums.
  /// \throws Error as `sum`
  template <Task T>
  [[nodiscard]] std::vector<std::pair<ClientId, typename T::Reply>> each(typename T::Broadcast broadcast) {
    static_assert(Transport<TransportType, T>,
                  "healthai: this statistic is no sum: it needs to see the answer of each hospital, which a "
                  "transport that only sums "
                  "(secure aggregation) does not show");
    auto shared = std::make_shared<const typename T::Broadcast>(std::move(broadcast));
    while (true) {
      std::vector<std::pair<ClientId, typename T::Reply>> replies;
      std::vector<Failure> failures = gather<T>(shared, [&](const ClientId& site, typename T::Reply&& reply) {
        replies.emplace_back(site, std::move(reply));
      });
      if (failures.empty()) {
        begun_ = true;
        std::ranges::sort(replies, {}, [](const auto& reply) { return reply.first; });
        return replies;
      }
      leave_out<true>(T::name, std::move(failures));
    }
  }

 private:
  struct SitesHaveChanged {};

  template <Task T, class Use>
  [[nodiscard]] std::vector<Failure> gather(const std::shared_ptr<const typename T::Broadcast>& broadcast,
                                            Use use) {
    return detail::gather<T>(*transport_, sites_, broadcast, {options_.deadline, {}, {}}, std::stop_token{},
                             [&use](const ClientId& site, typename T::Reply reply) -> std::optional<Failure> {
                               use(site, std::move(reply));
                               return std::nullopt;
                             })
        .value();
  }
  [[nodiscard]] static Sums added(std::vector<std::pair<ClientId, Summand<double>>> parts) {
    std::ranges::sort(parts, {}, [](const auto& part) { return part.first; });
    Summand<double> total;
    Sums sums;
    for (const auto& [site, part] : parts) {
      if (const auto wrong = detail::add_summand(total, part, sums.sites.empty()))
        throw Error(error::invalid_reply, "client " + site.str() + " sent " + *wrong);
      sums.sites.push_back(site);
    }
    sums.vectors = std::move(total.vectors);
    return sums;
  }
  /// A vector's name is that of its layout's one tensor.
  template <class Part>
  [[nodiscard]] static Sums opened(Part&& part) {
    Sums sums;
    sums.sites = std::move(part.contributors);
    for (auto& state : part.states) {
      const auto total = state.weighted_sum();
      sums.vectors.push_back(
          {std::string(state.layout().tensors().front().name), false,
           Parameters<double>(state.layout(), std::vector<double>(total.begin(), total.end()))});
    }
    return sums;
  }
  /// Leaves out those whose rules forbid it. \throws Error for other failures; SitesHaveChanged when sums were made with them before
  /// \tparam Shows  whether single answers can be seen anyhow
  template <bool Shows>
  void leave_out(std::string_view task, std::vector<Failure> failures) {
    std::string others;
    for (const Failure& failure : failures) {
      if (failure.error != error::disclosure.name() && failure.error != error::refused.name())
        others += "; client " + failure.client.str() + ": " + failure.message;
    }
    if (!others.empty())
      throw Error(error::below_quorum,
                  std::string(task) + " needs the answer of every hospital, but some failed" + others);
    for (Failure& failure : failures) {
      std::erase(sites_, failure.client);
      left_out_.push_back(std::move(failure));
    }
    if (sites_.empty()) {
      std::string text = std::string(task) + ": no hospital allows this";
      for (const Failure& failure : left_out_)
        text += "; client " + failure.client.str() + ": " + failure.message;
      throw Error(error::disclosure, text);
    }
    if (!begun_) return;
    if constexpr (Shows) {
      throw SitesHaveChanged{};
    } else {
      // Asked again without them, the sums before and after would differ by what these hospitals alone had answered.
      std::string text =
          std::string(task) + ": some hospitals' rules forbid this after they have been part of a sum";
      for (const Failure& failure : left_out_)
        text += "; client " + failure.client.str() + ": " + failure.message;
      throw Error(error::disclosure, text);
    }
  }

  TransportType* transport_;
  AnalysisOptions options_;
  std::vector<ClientId> sites_;
  std::vector<Failure> left_out_;
  bool begun_ = false;
};

}  // namespace healthai
