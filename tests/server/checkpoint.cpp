#include "healthai/server/checkpoint.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "../quadratic.hpp"
#include "healthai/client/local_trainer.hpp"
#include "healthai/server/federation.hpp"
#include "healthai/strategy/fedavg.hpp"
#include "healthai/strategy/fedprox.hpp"
#include "healthai/transport/in_process.hpp"
#include "test_folder.hpp"

namespace server_checkpoint_test {

using namespace healthai;
using namespace std::chrono_literals;

namespace {

using Folder = TestFolder;

/// Remembers something of its own: a running mean of the global parameters, which pulls its update.
struct Personal {
  std::uint64_t rounds = 0;
  double memory = 0;
  TrainReply<double> train(const TrainRequest<double>& request, std::stop_token) {
    std::this_thread::sleep_for(200us);  // so that a kill finds the run at work
    ++rounds;
    memory = 0.7 * memory + 0.3 * request->parameters.data()[0] + 0.01 * static_cast<double>(rounds);
    TrainReply<double> reply;
    reply.update = Parameters<double>(request->parameters.layout());
    reply.update.data()[0] = 0.1 * (std::sin(memory) - request->parameters.data()[0]);
    reply.num_examples = 3;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<double>& request, std::stop_token) {
    EvaluateReply reply{3, {}};
    reply.metrics.add("loss", 3 * std::abs(request->parameters.data()[0] - 0.2), 3);
    return reply;
  }
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& rounds& memory;
  }
};

const Parameters<double> origin(Quadratic<double>::layout_for(1));

FederationOptions options_for(const std::string& checkpoint) {
  FederationOptions options{.rounds = 120, .seed = 4, .selection = FractionOfClients{.fraction = 0.7}};
  options.evaluation.every = 7;
  options.early_stopping = EarlyStopping{.patience = 1000};
  options.checkpoint = checkpoint;
  options.resume = true;
  return options;
}

Outcome<double> run(const FederationOptions& options) {
  InProcess clients({.threads = 2});
  for (int i = 0; i < 4; ++i) {
    clients.add("q" + std::to_string(i),
                LocalTrainer(Quadratic<double>{{0.5 + i}, {std::cos(i)}, 5}, {.learning_rate = 0.05}));
  }
  clients.add("p1", Personal{});
  clients.add("p2", Personal{3, 0.5});
  Federation federation{FedAvg{}, clients, options};
  return federation.run(origin);
}

/// What must be the same after any number of kills.
struct Result {
  Parameters<double> parameters;
  BestModel<double> best;
  template <class Archive>
  void serialize(Archive& archive, unsigned) {
    archive& parameters& best;
  }
};

std::string error_of(const auto& call) {
  try {
    call();
  } catch (const Error& e) {
    return std::string(e.id().name());
  }
  return "none";
}

std::vector<char> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void overwrite(const std::string& path, const std::vector<char>& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE("a run that is killed at any instant and resumed ends with the same bits") {
  FederationOptions without = options_for("");
  without.resume = false;
  const auto expected = run(without);
  const auto expected_bytes = to_bytes(Result{expected.parameters, expected.best.value()});
  Stream random(static_cast<std::uint64_t>(getpid()), Purpose::test);
  for (int trial = 0; trial < 3; ++trial) {
    const Folder folder;
    int kills = 0;
    for (bool finished = false; !finished;) {
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        const auto outcome = run(options_for(folder.path + "/run.ckpt"));
        write_sealed_file(folder.path + "/result", "TEST", Result{outcome.parameters, outcome.best.value()});
        std::_Exit(0);
      }
      if (kills < 6) {
        std::this_thread::sleep_for(std::chrono::microseconds(5000 + uniform_index(random, 40000)));
        kill(child, SIGKILL);
      }
      int status = 0;
      REQUIRE(waitpid(child, &status, 0) == child);
      finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
      if (!finished) {
        REQUIRE(WIFSIGNALED(status));
        REQUIRE(WTERMSIG(status) == SIGKILL);
        ++kills;
      }
    }
    CHECK(kills > 0);
    const auto result = read_sealed_file<Result>(folder.path + "/result", "TEST");
    CHECK(to_bytes(result) == expected_bytes);
  }
}

TEST_CASE("a run that is over stays over when it is resumed") {
  const Folder folder;
  FederationOptions options = options_for(folder.path + "/run.ckpt");
  options.rounds = 10;
  const auto first = run(options);
  const auto again = run(options);
  CHECK(again.history.empty());
  CHECK(again.completed_rounds == 10);
  CHECK(to_bytes(first.parameters) == to_bytes(again.parameters));
  options.rounds = 12;
  CHECK(run(options).history.size() == 2);
}

TEST_CASE("a checkpoint of another run is refused with what differs") {
  const Folder folder;
  FederationOptions options{.rounds = 2, .checkpoint = folder.path + "/run.ckpt", .resume = true};
  InProcess clients;
  clients.add("a", LocalTrainer(Quadratic<double>{{1.0}, {1.0}}));
  static_cast<void>(Federation{FedAvg{}, clients, options}.run(origin));
  CHECK(error_of([&] { Federation(FedAvg{.server_learning_rate = 0.5}, clients, options).start(origin); }) ==
        "checkpoint_mismatch");
  CHECK(error_of([&] { Federation(FedProx{}, clients, options).start(origin); }) == "checkpoint_mismatch");
  CHECK(error_of([&] {
          Federation(FedAvg{}, clients, options).start(Parameters<double>(Layout{{"v", {1}}}));
        }) == "checkpoint_mismatch");
  FederationOptions other_seed = options;
  other_seed.seed = 9;
  CHECK(error_of([&] { Federation(FedAvg{}, clients, other_seed).start(origin); }) == "checkpoint_mismatch");
  CHECK(error_of([&] {
          Federation<FedAvg, InProcess, float>(FedAvg{}, clients, options)
              .start(Parameters<float>(origin.layout()));
        }) == "checkpoint_mismatch");
  CHECK(error_of([&] { Federation(FedAvg{}, clients, options).start(origin); }) == "none");
}

TEST_CASE("every truncation and every flipped bit of a checkpoint is a clear error") {
  const Folder folder;
  const std::string path = folder.path + "/run.ckpt";
  InProcess clients;
  clients.add("p", Personal{});
  FederationOptions options{.rounds = 2, .checkpoint = path, .resume = true};
  options.evaluation.every = 1;
  options.early_stopping = EarlyStopping{};
  static_cast<void>(Federation{FedAvg{}, clients, options}.run(origin));
  const std::vector<char> whole = contents(path);
  REQUIRE(whole.size() > 100);
  options.checkpoint = folder.path + "/broken.ckpt";
  Federation federation{FedAvg{}, clients, options};
  std::size_t refused = 0;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    overwrite(options.checkpoint, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    refused += error_of([&] { federation.start(origin); }).starts_with("archive_") ? 1 : 0;
  }
  CHECK(refused == whole.size());
  refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<char> flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    overwrite(options.checkpoint, flipped);
    refused += error_of([&] { federation.start(origin); }).starts_with("archive_") ? 1 : 0;
  }
  CHECK(refused == whole.size());
  overwrite(options.checkpoint, std::vector<char>(1 << 20, 'x'));
  CHECK(error_of([&] { federation.start(origin); }) == "archive_corrupt");
}

