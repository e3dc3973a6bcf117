#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/secagg/client/confirming.hpp"

namespace healthai::secagg {

/// A member in step 5: enough others have signed the list that it signed, so it releases a share of each member's one secret: of a
/// survivor the self-mask's, of one who dropped out the mask key's. Which of the two follows from that list; there is no way to ask for
/// both.
class Unmasking {
 public:
  /// \throws Error (`secagg_survivors`) unless at least t of those who hold shares have signed the list
  Unmasking(Confirming&& before, const std::vector<Confirmation>& confirmations) {
    const Masking& state = before.before_;
    const Session& session = state.session();
    const std::vector<Index>& survivors = before.survivors();
    const std::vector<std::byte> text = session.text_of_survivors(survivors);
    const std::vector<Index> holders = session.holders(state.self());
    std::vector<Index> signers;
    for (const Confirmation& confirmation : confirmations) {
      if (signers.size() == session.threshold()) break;  // more prove nothing more
      const Index member = confirmation.member;
      if (!std::binary_search(survivors.begin(), survivors.end(), member)) continue;
      if (!std::binary_search(holders.begin(), holders.end(), member)) continue;
      if (std::find(signers.begin(), signers.end(), member) != signers.end()) continue;
      // Its own it knows without the mathematics, which take as long as a mask of 200,000 numbers.
      const bool signed_it = member == state.self()
                                 ? confirmation.signature == before.message()
                                 : session.members().verifies(member, text, confirmation.signature);
      if (signed_it) signers.push_back(member);
    }
    if (signers.size() < session.threshold()) {
      throw Error(error::secagg_survivors,
                  "client " + session.members().id(state.self()).str() + " releases no share: of " +
                      std::to_string(confirmations.size()) + " signatures on its list of survivors " +
                      std::to_string(signers.size()) + " are of members who hold its shares, expected " +
                      std::to_string(session.threshold()));
    }
    for (const Masking::HeldShares& held : state.held_) {
      if (std::binary_search(survivors.begin(), survivors.end(), held.of)) {
        message_.self_masks.push_back({held.of, bytes(held.self_mask())});
      } else {
        message_.mask_keys.push_back({held.of, bytes(held.mask_key())});
      }
    }
  }

  [[nodiscard]] const ReleasedShares& message() const noexcept { return message_; }

 private:
  [[nodiscard]] static std::vector<std::byte> bytes(std::span<const std::byte> share) {
    return {share.begin(), share.end()};
  }
  ReleasedShares message_{};
};

}  // namespace healthai::secagg
