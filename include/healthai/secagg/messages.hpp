#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "healthai/crypto/key_agreement.hpp"
#include "healthai/crypto/sha256.hpp"
#include "healthai/crypto/verify_key.hpp"
#include "healthai/secagg/members.hpp"

/// \file
/// What members and coordinator tell each other, step by step; see docs/secure-aggregation.md. All of it is serialisable, and nothing is
/// believed before it is checked.

namespace healthai::secagg {

/// Step 1, from a member: its keys for this request only.
struct AdvertisedKeys {
  X25519PublicKey channel{};  ///< seals what other members are told
  X25519PublicKey mask{};    ///< makes the masks that cancel; its private half is what members hold shares of
  Digest self_mask_check{};  ///< of the self-mask's seed, so that a wrong share of it is noticed
  Signature signature{};     ///< of all this and of the request

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& channel& mask& self_mask_check& signature;
  }
};

/// Step 2, to every member: one entry of the list of keys.
struct KeysOfMember {
  Index member = 0;
  AdvertisedKeys keys{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& member& keys;
  }
};
using KeyList = std::vector<KeysOfMember>;  ///< in the order of members, none twice

/// Steps 2 and 3: a member's shares for another, which only that one can open.
struct SealedShares {
  Index other = 0;  ///< to whom, when they leave a member; from whom, when they reach one
  std::vector<std::byte> sealed{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& other& sealed;
  }
};

/// Step 5, to every member: who has signed the list of survivors.
struct Confirmation {
  Index member = 0;
  Signature signature{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& member& signature;
  }
};

/// Step 5, from a member: one share that it holds.
struct ReleasedShare {
  Index of = 0;  ///< whose secret it is a share of
  std::vector<std::byte> share{};

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& of& share;
  }
};
/// Step 5, from a member: of each member one of the two, at most.
struct ReleasedShares {
  std::vector<ReleasedShare> self_masks{};  ///< of survivors
  std::vector<ReleasedShare> mask_keys{};   ///< of those who dropped out after they had shared

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& self_masks& mask_keys;
  }
};

}  // namespace healthai::secagg
