// Rounds over two MPI ranks: mpirun -n 2 bench_mpi. Rank 0 measures; the others do what it is at.
#include <benchmark/benchmark.h>
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/healthai.hpp"
#include "healthai/transport/mpi/transport.hpp"

namespace {

using namespace healthai;

/// What the other ranks are to take part in, as rank 0 says.
enum class Job : int { nothing, broadcast_and_sum, bare, simulation };
struct Order {
  int job;
  std::size_t size;
};
/// Rests meanwhile, so that rank 0 has the machine for what it does alone.
Order hear() {
  Order order{};
  MPI_Request request;
  MPI_Ibcast(&order, sizeof order, MPI_BYTE, 0, MPI_COMM_WORLD, &request);
  for (int heard = 0;;) {
    MPI_Test(&request, &heard, MPI_STATUS_IGNORE);
    if (heard != 0) return order;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}
/// What the others hear.
void say(Job job, std::size_t size = 0) {
  Order order{static_cast<int>(job), size};
  MPI_Request request;
  MPI_Ibcast(&order, sizeof order, MPI_BYTE, 0, MPI_COMM_WORLD, &request);
  MPI_Wait(&request, MPI_STATUS_IGNORE);
}

constexpr const char* start_like_this = "start this with two ranks: mpirun -n 2 bench_mpi";
bool is_alone() {
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size != 2;
}

Layout layout_of(std::size_t parameters) {
  return Layout{{"w", {parameters}}};
}

/// Writes an update and does nothing else.
struct Ready {
  TrainReply<float> train(const TrainRequest<float>& request, std::stop_token /*stop*/) {
    TrainReply<float> reply;
    reply.update = Parameters<float>::uninitialised(request->parameters.layout());
    std::fill_n(reply.update.data(), reply.update.size(), 1.0F);
    reply.num_examples = 1;
    reply.local_steps = 1;
    return reply;
  }
  EvaluateReply evaluate(const EvaluateRequest<float>& /*request*/, std::stop_token /*stop*/) { return {}; }
};
std::unique_ptr<MpiTransport> ready_clients() {
  auto ranks = std::make_unique<MpiTransport>(InProcessOptions{.threads = 1});
  for (std::size_t i = 0; i < static_cast<std::size_t>(ranks->ranks()); ++i) {
    if (ranks->hosts(i)) ranks->add("c" + std::to_string(i), Ready());
  }
  return ranks;
}

void broadcast_and_sum(benchmark::State& state) {
  const auto parameters = static_cast<std::size_t>(state.range(1));
  if (is_alone()) return state.SkipWithError(start_like_this);
  say(Job::broadcast_and_sum, parameters);
  const auto ranks = ready_clients();
  const std::vector<ClientId> ids = ranks->clients();
  const FedAvg strategy;
  auto broadcast = std::make_shared<TrainBroadcast<float>>();
  broadcast->parameters = Parameters<float>(layout_of(parameters));
  const std::shared_ptr<const TrainBroadcast<float>> shared = std::move(broadcast);
  std::vector<Parameters<float>> spare;
  const auto round = [&] {
    detail::Fold<FedAvg, float> fold(strategy, layout_of(parameters), std::move(spare));
    detail::DecompressedBytes bytes;
    const auto failures = ranks->fold(fold, ids, shared, {}, std::stop_token(), bytes);
    if (!failures->empty()) throw Error(error::mpi, failures->front().message);
    spare = {};
    spare.push_back(fold.finish().update);
    benchmark::DoNotOptimize(spare.front().data());
  };
  round();  // memory is asked for once
  for (auto _ : state) round();
}

/// A broadcast of floats and a reduction of doubles, as many.
void bare(benchmark::State& state) {
  const auto parameters = static_cast<std::size_t>(state.range(1));
  if (is_alone()) return state.SkipWithError(start_like_this);
  say(Job::bare, parameters);
  std::vector<float> model(parameters);
  std::vector<double> update(parameters, 1.0), sum(parameters);
  const auto round = [&] {
    int more = 1;
    MPI_Bcast(&more, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Bcast(model.data(), static_cast<int>(parameters), MPI_FLOAT, 0, MPI_COMM_WORLD);
    MPI_Reduce(update.data(), sum.data(), static_cast<int>(parameters), MPI_DOUBLE, MPI_SUM, 0,
               MPI_COMM_WORLD);
    benchmark::DoNotOptimize(sum.data());
  };
  round();
  for (auto _ : state) round();
  int more = 0;
  MPI_Bcast(&more, 1, MPI_INT, 0, MPI_COMM_WORLD);
}
void take_part_in_bare(std::size_t parameters) {
  std::vector<float> model(parameters);
  std::vector<double> update(parameters, 1.0);
  for (;;) {
    int more = 0;
    MPI_Bcast(&more, 1, MPI_INT, 0, MPI_COMM_WORLD);
    if (more == 0) return;
    MPI_Bcast(model.data(), static_cast<int>(parameters), MPI_FLOAT, 0, MPI_COMM_WORLD);
    MPI_Reduce(update.data(), nullptr, static_cast<int>(parameters), MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  }
}

constexpr Eigen::Index rows = 100;
constexpr Eigen::Index columns = 100;

/// As in simulation.cpp: logistic regression, one epoch in batches of 10.
void add_hospital(MpiTransport& ranks, std::size_t client) {
  Stream stream(1, Purpose::test, client);
  FeatureMatrix<double> x(rows, columns);
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = uniform(stream) - 0.5;
  std::vector<double> died;
  for (Eigen::Index i = 0; i < rows; ++i) died.push_back(uniform(stream) < 0.3 ? 1 : 0);
  ranks.add("c" + std::to_string(client), LocalTrainer{LogisticModel<double>(std::move(x), std::move(died)),
                                                       {.learning_rate = 0.1, .batch_size = 10}});
}
Layout hospital_layout() {
  return LogisticModel<double>::layout_for(static_cast<std::size_t>(columns));
}
std::unique_ptr<MpiTransport> hospitals(std::size_t clients, MPI_Comm communicator) {
  auto ranks = std::make_unique<MpiTransport>(InProcessOptions{.threads = 1}, communicator);
  for (std::size_t i = 0; i < clients; ++i) {
    if (ranks->hosts(i)) add_hospital(*ranks, i);
  }
  return ranks;
}
/// \param alone  on one rank
void simulation(benchmark::State& state, bool alone) {
  const auto clients = static_cast<std::size_t>(state.range(1));
  if (is_alone()) return state.SkipWithError(start_like_this);
  if (!alone) say(Job::simulation, clients);
  const auto ranks = hospitals(clients, alone ? MPI_COMM_SELF : MPI_COMM_WORLD);
  Federation federation{FedAvg{}, *ranks, {.rounds = 1'000'000, .keep_history = false}};
  federation.start(Parameters<double>(hospital_layout()));
  const auto round = [&] {
    const RoundReport report = federation.step();
    if (report.participants.size() != clients) throw Error(error::mpi, report.error);
  };
  round();
  for (auto _ : state) round();
}

void take_part() {
  for (;;) {
    const Order order = hear();
    switch (static_cast<Job>(order.job)) {
      case Job::nothing:
        return;
      case Job::broadcast_and_sum:
        ready_clients()->serve<float>(FedAvg{}, layout_of(order.size));
        break;
      case Job::bare:
        take_part_in_bare(order.size);
        break;
      case Job::simulation:
        hospitals(order.size, MPI_COMM_WORLD)->serve(FedAvg{}, hospital_layout());
        break;
    }
  }
}

void large(benchmark::internal::Benchmark* b) {
  b->ArgNames({"ranks", "parameters"})->Args({2, 25'000'000})->UseRealTime()->Unit(benchmark::kMillisecond);
}
void many(benchmark::internal::Benchmark* b) {
  b->ArgNames({"ranks", "clients"})->Args({2, 10'000})->UseRealTime()->Unit(benchmark::kMillisecond);
}

}  // namespace

BENCHMARK(broadcast_and_sum)->Name("mpi/broadcast_and_sum")->Apply(large);
BENCHMARK(bare)->Name("baseline/mpi_bcast_reduce")->Apply(large);
BENCHMARK_CAPTURE(simulation, ranks, false)->Name("mpi/simulation")->Apply(many);
BENCHMARK_CAPTURE(simulation, alone, true)->Name("baseline/simulation_on_one_rank")->Apply(many);

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  return MpiSession::run([](const MpiSession& mpi) {
    if (mpi.rank() > 0) {
      take_part();
      return 0;
    }
    benchmark::RunSpecifiedBenchmarks();
    say(Job::nothing);
    return 0;
  });
}
