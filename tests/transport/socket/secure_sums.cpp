// Secure aggregation over TLS: the sums of one process, bit for bit, whoever is lost in whichever step.
#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "healthai/client/node/node.hpp"
#include "healthai/client/node/secure_member.hpp"
#include "healthai/client/node/verify_audit_log.hpp"
#include "healthai/secagg/serve_secure.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/transport/in_process.hpp"
#include "healthai/transport/socket/server.hpp"
#include "transport/socket/faults/process.hpp"
#include "transport/socket/secure_sites.hpp"

namespace transport_socket_secure_sums_test {

using namespace healthai;
using namespace socket_test;
using namespace secagg_steps_test;

static_assert(SecureAggregation<SocketServer>::confidentiality() == Confidentiality::secure_aggregation);

TEST_CASE("FedAvg over secure sums over TLS has the bits of the plain one, with drop-outs in every step") {
  constexpr std::size_t count = 11;  // six open a sum
  // One member a round is started anew in the middle of it; then five are lost for good, one in each step; six are just enough; and in
  // the last round one of these is lost too.
  const auto fate = [](std::size_t member, std::uint64_t round, unsigned step) {
    if (round >= 2 && round <= 6 && member == round + 4 && step == round - 1) return Fate::starts_anew;
    if (round == 7 && member < 5 && step == member + 1) return Fate::leaves;
    if (round == 9 && member == 5 && step == 3) return Fate::leaves;
    return Fate::none;
  };
  const auto in_the_sum = [](std::size_t member, std::uint64_t round) {
    // Keys that were not sent can be sent by the one that was started anew; a vector that was not cannot.
    if (round == 3 || round == 4) return member != round + 4;
    if (round == 7) return member >= 3;
    if (round > 7) return member >= 5;
    return true;
  };
  Sites sites(count);
  SocketServer server{sites.listens()};
  std::vector<std::unique_ptr<Member>> nodes;
  for (std::size_t i = 0; i < count; ++i) {
    nodes.push_back(std::make_unique<Member>(
        sites, i, server.port(),
        [i, fate](std::uint64_t round, unsigned step) { return fate(i, round, step); }));
  }
  REQUIRE(server.wait_for_clients(count, 20s));
  SecureAggregation secure{server, secagg::members_of(sites.roster()), secagg_steps_test::options()};
  REQUIRE(secure.parameters().threshold == 6);
  Federation federation{FedAvg{}, secure, {.rounds = 9}};
  const auto masked = federation.run(Parameters<double>(layout));

  InProcess here({.threads = 1});
  for (std::size_t i = 0; i < count; ++i) {
    Exact client{i, {9}};
    for (std::uint64_t round = 1; round <= 9; ++round) {
      if (!in_the_sum(i, round)) client.absent.insert(round);
    }
    here.add(Keys::name(i), client);
  }
  Federation plain{FedAvg{}, here, {.rounds = 9}};
  const auto expected = plain.run(Parameters<double>(layout));
  REQUIRE(masked.history.size() == 9);
  for (std::size_t r = 0; r < 9; ++r) {
    INFO("round " << r + 1);
    CHECK(masked.history[r].participants == expected.history[r].participants);
    CHECK(masked.history[r].num_examples == expected.history[r].num_examples);
    CHECK(masked.history[r].update_norm == expected.history[r].update_norm);
  }
  CHECK(same_bits(masked.parameters, expected.parameters));
  CHECK(masked.parameters.flat().norm() > 1);
  CHECK(masked.history[3].failures.at(0).error ==
        "secagg_replay");  // started anew, it knows nothing of the sum
  CHECK(masked.history[6].failures.at(0).error == "disconnected");
  const RoundReport& lost = masked.history[8];
  CHECK_FALSE(lost.updated);
  REQUIRE(lost.failures.size() == 6);
  CHECK(lost.failures[0].error == "disconnected");
  CHECK(lost.failures[5].error == "below_quorum");
  CHECK(lost.failures[5].message ==
        "secure aggregation: only 5 of 11 members handed in a vector, and 6 are needed to open a sum");
  server.finish();
}

namespace {

/// A whole node, with all its files in the folder of the certificates.
std::unique_ptr<Node> whole_node(const std::string& folder, BeforeStep before) {
  const std::string base = folder + "/m00";
  const SigningKey key = SigningKey::read(base + ".signing");
  NodeOptions options;
  options.policy = Policy::parse(R"({"tasks": {"train.f64": {"requests_per_day": 10}}, "rounds_per_run": 10,
      "largest_model": 35, "minimum_cohort": 10, "require_dp": false})");
  options.facts.rows = 100;
  options.coordinator = "localhost";
  options.state_folder = base + ".state";
  options.audit = std::make_shared<AuditLog>(base + ".jsonl", key);
  auto self = secagg::member_of(Roster::read(folder + "/roster.json"), "m00", key, {.options = lenient},
                                base + ".joined");
  auto node = std::make_unique<Node>(
      "m00",
      watched(secagg::secure_handlers<Train<double>>(TaskHandlers::of(Exact{0, {}}), std::move(self)),
              std::move(before)),
      std::move(options));
  secagg::serve_secure<Train<double>>(*node);
  return node;
}

}  // namespace

