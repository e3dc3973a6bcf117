#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "healthai/core/client_id.hpp"
#include "healthai/transport/concept.hpp"
#include "healthai/transport/socket/protocol.hpp"

namespace healthai {

/// What a display may want to know of one client of a SocketServer.
struct RemoteStatus {
  ClientId client{};
  bool connected = false;
  std::string task{};  ///< that it works on; empty: none
  std::chrono::milliseconds for_so_long{0};
  Traffic traffic{};
  std::optional<AuditAnchor> audit{};  ///< where its audit log stood at its last reply
};

}  // namespace healthai
