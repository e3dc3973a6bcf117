#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/secagg/coordinator/collecting_shares.hpp"
#include "healthai/secagg/coordinator/masked_sum.hpp"

namespace healthai::secagg {

/// The coordinator in step 3: it adds up the masked vectors as they come, in the memory of one.
class CollectingVectors {
 public:
  /// \throws Error (`below_quorum`)
  explicit CollectingVectors(CollectingShares&& before) : session_(std::move(before.session_)) {
    require_threshold(*session_, before.shares_.size(), "shared secrets");
    std::vector<std::vector<SealedShares>> to(session_->members().size());
    for (auto& [from, shares] : before.shares_) {
      masked_.keys.emplace_hint(masked_.keys.end(), from, before.keys_.at(from));
      for (SealedShares& one : shares) to[one.other].push_back({from, std::move(one.sealed)});
    }
    for (const auto& [member, shares] : before.shares_) messages_.emplace(member, std::move(to[member]));
    masked_.request = session_->request();
    masked_.sum = RingVector(session_->terms().plan.ring_bits(), session_->terms().plan.size());
  }

  /// For each member that takes part still, the shares that are for it.
  [[nodiscard]] const std::map<Index, std::vector<SealedShares>>& messages() const noexcept {
    return messages_;
  }

  [[nodiscard]] std::optional<Failure> add(Index member, const RingVector& vector) {
    const auto refuse = [&](const std::string& what) {
      return failure_of(*session_, member, error::invalid_reply, what);
    };
    if (!masked_.keys.contains(member)) return refuse("handed in a vector without having shared its secrets");
    const auto place = std::lower_bound(masked_.survivors.begin(), masked_.survivors.end(), member);
    if (place != masked_.survivors.end() && *place == member) return refuse("handed in a second vector");
    if (vector.bits() != masked_.sum.bits() || vector.size() != masked_.sum.size()) {
      return refuse("handed in " + std::to_string(vector.size()) + " numbers of " +
                    std::to_string(vector.bits()) + " bits, expected " + std::to_string(masked_.sum.size()) +
                    " of " + std::to_string(masked_.sum.bits()));
    }
    masked_.sum += vector;
    masked_.survivors.insert(place, member);
    return std::nullopt;
  }
  [[nodiscard]] const std::vector<Index>& survivors() const noexcept { return masked_.survivors; }

  /// What step 4 begins with, and what has to be kept until the sum is open. \throws Error (`below_quorum`)
  [[nodiscard]] MaskedSum finish() && {
    require_threshold(*session_, masked_.survivors.size(), "handed in a vector");
    return std::move(masked_);
  }

 private:
  std::shared_ptr<const Session> session_;
  std::map<Index, std::vector<SealedShares>> messages_{};
  MaskedSum masked_{};
};

}  // namespace healthai::secagg
