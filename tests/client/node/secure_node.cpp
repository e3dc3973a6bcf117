// A node that takes part in secure sums, under its policy.
#include "healthai/client/node/node.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/weighted_mean.hpp"
#include "healthai/client/node/verify_audit_log.hpp"
#include "healthai/secagg/serve_secure.hpp"
#include "reporting/scratch_folder.hpp"
#include "secagg/services.hpp"
#include "secagg/steps.hpp"

namespace client_node_secure_node_test {

using namespace healthai;
using namespace healthai::secagg;
using namespace secagg_steps_test;

namespace {

/// What a data manager writes who lets nothing leave unmasked.
NodeOptions masked_only() {
  NodeOptions options;
  options.policy = Policy::parse(
      R"({"tasks": {"train.f64": {"requests_per_day": 2}, "evaluate.f64": {"requests_per_day": 1}},
          "rounds_per_run": 100, "largest_model": 35, "minimum_cohort": 50, "minimum_cohort_in_sum": 10,
          "columns": ["age"], "metrics": true, "minimum_threshold": 3, "require_dp": false})");
  options.facts = {12, {"age"}, {}, {}};
  options.coordinator = "fl.example.org";
  return options;
}

/// Four nodes, of which three open a sum; the first is the one that is looked at.
struct Hospitals {
  static constexpr std::size_t count = 4;
  Keys keys{count};
  Services services{};
  std::vector<std::unique_ptr<Node>> nodes{};
  SecureAggregationOptions how = secagg_steps_test::options();

  explicit Hospitals(NodeOptions first = masked_only()) {
    NodeOptions others = masked_only();
    others.policy.tasks["train.f64"].requests_per_day = 100;
    for (std::size_t i = 0; i < count; ++i) add(i, i == 0 ? std::move(first) : others);
  }
  void add(std::size_t i, NodeOptions options) {
    const TaskHandlers client = TaskHandlers::of(Exact{i, {}});
    auto node = std::make_unique<Node>(
        Keys::name(i), secure_handlers<Train<double>, Evaluate<double>>(client, keys.member(i)),
        std::move(options));
    serve_secure<Train<double>, Evaluate<double>>(*node);
    services.add(*node);
    nodes.push_back(std::move(node));
  }
  [[nodiscard]] auto train(std::uint64_t round, std::uint64_t run = 7) {
    SecureAggregation secure{services, keys.members, how};
    return secure.sum<Train<double>>(WeightedMean{}, services.clients(),
                                     std::make_shared<const TrainBroadcast<double>>(TrainBroadcast<double>{
                                         {run, round, 0}, 1, Parameters<double>(layout), {}}),
                                     Deadline::max());
  }
  [[nodiscard]] auto evaluate(std::uint64_t round) {
    SecureAggregation secure{services, keys.members, how};
    return secure.sum<Evaluate<double>>(
        WeightedMean{}, services.clients(),
        std::make_shared<const EvaluateBroadcast<double>>(
            EvaluateBroadcast<double>{{7, round, 0}, Parameters<double>(layout)}),
        Deadline::max());
  }
};

/// Why the first node is not in the sum of the three others.
template <class Part>
std::string missing(const Part& part) {
  REQUIRE(part.contributors == std::vector<ClientId>{"m01", "m02", "m03"});
  CHECK(part.weight == 13 + 16 + 19);
  REQUIRE(part.failures.size() == 1);
  CHECK(part.failures[0].client == ClientId("m00"));
  CHECK(part.failures[0].error == "refused");
  return part.failures[0].message;
}
template <class Part>
void check_whole(const Part& part) {
  CHECK(part.contributors.size() == Hospitals::count);
  CHECK(part.weight == 10 + 13 + 16 + 19);
  CHECK(part.failures.empty());
}

/// Counts its trainings: its state.
struct Counting : Exact {
  std::uint64_t seen = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    ++seen;
    return Exact::train(request, std::move(stop));
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& seen;
  }
};

