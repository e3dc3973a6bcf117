// The code of "Between hospitals" on docs/secure-aggregation.md.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/client/node/node.hpp"
#include "healthai/client/node/secure_member.hpp"
#include "healthai/healthai.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/serve_secure.hpp"
#include "healthai/transport/socket/client.hpp"
#include "healthai/transport/socket/server.hpp"
#include "transport/socket/certificates.hpp"

namespace docs_secure_aggregation_network_test {

using namespace healthai;

namespace {

const Layout layout{{"mean", {2}}};

/// What a hospital calls its own: a client that moves to its mean.
struct MeanDose {
  double value = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& number : reply.update.span()) number = value - number;
    reply.num_examples = 100;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const { return {100, {}}; }
};

// What both sides have agreed on, on paper: one hospital in ten may be in league with the coordinator.
constexpr secagg::SecAggOptions agreed{.corrupt = 0.1, .dropout = 0};

// [node]
/// In a hospital: all that leaves is a masked part of a sum, whatever the coordinator asks for.
ServeEnd take_part(const std::string& folder, const ClientId& id, MeanDose client, NodeOptions options,
                   const SocketClientOptions& coordinator) {
  const SigningKey key =
      SigningKey::read_or_make(folder + "/signing.key");        // its public half is on the roster
  const Roster roster = Roster::read(folder + "/roster.json");  // this hospital's own copy
  secagg::SecureMember self = secagg::member_of(roster, id, key, {.options = agreed, .minimum_threshold = 3},
                                                folder + "/sums-taken-part-in");
  options.policy = Policy::read(folder + "/policy.json");
  options.audit = std::make_shared<AuditLog>(folder + "/audit.jsonl", key);
  options.state_folder = folder + "/state";  // what it answered, for a restart
  Node node{id, secagg::secure_handlers<Train<double>>(TaskHandlers::of(client), std::move(self)),
            std::move(options)};
  secagg::serve_secure<Train<double>>(node);  // the steps of its sums
  return serve(node, coordinator);
}
// [/node]

// [coordinator]
/// At the coordinator: it sees sums only, and who is in them.
Parameters<double> coordinate(SocketServer& hospitals, const Roster& roster) {
  SecureAggregationOptions options;
  options.protocol = agreed;
  options.ranges.update_clip = 1;
  options.ranges.most_examples = 100'000;
  options.step_deadline = std::chrono::seconds(60);
  SecureAggregation secure{hospitals, secagg::members_of(roster), options};
  Federation federation{FedAvg{}, secure, {.rounds = 3}};
  return federation.run(Parameters<double>(layout)).parameters;
}
// [/coordinator]

}  // namespace

TEST_CASE("the page on secure aggregation, between hospitals") {
  socket_test::TestCertificates certificates;
  const std::vector<std::string> sites{"east", "north", "south", "west"};
  std::string text;
  for (const std::string& site : sites) {
    const std::string folder = certificates.path(site);
    std::filesystem::create_directory(folder);
    const SigningKey key = SigningKey::read_or_make(folder + "/signing.key");
    text += std::string(text.empty() ? "" : ",") + "{\"id\": \"" + site + "\", \"pins\": [\"" +
            certificates.pin(site) + "\"], \"signing_keys\": [\"" + hex(key.public_key().bytes()) + "\"]}";
  }
  const std::string roster = "{\"sites\": [" + text + "]}";
  SocketServerOptions listens;
  listens.address = "127.0.0.1";
  listens.tls = certificates.coordinator();
  listens.roster = Roster::parse(roster, "the coordinator's copy");
  SocketServer server{listens};
  std::vector<std::jthread> hospitals;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const std::string& site = sites[i];
    certificates.write(site + "/roster.json", roster);
    certificates.write(site + "/policy.json", R"({"tasks": {"train.f64": {"requests_per_day": 50}},
      "rounds_per_run": 50, "largest_model": 100, "minimum_cohort": 50, "require_secure_aggregation": true,
      "minimum_threshold": 3, "require_dp": false})");
    SocketClientOptions to;
    to.host = "localhost";
    to.port = server.port();
    to.tls = certificates.site(site);
    hospitals.emplace_back([folder = certificates.path(site), site, to, i] {
      NodeOptions options;
      options.facts.rows = 100;
      options.coordinator = to.host;
      CHECK(take_part(folder, site, {0.1 * static_cast<double>(i)}, std::move(options), to) ==
            ServeEnd::finished);
    });
  }
  REQUIRE(server.wait_for_clients(sites.size(), std::chrono::seconds(20)));
  const Parameters<double> found = coordinate(server, Roster::parse(roster, "the coordinator's copy"));
  CHECK(std::fabs(found.data()[0] - 0.15) < 1e-8);
  server.finish();
}

}  // namespace docs_secure_aggregation_network_test
