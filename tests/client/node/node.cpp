#include "healthai/client/node/node.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/node/stop_file.hpp"
#include "healthai/client/node/verify_audit_log.hpp"
#include "reporting/scratch_folder.hpp"

namespace client_node_node_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

/// A client that adds one to each parameter, and counts how often it was asked: its state.
struct Counting {
  std::shared_ptr<int> calls = std::make_shared<int>(0);
  std::uint64_t seen = 0;

  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    ++*calls;
    ++seen;
    TrainReply<double> reply;
    reply.update = request->parameters;
    reply.update.flat().setConstant(static_cast<double>(seen));
    reply.num_examples = 100;
    reply.metrics.add("loss", 1, 2);
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {100, {}}; }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& seen;
  }
};

NodeOptions open_options(const std::string& folder = {}) {
  NodeOptions options;
  options.policy = Policy::parse(R"({"tasks": {"train.f64": {"requests_per_day": 100}}, "rounds_per_run": 100,
    "largest_model": 1000, "minimum_cohort": 10, "columns": ["age"], "metrics": true,
    "require_secure_aggregation": false, "require_dp": false})");
  options.facts = {100, {"age"}, {}, {}};
  options.coordinator = "fl.example.org";
  options.state_folder = folder;
  return options;
}

std::shared_ptr<const EncodedMessage> train_message(std::uint64_t round) {
  TrainBroadcast<double> broadcast{{7, round, 0}, 1, Parameters<double>(Layout{{"w", {3}}}), {}};
  return encode(std::make_shared<const TrainBroadcast<double>>(std::move(broadcast)));
}

/// Opens a request as a connection does, arrays and all.
std::unique_ptr<ServiceRequest> ask(Service& service, const EncodedMessage& message,
                                    std::string_view task = "train.f64") {
  auto request = service.open(task);
  auto places = request->take_head(message.head, message.array_bytes());
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::copy(message.arrays[i].begin(), message.arrays[i].end(), places[i].begin());
  }
  return request;
}
/// What leaves, as one piece.
std::vector<std::byte> bytes_of(const EncodedMessage& message) {
  std::vector<std::byte> bytes = message.head;
  for (const auto& array : message.arrays) bytes.insert(bytes.end(), array.begin(), array.end());
  return bytes;
}
std::string refusal(ServiceRequest& request) {
  try {
    static_cast<void>(request.answer({}));
    return "nothing";
  } catch (const Error& e) {
    CHECK(e.id() == error::refused);
    return e.what();
  }
}

}  // namespace

TEST_CASE("A repeated request gets the same bytes and no second training, even after a restart") {
  const ScratchFolder folder;
  Counting client;
  const auto calls = client.calls;
  std::vector<std::byte> first;
  {
    Node node{"north", TaskHandlers::of(client), open_options(folder.path("state"))};
    first = bytes_of(*ask(node, *train_message(1))->answer({}));
    CHECK(bytes_of(*ask(node, *train_message(1))->answer({})) == first);
    CHECK(*calls == 1);
  }
  Node node{"north", TaskHandlers::of(Counting{calls}), open_options(folder.path("state"))};
  CHECK(bytes_of(*ask(node, *train_message(1))->answer({})) == first);
  CHECK(*calls == 1);
  // Its state survived too: this is the second training.
  const auto second = bytes_of(*ask(node, *train_message(2))->answer({}));
  CHECK(*calls == 2);
  CHECK(second != first);
  double value = 0;
  std::memcpy(&value, second.data() + second.size() - sizeof value, sizeof value);
  CHECK(value == 2);
}

