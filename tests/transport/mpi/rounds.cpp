#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <healthai/aggregation.hpp>
#include <healthai/compression.hpp>
#include <healthai/strategy/fednova.hpp>
#include <memory>
#include <thread>

#include "transport/mpi/sites.hpp"

namespace transport_mpi_rounds_test {

using namespace mpi_test;

namespace {

FederationOptions rounds(std::uint64_t count) {
  return {.rounds = count, .seed = 7};
}

/// Runs over ranks and in one process, and compares bits and reports.
template <class Strategy, class Scalar = double>
void same_as_in_process(const Strategy& strategy, const FederationOptions& options, std::size_t count,
                        Hospital like = {}) {
  MpiTransport ranks({.threads = 1});
  add_sites(ranks, count, like);
  if (!ranks.coordinates()) return ranks.serve<Scalar>(strategy, layout);
  Federation<Strategy, MpiTransport, Scalar> federation(strategy, ranks, options);
  const auto outcome = federation.run(Parameters<Scalar>(layout));

  InProcess here({.threads = 1});
  add_sites(here, count, like);
  Federation<Strategy, InProcess, Scalar> alone(strategy, here, options);
  const auto expected = alone.run(Parameters<Scalar>(layout));

  CHECK(same_bits(outcome.parameters, expected.parameters));
  REQUIRE(outcome.history.size() == expected.history.size());
  for (std::size_t r = 0; r < outcome.history.size(); ++r) {
    const RoundReport& got = outcome.history[r];
    const RoundReport& wanted = expected.history[r];
    CHECK(got.error == wanted.error);
    CHECK(got.participants == wanted.participants);
    CHECK(got.failures == wanted.failures);
    CHECK(got.metrics == wanted.metrics);
    CHECK(got.num_examples == wanted.num_examples);
    CHECK(got.bytes_down == wanted.bytes_down);
    CHECK(got.bytes_up == wanted.bytes_up);
    CHECK(got.bytes_up_uncompressed == wanted.bytes_up_uncompressed);
    REQUIRE(got.evaluation.has_value() == wanted.evaluation.has_value());
    if (got.evaluation) CHECK(got.evaluation->clients == wanted.evaluation->clients);
  }
}

}  // namespace

TEST_CASE("The reproducible mean has the bits of one process, for any number of ranks") {
  same_as_in_process(BasicFedAvg<ReproducibleMean>{}, rounds(3), 23);
  same_as_in_process<BasicFedAvg<ReproducibleMean>, float>(BasicFedAvg<ReproducibleMean>{}, rounds(2), 5);
}

TEST_CASE("A rule that is chosen at run time is a sum there too") {
  using Rule = AnyAggregator<double>;
  same_as_in_process(BasicFedAvg<Rule>{.aggregator = ReproducibleMean{}}, rounds(2), 9);
}

TEST_CASE("Fewer clients than ranks, and clients that are chosen") {
  same_as_in_process(BasicFedAvg<ReproducibleMean>{}, rounds(2), 1);
  FederationOptions some = rounds(4);
  some.selection = FractionOfClients{.fraction = 0.3};
  some.evaluation.every = 2;
  same_as_in_process(BasicFedAvg<ReproducibleMean>{}, some, 17);
  some.selection = PowerOfChoice{.candidates = 8, .clients = 3};
  same_as_in_process(BasicFedAvg<ReproducibleMean>{}, some, 17);
}

TEST_CASE("A strategy that rescales each reply does so on the ranks") {
  same_as_in_process(BasicFedNova<ReproducibleMean>{}, rounds(3), 14);
}

TEST_CASE("Robust rules have the bits of one process, each rank at work on a slice") {
  same_as_in_process(BasicFedAvg<Median>{}, rounds(2), 11);
  same_as_in_process(BasicFedAvg<MultiKrum>{.aggregator = {.malicious = 2, .keep = 5}}, rounds(2), 11);
  same_as_in_process<BasicFedAvg<GeometricMedian>, float>({}, rounds(2), 11);
  using Rule = AnyAggregator<double>;
  same_as_in_process(BasicFedAvg<Rule>{.aggregator = CenteredClipping{}}, rounds(2), 9);
  same_as_in_process(BasicFedAvg<Rule>{.aggregator = Bulyan{.malicious = 1}}, rounds(1), 9);
  // Too few updates for the rule: the round says so, and the model stays.
  same_as_in_process(BasicFedAvg<Rule>{.aggregator = Krum{.malicious = 9}}, rounds(2), 9);
}

TEST_CASE("A norm-bounded mean is shortened where the update is, and then a sum") {
  same_as_in_process(BasicFedAvg<NormBoundedMean>{.aggregator = {.bound = 1e-3}}, rounds(1), 1);
}

TEST_CASE("Clients that fail are values in the report") {
  same_as_in_process(BasicFedAvg<ReproducibleMean>{}, rounds(2), 25, Hospital{.fails = true});
  FederationOptions strict = rounds(2);
  strict.quorum = 25;
  same_as_in_process(BasicFedAvg<ReproducibleMean>{}, strict, 25, Hospital{.fails = true});
}

TEST_CASE("The plain mean is Σ w u / Σ w to 1e-12") {
  MpiTransport ranks({.threads = 1});
  constexpr std::size_t count = 40;
  add_sites(ranks, count);
  if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);
  Federation federation{FedAvg{}, ranks, rounds(1)};
  const auto outcome = federation.run(Parameters<double>(layout));
  std::vector<long double> sum(layout.size()), scale(layout.size());
  long double weight = 0;
  auto broadcast = std::make_shared<TrainBroadcast<double>>();
  broadcast->id.round = 1;
  broadcast->seed = 7;
  broadcast->parameters = Parameters<double>(layout);
  for (std::size_t i = 0; i < count; ++i) {
    const auto reply = Hospital{i}.answer(TrainRequest<double>{broadcast, name(i)});
    weight += static_cast<long double>(reply.num_examples);
    for (std::size_t k = 0; k < layout.size(); ++k) {
      const long double term = static_cast<long double>(reply.num_examples) * reply.update.data()[k];
      sum[k] += term;
      scale[k] += std::fabs(term);
    }
  }
  bool close = true;
  for (std::size_t k = 0; k < layout.size(); ++k) {
    const long double difference = outcome.parameters.data()[k] - sum[k] / weight;
    close &= std::fabs(difference) <= 1e-12L * scale[k] / weight;
  }
  CHECK(close);
}

