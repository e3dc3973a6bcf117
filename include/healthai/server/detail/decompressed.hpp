#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "healthai/compression/decode.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/core/training.hpp"

namespace healthai::detail {

/// The bytes of the replies that were decompressed, before and after.
struct DecompressedBytes {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
};

/// Decompresses a reply that is compressed, and counts it; leaves others as they are.
/// \return what is wrong with its bytes, if anything
template <class Scalar>
[[nodiscard]] std::optional<Failure> decompressed(const ClientId& client, TrainReply<Scalar>& reply,
                                                  const Layout& layout, DecompressedBytes& bytes) {
  if (!reply.compressed) return std::nullopt;
  const std::uint64_t before = Train<Scalar>::bytes(reply);
  try {
    decompress(reply, layout);
  } catch (const Error& e) {
    return Failure{client, std::string(e.id().name()),
                   "client " + client.str() + " sent an update that cannot be decoded: " + e.what()};
  }
  bytes.before += before;
  bytes.after += Train<Scalar>::bytes(reply);
  return std::nullopt;
}

}  // namespace healthai::detail
