#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/crypto/hex.hpp"
#include "healthai/crypto/signing_key.hpp"
#include "healthai/crypto/verify_key.hpp"
#include "healthai/secagg/members.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/transport/socket/roster.hpp"

namespace healthai::secagg {

/// The members of secure sums that a roster file names: its sites, each with its signing keys. A coordinator and every node make them from a
/// copy of their own, after people have compared `Roster::digest`.
/// \throws Error (`roster`) for a site without signing keys, or with one that is no Ed25519 key; (`secagg_terms`) for fewer than three sites
[[nodiscard]] inline std::shared_ptr<const Members> members_of(const Roster& roster) {
  std::vector<Member> members;
  for (const RosterSite& site : roster.sites()) {
    Member member{site.id, {}};
    if (site.signing_keys.empty()) {
      throw Error(error::roster, "site " + site.id.str() +
                                     " has no signing_keys on the roster: secure aggregation needs one, the "
                                     "public half of the key with which the site's node signs");
    }
    for (const std::string& key : site.signing_keys) {
      const auto bytes = from_hex<32>(key);  // which Roster has looked at already
      try {
        member.keys.push_back(VerifyKey::from_bytes(*bytes));
      } catch (const Error& e) {
        throw Error(error::roster, "site " + site.id.str() + ": the signing key " + key + ": " + e.what());
      }
    }
    members.push_back(std::move(member));
  }
  return std::make_shared<const Members>(std::move(members));
}

/// A node as a member of secure sums, with its own copy of the roster and the key with which it signs (that of its audit log may be the same: what
/// is signed says for what).
///
///     const auto key = SigningKey::read_or_make("audit.key");
///     auto self = secagg::member_of(Roster::read("roster.json"), "north", key, {.minimum_threshold = 5}, "state/joined");
///
/// \param joined_file  see SecureMember
/// \throws Error (`identity`) if the roster does not have this key at this site, so that no other member would believe it; the message has
///   what to put there; as `members_of` does
[[nodiscard]] inline SecureMember member_of(const Roster& roster, const ClientId& id, SigningKey key,
                                            ClientRules rules = {}, std::string joined_file = {}) {
  const std::string own = hex(key.public_key().bytes());
  const auto site = std::find_if(roster.sites().begin(), roster.sites().end(),
                                 [&id](const RosterSite& one) { return one.id == id; });
  const std::string advice = "; the public half of its key is " + own +
                             ": have it added as one of the site's signing_keys, in everybody's copy";
  if (site == roster.sites().end())
    throw Error(error::identity, "\"" + id.str() + "\" is not on the roster" + advice);
  auto members = members_of(roster);
  if (std::find(site->signing_keys.begin(), site->signing_keys.end(), own) == site->signing_keys.end()) {
    throw Error(error::identity,
                "\"" + id.str() + "\" is on the roster, but signs with another key than is listed" + advice);
  }
  SecureMember self{id, std::move(key), std::move(members)};
  self.rules = rules;
  self.joined_file = std::move(joined_file);
  return self;
}

}  // namespace healthai::secagg
