#pragma once

/// \file
/// Needs OpenSSL 3: link `healthai::secagg`.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/error.hpp"
#include "healthai/crypto/verify_key.hpp"

namespace healthai::secagg {

/// A member's place in the roster, which is in the order of ids; from 0.
using Index = std::uint32_t;

/// One member: its id, and the keys that may sign for it, of which there are two while one is renewed.
struct Member {
  ClientId id{};
  std::vector<VerifyKey> keys{};
};

/// The pinned roster as secure aggregation needs it: who may take part, and whose signature proves it. Every party has a copy of its own,
/// compared with the others by another way than the network: a coordinator that owns the list could invent members to
/// outnumber the others. A value that is safe to read from any thread.
class Members {
 public:
  /// \throws Error (`secagg_terms`) for fewer than three members (of two, each would learn the other's update from the sum), an id twice,
  ///   a member without a key
  explicit Members(std::vector<Member> members) : members_(std::move(members)) {
    std::sort(members_.begin(), members_.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
    if (members_.size() < 3) {
      throw Error(error::secagg_terms,
                  "secure aggregation needs at least three members, but the roster has " +
                      std::to_string(members_.size()) +
                      ": from the sum of two, each would know the other's update");
    }
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (i > 0 && members_[i].id == members_[i - 1].id)
        throw Error(error::secagg_terms, "the roster has the member " + members_[i].id.str() + " twice");
      if (members_[i].keys.empty())
        throw Error(error::secagg_terms, "the member " + members_[i].id.str() + " has no key to sign with");
      ids_.push_back(members_[i].id);
    }
  }

  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(members_.size()); }
  /// In their order. \param member  < size()
  [[nodiscard]] const ClientId& id(Index member) const { return members_.at(member).id; }
  [[nodiscard]] const std::vector<ClientId>& ids() const noexcept { return ids_; }
  [[nodiscard]] std::optional<Index> find(const ClientId& id) const {
    const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
    if (found == ids_.end() || *found != id) return std::nullopt;
    return static_cast<Index>(found - ids_.begin());
  }
  /// Whether one of its keys has signed this. \param member  < size()
  [[nodiscard]] bool verifies(Index member, std::span<const std::byte> message,
                              const Signature& signature) const {
    const std::vector<VerifyKey>& keys = members_.at(member).keys;
    return std::any_of(keys.begin(), keys.end(),
                       [&](const VerifyKey& key) { return key.verifies(message, signature); });
  }

 private:
  std::vector<Member> members_;
  std::vector<ClientId> ids_;
};

}  // namespace healthai::secagg