std::vector<nlohmann::ordered_json> events_of(const std::string& log) {
  std::vector<nlohmann::ordered_json> events;
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);)
    events.push_back(nlohmann::ordered_json::parse(line).at("event"));
  return events;
}

}  // namespace

TEST_CASE("A secure sum is one request for its work, and all that leaves is in the log") {
  const ScratchFolder folder;
  NodeOptions options = masked_only();
  options.audit = std::make_shared<AuditLog>(folder.path("audit.jsonl"), SigningKey::make());
  std::vector<std::pair<std::string, Digest>> left;
  options.preview = [&left](const RequestFacts& request, const EncodedMessage& reply) {
    const auto head = healthai::detail::to_little_endian(static_cast<std::uint64_t>(reply.head.size()));
    Sha256 digest;
    digest.update(head).update(reply.head);
    for (const auto& array : reply.arrays) digest.update(array);
    left.emplace_back(request.step, digest.finish());
  };
  Hospitals hospitals{std::move(options)};
  check_whole(hospitals.train(1));
  check_whole(hospitals.evaluate(1));
  check_whole(hospitals.train(2));

  const auto events = events_of(folder.path("audit.jsonl"));
  const std::vector<std::string> steps{"", "secagg.share", "secagg.hand_in", "secagg.confirm",
                                       "secagg.release"};
  REQUIRE(left.size() == 15);
  REQUIRE(events.size() == 3 * 6);
  for (std::size_t sum = 0; sum < 3; ++sum) {
    const std::string first = sum == 1 ? "secagg.evaluate.f64" : "secagg.train.f64";
    const auto& allowed = events[6 * sum];
    CHECK(allowed.at("what") == "request allowed");
    CHECK(allowed.at("task") == first);
    CHECK(allowed.at("threshold") == 3);
    CHECK(allowed.at("rows") == 12);
    for (std::size_t step = 0; step < 5; ++step) {
      const auto& sent = events[6 * sum + 1 + step];
      CHECK(sent.at("what") == "reply sent");
      CHECK(sent.at("who") == "fl.example.org");
      CHECK(sent.at("task") == (step == 0 ? first : steps[step]));
      CHECK(sent.at("task") == left[5 * sum + step].first);
      CHECK(sent.at("digest") == hex(left[5 * sum + step].second));
      CHECK(sent.at("round") == (sum == 2 ? 2 : 1));
      CHECK(sent.contains("rows") == (step == 2));  // only what is handed in is made from the data
    }
  }
  // Two trainings a day: the steps of a sum are not counted one by one, but a third sum is.
  CHECK(missing(hospitals.train(3)).find("allows 2 requests a day of the task train.f64") !=
        std::string::npos);
}

TEST_CASE("Where secure aggregation is required, a plain request is refused") {
  const Keys keys(3);
  const TaskHandlers client = TaskHandlers::of(Exact{});
  TaskHandlers both = secure_handlers<Train<double>>(client, keys.member(0));
  both.offer<Train<double>>([client](const TrainRequest<double>& request, std::stop_token stop) {
    return client.handle<Train<double>>(request, std::move(stop));
  });
  both.offer<Evaluate<double>>([client](const EvaluateRequest<double>& request, std::stop_token stop) {
    return client.handle<Evaluate<double>>(request, std::move(stop));
  });
  const auto error_of = [](Node& node, auto task) {
    using T = decltype(task);
    typename T::Broadcast broadcast{};
    broadcast.id = {7, 1, 0};
    broadcast.parameters = Parameters<double>(layout);
    try {
      Services::answer<T>(node, *encode(std::make_shared<const typename T::Broadcast>(std::move(broadcast))));
      return std::string();
    } catch (const Error& e) {
      return std::string(e.id().name()) + ": " + e.what();
    }
  };
  NodeOptions options = masked_only();
  options.facts.rows = 1000;
  Node node{Keys::name(0), both, options};
  const std::string plain =
      "refused: client m00 refuses: the policy of this node requires secure aggregation "
      "(require_secure_aggregation), and this request is plain";
  CHECK(error_of(node, Train<double>()) == plain);
  CHECK(error_of(node, Evaluate<double>()) == plain);
  options.policy.require_secure_aggregation = false;
  Node open{Keys::name(0), both, options};
  CHECK(error_of(open, Train<double>()).empty());
  // Where the client's handlers are secure ones only, there is nothing to be asked for.
  Node masked{Keys::name(0), secure_handlers<Train<double>>(client, keys.member(0)), options};
  CHECK(error_of(masked, Train<double>()).find("unsupported_task: client m00 does not offer") == 0);
}

