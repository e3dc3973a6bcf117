#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
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

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& id& members& parameters& graph_seed& plan;
  }
};

/// What a member accepts: terms that are at least as strict as those that it would derive itself from its own copy of the roster.
struct ClientRules {
  SecAggOptions options{};  ///< the promise against an active coordinator, unless they say otherwise
  std::uint64_t minimum_threshold = 0;  ///< none below this, whatever the roster's size says
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
}

}  // namespace healthai::secagg
