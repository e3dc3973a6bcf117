// A node that answers statistics, under its policy and under its rules, asked over a socket.
#include "healthai/client/node/node.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/node/verify_audit_log.hpp"
#include "healthai/secagg/secure_aggregation.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/transport/in_process.hpp"
#include "refusals.hpp"
#include "statistics/toy.hpp"
#include "test_folder.hpp"
#include "transport/socket/nodes.hpp"

namespace client_node_statistics_node_test {

using namespace healthai;
using namespace std::chrono_literals;
using namespace statistics_toy;
using refusals_test::refuses;
using socket_test::plaintext;
using socket_test::TestNode;
using socket_test::to_port;

namespace {

constexpr const char* open_policy =
    R"({"tasks": {"toy_total": {"requests_per_day": 100}}, "rounds_per_run": 100,
  "minimum_cohort": 10, "columns": ["age", "score"], "require_secure_aggregation": false, "require_dp": false,
  "statistics": {"columns": ["age"], "cohorts": {"from_53": ["age >= 53"], "from_60": ["age >= 60"]}}})";

/// A node whose handlers are built from `policy.statistics`.
std::unique_ptr<Node> node(const std::string& id, const Table& table, const std::string& folder,
                           const std::string& policy = open_policy) {
  NodeOptions options;
  options.policy = Policy::parse(policy);
  options.facts = {table.rows(), {"age", "score"}, {}, {}};
  options.coordinator = "fl.example.org";
  options.audit = std::make_shared<AuditLog>(folder + "/" + id + ".jsonl",
                                             SigningKey::read_or_make(folder + "/" + id + ".key"));
  const StatisticsSite site(table, options.policy.statistics, folder + "/" + id + ".answered");
  auto made = std::make_unique<Node>(id, site.handlers<Total>(), std::move(options));
  made->serve_task<Total>();
  return made;
}
/// The lines of its audit log that contain `text`.
std::vector<std::string> logged(const std::string& folder, const std::string& id, const std::string& text) {
  std::ifstream log(folder + "/" + id + ".jsonl");
  std::vector<std::string> lines;
  for (std::string line; std::getline(log, line);) {
    if (line.find(text) != std::string::npos) lines.push_back(line);
  }
  return lines;
}

/// With the ranges of its sums, so that they can be masked.
struct MaskedTotal : Total {
  static constexpr std::string_view name = "toy_masked_total";
  [[nodiscard]] static std::vector<secagg::VectorSegment> vector_segments(const Broadcast&) {
    return {{"n", Layout{{"n", {1}}}, false, 1000, 2000},
            {"sum", Layout{{"sum", {1}}}, false, 1 << 20, 1 << 21}};
  }
  [[nodiscard]] static std::vector<secagg::ScalarSegment> scalar_segments(const Broadcast&) { return {}; }
};

}  // namespace

TEST_CASE("A rule that forbids a statistic is named to the coordinator, and in the audit log") {
  const TestFolder folder;
  {
    SocketServer server{plaintext()};
    TestNode north(node("north", patients(60), folder.path), to_port(server.port()));
    TestNode south(node("south", patients(12), folder.path), to_port(server.port()));
    REQUIRE(server.wait_for_clients(2, 10s));
    {
      Analysis analysis(server);
      CHECK(analysis.sum<Total>({{{}, "age"}}).number("n") == 72);
      CHECK(analysis.left_out().empty());
    }
    {
      // 12 rows are too few for two parameters.
      Analysis analysis(server);
      CHECK(analysis.sum<Total>({{{}, "age", 2}}).number("n") == 60);
      REQUIRE(analysis.left_out().size() == 1);
      CHECK(analysis.left_out()[0].client == ClientId("south"));
      CHECK(analysis.left_out()[0].error == "disclosure");
      CHECK(analysis.left_out()[0].message.find("rows_per_parameter: ") != std::string::npos);
    }
    {
      Analysis analysis(server);
      refuses([&] { return analysis.sum<Total>({{{}, "score"}}); }, error::disclosure, "columns: ");
    }
    {
      // Both differ by three patients from all of them; south has fewer than 10 then.
      Analysis analysis(server);
      refuses(
          [&] {
            return analysis.sum<Total>({{{"from_53", {}}, "age"}});
          },
          error::disclosure, "smallest_cell: an earlier answer");
    }
    {
      Analysis analysis(server);
      CHECK(analysis.sum<Total>({{{"from_60", {}}, "age"}}).number("n") == 50);
    }
    server.finish();
    CHECK(north.ended() == "finished");
    CHECK(south.ended() == "finished");
  }
  // Asked again each time when south was left out.
  CHECK(logged(folder.path, "north", "reply sent").size() == 1 + 2 + 2);
  CHECK(logged(folder.path, "south", "reply sent").size() == 1);
  const auto refused = logged(folder.path, "south", "request refused");
  REQUIRE(refused.size() == 4);
  CHECK(refused[0].find("rows_per_parameter: ") != std::string::npos);
  CHECK(refused[0].find("\"verdict\":\"refused\"") != std::string::npos);
  CHECK(refused[0].find("toy_total") != std::string::npos);
  CHECK(refused[1].find("columns: ") != std::string::npos);
  CHECK(refused[2].find("minimum_rows: ") != std::string::npos);
  const auto difference = logged(folder.path, "north", "smallest_cell: an earlier answer");
  REQUIRE(difference.size() == 1);
  CHECK(difference[0].find("request refused") != std::string::npos);
  CHECK(
      verify_audit_log(folder.path + "/north.jsonl", VerifyKey::read(folder.path + "/north.key.pub")).intact);
}

