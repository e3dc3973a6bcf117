#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/client_id.hpp"
#include "healthai/serialization/encoded_message.hpp"
#include "healthai/transport/socket/protocol.hpp"

namespace healthai {

/// One request to a node, from its bytes to the bytes of its reply.
class ServiceRequest {
 public:
  ServiceRequest() = default;
  ServiceRequest(const ServiceRequest&) = delete;
  ServiceRequest& operator=(const ServiceRequest&) = delete;
  virtual ~ServiceRequest() = default;

  /// Takes the head of the broadcast, and says where its arrays go. While the connection runs, perhaps
  /// beside `answer` for another request.
  /// \throws Error for a head that is none
  [[nodiscard]] virtual std::vector<std::span<std::byte>> take_head(std::span<const std::byte> head,
                                                                    std::uint64_t array_bytes) = 0;
  /// Does the work, once all arrays have come. \throws what the client throws: then nothing has changed, and neither of the
  ///   two below is called
  [[nodiscard]] virtual std::shared_ptr<const EncodedMessage> answer(std::stop_token stop) = 0;
  /// The coordinator has counted the reply.
  virtual void accepted() {}
  /// The coordinator never will: what the work has changed is undone.
  virtual void discarded() {}
};

/// What answers requests that come over a wire: what a connection needs to know of a node. Requests are opened and given their
/// bytes while the connection runs, on whichever thread does that, and answered, accepted and discarded on the thread that serves, one at a time, in the order
/// in which they came.
class Service {
 public:
  Service() = default;
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  [[nodiscard]] virtual const ClientId& id() const noexcept = 0;
  /// The names of the tasks that it offers. Constant.
  [[nodiscard]] virtual std::vector<std::string> tasks() const = 0;
  /// Begins a request. \throws Error (`unsupported_task`)
  [[nodiscard]] virtual std::unique_ptr<ServiceRequest> open(std::string_view task) = 0;
  /// The head of the node's audit log, which travels before each reply for the coordinator to keep; nothing without a log.
  /// From any thread.
  [[nodiscard]] virtual std::optional<AuditAnchor> audit_anchor() const { return std::nullopt; }
};

}  // namespace healthai
