#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "healthai/compression/random_k.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/training.hpp"

// What a reply must be so that it can be a part of a masked sum.
namespace healthai::secagg::detail {

/// Whether the replies of a client of this class, and of all that it is wrapped around, can be summed: what says `additive` of itself
/// and means no cannot.
template <class C>
[[nodiscard]] constexpr bool replies_can_be_summed() noexcept {
  if constexpr (requires {
                  { C::additive } -> std::convertible_to<bool>;
                }) {
    if (!C::additive) return false;
  }
  if constexpr (requires(const C& client) { client.inner(); }) {
    return replies_can_be_summed<std::remove_cvref_t<decltype(std::declval<const C&>().inner())>>();
  } else {
    return true;
  }
}

/// The same for one reply, where the client's class is not known: puts an update that was compressed by an additive compressor into its
/// place, whose sum is what the sum of the compressed ones would be. Masked it has all of its length again.
/// \throws Error (`invalid_reply`) for an update compressed in another way; (`layout_mismatch`), (`archive_*`)
template <class Scalar>
void require_summable(TrainReply<Scalar>& reply, const Layout& layout) {
  if (!reply.compressed) return;
  if (reply.compressed->compressor != RandomK::name) {
    throw Error(error::invalid_reply,
                "an update was compressed by \"" + reply.compressed->compressor +
                    "\", which depends on its values: such updates cannot be summed under masks. Leave the "
                    "compression out, or take RandomK");
  }
  if (reply.compressed->fingerprint != layout.fingerprint())
    throw Error(error::layout_mismatch,
                "a compressed update has another layout than the one expected, " + layout.describe());
  reply.update = Parameters<Scalar>::uninitialised(layout);
  RandomK::decode(std::span<const std::byte>(reply.compressed->bytes), reply.update.span());
  reply.compressed.reset();
}

}  // namespace healthai::secagg::detail