TEST_CASE("Under require_dp a request is debited from the ledger, or refused") {
  const ScratchFolder folder;
  const Mechanism spent{NoiseKind::gaussian, 1.1, 0.05, 20};
  const BudgetAccount account{"icu-2026", "patient"};
  const auto options = [&] {
    NodeOptions all = open_options(folder.path("state"));
    all.policy.require_dp = true;
    all.policy.tasks["evaluate.f64"].requests_per_day = 10;
    all.policy.tasks["scaling"].requests_per_day = 10;
    all.spends = {{"train.f64", spent}};
    all.account = account;
    all.ledger = std::make_shared<BudgetLedger>(
        folder.path("budget"), SigningKey::read_or_make(folder.path("key")),
        [](const BudgetAccount&, std::span<const Mechanism> after) { return after.front().steps <= 40; });
    return all;
  };
  Counting client;
  const auto calls = client.calls;
  const auto steps = [&](const NodeOptions& of) {
    const auto all = of.ledger->spent(account);
    return all.empty() ? 0 : all.front().steps;
  };
  {
    const NodeOptions first = options();
    Node node{"north", TaskHandlers::of(client), first};
    static_cast<void>(ask(node, *train_message(1))->answer({}));
    CHECK(steps(first) == 20);
    CHECK(first.ledger->spent(account).front() == spent);
    static_cast<void>(ask(node, *train_message(1))->answer({}));  // the same bytes again: nothing new is told
    CHECK(steps(first) == 20);
    CHECK(*calls == 1);
    auto evaluation = std::make_shared<const EvaluateBroadcast<double>>(
        EvaluateBroadcast<double>{{7, 1, 0}, Parameters<double>(Layout{{"w", {3}}})});
    CHECK(
        refusal(*ask(node, *encode(std::move(evaluation)), "evaluate.f64")) ==
        "client north refuses: the policy of this node requires differential privacy (require_dp), and this "
        "request has none");
    CHECK(steps(first) == 20);
  }
  {
    // Another run, after a restart: the budget is the same.
    const NodeOptions second = options();
    CHECK(steps(second) == 20);
    Node node{"north", TaskHandlers::of(Counting{calls}), second};
    static_cast<void>(ask(node, *train_message(2))->answer({}));
    CHECK(steps(second) == 40);
    CHECK(refusal(*ask(node, *train_message(3))) ==
          "client north refuses: its privacy budget does not allow this request");
    CHECK(steps(second) == 40);
    CHECK(*calls == 2);  // the data were not touched
  }
  // A task that is answered with noise, but with no ledger to debit: there is nothing to keep the promise by.
  NodeOptions without = options();
  without.ledger = nullptr;
  without.state_folder.clear();
  Node node{"north", TaskHandlers::of(Counting{calls}), without};
  CHECK(refusal(*ask(node, *train_message(4))).find("(require_dp)") != std::string::npos);
  // In a dry run nothing leaves, and nothing is spent.
  NodeOptions dry = options();
  dry.dry_run = true;
  dry.state_folder.clear();
  dry.ledger =
      std::make_shared<BudgetLedger>(folder.path("other"), SigningKey::read_or_make(folder.path("key")),
                                     [](const BudgetAccount&, std::span<const Mechanism>) { return true; });
  Node rehearsal{"north", TaskHandlers::of(Counting{calls}), dry};
  CHECK(refusal(*ask(rehearsal, *train_message(5))).find("dry run") != std::string::npos);
  CHECK(steps(dry) == 0);
  NodeOptions bad = options();
  bad.account = {"no such name!", "patient"};
  CHECK_THROWS_AS((Node{"north", TaskHandlers::of(Counting{}), bad}), Error);
}

TEST_CASE("A reply that was discarded leaves the client as it was") {
  Node node{"north", TaskHandlers::of(Counting{}), open_options()};
  const auto first = ask(node, *train_message(1));
  const auto reply = bytes_of(*first->answer({}));
  first->discarded();
  const auto second = bytes_of(*ask(node, *train_message(2))->answer({}));
  CHECK(std::equal(reply.end() - 24, reply.end(), second.end() - 24,
                   second.end()));  // again the client's first
}

