#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/secagg/coordinator/collecting_keys.hpp"
#include "healthai/secagg/secret_sharing.hpp"

namespace healthai::secagg {

/// The coordinator in step 2: it collects each member's sealed shares for its neighbours, which it cannot read.
class CollectingShares {
 public:
  /// \throws Error (`below_quorum`)
  explicit CollectingShares(CollectingKeys&& before)
      : session_(std::move(before.session_)), keys_(std::move(before.keys_)) {
    require_threshold(*session_, keys_.size(), "sent keys");
    there_.resize(session_->members().size());
    for (const auto& [member, keys] : keys_) {
      message_.push_back({member, keys});
      there_[member] = true;
    }
  }
  /// For everybody.
  [[nodiscard]] const KeyList& message() const noexcept { return message_; }

  [[nodiscard]] std::optional<Failure> add(Index from, std::vector<SealedShares> shares) {
    const auto refuse = [&](const std::string& what) {
      return failure_of(*session_, from, error::secagg_shares, what);
    };
    if (!keys_.contains(from)) return refuse("sent shares without keys");
    std::vector<Index> expected;
    for (const Index other : session_->holders(from)) {
      if (other != from && there_[other]) expected.push_back(other);
    }
    if (shares.size() != expected.size())
      return refuse("sent shares for " + std::to_string(shares.size()) + " members, expected " +
                    std::to_string(expected.size()));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (shares[i].other != expected[i]) return refuse("sent shares for other members than its neighbours");
      if (shares[i].sealed.size() != sealed_bytes)
        return refuse("sent sealed shares of " + std::to_string(shares[i].sealed.size()) +
                      " bytes, expected " + std::to_string(sealed_bytes));
    }
    shares_.insert_or_assign(from, std::move(shares));
    return std::nullopt;
  }
  [[nodiscard]] std::size_t count() const noexcept { return shares_.size(); }

 private:
  friend class CollectingVectors;
  static constexpr std::size_t tag_bytes = 16;
  static constexpr std::size_t sealed_bytes = 2 * share_bytes(32) + tag_bytes;

  std::shared_ptr<const Session> session_;
  std::map<Index, AdvertisedKeys> keys_;
  KeyList message_{};
  std::vector<bool> there_{};  // whose keys have come
  std::map<Index, std::vector<SealedShares>> shares_{};
};

}  // namespace healthai::secagg