TEST_CASE("(process) the first member" * doctest::skip()) {
  const std::string folder = std::getenv("HEALTHAI_TEST_FOLDER");
  std::uint64_t last_round = 0;
  unsigned last_step = 0;
  std::ifstream(folder + "/killed_in") >> last_round >> last_step;
  const auto node = whole_node(folder, [&](unsigned step, std::uint64_t round) {
    if (round == last_round && step == last_step) ::kill(::getpid(), SIGKILL);
  });
  SocketClientOptions to = to_port(port_of_parent());
  to.host = "localhost";
  to.plaintext = false;
  to.tls = TlsFiles{.certificate = folder + "/site-m00.pem",
                    .private_key = folder + "/site-m00.key",
                    .authorities = folder + "/authority.pem",
                    .passphrase_file = {}};
  static_cast<void>(serve(*node, to));
}

TEST_CASE("A node whose process is killed in a step drops out of that sum, and is in the next") {
  Sites sites(4);  // of which three open a sum
  static_cast<void>(sites.certificates.site("m00"));
  SocketServer server{sites.listens()};
  std::vector<std::unique_ptr<Member>> others;
  for (std::size_t i = 1; i < 4; ++i)
    others.push_back(std::make_unique<Member>(sites, i, server.port(),
                                              [](std::uint64_t, unsigned) { return Fate::none; }));
  SecureAggregation secure{server, secagg::members_of(sites.roster()), secagg_steps_test::options()};
  const std::string folder = sites.certificates.path("");
  std::uint64_t round = 0;
  for (const unsigned step : {2U, 3U, 5U, 0U}) {  // 0: it is not killed
    INFO("step " << step);
    ++round;
    sites.certificates.write("killed_in", std::to_string(round) + " " + std::to_string(step));
    Process first(__FILE__, "the first member", server.port(), "HEALTHAI_TEST_FOLDER=" + folder);
    REQUIRE(server.wait_for_clients(4, 20s));
    const auto sum =
        secure.sum<Train<double>>(WeightedMean{}, secure.clients(),
                                  std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{
                                      {1, round, 0}, 1, Parameters<double>(layout), {}}),
                                  Deadline::max());
    const bool counts = step == 0 || step > 3;
    CHECK(sum.contributors.size() == (counts ? 4 : 3));
    CHECK(sum.weight == (counts ? 10 : 0) + 13 + 16 + 19);
    CHECK(sum.failures.size() == (counts ? 0 : 1));
    if (step == 0) server.finish();
    CHECK(first.wait() == (step != 0));
  }
  const std::string log = sites.certificates.path("m00.jsonl");
  const AuditReport report = verify_audit_log(log, sites.keys[0].public_key());
  CHECK(report.intact);
  std::vector<std::string> sent;
  int allowed = 0;
  read_audit_log(log, [&](const nlohmann::ordered_json& entry) {
    const auto& event = entry.at("event");
    if (event.at("what") == "request allowed") ++allowed;
    if (event.at("what") == "reply sent") sent.push_back(event.at("task"));
  });
  CHECK(allowed == 4);
  CHECK(sent.size() == 1 + 2 + 4 + 5);
  CHECK(sent.back() == "secagg.release");
}

}  // namespace transport_socket_secure_sums_test
