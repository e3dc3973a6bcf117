#pragma once

#include <optional>
#include <utility>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/training.hpp"
#include "healthai/server/detail/check_reply.hpp"
#include "healthai/server/detail/decompressed.hpp"
#include "healthai/server/detail/fold.hpp"
#include "healthai/strategy/concept.hpp"

namespace healthai::detail {

/// Decompresses a reply, checks it and folds it in. \return what is wrong with it, if anything
template <class StrategyType, class Scalar>
[[nodiscard]] std::optional<Failure> take_reply(Fold<StrategyType, Scalar>& fold, const Layout& layout,
                                                const ClientId& client, TrainReply<Scalar>&& reply,
                                                double discount, DecompressedBytes& bytes) {
  auto wrong = decompressed(client, reply, layout, bytes);
  if (!wrong) {
    wrong = check_reply(client, reply, layout, StrategyType::accepts_partial_work,
                        extra_vectors_of<StrategyType>());
  }
  if (!wrong) wrong = fold.add(client, std::move(reply), discount);
  return wrong;
}

}  // namespace healthai::detail
