#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/secagg/coordinator/collecting_keys.hpp"
#include "healthai/secagg/coordinator/masked_sum.hpp"

namespace healthai::secagg {

/// The coordinator in step 4: it collects signatures on the list of survivors, by which each member sees that all were told the same.
class CollectingConfirmations {
 public:
  /// \param masked  as it was before step 4, also after a restart
  /// \throws Error (`secagg_replay`) if it is of another secure sum
  CollectingConfirmations(std::shared_ptr<const Session> session, MaskedSum masked)
      : session_(std::move(session)),
        masked_(std::move(masked)),
        text_(session_->text_of_survivors(masked_.survivors)) {
    if (masked_.request != session_->request())
      throw Error(error::secagg_replay, "secure aggregation: the masked sum is of another request");
  }

  /// For every survivor: the list.
  [[nodiscard]] const std::vector<Index>& message() const noexcept { return masked_.survivors; }

  /// Of a member that answers twice the first answer counts. The first t signatures are checked, so that a coordinator whose list nobody can
  /// confirm hears of it; the others are passed on as they are. What protects members is their own check: each counts the right signatures of
  /// those who hold its shares, and takes no notice of a wrong one. With a thousand members checking all would take the coordinator
  /// as long as half of the masks.
  [[nodiscard]] std::optional<Failure> add(Index member, const Signature& signature) {
    if (signatures_.contains(member)) return std::nullopt;
    const bool proven = signatures_.size() >= session_->threshold();
    if (!std::binary_search(masked_.survivors.begin(), masked_.survivors.end(), member) ||
        (!proven && !session_->members().verifies(member, text_, signature))) {
      return failure_of(*session_, member, error::secagg_survivors,
                        "did not sign the list of survivors that it was sent");
    }
    signatures_.emplace(member, signature);
    return std::nullopt;
  }
  [[nodiscard]] std::size_t count() const noexcept { return signatures_.size(); }

 private:
  friend class CollectingReleases;
  std::shared_ptr<const Session> session_;
  MaskedSum masked_;
  std::vector<std::byte> text_;
  std::map<Index, Signature> signatures_{};
};

}  // namespace healthai::secagg
