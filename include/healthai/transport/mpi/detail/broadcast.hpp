#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/mpi/detail/communicator.hpp"

namespace healthai::detail {

/// Gives a value to all ranks, from its own memory. They know the sizes already.
inline void give_broadcast(const Communicator& ranks, const EncodedMessage& message) {
  const auto send = [&ranks](std::span<const std::byte> bytes) {
    // MPI_Bcast reads at the root, and takes a pointer that does not say so.
    ranks.broadcast({const_cast<std::byte*>(bytes.data()), bytes.size()});  // NOLINT
  };
  send(message.head);
  for (const auto& array : message.arrays) send(array);
}

/// The other side of it: into the value's own memory. \param spare  a value to overwrite, if nobody else has it
/// \throws Error (`archive_*`)
template <class T>
[[nodiscard]] std::shared_ptr<T> take_broadcast(const Communicator& ranks, std::uint64_t head_bytes,
                                                std::uint64_t array_bytes, std::shared_ptr<T> spare = {}) {
  std::vector<std::byte> head(static_cast<std::size_t>(head_bytes));
  ranks.broadcast(head);
  auto value = spare.use_count() == 1 ? std::move(spare) : std::make_shared<T>();
  for (const std::span<std::byte> place : decode_head(head, array_bytes, *value)) ranks.broadcast(place);
  return value;
}

}  // namespace healthai::detail
