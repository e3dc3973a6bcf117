#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/training.hpp"
#include "healthai/privacy/mechanism.hpp"
#include "healthai/secagg/graph.hpp"
#include "healthai/secagg/members.hpp"
#include "healthai/secagg/parameters.hpp"
#include "healthai/secagg/segments.hpp"

namespace healthai::secagg {

/// What all parties of one secure sum agree on. Public; part of the request that every member signs.
struct Terms {
  RoundId id{};
  std::vector<ClientId> members{};  ///< the pinned roster, in the order of ids: never "those who are there"
  SecAggParameters parameters{};
  GraphSeed graph_seed{};  ///< draws the graph, where it is not full
  SegmentPlan plan{};      ///< what is summed, in which ranges, in which ring
  /// Who opens the sum: the host name that its certificate has for the members, in lower case. Empty: it does not say.
  std::string opener{};

  /// Without an opener they are what programs of before can read (see archive.hpp).
  static constexpr std::uint32_t newest_version = 1;
  [[nodiscard]] std::uint32_t oldest_version() const noexcept { return opener.empty() ? 0 : 1; }

  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& id& members& parameters& graph_seed& plan;
    if (version >= 1) archive& opener;
  }
};

/// Whether this can be the name of who opens a sum: 1 to 253 of a-z, 0-9, '.', '-', '_' and ':', as host names and addresses are.
[[nodiscard]] inline bool is_opener_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 253 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_:") == std::string_view::npos;
}

/// What a member accepts: terms that are at least as strict as those that it would derive itself from its own copy of the roster.
struct ClientRules {
  SecAggOptions options{};  ///< the promise against an active coordinator, unless they say otherwise
  std::uint64_t minimum_threshold = 0;  ///< none below this, whatever the roster's size says
  /// Who may open a sum, by `Terms::opener`; a relay is one for its region. Empty: whoever asks.
  std::vector<std::string> openers{};
  double minimum_noise_multiplier = 0;  ///< of SumNoise; above 0 sums without noise are refused
  /// Whom the noise must hide: sums whose noise is for another unit are refused, as they would promise something else than is counted.
  SumUnit unit = SumUnit::hospital;
  /// Called with what a sum spends, before each work whose noised result is to be handed in, to note it in a BudgetLedger in the unit
  /// above. What it throws keeps the vector here. If it is set, sums without noise are refused.
  std::function<void(const Mechanism&)> debit{};
};

/// \throws Error (`secagg_terms`) unless these are terms that a member with this roster may take part under; (`invalid_argument`) for
///   rules that no terms could meet
inline void require_acceptable(const Terms& terms, const Members& members, const ClientRules& rules,
                               const ClientId& self) {
  const auto refuse = [&self](const std::string& why) {
    throw Error(error::secagg_terms,
                "client " + self.str() + " does not take part in this secure sum: " + why);
  };
  if (!members.find(self)) refuse("it is not on its own copy of the roster");
  if (terms.members != members.ids()) {
    refuse("the coordinator's roster has " + std::to_string(terms.members.size()) +
           " members, which are not the " + std::to_string(members.size()) +
           " of its own; compare their digests");
  }
  if (!terms.opener.empty() && !is_opener_name(terms.opener))
    refuse("what its terms call who opens it is no name");
  if (!rules.openers.empty() &&
      std::find(rules.openers.begin(), rules.openers.end(), terms.opener) == rules.openers.end()) {
    refuse(terms.opener.empty() ? "its terms do not say who opens it, which this member demands"
                                : "it would be opened by \"" + terms.opener +
                                      "\", who is none of those that this member lets open sums");
  }
  const SecAggParameters own = SecAggParameters::of(members.size(), rules.options);
  const SecAggParameters& theirs = terms.parameters;
  if (theirs.clients != own.clients) {
    refuse("its parameters are for " + std::to_string(theirs.clients) + " members, expected " +
           std::to_string(own.clients));
  }
  if (own.full() ? !theirs.full() : theirs.degree != own.degree) {
    refuse("its graph has " + std::to_string(theirs.degree) + " neighbours a member, expected " +
           std::to_string(own.degree) +
           (own.full() ? ": in a sparse graph a coordinator could surround a member" : ""));
  }
  const std::uint64_t at_least = (std::max)(own.threshold, rules.minimum_threshold);
  if (theirs.threshold < at_least || theirs.threshold > theirs.holders()) {
    refuse("its threshold is " + std::to_string(theirs.threshold) + ", expected at least " +
           std::to_string(at_least) + " and at most " + std::to_string(theirs.holders()) +
           ", so that no two lists of survivors can be opened");
  }
  const SumNoise& noise = terms.plan.noise();
  if (!noise.on()) {
    if (rules.minimum_noise_multiplier > 0 || rules.debit)
      refuse("its sum would be opened without noise, which this member demands");
    return;
  }
  if (noise.unit() != rules.unit) {
    refuse("its noise hides one " + std::string(name_of(noise.unit())) +
           ", and this member counts in the unit of a " + std::string(name_of(rules.unit)));
  }
  if (noise.noise_multiplier < rules.minimum_noise_multiplier) {
    refuse("its noise multiplier is " + number_text(noise.noise_multiplier) + ", expected at least " +
           number_text(rules.minimum_noise_multiplier));
  }
  if (!theirs.full()) refuse("noise needs a full graph, in which the threshold is one of all members");
  const std::uint64_t corrupt = (std::max)(own.corrupt, theirs.corrupt);
  if (theirs.threshold <= corrupt || noise.honest > theirs.threshold - corrupt) {
    refuse("its noise counts on " + std::to_string(noise.honest) + " honest members, but of a threshold of " +
           std::to_string(theirs.threshold) + " as many as " + std::to_string(corrupt) + " may collude");
  }
}

/// Notes what the sum of this plan spends, if the rules say where. \throws what `debit` throws: then nothing may be handed in
inline void debit_noise(const ClientRules& rules, const SegmentPlan& plan) {
  if (rules.debit && plan.noise().on() && plan.segments() != 0) rules.debit(plan.noise().mechanism());
}

}  // namespace healthai::secagg
