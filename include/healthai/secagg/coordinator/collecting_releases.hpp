#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/crypto/key_agreement.hpp"
#include "healthai/crypto/key_derivation.hpp"
#include "healthai/secagg/coordinator/collecting_confirmations.hpp"
#include "healthai/secagg/detail/put_together.hpp"
#include "healthai/secagg/mask.hpp"
#include "healthai/secagg/secret_sharing.hpp"

namespace healthai::secagg {

/// The coordinator in step 5: it collects shares, puts the seeds of the masks together, and takes the masks off.
class CollectingReleases {
 public:
  /// \throws Error (`below_quorum`)
  explicit CollectingReleases(CollectingConfirmations&& before)
      : session_(std::move(before.session_)), masked_(std::move(before.masked_)) {
    require_threshold(*session_, before.signatures_.size(), "confirmed the list of survivors");
    for (const auto& [member, signature] : before.signatures_) message_.push_back({member, signature});
  }

  /// For every survivor: who has signed.
  [[nodiscard]] const std::vector<Confirmation>& message() const noexcept { return message_; }

  [[nodiscard]] std::optional<Failure> add(Index member, ReleasedShares shares) {
    const auto refuse = [&](const std::string& what) {
      return failure_of(*session_, member, error::secagg_shares, what);
    };
    if (!survives(member)) return refuse("released shares, and is no survivor");
    std::vector<std::pair<Index, Share>> read;
    for (const bool of_survivors : {true, false}) {
      for (const ReleasedShare& one : of_survivors ? shares.self_masks : shares.mask_keys) {
        if (!masked_.keys.contains(one.of) || survives(one.of) != of_survivors || !holds(member, one.of))
          return refuse("released a share that it was not asked for");
        try {
          read.emplace_back(one.of, decode_share(point_of(member), one.share, 32));
        } catch (const Error& e) {
          return refuse(std::string("released what is no share: ") + e.what());
        }
      }
    }
    std::sort(read.begin(), read.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    if (std::adjacent_find(read.begin(), read.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; }) != read.end())
      return refuse("released two shares of one secret");
    if (!answered_.emplace(member).second) return refuse("released shares twice");
    for (auto& [of, share] : read) shares_[of].push_back(std::move(share));
    return std::nullopt;
  }

  /// The sum: of the survivors' vectors, number by number, exactly.
  /// \throws Error (`secagg_shares`) where a secret cannot be put together, naming whose it is: too few shares, or wrong ones
  [[nodiscard]] RingVector open() && {
    detail::PutTogether put_together(session_->threshold());
    std::vector<SignedSeed> masks;
    for (const auto& [member, keys] : masked_.keys) {
      std::vector<Share>& shares = shares_[member];
      std::sort(shares.begin(), shares.end(),
                [](const Share& a, const Share& b) { return a.point < b.point; });
      if (survives(member)) {
        const auto right = [&, id = member, check = keys.self_mask_check](const Secret<32>& seed) {
          return session_->check_of(id, seed.bytes()) == check;
        };
        masks.push_back({secret_of(put_together, member, shares, right), MaskSign::minus});
      } else {
        const auto right = [&mask = keys.mask](const Secret<32>& key) {
          return X25519Key::from_secret(key).public_key() == mask;
        };
        const X25519Key key = X25519Key::from_secret(secret_of(put_together, member, shares, right));
        for (const Index other : masked_.survivors) {
          if (!session_->neighbours(member, other)) continue;
          // The survivor has added this mask if its place is before, so it is taken off; else put back.
          masks.push_back({hkdf_sha256<32>(key.agree(masked_.keys.at(other).mask).bytes(), {},
                                           session_->text_of_mask(member, other)),
                           other > member ? MaskSign::plus : MaskSign::minus});
        }
      }
    }
    masked_.sum.visit([&masks](auto words) { add_masks(words, std::span<const SignedSeed>(masks)); });
    return std::move(masked_.sum);
  }

 private:
  [[nodiscard]] bool survives(Index member) const {
    return std::binary_search(masked_.survivors.begin(), masked_.survivors.end(), member);
  }
  [[nodiscard]] bool holds(Index holder, Index of) const {
    return holder == of ? session_->keeps_own_share() : session_->neighbours(holder, of);
  }
  template <class Right>
  [[nodiscard]] Secret<32> secret_of(detail::PutTogether& put_together, Index member,
                                     const std::vector<Share>& shares, const Right& right) const {
    auto secret = put_together(shares, right);
    if (!secret) {
      throw Error(error::secagg_shares, "secure aggregation: of " + session_->members().id(member).str() +
                                            " " + std::to_string(shares.size()) +
                                            " shares came, which do not make its secret; at least " +
                                            std::to_string(session_->threshold()) + " right ones are needed");
    }
    return std::move(*secret);
  }

  std::shared_ptr<const Session> session_;
  MaskedSum masked_;
  std::vector<Confirmation> message_{};
  std::set<Index> answered_{};
  std::map<Index, std::vector<Share>> shares_{};
};

}  // namespace healthai::secagg
