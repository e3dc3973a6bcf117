#pragma once

#include <cstddef>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/core/failure.hpp"
#include "healthai/serialization/binary_reader.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/mpi/detail/communicator.hpp"
#include "healthai/transport/mpi/detail/rank_task.hpp"

namespace healthai::detail {

/// A delivery's archive as rank 0 got it.
struct MpiDelivery {
  int from = 0;
  std::uint64_t arrays = 0;
  std::span<const std::byte> archive{};
  MpiDeliveryHead head{};
};

/// What rank 0 waits for of one task.
class Awaited {
 public:
  Awaited() = default;
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;
  virtual ~Awaited() = default;
  /// Takes the rest of a delivery that has begun to come.
  virtual void receive(const Communicator& ranks, const MpiDelivery& delivery) = 0;
};

template <Task T>
class AwaitedOf final : public Awaited {
 public:
  struct Entry {
    RequestId request;
    ClientId client;
    int rank;
  };
  struct Own {
    RequestId request, here;  // its number, and that among this rank's own clients
  };
  std::deque<Entry> order{};                   ///< in which replies are delivered
  std::deque<Own> own{};                       ///< what this rank's own clients have not replied to
  std::map<RequestId, Delivery<T>> arrived{};  ///< before their turn

  void receive(const Communicator& ranks, const MpiDelivery& message) override {
    Delivery<T> delivery{message.head.request, {}, {}};
    SpanSource source(message.archive);
    if (message.head.failed) {
      BinaryReader reader(source);
      MpiDeliveryHead head;
      Failure failure;
      reader >> head >> failure;
      delivery.client = failure.client;
      delivery.result = std::move(failure);
    } else {
      MpiDeliveryHead head;
      BinaryReader reader(source);
      reader >> head;
      typename T::Reply reply;
      const auto places = decode_head(message.archive.subspan(static_cast<std::size_t>(reader.position())),
                                      message.arrays, reply);
      for (const std::span<std::byte> place : places) ranks.receive(message.from, MpiTag::array, place);
      delivery.result = std::move(reply);
    }
    arrived.emplace(delivery.request, std::move(delivery));
  }
};

}  // namespace healthai::detail