TEST_CASE("The policy judges the work, the threshold and the metrics of a secure sum") {
  NodeOptions options = masked_only();
  SUBCASE("a higher threshold") {
    options.policy.minimum_threshold = 4;
    Hospitals hospitals{options};
    CHECK(missing(hospitals.train(1)) ==
          "client m00 refuses: the policy of this node requires that at least 4 clients are needed to open a "
          "sum "
          "(minimum_threshold), and here it is 3");
    hospitals.how.protocol.corrupt = 0.4;  // two of four, so that all are needed
    check_whole(hospitals.train(2));
  }
  SUBCASE("another task") {
    options.policy.tasks.erase("evaluate.f64");
    Hospitals hospitals{options};
    check_whole(hospitals.train(1));
    CHECK(missing(hospitals.evaluate(1)).find("does not allow the task \"evaluate.f64\"") !=
          std::string::npos);
  }
  SUBCASE("a larger model") {
    options.policy.largest_model = 34;
    Hospitals hospitals{options};
    CHECK(missing(hospitals.train(1)).find("at most 34 parameters (largest_model), and this one has 35") !=
          std::string::npos);
  }
  SUBCASE("metrics, alone or beside an update") {
    options.policy.metrics = false;
    Hospitals hospitals{options};
    const std::string refused =
        "client m00 refuses: the policy of this node does not let metrics leave (metrics)";
    CHECK(missing(hospitals.evaluate(1)) == refused);
    hospitals.how.ranges.training_numbers = hospitals.how.ranges.evaluation_numbers;
    CHECK(missing(hospitals.train(1)) == refused);
    hospitals.how.ranges.training_numbers.clear();
    check_whole(hospitals.train(2));
  }
  SUBCASE("fewer rows than even a sum needs") {
    options.facts.rows = 9;
    Hospitals hospitals{options};
    CHECK(missing(hospitals.train(1)).find("(minimum_cohort)") != std::string::npos);
  }
}

TEST_CASE("Who opens a secure sum is the coordinator that the node is connected to, or it is refused") {
  const ScratchFolder folder;
  NodeOptions options = masked_only();
  options.coordinator = "FL.example.org";  // as certificates are compared
  options.audit = std::make_shared<AuditLog>(folder.path("audit.jsonl"), SigningKey::make());
  Hospitals hospitals{std::move(options)};
  check_whole(hospitals.train(1));  // which does not say it
  hospitals.how.opener = "fl.example.org";
  check_whole(hospitals.train(2));
  hospitals.how.opener = "other.example.org";
  const auto part = hospitals.train(3);
  CHECK(part.contributors.empty());  // all four are connected to fl.example.org
  REQUIRE(part.failures.size() == 4);
  for (const Failure& failure : part.failures) CHECK(failure.error == "refused");
  CHECK(part.failures[0].message ==
        "client m00 refuses: the terms of this secure sum name another who opens it than the coordinator "
        "that this "
        "node is connected to");
  const auto events = events_of(folder.path("audit.jsonl"));
  CHECK(events.back().at("what") == "request refused");
  CHECK(events.back().at("reason") ==
        "they name \"other.example.org\", and it is connected to \"fl.example.org\"");
  CHECK(std::any_of(events.begin(), events.end(), [](const auto& event) {
    return event.at("what") == "request allowed" && event.contains("opener") &&
           event.at("opener") == "fl.example.org";
  }));
}

