#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
#include "healthai/secagg/detail/try_in_parallel.hpp"
#include "healthai/secagg/mask.hpp"
#include "healthai/secagg/parallel_masks.hpp"
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
    secrets_.resize(session_->members().size());
    for (const auto& [member, keys] : masked_.keys) secrets_[member].wanted = Wanted::mask_key;
    for (const Index member : masked_.survivors) secrets_[member].wanted = Wanted::self_mask;
  }

  /// For every survivor: who has signed.
  [[nodiscard]] const std::vector<Confirmation>& message() const noexcept { return message_; }

  [[nodiscard]] std::optional<Failure> add(Index member, ReleasedShares shares) {
    const auto refuse = [&](const std::string& what) {
      return failure_of(*session_, member, error::secagg_shares, what);
    };
    if (member >= secrets_.size() || secrets_[member].wanted != Wanted::self_mask)
      return refuse("released shares, and is no survivor");
    std::vector<std::pair<Index, Share>> read;
    read.reserve(shares.self_masks.size() + shares.mask_keys.size());
    std::vector<bool> seen(secrets_.size());
    for (const Wanted wanted : {Wanted::self_mask, Wanted::mask_key}) {
      for (const ReleasedShare& one : wanted == Wanted::self_mask ? shares.self_masks : shares.mask_keys) {
        if (one.of >= secrets_.size() || secrets_[one.of].wanted != wanted || !holds(member, one.of))
          return refuse("released a share that it was not asked for");
        if (seen[one.of]) return refuse("released two shares of one secret");
        seen[one.of] = true;
        try {
          read.emplace_back(one.of, decode_share(point_of(member), one.share, 32));
        } catch (const Error& e) {
          return refuse(std::string("released what is no share: ") + e.what());
        }
      }
    }
    if (!answered_.emplace(member).second) return refuse("released shares twice");
    for (auto& [of, share] : read) secrets_[of].shares.push_back(std::move(share));
    return std::nullopt;
  }

  /// The sum: of the survivors' vectors, number by number, exactly.
  /// \param threads  how many derive and take off masks; 0: one for each processor. The sum is the same for any number, and the memory
  ///   fixed but for the sum itself
  /// \throws Error (`secagg_shares`) where a secret cannot be put together, naming whose it is: too few shares, or wrong ones
  [[nodiscard]] RingVector open(std::size_t threads = 1) && {
    ParallelMasks masks(threads);
    std::vector<SignedSeed> seeds;
    const auto take_off = [&] {
      masked_.sum.visit([&](auto words) { masks.add_masks(words, std::span<const SignedSeed>(seeds)); });
      seeds.clear();
    };
    detail::PutTogether put_together(session_->threshold());
    for (const auto& [member, keys] : masked_.keys) {
      std::vector<Share> shares = std::move(secrets_[member].shares);
      std::sort(shares.begin(), shares.end(),
                [](const Share& a, const Share& b) { return a.point < b.point; });
      if (secrets_[member].wanted == Wanted::self_mask) {
        const auto right = [&, id = member, check = keys.self_mask_check](const Secret<32>& seed) {
          return session_->check_of(id, seed.bytes()) == check;
        };
        seeds.push_back({secret_of(put_together, member, shares, right), MaskSign::minus});
      } else {
        const auto right = [&mask = keys.mask](const Secret<32>& key) {
          return X25519Key::from_secret(key).public_key() == mask;
        };
        const X25519Key key = X25519Key::from_secret(secret_of(put_together, member, shares, right));
        add_seeds_of(member, key, masks.workers(), seeds);
      }
      if (seeds.size() >= seeds_at_once) take_off();
    }
    take_off();
    return std::move(masked_.sum);
  }

 private:
  static constexpr std::size_t seeds_at_once = 512;
  /// What of a member's two secrets opens the sum: never both.
  enum class Wanted : std::uint8_t { nothing, self_mask, mask_key };
  struct SecretOfMember {
    Wanted wanted = Wanted::nothing;
    std::vector<Share> shares{};
  };

  /// The masks that survivors share with one who dropped out. An agreement takes as long as a mask of 60,000 numbers.
  void add_seeds_of(Index member, const X25519Key& key, std::size_t workers,
                    std::vector<SignedSeed>& seeds) const {
    std::vector<Index> others;
    for (const Index other : masked_.survivors) {
      if (session_->neighbours(member, other)) others.push_back(other);
    }
    const std::size_t begin = seeds.size();
    seeds.resize(begin + others.size());
    detail::try_in_parallel(workers, others.size(), [&](std::size_t i, std::size_t) {
      const Index other = others[i];
      // The survivor has added this mask if its place is before, so it is taken off; else put back.
      seeds[begin + i] = {hkdf_sha256<32>(key.agree(masked_.keys.at(other).mask).bytes(), {},
                                          session_->text_of_mask(member, other)),
                          other > member ? MaskSign::plus : MaskSign::minus};
    });
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
  std::vector<SecretOfMember> secrets_{};  // at each member's place
};

}  // namespace healthai::secagg
