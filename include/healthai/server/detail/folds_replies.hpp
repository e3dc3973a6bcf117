#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/server/detail/decompressed.hpp"
#include "healthai/server/detail/gather.hpp"

namespace healthai::detail {

/// A Transport that can also fold a synchronous round's replies where its clients are, by the coordinator's own rules, and
/// bring the folds together: `fold(fold, ids, broadcast, patience, stop, bytes)` does for a training round what `gather` with
/// `take_reply` does, and so returns what `gather` returns.
template <class C, class Fold>
concept FoldsReplies = requires(C& transport, Fold& fold, std::span<const ClientId> ids,
                                std::shared_ptr<const typename Fold::Broadcast> broadcast,
                                const Patience& patience, const std::stop_token& stop,
                                DecompressedBytes& bytes) {
  {
    transport.fold(fold, ids, broadcast, patience, stop, bytes)
    } -> std::same_as<std::optional<std::vector<Failure>>>;
};

}  // namespace healthai::detail
