// What a round costs beside the arithmetic that it is for: 1,000 clients, each one gradient of a linear model with 1,000
// coefficients on 32 rows, on two threads. The baseline does the same arithmetic with two std::threads and nothing else.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <Eigen/Core>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/healthai.hpp"

namespace {

using namespace healthai;
using Vector = Eigen::VectorXd;

constexpr std::size_t rows = 32;
constexpr double rate = 1e-3;
constexpr std::size_t threads = 2;

FeatureMatrix<double> features(std::size_t client, std::size_t columns) {
  Stream stream(1, Purpose::test, client);
  FeatureMatrix<double> x(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
  for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = uniform(stream) - 0.5;
  return x;
}

std::vector<double> targets(std::size_t client) {
  Stream stream(2, Purpose::test, client);
  std::vector<double> y(rows);
  for (double& value : y) value = uniform(stream);
  return y;
}

void in_process(benchmark::State& state) {
  const auto clients = static_cast<std::size_t>(state.range(0));
  const auto columns = static_cast<std::size_t>(state.range(1));
  InProcess transport({.threads = threads});
  for (std::size_t c = 0; c < clients; ++c) {
    transport.add("c" + std::to_string(c),
                  LocalTrainer(LinearModel<double>(features(c, columns), targets(c), {.intercept = false}),
                               {.learning_rate = rate}));
  }
  Federation federation{FedAvg{}, transport, {}};
  federation.start(Parameters<double>(Layout{{"coefficients", {columns}}}));
  for (auto _ : state) {
    const RoundReport report = federation.step();
    if (report.participants.size() != clients) state.SkipWithError(report.error.c_str());
  }
  benchmark::DoNotOptimize(federation.parameters().data());
}

struct Hospital {
  FeatureMatrix<double> x;
  Vector y;
  Vector residual;
  Vector update;
};

void hand_written_round(benchmark::State& state) {
  const auto clients = static_cast<std::size_t>(state.range(0));
  const auto columns = static_cast<std::size_t>(state.range(1));
  std::vector<Hospital> hospitals;
  for (std::size_t c = 0; c < clients; ++c) {
    const std::vector<double> y = targets(c);
    hospitals.push_back(
        {features(c, columns), Eigen::Map<const Vector>(y.data(), static_cast<Eigen::Index>(rows)), {}, {}});
  }
  Vector w = Vector::Zero(static_cast<Eigen::Index>(columns));
  Vector sum(w.size());
  for (auto _ : state) {
    const auto train = [&](std::size_t first) {
      for (std::size_t c = first; c < clients; c += threads) {
        Hospital& h = hospitals[c];
        h.residual.noalias() = h.x * w;
        h.residual -= h.y;
        h.update.noalias() = h.x.transpose() * h.residual;
        h.update *= -rate / static_cast<double>(rows);
      }
    };
    {
      std::vector<std::jthread> workers;
      for (std::size_t t = 0; t < threads; ++t) workers.emplace_back(train, t);
    }
    sum.setZero();
    for (const Hospital& h : hospitals) sum += static_cast<double>(rows) * h.update;
    w += sum / static_cast<double>(rows * clients);
  }
  benchmark::DoNotOptimize(w.data());
}

}  // namespace

BENCHMARK(in_process)
    ->Name("round/in_process")
    ->ArgNames({"clients", "parameters"})
    ->Args({1000, 1000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(hand_written_round)
    ->Name("baseline/hand_written_round")
    ->ArgNames({"clients", "parameters"})
    ->Args({1000, 1000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
