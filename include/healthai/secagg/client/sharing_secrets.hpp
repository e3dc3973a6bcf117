#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/crypto/authenticated_cipher.hpp"
#include "healthai/crypto/key_derivation.hpp"
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/secagg/client/advertising.hpp"
#include "healthai/secagg/secret_sharing.hpp"

namespace healthai::secagg {

/// A member in step 2: it has seen everybody's keys, and gives each neighbour a share of its two secrets.
class SharingSecrets {
 public:
  /// \param keys  of all who take part
  /// \throws Error (`secagg_keys`) for a list that is not in order, has a stranger, other keys than its own, two equal keys, a
  ///   neighbour's key that it has not signed for this request, or too few who would hold shares; (`crypto`)
  SharingSecrets(Advertising&& before, const KeyList& keys)
      : session_(std::move(before.session_)),
        self_(before.self_),
        key_(std::move(before.key_)),
        mask_(std::move(before.mask_)),
        self_mask_(std::move(before.self_mask_)),
        own_keys_(before.message_) {
    check(keys);
    const std::size_t threshold = session_->threshold();
    if (neighbours_.size() < threshold) {
      refuse("of those who would hold its shares " + std::to_string(neighbours_.size()) +
             " take part, expected at least " + std::to_string(threshold));
    }
    std::vector<std::uint64_t> points;
    for (const Neighbour& holder : neighbours_) points.push_back(point_of(holder.member));
    RandomBits random;
    const std::vector<Share> self_mask_shares =
        share(std::as_bytes(self_mask_.bytes()), threshold, points, random);
    const Secret<32> mask_key = mask_.secret();
    const std::vector<Share> mask_key_shares =
        share(std::as_bytes(mask_key.bytes()), threshold, points, random);
    for (std::size_t i = 0; i < neighbours_.size(); ++i) {
      const Index other = neighbours_[i].member;
      WipedBytes both = encode_share(self_mask_shares[i]);
      const WipedBytes second = encode_share(mask_key_shares[i]);
      both.insert(both.end(), second.begin(), second.end());
      if (other == self_) {
        own_shares_ = std::move(both);
        continue;
      }
      const Secret<32> agreed = before.channel_.agree(neighbours_[i].keys.channel);
      const std::vector<std::byte> inwards = session_->text_of_channel(other, self_);
      const std::vector<std::byte> outwards = session_->text_of_channel(self_, other);
      neighbours_[i].incoming = hkdf_sha256<32>(agreed.bytes(), {}, inwards);
      const AuthenticatedCipher cipher(hkdf_sha256<32>(agreed.bytes(), {}, outwards));
      message_.push_back({other, cipher.seal({}, both, outwards)});  // a key for this one message
    }
  }

  [[nodiscard]] const std::vector<SealedShares>& message() const noexcept { return message_; }

 private:
  friend class Masking;
  struct Neighbour {
    Index member = 0;
    AdvertisedKeys keys{};
    Secret<32> incoming{};  // opens what it sends
  };

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(error::secagg_keys,
                "client " + session_->members().id(self_).str() +
                    " does not share its secrets with those of this list of keys: " + why);
  }

  void check(const KeyList& keys) {
    std::set<std::array<std::uint8_t, 32>> different;
    bool own = false;
    const KeysOfMember* previous = nullptr;
    for (const KeysOfMember& entry : keys) {
      if (entry.member >= session_->members().size()) refuse("it has a member that is not on the roster");
      if (previous != nullptr && previous->member >= entry.member)
        refuse("it has a member twice, or is not in their order");
      previous = &entry;
      const std::string& name = session_->members().id(entry.member).str();
      if (!different.insert(entry.keys.channel.bytes).second ||
          !different.insert(entry.keys.mask.bytes).second)
        refuse("a key of " + name + " is also another's");
      if (entry.member == self_) {
        own = true;
        if (entry.keys.signature != own_keys_.signature || entry.keys.channel != own_keys_.channel ||
            entry.keys.mask != own_keys_.mask)
          refuse("its own keys were replaced");
        if (!session_->keeps_own_share()) continue;
      } else if (!session_->neighbours(self_, entry.member)) {
        continue;
      } else if (!session_->members().verifies(entry.member, session_->text_of_keys(entry.member, entry.keys),
                                               entry.keys.signature)) {
        refuse("the keys of " + name + " are not signed by " + name + " for this request");
      }
      neighbours_.push_back({entry.member, entry.keys, {}});
    }
    if (!own) refuse("it leaves this client out");
  }

  std::shared_ptr<const Session> session_;
  Index self_;
  SigningKey key_;
  X25519Key mask_;
  Secret<32> self_mask_;
  AdvertisedKeys own_keys_;
  std::vector<Neighbour> neighbours_{};  // holders of its shares, who take part
  WipedBytes own_shares_{};              // of its own two secrets
  std::vector<SealedShares> message_{};
};

}  // namespace healthai::secagg
