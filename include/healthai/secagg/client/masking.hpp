#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/crypto/authenticated_cipher.hpp"
#include "healthai/secagg/client/sharing_secrets.hpp"
#include "healthai/secagg/mask.hpp"
#include "healthai/secagg/parallel_masks.hpp"
#include "healthai/secagg/secret_sharing.hpp"

namespace healthai::secagg {

/// A member in step 3: it holds shares of its neighbours' secrets, and masks its vector.
class Masking {
 public:
  /// What it holds of one member.
  struct HeldShares {
    Index of = 0;
    WipedBytes both{};  ///< the self-mask's share, then the mask key's
    [[nodiscard]] std::span<const std::byte> self_mask() const { return {both.data(), both.size() / 2}; }
    [[nodiscard]] std::span<const std::byte> mask_key() const {
      return {both.data() + both.size() / 2, both.size() / 2};
    }
  };

  /// \param shares  those that are for this member; who sent none has dropped out, and is not masked with
  /// \throws Error (`secagg_shares`) for shares that do not open, of a stranger or twice, or of too few; (`crypto`)
  Masking(SharingSecrets&& before, const std::vector<SealedShares>& shares)
      : session_(std::move(before.session_)), self_(before.self_), key_(std::move(before.key_)) {
    if (session_->keeps_own_share()) held_.push_back({self_, std::move(before.own_shares_)});
    seeds_.push_back({std::move(before.self_mask_), MaskSign::plus});
    for (const SealedShares& one : shares) {
      const auto other = std::find_if(before.neighbours_.begin(), before.neighbours_.end(),
                                      [&one](const auto& entry) { return entry.member == one.other; });
      if (one.other == self_ || other == before.neighbours_.end()) {
        refuse("shares came from a member that gives it none, number " + std::to_string(one.other));
      }
      const std::string& name = session_->members().id(one.other).str();
      if (has_shared(one.other)) refuse("shares of " + name + " came twice");
      const AuthenticatedCipher cipher(std::move(other->incoming));
      const auto opened = cipher.open({}, one.sealed, session_->text_of_channel(one.other, self_));
      if (!opened) refuse("the shares of " + name + " were altered on their way, or are for somebody else");
      if (opened->size() != 2 * share_bytes(32)) {
        refuse("the shares of " + name + " have " + std::to_string(opened->size()) + " bytes, expected " +
               std::to_string(2 * share_bytes(32)));
      }
      held_.push_back({one.other, WipedBytes(opened->bytes().begin(), opened->bytes().end())});
      seeds_.push_back({hkdf_sha256<32>(before.mask_.agree(other->keys.mask).bytes(), {},
                                        session_->text_of_mask(self_, one.other)),
                        self_ < one.other ? MaskSign::plus : MaskSign::minus});
    }
    if (held_.size() < session_->threshold()) {
      refuse("shares of " + std::to_string(held_.size()) + " members are here, expected at least " +
             std::to_string(session_->threshold()));
    }
  }

  /// Adds all masks, after which the vector may leave; once.
  /// \param vector   as the plan of the terms makes it
  /// \param threads  how many do it; 0: one for each processor. The vector is the same for any number
  template <class Word>
  void mask(std::span<Word> vector, std::size_t threads = 1) {
    ParallelMasks(threads).add_masks(vector, std::span<const SignedSeed>(seeds_));
    seeds_.clear();
  }

  [[nodiscard]] const Session& session() const noexcept { return *session_; }
  [[nodiscard]] Index self() const noexcept { return self_; }
  [[nodiscard]] bool has_shared(Index member) const {
    return std::any_of(held_.begin(), held_.end(),
                       [member](const HeldShares& held) { return held.of == member; });
  }

 private:
  friend class Confirming;
  friend class Unmasking;

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(error::secagg_shares,
                "client " + session_->members().id(self_).str() + " hands in no vector: " + why);
  }

  std::shared_ptr<const Session> session_;
  Index self_;
  SigningKey key_;
  std::vector<HeldShares> held_{};
  std::vector<SignedSeed> seeds_{};
};

}  // namespace healthai::secagg
