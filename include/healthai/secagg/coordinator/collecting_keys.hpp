#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/secagg/messages.hpp"
#include "healthai/secagg/session.hpp"

namespace healthai::secagg {

/// \throws Error (`below_quorum`) unless at least t members are there
inline void require_threshold(const Session& session, std::size_t there, const char* step) {
  if (there >= session.threshold()) return;
  throw Error(error::below_quorum, "secure aggregation: only " + std::to_string(there) + " of " +
                                       std::to_string(session.members().size()) + " members " + step +
                                       ", and " + std::to_string(session.threshold()) +
                                       " are needed to open a sum");
}

/// What a member did wrong, as a value in the round's report.
[[nodiscard]] inline Failure failure_of(const Session& session, Index member, ErrorId id,
                                        const std::string& what) {
  const ClientId& client = session.members().id(member);
  return {client, std::string(id.name()), "client " + client.str() + " " + what};
}

/// The coordinator in step 1: it collects the members' keys. It too has a state for each step, which is made of the one before; `add` says
/// what is wrong with a message instead of taking it, so that one member's fault is not everybody's. Thread safety: one
/// thread at a time.
class CollectingKeys {
 public:
  explicit CollectingKeys(std::shared_ptr<const Session> session) : session_(std::move(session)) {}

  /// \param member  who sent them, as the transport knows
  [[nodiscard]] std::optional<Failure> add(Index member, AdvertisedKeys keys) {
    if (!session_->members().verifies(member, session_->text_of_keys(member, keys), keys.signature)) {
      return failure_of(*session_, member, error::secagg_keys,
                        "sent keys that it has not signed for this request");
    }
    for (const X25519PublicKey& key : {keys.channel, keys.mask}) {
      const auto other = owners_.find(key.bytes);
      if (other == owners_.end()) continue;
      return failure_of(*session_, member, error::secagg_keys,
                        "sent a key that is also that of " + session_->members().id(other->second).str());
    }
    owners_.emplace(keys.channel.bytes, member);
    owners_.emplace(keys.mask.bytes, member);
    keys_.insert_or_assign(member, std::move(keys));
    return std::nullopt;
  }
  [[nodiscard]] std::size_t count() const noexcept { return keys_.size(); }

 private:
  friend class CollectingShares;
  std::shared_ptr<const Session> session_;
  std::map<Index, AdvertisedKeys> keys_{};
  std::map<std::array<std::uint8_t, 32>, Index> owners_{};  // of the keys that have come
};

}  // namespace healthai::secagg
