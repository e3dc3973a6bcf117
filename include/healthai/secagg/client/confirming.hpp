#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/secagg/client/masking.hpp"

namespace healthai::secagg {

/// A member in step 4: it has handed in its masked vector, and signs who else has. It signs one list only.
class Confirming {
 public:
  /// \param survivors  whose vectors are in the sum, in their order
  /// \throws Error (`secagg_survivors`) for a list that this member is not in, that has somebody twice or a stranger to step 3, or too
  ///   few who hold shares; (`crypto`)
  Confirming(Masking&& before, std::vector<Index> survivors) : before_(std::move(before)) {
    const Session& session = before_.session();
    const auto refuse = [this](const std::string& why) {
      throw Error(error::secagg_survivors, "client " + before_.session().members().id(before_.self()).str() +
                                               " does not confirm the list of survivors: " + why);
    };
    if (std::adjacent_find(survivors.begin(), survivors.end(), std::greater_equal<>()) != survivors.end())
      refuse("it has a member twice, or is not in their order");
    if (!survivors.empty() && survivors.back() >= session.members().size())
      refuse("it has a member that is not on the roster");
    if (!std::binary_search(survivors.begin(), survivors.end(), before_.self()))
      refuse("it leaves this client out, whose vector was handed in");
    std::size_t holders = 0;
    for (const Index member : session.holders(before_.self())) {
      if (!std::binary_search(survivors.begin(), survivors.end(), member)) continue;
      ++holders;
      if (!before_.has_shared(member))
        refuse("it has " + session.members().id(member).str() + ", from whom no shares have come");
    }
    if (holders < session.threshold()) {
      refuse("of those who hold shares it has " + std::to_string(holders) + ", expected at least " +
             std::to_string(session.threshold()));
    }
    message_ = before_.key_.sign(session.text_of_survivors(survivors));
    survivors_ = std::move(survivors);
  }

  [[nodiscard]] const Signature& message() const noexcept { return message_; }
  [[nodiscard]] const std::vector<Index>& survivors() const noexcept { return survivors_; }

 private:
  friend class Unmasking;
  Masking before_;
  std::vector<Index> survivors_{};
  Signature message_{};
};

}  // namespace healthai::secagg
