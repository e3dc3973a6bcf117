#include "healthai/secagg/secure_aggregation.hpp"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <stdexcept>

#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/secagg/secure_handlers.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fedprox.hpp"
#include "healthai/transport/in_process.hpp"
#include "secagg/members.hpp"

namespace secagg_secure_aggregation_test {

using namespace secagg_test;

static_assert(SummingTransport<SecureAggregation<InProcess>, Train<double>> &&
              SummingTransport<SecureAggregation<InProcess>, Evaluate<float>> &&
              !Transport<SecureAggregation<InProcess>, Train<double>>);

namespace {

const Layout layout{{"w", {3}}};

/// Moves a fifth of the way to a point of its own, as far as it is asked.
struct Walker {
  double goal = 0;
  double rows = 1;
  int falls_silent_in = 0;  // round
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) const {
    if (static_cast<int>(request->id.round) == falls_silent_in) throw std::runtime_error("the power is out");
    TrainReply<double> reply;
    reply.update = request->parameters;
    for (double& value : reply.update.span()) value = 0.2 * (goal - value);
    reply.num_examples = rows;
    reply.local_steps = 3;
    reply.metrics.add("loss", goal * rows, rows);
    reply.metrics.add("secret", goal, 1);
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) const {
    EvaluateReply reply{rows, {}};
    reply.metrics.add("loss", goal * rows, rows);
    return reply;
  }
};

struct Hospitals {
  Cohort cohort;
  InProcess secure{{.threads = 2}};
  InProcess plain{{.threads = 2}};

