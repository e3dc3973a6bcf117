#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/failure.hpp"
#include "healthai/core/task.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// One request on its way to a client and back. Whoever holds it last on the way (the loop, then the queue of what is done)
/// is the only one to touch it.
struct RemoteRequest {
  RemoteRequest(RequestId number, ClientId to, std::string_view name, const void* task_tag,
                std::shared_ptr<const EncodedMessage> encoded)
      : id(number), client(std::move(to)), task(name), tag(task_tag), message(std::move(encoded)) {}
  RemoteRequest(const RemoteRequest&) = delete;
  RemoteRequest& operator=(const RemoteRequest&) = delete;
  virtual ~RemoteRequest() = default;

  struct Reception {
    std::vector<std::span<std::byte>> places;
    std::shared_ptr<void> reply;
  };
  /// Takes a reply's head, and says where its arrays go. \throws Error, std::bad_alloc
  [[nodiscard]] virtual Reception take_head(std::span<const std::byte> head, std::uint64_t array_bytes) = 0;
  /// The last reply whose head was taken is whole.
  virtual void take_reply() = 0;

  [[nodiscard]] Failure failed(std::string_view error, const std::string& what) const {
    return {client, std::string(error), "client " + client.str() + " " + what};
  }

  RequestId id;
  ClientId client;
  std::string_view task;
  const void* tag;  // of the task's type
  std::shared_ptr<const EncodedMessage> message;
  bool sent = false;
  bool stopping = false;        // the client was asked to hand in what it has
  std::uint64_t announced = 0;  // bytes of the reply that the client has announced
  std::optional<Failure> failure{};
};

template <Task T>
struct RemoteRequestOf final : RemoteRequest {
  using RemoteRequest::RemoteRequest;

  Reception take_head(std::span<const std::byte> head, std::uint64_t array_bytes) override {
    // A new one each time: a connection that broke off may still be about to write into the last one.
    incoming_ = std::make_shared<typename T::Reply>();
    auto places = decode_head(head, array_bytes, *incoming_);
    return {std::move(places), incoming_};
  }
  void take_reply() override { reply = std::move(*incoming_); }

  typename T::Reply reply{};

 private:
  std::shared_ptr<typename T::Reply> incoming_;
};

}  // namespace healthai::detail