TEST_CASE("Compressed replies are decoded where they come") {
  const auto compressed = [](std::size_t i) { return Compressed{Hospital{i}, TopK{.share = 0.1}}; };
  const BasicFedAvg<ReproducibleMean> strategy;
  MpiTransport ranks({.threads = 1});
  for (std::size_t i = 0; i < 6; ++i) {
    if (ranks.hosts(i)) ranks.add(name(i), compressed(i));
  }
  if (!ranks.coordinates()) return ranks.serve(strategy, layout);
  InProcess here({.threads = 1});
  for (std::size_t i = 0; i < 6; ++i) here.add(name(i), compressed(i));
  Federation federation{strategy, ranks, rounds(4)};
  Federation alone{strategy, here, rounds(4)};
  const auto outcome = federation.run(Parameters<double>(layout));
  const auto expected = alone.run(Parameters<double>(layout));
  CHECK(same_bits(outcome.parameters, expected.parameters));
  CHECK(outcome.history.back().bytes_up == expected.history.back().bytes_up);
  CHECK(outcome.history.back().bytes_up_uncompressed == expected.history.back().bytes_up_uncompressed);
}

namespace {
/// Is done when it is told to stop, or at last.
struct Slow {
  bool is_slow;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token stop) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (is_slow && !stop.stop_requested() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    TrainReply<double> reply;
    reply.update = request->parameters;
    reply.num_examples = 1;
    reply.local_steps = 1;
    reply.partial = stop.stop_requested();
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {}; }
};
}  // namespace