TEST_CASE(
    "A statistic without noise is refused under require_dp, and one that leaves plain under "
    "require_secure_aggregation") {
  const TestFolder folder;
  const auto answer_under = [&](const std::string& setting) {
    std::string policy = open_policy;
    const std::size_t at = policy.find("\"" + setting + "\": false");
    REQUIRE(at != std::string::npos);
    policy.replace(at, setting.size() + 9, "\"" + setting + "\": true");
    SocketServer server{plaintext()};
    TestNode north(node("n" + std::to_string(at), patients(60), folder.path, policy), to_port(server.port()));
    REQUIRE(server.wait_for_clients(1, 10s));
    Analysis analysis(server);
    refuses([&] { return analysis.sum<Total>({{{}, "age"}}); }, error::disclosure, setting);
    server.finish();
  };
  answer_under("require_dp");
  answer_under("require_secure_aggregation");
}

TEST_CASE(
    "Under secure aggregation a small hospital takes part, and a total that is too small is not shown") {
  using namespace healthai::secagg;
  std::vector<Member> list;
  std::vector<SigningKey> keys;
  for (const char* id : {"a", "b", "c", "d"}) {
    keys.push_back(SigningKey::make());
    list.push_back({ClientId(id), {keys.back().public_key()}});
  }
  const auto members = std::make_shared<const Members>(std::move(list));
  InProcess hospitals({.threads = 1});
  DisclosureRules rules = open_rules();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    DisclosureRules own = rules;
    if (i == 3) own.columns = {"score"};  // one that forbids the question
    const StatisticsSite site(patients(i == 0 ? 4 : 20), own);
    SecureMember self{members->id(static_cast<Index>(i)), keys[i], members, {}, {}, true};
    self.rules.options = {.corrupt = 0, .dropout = 0.25};
    hospitals.add(self.id, secure_handlers<MaskedTotal>(site.in_sum().handlers<MaskedTotal>(), self));
  }
  SecureAggregationOptions options;
  options.protocol = {.corrupt = 0, .dropout = 0.25};
  SecureAggregation secure{hospitals, members, options};
  Analysis analysis(secure);
  const Sums sums = analysis.sum<MaskedTotal>({{{}, "age", 6}});
  CHECK(sums.number("n") == 44);  // 4 of them could not be told alone
  CHECK(sums.sites.size() == 3);
  REQUIRE(analysis.left_out().size() == 1);
  CHECK(analysis.left_out()[0].client == ClientId("d"));
  CHECK_MESSAGE(analysis.left_out()[0].message.find("columns: ") != std::string::npos,
                analysis.left_out()[0].message);
  const auto shown = [&](std::size_t parameters) {
    require_pooled(rules, static_cast<std::size_t>(sums.number("n")), parameters);
    return sums.number("sum");
  };
  CHECK(shown(4) > 0);
  refuses([&] { return shown(6); }, error::disclosure, "rows_per_parameter: in all hospitals together");
}

}  // namespace client_node_statistics_node_test