TEST_CASE("What the policy does not allow is refused in a sentence, and written down") {
  const ScratchFolder folder;
  NodeOptions options = open_options();
  options.facts.rows = 5;
  options.audit = std::make_shared<AuditLog>(folder.path("audit.jsonl"),
                                             SigningKey::read_or_make(folder.path("key.pem")));
  Counting client;
  Node node{"north", TaskHandlers::of(client), options};
  CHECK(refusal(*ask(node, *train_message(1))).find("client north refuses: ") == 0);
  CHECK(*client.calls == 0);
  REQUIRE(node.audit_anchor());
  CHECK(node.audit_anchor()->count == 1);
  std::ifstream log(folder.path("audit.jsonl"));
  std::string line;
  std::getline(log, line);
  CHECK(line.find("\"verdict\":\"refused\"") != std::string::npos);
  CHECK(line.find("fl.example.org") != std::string::npos);
}

TEST_CASE("A policy that allows nothing refuses everything") {
  NodeOptions options = open_options();
  options.policy = {};
  Node node{"north", TaskHandlers::of(Counting{}), options};
  CHECK(refusal(*ask(node, *train_message(1))).find("client north refuses: ") == 0);
}

TEST_CASE("Metrics stay at home unless the policy lets them leave") {
  NodeOptions options = open_options();
  TrainReply<double> with, without;
  const auto decode = [](const EncodedMessage& message, TrainReply<double>& reply) {
    static_cast<void>(decode_head(message.head, message.array_bytes(), reply));
  };
  Node open{"north", TaskHandlers::of(Counting{}), options};
  decode(*ask(open, *train_message(1))->answer({}), with);
  options.policy.metrics = false;
  Node closed{"north", TaskHandlers::of(Counting{}), options};
  decode(*ask(closed, *train_message(1))->answer({}), without);
  CHECK(with.metrics.find("loss") == 0.5);
  CHECK_FALSE(without.metrics.find("loss"));
}

TEST_CASE("In a dry run nothing leaves, and what would have is shown") {
  NodeOptions options = open_options();
  options.dry_run = true;
  std::size_t shown = 0;
  options.preview = [&shown](const RequestFacts&, const EncodedMessage& reply) {
    shown = reply.array_bytes();
  };
  Node node{"north", TaskHandlers::of(Counting{}), options};
  CHECK(refusal(*ask(node, *train_message(1))) ==
        "client north refuses: this node is in a dry run, from which nothing leaves");
  CHECK(shown == 24);
}

TEST_CASE("A stop file ends participation") {
  const ScratchFolder folder;
  NodeOptions options = open_options();
  options.stop_file = folder.path("stop");
  Node node{"north", TaskHandlers::of(Counting{}), options};
  static_cast<void>(ask(node, *train_message(1))->answer({}));
  StopFile stop{options.stop_file};
  CHECK_FALSE(stop.token().stop_requested());
  std::ofstream(options.stop_file) << "\n";
  CHECK(refusal(*ask(node, *train_message(2))) ==
        "client north refuses: this node has ended its participation");
  for (int i = 0; i < 100 && !stop.token().stop_requested(); ++i) std::this_thread::sleep_for(50ms);
  CHECK(stop.token().stop_requested());
}

TEST_CASE("A manual approval is asked for, and its lack is a refusal") {
  NodeOptions options = open_options();
  options.policy.manual_approval = true;
  Node unasked{"north", TaskHandlers::of(Counting{}), options};
  CHECK(refusal(*ask(unasked, *train_message(1))).find("client north refuses: ") == 0);
  options.approve = [](const RequestFacts& request) { return request.run == 7; };
  Node asked{"north", TaskHandlers::of(Counting{}), options};
  CHECK_NOTHROW(static_cast<void>(ask(asked, *train_message(1))->answer({})));
}

TEST_CASE("A client that fails is put back into the state it had") {
  struct Failing : Counting {
    TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
      auto reply = Counting::train(request, stop);
      if (*calls == 1) throw std::runtime_error("no data today");
      return reply;
    }
  };
  Node node{"north", TaskHandlers::of(Failing{}), open_options()};
  CHECK_THROWS_WITH(static_cast<void>(ask(node, *train_message(1))->answer({})), "no data today");
  const auto reply = bytes_of(*ask(node, *train_message(2))->answer({}));
  double value = 0;
  std::memcpy(&value, reply.data() + reply.size() - sizeof value, sizeof value);
  CHECK(value == 1);
}

}  // namespace client_node_node_test
