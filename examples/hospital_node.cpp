// A hospital's end of the study that `coordinator` runs: its own patients, its own policy, its own log.
//
//     bash examples/run.sh hospital_node --config north.toml --check     is everything in order?
//     bash examples/run.sh hospital_node --config north.toml --dry-run   what would leave?
#include <atomic>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>

#include "healthai/client/node/health_endpoint.hpp"
#include "healthai/client/node/node.hpp"
#include "healthai/client/node/stop_file.hpp"
#include "healthai/transport/socket/client.hpp"
#include "hospital_node/cox_site.hpp"
#include "hospital_node/flags.hpp"
#include "no_core_dumps.hpp"

using namespace healthai;

namespace {

/// The node: the site's tasks, under the hospital's policy.
std::unique_ptr<Node> make_node(const hospital_node::Flags& flags, const hospital_node::CoxSite& site) {
  NodeOptions options;
  options.policy = Policy::read(flags.policy);
  options.facts = {.rows = site.rows(), .columns = site.columns(), .mods = {}, .batch = std::nullopt};
  options.coordinator = flags.host;
  options.state_folder = flags.state;
  options.stop_file = flags.stop_file;
  options.dry_run = flags.dry_run;
  if (!flags.audit_log.empty()) {
    options.audit = std::make_shared<AuditLog>(flags.audit_log, SigningKey::read_or_make(flags.audit_key));
  }
  if (flags.dry_run) {
    options.preview = [](const RequestFacts& request, const EncodedMessage& reply) {
      std::printf("would leave, for %s of round %llu: %zu bytes, and %llu of numbers\n", request.task.c_str(),
                  static_cast<unsigned long long>(request.round), reply.head.size(),
                  static_cast<unsigned long long>(reply.array_bytes()));
    };
  }
  auto node = std::make_unique<Node>(flags.id, site.handlers(), std::move(options));
  node->serve_task<ColumnMoments>().serve_task<Standardise>();
  return node;
}

}  // namespace

int main(int argc, char** argv) {
  no_core_dumps();
  hospital_node::Flags flags;
  if (const auto status = hospital_node::parse(argc, argv, flags)) return *status;
  try {
    const hospital_node::CoxSite site =
        hospital_node::CoxSite::read(flags.data, flags.time_column, flags.event_column, flags.covariates);
    const std::unique_ptr<Node> node = make_node(flags, site);
    std::fprintf(stderr, "%s: %zu patients\n%s", flags.id.c_str(), site.rows(),
                 node->policy().describe().c_str());
    if (flags.check) return hospital_node::check(flags);
    StopFile stop{flags.stop_file};
    std::atomic<bool> connected = false;
    std::optional<HealthEndpoint> health;
    if (flags.health_port != 0) {
      health.emplace(flags.health_port, [&] {
        return Health{connected, {{"site", flags.id}, {"connected", connected.load()}}};
      });
    }
    const ServeEnd end = serve(*node, hospital_node::client_options(flags, connected), stop.token());
    std::fprintf(stderr, "%s\n", end == ServeEnd::finished ? "the federation is over" : "stopped");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "hospital_node: %s\n", e.what());
    return 2;
  }
  return 0;
}
