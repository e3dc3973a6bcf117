#pragma once

#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "healthai/client/node/approved_runs.hpp"
#include "healthai/client/node/health_endpoint.hpp"
#include "healthai/client/node/node.hpp"
#include "healthai/client/node/stop_file.hpp"
#include "healthai/transport/socket/client.hpp"
#include "over_network/connecting.hpp"

namespace over_network {

/// What the settings say of a node. \param facts  of its data
/// \throws healthai::Error for an audit log or a key that cannot be used
inline healthai::NodeOptions node_options(const Connecting& c, healthai::Policy policy,
                                          healthai::NodeFacts facts) {
  healthai::NodeOptions options;
  options.policy = std::move(policy);
  options.facts = std::move(facts);
  options.coordinator = c.host;
  options.state_folder = c.state;
  options.stop_file = c.stop_file;
  options.dry_run = c.dry_run;
  if (!c.approvals.empty()) options.approve = healthai::ApprovedRuns(c.approvals);
  if (!c.audit_log.empty()) {
    options.audit =
        std::make_shared<healthai::AuditLog>(c.audit_log, healthai::SigningKey::read_or_make(c.audit_key));
  }
  if (c.dry_run) {
    options.preview = [](const healthai::RequestFacts& request, const healthai::EncodedMessage& reply) {
      std::printf("would leave, for %s of round %llu: %zu bytes, and %llu of numbers\n", request.task.c_str(),
                  static_cast<unsigned long long>(request.round), reply.head.size(),
                  static_cast<unsigned long long>(reply.array_bytes()));
      std::fflush(stdout);
    };
  }
  return options;
}

/// Answers until the coordinator says that the federation is over, or the stop file is there. \throws healthai::Error as serve
inline void serve_coordinator(healthai::Node& node, const Connecting& c) {
  healthai::StopFile stop{c.stop_file};
  std::atomic<bool> connected = false;
  std::optional<healthai::HealthEndpoint> health;
  if (c.health_port != 0) {
    health.emplace(c.health_port, [&] {
      return healthai::Health{connected, {{"site", c.id}, {"connected", connected.load()}}};
    });
  }
  const healthai::ServeEnd end = healthai::serve(node, client_options(c, connected), stop.token());
  std::fprintf(stderr, "%s\n", end == healthai::ServeEnd::finished ? "the federation is over" : "stopped");
}

}  // namespace over_network
