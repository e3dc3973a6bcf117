#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "healthai/compression/low_precision.hpp"
#include "healthai/compression/qsgd.hpp"
#include "healthai/compression/random_k.hpp"
#include "healthai/compression/sign.hpp"
#include "healthai/compression/top_k.hpp"
#include "healthai/core/compressed_update.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/training.hpp"

namespace healthai {

namespace detail {

/// Whose bytes a coordinator understands, whichever a client has chosen.
using KnownCompressors = std::tuple<TopK, RandomK, Qsgd, Sign, Float16, BFloat16, Int8>;

template <class Scalar, class... Known>
void decode_known(const CompressedUpdate& update, std::span<Scalar> values, const std::tuple<Known...>*) {
  const auto try_one = [&](auto decode, std::string_view name) {
    if (update.compressor != name) return false;
    decode();
    return true;
  };
  if ((try_one([&] { Known::decode(std::span<const std::byte>(update.bytes), values); }, Known::name) || ...))
    return;
  std::string known;
  ((known += (known.empty() ? "" : ", ") + std::string(Known::name)), ...);
  throw Error(error::unknown_name, "an update is compressed by \"" + update.compressor.substr(0, 64) +
                                       "\"; this program knows: " + known);
}

}  // namespace detail

/// What the coordinator makes of a compressed update, whose bytes may be hostile. The numbers may still be NaN or infinite.
/// \param layout  what the update must have
/// \throws Error (`unknown_name`) for a compressor that is not the library's, (`layout_mismatch`) for an update of another model,
/// (`archive_*`) for bytes that the compressor cannot have made for that layout; std::bad_alloc
template <class Scalar>
[[nodiscard]] Parameters<Scalar> decode(const CompressedUpdate& update, const Layout& layout) {
  if (update.fingerprint != layout.fingerprint()) {
    throw Error(error::layout_mismatch,
                "a compressed update has another layout than the one expected, " + layout.describe());
  }
  auto values = Parameters<Scalar>::uninitialised(layout);
  detail::decode_known<Scalar>(update, values.span(), static_cast<const detail::KnownCompressors*>(nullptr));
  return values;
}

/// Puts the update of a compressed reply in its place; a reply that is not compressed stays as it is.
/// \throws Error as `decode`, and (`invalid_reply`) for a reply with both an update and a compressed one; the reply is then
/// unchanged
template <class Scalar>
void decompress(TrainReply<Scalar>& reply, const Layout& layout) {
  if (!reply.compressed) return;
  if (reply.update.size() != 0) {
    throw Error(error::invalid_reply, "a reply has both an update and a compressed one");
  }
  reply.update = decode<Scalar>(*reply.compressed, layout);
  reply.compressed.reset();
}

}  // namespace healthai