TEST_CASE("Where the policy names who may open a secure sum, terms that name another or nobody are refused") {
  const ScratchFolder folder;
  NodeOptions options = masked_only();
  options.audit = std::make_shared<AuditLog>(folder.path("audit.jsonl"), SigningKey::make());
  options.policy.coordinators = std::set<std::string>{"fl.example.org", "relay.example.org"};
  options.policy.require_opener = true;
  Hospitals hospitals{std::move(options)};
  const std::string sentence =
      "client m00 refuses: the policy of this node requires that a secure sum names one of its coordinators "
      "as who opens it (require_opener), and here nobody is named";
  CHECK(missing(hospitals.train(1)) == sentence);
  CHECK(missing(hospitals.evaluate(1)) == sentence);  // whatever is summed
  const auto events = events_of(folder.path("audit.jsonl"));
  REQUIRE(events.size() == 2);  // of both, and nothing left
  for (const auto& event : events) {
    CHECK(event.at("what") == "request refused");
    CHECK(event.at("verdict") == "refused");
  }
  hospitals.how.opener = "fl.example.org";
  check_whole(hospitals.train(2));
  // One that is listed, but is not the one that asks, opens nothing either.
  hospitals.how.opener = "relay.example.org";
  const auto part = hospitals.train(3);
  CHECK(part.contributors.empty());
  REQUIRE(part.failures.size() == Hospitals::count);
  CHECK(part.failures[0].error == "refused");
  CHECK(part.failures[0].message.find("name another who opens it") != std::string::npos);
}

TEST_CASE("A policy that lists other coordinators lets this one open nothing, whatever it calls itself") {
  NodeOptions options = masked_only();
  options.policy.coordinators = std::set<std::string>{"relay.example.org"};
  options.policy.require_opener = true;
  Hospitals hospitals{std::move(options)};
  hospitals.how.opener = "fl.example.org";
  CHECK(missing(hospitals.train(1)).find("does not allow the coordinator \"fl.example.org\"") !=
        std::string::npos);
}

TEST_CASE("Under require_dp a secure sum needs noise in its terms, which is debited") {
  const ScratchFolder folder;
  const BudgetAccount hospital{"icu-2026", "hospital"};
  NodeOptions options = masked_only();
  options.policy.require_dp = true;
  options.policy.tasks["train.f64"].requests_per_day = 10;
  options.ledger =
      std::make_shared<BudgetLedger>(folder.path("budget"), SigningKey::make(),
                                     [](const BudgetAccount& of, std::span<const Mechanism> after) {
                                       return of.unit == "patient" || after.front().steps <= 2;
                                     });
  // What the program says of its plain replies is no promise about sums.
  options.account = {"icu-2026", "patient"};
  options.spends = {{"train.f64", {NoiseKind::gaussian, 1.1, 0.05, 20}}};
  const std::string none =
      "client m00 refuses: the policy of this node requires differential privacy (require_dp), and this "
      "request has none";
  SUBCASE("no account for sums") {
    Hospitals hospitals{options};
    CHECK(missing(hospitals.train(1)) == none);
  }
  SUBCASE("an account for sums") {
    const auto ledger = options.ledger;
    options.sum_account = hospital;
    Hospitals hospitals{options};
    CHECK(missing(hospitals.train(1)) == none);
    hospitals.how.ranges.noise.noise_multiplier = 1.5;
    CHECK(hospitals.train(2).contributors.size() == Hospitals::count);
    CHECK(hospitals.train(3).contributors.size() == Hospitals::count);
    const auto spent = ledger->spent(hospital);
    REQUIRE(spent.size() == 1);
    CHECK(spent.front() == Mechanism{NoiseKind::gaussian, 1.5, 1, 2});
    // The client's own noise was spent as well: masks do not give it back.
    CHECK(ledger->spent(options.account).front() == Mechanism{NoiseKind::gaussian, 1.1, 0.05, 40});
    const auto part = hospitals.train(4);
    REQUIRE(part.failures.size() == 1);
    CHECK(part.failures[0].message == "client m00 refuses: its privacy budget does not allow this request");
    CHECK(part.contributors.size() == 3);
  }
}

