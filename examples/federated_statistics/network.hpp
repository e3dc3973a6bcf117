#pragma once

#include <chrono>
#include <cstdio>
#include <healthai/transport/socket/server.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "federated_statistics/flags.hpp"
#include "over_network/listening.hpp"

namespace study {

/// The hospitals of a running network: their nodes connect to this program, which asks those that were there when it began, and no others.
class Network {
 public:
  /// Listens as --coordinator says, and waits for the hospitals of --sites, with a word now and then on standard error.
  /// \throws healthai::Error for settings that cannot be used; (`no_clients`) naming who did not come in time
  explicit Network(const Flags& flags);

  [[nodiscard]] healthai::SocketServer& server() { return *server_; }
  [[nodiscard]] const std::vector<healthai::ClientId>& sites() const { return sites_; }
  /// For each question.
  [[nodiscard]] std::optional<std::chrono::milliseconds> deadline() const { return settings_.deadline(); }
  /// Keeps where the hospitals' audit logs stand, if the settings say where. \throws healthai::Error (`file`)
  void keep_anchors(const std::string& command);

 private:
  over_network::Listening settings_;
  std::unique_ptr<healthai::SocketServer> server_;
  std::vector<healthai::ClientId> sites_;
};

/// What is wrong with a question that the hospitals' rules forbid, where a flag would have helped; or nothing.
std::string advice_of_flags(const Flags& flags, const std::string& why);

}  // namespace study