  explicit Hospitals(std::size_t n, int silent = 0) : cohort(n, {.corrupt = 0, .dropout = 0}) {
    for (std::size_t i = 0; i < n; ++i) {
      const ClientId& id = cohort.members->id(static_cast<Index>(i));
      Walker walker{static_cast<double>(i) / static_cast<double>(n), 10.0 + static_cast<double>(i),
                    silent != 0 && i == 1 ? silent : 0};
      plain.add(id, walker);
      SecureMember member{id, cohort.keys[i], cohort.members, {.options = {.corrupt = 0, .dropout = 0}}, {}};
      member.threads = 2;
      secure.add(
          id, secure_handlers<Train<double>, Evaluate<double>>(TaskHandlers::of(walker), std::move(member)));
    }
  }
  [[nodiscard]] SecureAggregationOptions options() const {
    SecureAggregationOptions options;
    options.protocol = {.corrupt = 0, .dropout = 0};
    options.ranges.most_examples = 1000;
    options.threads = 2;
    options.ranges.training_numbers = {{"metric/loss/n", 1e4, std::uint64_t{1} << 40U},
                                       ScalarSegment::count("metric/loss/d", 10'000)};
    options.ranges.evaluation_numbers = options.ranges.training_numbers;
    return options;
  }
};

}  // namespace

TEST_CASE("a federation over secure sums is the plain one, but for the rounding") {
  Hospitals hospitals(7, 3);
  SecureAggregation secure{hospitals.secure, hospitals.cohort.members, hospitals.options()};
  FederationOptions options{.rounds = 6};
  options.evaluation.every = 2;
  Federation federation{FedAvg{}, secure, options};
  Federation reference{FedAvg{}, hospitals.plain, options};
  const Parameters<double> zero(layout);
  const auto masked = federation.run(zero);
  const auto plain = reference.run(zero);
  REQUIRE(masked.completed_rounds == 6);
  // A number of an update is off by at most 2 clip / levels, stochastically rounded, in each of six rounds.
  for (std::size_t j = 0; j < 3; ++j)
    CHECK(std::fabs(masked.parameters.data()[j] - plain.parameters.data()[j]) < 6 * 2 * 0x1p-32);
  for (std::size_t r = 0; r < 6; ++r) {
    const RoundReport& one = masked.history[r];
    const RoundReport& other = plain.history[r];
    CHECK(one.participants == other.participants);
    CHECK(one.num_examples == other.num_examples);
    CHECK(one.metrics["loss"] == doctest::Approx(other.metrics["loss"]).epsilon(1e-6));
    CHECK_FALSE(one.metrics.find("secret"));  // has no range
    CHECK(one.failures.size() == other.failures.size());
  }
  REQUIRE(masked.history[2].failures.size() == 1);
  CHECK(masked.history[2].failures[0].message == "client site00001 threw: the power is out");
  REQUIRE(masked.history[1].evaluation);
  CHECK(masked.history[1].evaluation->participants.size() == 7);
}

TEST_CASE("with fewer than the threshold no sum is opened, and the model stays as it was") {
  Hospitals hospitals(5);
  SecureAggregation secure{hospitals.secure, hospitals.cohort.members, hospitals.options()};
  REQUIRE(secure.parameters().threshold == 3);
  const auto work = std::make_shared<const TrainBroadcast<double>>(
      TrainBroadcast<double>{{1, 1, 0}, 0, Parameters<double>(layout), {}});
  const std::vector<ClientId> two{"site00000", "site00003"};
  const auto none = secure.sum<Train<double>>(WeightedMean{}, two, work, Deadline::max());
  CHECK(none.contributors.empty());
  CHECK(none.states.empty());
  REQUIRE(none.failures.size() == 2);
  CHECK(none.failures[0].error == "below_quorum");
  CHECK(none.failures[0].message ==
        "secure aggregation: only 2 of 5 members sent keys, and 3 are needed to open a sum");
  const std::vector<ClientId> three{"site00000", "site00003", "site00004"};
  const auto some = secure.sum<Train<double>>(ReproducibleMean{}, three, work, Deadline::max());
  CHECK(some.contributors == three);
  CHECK(some.weight == 10 + 13 + 14);
  CHECK(some.failures.empty());
}

TEST_CASE("a client does not answer plain requests, steps out of turn, or the same request twice") {
  const Hospitals hospitals(4);
  const Cohort& cohort = hospitals.cohort;
  const auto folder =
      std::filesystem::temp_directory_path() / ("healthai-joined-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  const auto client_of = [&](Index i) {
    return secure_handlers<Train<double>>(TaskHandlers::of(Walker{}),
                                          {cohort.members->id(i),
                                           cohort.keys[i],
                                           cohort.members,
                                           {.options = {.corrupt = 0, .dropout = 0}},
                                           (folder / std::to_string(i)).string()});
  };
  const TaskHandlers first = client_of(0);
  CHECK_FALSE(first.offers<Train<double>>());
  const auto error = [](const auto& call) {
    try {
      call();
    } catch (const Error& e) {
      return std::string(e.id().name());
    }
    return std::string();
  };
  const auto handle = [&](const TaskHandlers& client, auto task, auto broadcast) {
    using T = decltype(task);
    return client.handle<T>({std::make_shared<const typename T::Broadcast>(std::move(broadcast)), "any"}, {});
  };
  CHECK(error([&] { handle(first, Train<double>(), TrainBroadcast<double>()); }) == "unsupported_task");
  CHECK(error([&] { handle(first, ShareSecrets(), ShareSecrets::Broadcast()); }) == "secagg_replay");
  CHECK(error([&] { handle(first, Release(), Release::Broadcast()); }) == "secagg_replay");

  // The members hear the coordinator's side of one sum.
  using First = Advertise<Train<double>>;
  First::Broadcast start;
  start.id = {1, 1, 0};
  start.terms.id = start.id;
  start.terms.members = cohort.members->ids();
  start.terms.parameters = cohort.terms.parameters;
  start.terms.plan = SumRanges{}.plan<Train<double>>({start.id, 0, Parameters<double>(layout), {}}, {}, 4);
  start.work = std::make_shared<const TrainBroadcast<double>>(
      TrainBroadcast<double>{start.id, 0, Parameters<double>(layout), {}});
  std::vector<TaskHandlers> clients{first, client_of(1), client_of(2), client_of(3)};
  const auto whole_sum = [&] {
    KeyList keys;
    for (Index i = 0; i < 4; ++i) keys.push_back({i, handle(clients[i], First(), start)});
    const auto message = encode(start.work);
    std::vector<std::span<const std::byte>> pieces{message->head};
    pieces.insert(pieces.end(), message->arrays.begin(), message->arrays.end());
    const Digest d = request_digest(Train<double>::name, start.terms, pieces);
    std::vector<std::vector<SealedShares>> inbox(4);
    for (Index i = 0; i < 4; ++i) {
      for (const SealedShares& one :
           handle(clients[i], ShareSecrets(), ShareSecrets::Broadcast{start.id, d, keys}).shares)
        inbox[one.other].push_back({i, one.sealed});
    }
    for (Index i = 0; i < 4; ++i)
      (void)handle(clients[i], HandIn(), HandIn::Broadcast{start.id, d, inbox[i]});
    std::vector<Confirmation> signatures;
    const std::vector<Index> all{0, 1, 2, 3};
    for (Index i = 0; i < 4; ++i)
      signatures.push_back(
          {i, handle(clients[i], Confirm(), Confirm::Broadcast{start.id, d, all}).signature});
    // A second list, for the difference of two sums.
    const std::vector<Index> fewer{0, 1, 2};
    CHECK(error([&] {
            handle(clients[0], Confirm(), Confirm::Broadcast{start.id, d, fewer});
          }) == "secagg_survivors");
    for (Index i = 1; i < 4; ++i)
      (void)handle(clients[i], Release(), Release::Broadcast{start.id, d, signatures});
  };
  whole_sum();
  // The same round again: of those who have released shares nobody takes part, also after a restart.
  CHECK(error([&] { handle(clients[1], First(), start); }) == "secagg_replay");
  CHECK(error([&] { handle(client_of(2), First(), start); }) == "secagg_replay");
  start.id.attempt = start.terms.id.attempt = 1;
  start.work = std::make_shared<const TrainBroadcast<double>>(
      TrainBroadcast<double>{start.id, 0, Parameters<double>(layout), {}});
  CHECK(error([&] { handle(clients[1], First(), start); }) == "secagg_replay");
  start.id.round = start.terms.id.round = 2;
  start.work = std::make_shared<const TrainBroadcast<double>>(
      TrainBroadcast<double>{start.id, 0, Parameters<double>(layout), {}});
  whole_sum();
  std::filesystem::remove_all(folder);
}

TEST_CASE("terms that promise less than a client's own are refused") {
  const Cohort cohort(10);  // one may be corrupt
  const ClientId self = cohort.members->id(0);
  const auto refused = [&](const std::function<void(Terms&)>& change, const ClientRules& rules = {}) {
    Terms terms = cohort.terms;
    change(terms);
    try {
      require_acceptable(terms, *cohort.members, rules, self);
    } catch (const Error& e) {
      return e.id() == error::secagg_terms;
    }
    return false;
  };
  CHECK_FALSE(refused([](Terms&) {}));
  CHECK(cohort.terms.parameters.threshold == 6);
  CHECK(refused([](Terms& terms) { terms.parameters.threshold = 5; }));
  CHECK(refused([](Terms& terms) { terms.parameters.threshold = 11; }));
  CHECK(refused([](Terms& terms) { terms.parameters.degree = 8; }));
  CHECK(refused([](Terms& terms) { terms.parameters.clients = 9; }));
  CHECK(refused([](Terms& terms) { terms.members.pop_back(); }));
  CHECK(refused([](Terms& terms) { terms.members.emplace_back("zzz"); }));
  CHECK(refused([](Terms& terms) { terms.members[3] = ClientId("somebody"); }));
  CHECK(refused([](Terms&) {}, {.options = {.corrupt = 0.3, .dropout = 0}, .minimum_threshold = 0}));
  CHECK(refused([](Terms&) {}, {.options = {}, .minimum_threshold = 8}));
}

}  // namespace secagg_secure_aggregation_test