TEST_CASE("A person is asked once for each secure sum") {
  NodeOptions options = masked_only();
  options.policy.manual_approval = true;
  int asked = 0;
  options.approve = [&asked](const RequestFacts& request) {
    ++asked;
    CHECK(request.task == "train.f64");
    CHECK(request.secure_aggregation);
    return request.run == 7;
  };
  Hospitals hospitals{std::move(options)};
  check_whole(hospitals.train(1));
  CHECK(asked == 1);
  CHECK(missing(hospitals.train(1, 8)).find("asks that a person approves run 8, and nobody has") !=
        std::string::npos);
}

TEST_CASE("In a dry run no step of a secure sum is answered") {
  NodeOptions options = masked_only();
  options.dry_run = true;
  std::vector<std::string> shown;
  options.preview = [&shown](const RequestFacts& request, const EncodedMessage&) {
    shown.push_back(request.step);
  };
  Hospitals hospitals{std::move(options)};
  CHECK(missing(hospitals.train(1)) ==
        "client m00 refuses: this node is in a dry run, from which nothing leaves");
  CHECK(shown == std::vector<std::string>{"secagg.train.f64"});
  // A coordinator that goes on all the same does not get the node to train.
  CHECK_THROWS_WITH_AS(
      static_cast<void>(Services::answer<HandIn>(
          *hospitals.nodes[0],
          *encode(std::make_shared<const HandIn::Broadcast>(HandIn::Broadcast{{7, 1, 0}, {}, {}})))),
      "client m00 refuses: this step of a secure sum goes on with no request that this node has "
      "allowed",
      Error);
}

TEST_CASE("The stop file holds in every step") {
  for (const std::string_view at :
       {"secagg.train.f64", "secagg.share", "secagg.hand_in", "secagg.confirm", "secagg.release"}) {
    const ScratchFolder folder;
    NodeOptions options = masked_only();
    options.stop_file = folder.path("stop");
    Hospitals hospitals{std::move(options)};
    hospitals.services.before = [&](std::string_view task, const ClientId&) {
      if (task == at) std::ofstream(folder.path("stop")) << "\n";
    };
    INFO(at);
    const auto part = hospitals.train(1);
    if (at == "secagg.confirm" ||
        at == "secagg.release") {  // what it has handed in is in the sum, of which it opens nothing
      check_whole(part);
    } else {
      CHECK(missing(part) == "client m00 refuses: this node has ended its participation");
    }
  }
}

TEST_CASE("A later step goes on with the request that was allowed last, and with no other") {
  Hospitals hospitals;
  check_whole(hospitals.train(1));
  const auto ask = [&](const RoundId& id) {
    try {
      Services::answer<ShareSecrets>(
          *hospitals.nodes[0],
          *encode(std::make_shared<const ShareSecrets::Broadcast>(ShareSecrets::Broadcast{id, {}, {}})));
      return std::string();
    } catch (const Error& e) {
      return std::string(e.id().name());
    }
  };
  CHECK(ask({7, 2, 0}) == "refused");
  CHECK(ask({7, 1, 1}) == "refused");
  CHECK(ask({8, 1, 0}) == "refused");
  CHECK(ask({7, 1, 0}) == "secagg_replay");  // the client itself looks at what the node cannot
}