TEST_CASE("a checkpoint that cannot be written is an error that names the file") {
  InProcess clients;
  clients.add("a", LocalTrainer(Quadratic<double>{{1.0}, {1.0}}));
  Federation federation{FedAvg{}, clients, {.rounds = 1, .checkpoint = "/no/such/folder/run.ckpt"}};
  CHECK_THROWS_WITH_AS(static_cast<void>(federation.run(origin)),
                       doctest::Contains("/no/such/folder/run.ckpt"), Error);
}

TEST_CASE("a program with a client that hangs for good still exits") {
  const auto began = std::chrono::steady_clock::now();
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    bool named = false;
    {
      struct Hangs {
        TrainReply<double> train(const TrainRequest<double>&, std::stop_token) {
          for (;;) std::this_thread::sleep_for(1h);
        }
        EvaluateReply evaluate(const EvaluateRequest<double>&, std::stop_token) { return {}; }
      };
      InProcess clients({.threads = 1});
      clients.add("a-hangs", Hangs{});
      clients.add("b-works", LocalTrainer(Quadratic<double>{{1.0}, {1.0}}));
      Federation federation{FedAvg{}, clients, {.rounds = 3, .deadline = 50ms}};
      const auto outcome = federation.run(origin);
      // With one thread the hanging client takes the first round down; after that its thread is replaced.
      named = outcome.history.back().participants == std::vector<ClientId>{"b-works"} &&
              outcome.history.back().failures.at(0).client == "a-hangs";
    }
    std::exit(named ? 0 : 1);  // runs the destructors of statics: the lost thread must not mind
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(std::chrono::steady_clock::now() - began < 20s);
}

}  // namespace server_checkpoint_test