TEST_CASE("Each rank ends its part of a round at the deadline") {
  MpiTransport ranks({.threads = 2});
  for (std::size_t i = 0; i < 8; ++i) {
    if (ranks.hosts(i)) ranks.add(name(i), Slow{i >= 6});
  }
  if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);
  FederationOptions options = rounds(2);
  options.deadline = std::chrono::milliseconds(300);
  Federation federation{FedAvg{}, ranks, options};
  const auto began = std::chrono::steady_clock::now();
  const auto outcome = federation.run(Parameters<double>(layout));
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
  REQUIRE(outcome.history.size() == 2);
  CHECK(outcome.history[0].participants.size() == 6);
  REQUIRE(outcome.history[0].failures.size() == 2);
  CHECK(outcome.history[0].failures[0].client == name(6));
  CHECK(outcome.history[0].failures[0].error == "deadline");
}

TEST_CASE("A round is called off on all ranks, and the next one is as if it had not been") {
  MpiTransport ranks({.threads = 2});
  for (std::size_t i = 0; i < 8; ++i) {
    if (ranks.hosts(i)) ranks.add(name(i), Slow{i >= 4});
  }
  if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);
  FederationOptions options = rounds(1);
  Federation federation{FedAvg{}, ranks, options};
  federation.start(Parameters<double>(layout));
  std::stop_source stop;
  std::jthread later([&stop] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  const auto began = std::chrono::steady_clock::now();
  const RoundReport report = federation.step(stop.get_token());
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
  CHECK(report.error == "stopped by the caller");
  CHECK(federation.completed_rounds() == 0);
}

TEST_CASE("What goes wrong on rank 0 itself in a round reaches its caller, and the ranks serve on") {
  MpiTransport ranks({.threads = 1});
  add_sites(ranks, 8);
  if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);
  Federation federation{FedAvg{}, ranks, rounds(3)};
  federation.start(Parameters<double>(Layout({{"other", {5}}})));
  if (ranks.ranks() > 1) CHECK_THROWS_AS(federation.step(), Error);
  federation.start(Parameters<double>(layout));
  CHECK(federation.step().participants.size() == 8);
}

TEST_CASE("A rank with another strategy is told of in the first round") {
  MpiTransport ranks({.threads = 1});
  add_sites(ranks, 4);
  if (!ranks.coordinates()) return ranks.serve(FedAvg{.server_learning_rate = 0.5}, layout);
  if (ranks.ranks() == 1) return;
  Federation federation{FedAvg{}, ranks, rounds(1)};
  federation.start(Parameters<double>(layout));
  try {
    federation.step();
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.id() == error::mpi);
    const std::string what = e.what();
    CHECK(what.find("serves the strategy FedAvg(server_learning_rate=0.5") != std::string::npos);
    CHECK(what.find("but rank 0 runs FedAvg(server_learning_rate=1") != std::string::npos);
  }
}

TEST_CASE("A rank with another model is told of in the first round") {
  MpiTransport ranks({.threads = 1});
  add_sites(ranks, 4);
  if (!ranks.coordinates()) return ranks.serve(FedAvg{}, Layout({{"weights", {5}}}));
  if (ranks.ranks() == 1) return;
  Federation federation{FedAvg{}, ranks, rounds(1)};
  federation.start(Parameters<double>(layout));
  CHECK_THROWS_WITH_AS(federation.step(), doctest::Contains("has parameters of the layout"), Error);
}

TEST_CASE("A client of the same name on two ranks is told of") {
  MpiTransport ranks({.threads = 1});
  ranks.add("everywhere", Hospital{});
  if (!ranks.coordinates()) return ranks.serve(FedAvg{}, layout);
  if (ranks.ranks() == 1) return;
  CHECK_THROWS_WITH_AS(static_cast<void>(ranks.clients()),
                       doctest::Contains("client everywhere is on rank 0 and on rank 1"), Error);
}

}  // namespace transport_mpi_rounds_test