TEST_CASE("A step that is asked for again gets the same bytes, also from a node that was started anew") {
  const ScratchFolder folder;
  NodeOptions options = masked_only();
  options.state_folder = folder.path("state");
  options.audit = std::make_shared<AuditLog>(folder.path("audit.jsonl"), SigningKey::make());
  Hospitals hospitals{options};
  // Steps by hand, as far as the vector of the first node.
  Advertise<Train<double>>::Broadcast start;
  start.id = start.terms.id = {7, 1, 0};
  start.terms.members = hospitals.keys.members->ids();
  start.terms.parameters = SecAggParameters::of(Hospitals::count, lenient);
  const TrainBroadcast<double> work{start.id, 1, Parameters<double>(layout), {}};
  start.terms.plan = hospitals.how.ranges.plan<Train<double>>(work, {}, Hospitals::count);
  start.work = std::make_shared<const TrainBroadcast<double>>(work);
  const auto asked = encode(std::make_shared<const Advertise<Train<double>>::Broadcast>(start));
  const auto message = encode(start.work);
  std::vector<std::span<const std::byte>> pieces{message->head};
  pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
  const Digest d = request_digest(Train<double>::name, start.terms, pieces);
  const auto say = [&]<class T>(std::type_identity<T>, auto what) {
    return encode(
        std::make_shared<const typename T::Broadcast>(typename T::Broadcast{start.id, d, std::move(what)}));
  };
  KeyList keys;
  for (Index i = 0; i < Hospitals::count; ++i)
    keys.push_back({i, Services::answer<Advertise<Train<double>>>(*hospitals.nodes[i], *asked)});
  const AdvertisedKeys again = Services::answer<Advertise<Train<double>>>(*hospitals.nodes[0], *asked);
  CHECK(again.channel == keys[0].keys.channel);
  CHECK(again.signature == keys[0].keys.signature);
  const auto share = say(std::type_identity<ShareSecrets>(), keys);
  std::vector<SealedShares> inbox;
  for (Index i = 0; i < Hospitals::count; ++i) {
    for (const SealedShares& one : Services::answer<ShareSecrets>(*hospitals.nodes[i], *share).shares) {
      if (one.other == 0) inbox.push_back({i, one.sealed});
    }
  }
  const auto hand_in = say(std::type_identity<HandIn>(), inbox);

  SUBCASE("before it has handed in: it uses its data for nothing that it has not judged") {
    hospitals.nodes[0].reset();
    hospitals.nodes.clear();
    hospitals.add(0, options);
    CHECK_THROWS_WITH_AS(
        static_cast<void>(Services::answer<HandIn>(*hospitals.nodes[0], *hand_in)),
        "client m00 refuses: this step of a secure sum goes on with no request that this node has "
        "allowed",
        Error);
  }
  SUBCASE("afterwards") {
    const RingVector vector = Services::answer<HandIn>(*hospitals.nodes[0], *hand_in);
    CHECK(Services::answer<HandIn>(*hospitals.nodes[0], *hand_in) == vector);
    hospitals.nodes[0].reset();
    hospitals.nodes.clear();
    hospitals.add(0, options);
    CHECK(Services::answer<HandIn>(*hospitals.nodes[0], *hand_in) == vector);
    const auto events = events_of(folder.path("audit.jsonl"));
    CHECK(events.back().at("what") == "reply sent again");
    CHECK(events.back().at("task") == "secagg.hand_in");
    CHECK(std::count_if(events.begin(), events.end(),
                        [](const auto& e) { return e.at("what") == "request allowed"; }) == 1);
  }
}

TEST_CASE("The state of secure handlers is that of the client behind them") {
  const Keys keys(3);
  const TaskHandlers client = TaskHandlers::of(Counting{});
  const TaskHandlers secure = secure_handlers<Train<double>>(client, keys.member(0));
  REQUIRE(secure.stateful());
  const std::vector<std::byte> before = secure.state();
  const auto work = std::make_shared<const TrainBroadcast<double>>(
      TrainBroadcast<double>{{7, 1, 0}, 1, Parameters<double>(layout), {}});
  static_cast<void>(client.handle<Train<double>>({work, "m00"}, {}));
  CHECK(secure.state() != before);
  secure.restore(before);
  CHECK(client.state() == before);
}

}  // namespace client_node_secure_node_test
