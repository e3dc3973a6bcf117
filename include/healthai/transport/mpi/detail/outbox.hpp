#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/mpi/detail/communicator.hpp"

namespace healthai::detail {

/// Replies of one rank on their way to rank 0, which takes them when it wants them.
class Outbox {
 public:
  /// \param memory  about how many bytes may be on their way
  Outbox(const Communicator& ranks, std::size_t memory) : ranks_(&ranks), memory_(memory) {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() {
    // Whoever would have taken them is gone.
    for (Letter& letter : letters_) {
      for (MPI_Request& request : letter.requests) {
        if (request == MPI_REQUEST_NULL) continue;
        MPI_Cancel(&request);
        MPI_Request_free(&request);
      }
    }
  }

  [[nodiscard]] bool has_room() {
    while (!letters_.empty() && Communicator::test(letters_.front().requests)) {
      bytes_ -= letters_.front().bytes;
      letters_.pop_front();
    }
    return letters_.empty() || bytes_ < memory_;
  }
  [[nodiscard]] bool empty() { return has_room() && letters_.empty(); }

  /// The head, with the number of bytes of arrays before it, and then the arrays from their own memory.
  void send(std::shared_ptr<const EncodedMessage> message) {
    Letter letter;
    const std::uint64_t arrays = message->array_bytes();
    letter.head.resize(sizeof arrays + message->head.size());
    std::memcpy(letter.head.data(), &arrays, sizeof arrays);
    std::memcpy(letter.head.data() + sizeof arrays, message->head.data(), message->head.size());
    letter.bytes = letter.head.size() + static_cast<std::size_t>(arrays);
    letter.message = std::move(message);
    letters_.push_back(std::move(letter));
    Letter& sent = letters_.back();
    bytes_ += sent.bytes;
    ranks_->begin_send(0, MpiTag::reply, sent.head, sent.requests);
    for (const auto& array : sent.message->arrays) ranks_->begin_send(0, MpiTag::array, array, sent.requests);
  }

 private:
  struct Letter {
    std::vector<std::byte> head{};
    std::shared_ptr<const EncodedMessage> message{};
    std::vector<MPI_Request> requests{};
    std::size_t bytes = 0;
  };
  const Communicator* ranks_;
  std::size_t memory_;
  std::deque<Letter> letters_;
  std::size_t bytes_ = 0;
};

}  // namespace healthai::detail
