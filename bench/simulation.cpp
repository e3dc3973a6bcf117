// What a simulation costs beside the arithmetic that it is for: 1,000 clients of 100 patients each, logistic regression on 100
// features, 100 rounds of one local epoch in batches of 10, on two threads. The baseline does the same arithmetic with two
// std::threads and nothing else: the same batches in an order that was drawn before, no loss, no checks, no messages.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "healthai/healthai.hpp"

namespace {

using namespace healthai;
using Vector = Eigen::VectorXd;

constexpr std::size_t clients = 1000;
constexpr Eigen::Index rows = 100;
constexpr Eigen::Index columns = 100;
constexpr Eigen::Index batch = 10;
constexpr double rate = 0.1;
constexpr std::size_t rounds = 100;
constexpr std::size_t threads = 2;

struct Patients {
  FeatureMatrix<double> x;
  std::vector<double> died;
};

Patients patients_of(std::size_t client) {
  Stream stream(1, Purpose::test, client);
  Patients patients{FeatureMatrix<double>(rows, columns), {}};
  for (Eigen::Index i = 0; i < patients.x.size(); ++i) patients.x.data()[i] = uniform(stream) - 0.5;
  for (Eigen::Index i = 0; i < rows; ++i) patients.died.push_back(uniform(stream) < 0.3 ? 1 : 0);
  return patients;
}

void simulation(benchmark::State& state) {
  InProcess hospitals({.threads = threads});
  for (std::size_t c = 0; c < clients; ++c) {
    Patients patients = patients_of(c);
    hospitals.add("c" + std::to_string(c),
                  LocalTrainer{LogisticModel<double>(std::move(patients.x), std::move(patients.died)),
                               {.learning_rate = rate, .batch_size = static_cast<std::size_t>(batch)}});
  }
  const Parameters<double> zero(LogisticModel<double>::layout_for(static_cast<std::size_t>(columns)));
  for (auto _ : state) {
    Federation federation{FedAvg{}, hospitals, {.rounds = rounds, .keep_history = false}};
    const auto outcome = federation.run(zero);
    if (outcome.completed_rounds != rounds) state.SkipWithError("the run ended early");
    benchmark::DoNotOptimize(outcome.parameters.data());
  }
}

struct Hospital {
  Patients patients;
  std::vector<Eigen::Index> order;
  Vector update;
};

/// One epoch from w, of which the last number is the intercept.
void train(Hospital& h, const Vector& w, FeatureMatrix<double>& x, Vector& slopes, Vector& local) {
  local = w;
  for (Eigen::Index begin = 0; begin < rows; begin += batch) {
    for (Eigen::Index i = 0; i < batch; ++i)
      x.row(i) = h.patients.x.row(h.order[static_cast<std::size_t>(begin + i)]);
    slopes.noalias() = x * local.head(columns);
    double sum = 0;
    for (Eigen::Index i = 0; i < batch; ++i) {
      const double died =
          h.patients.died[static_cast<std::size_t>(h.order[static_cast<std::size_t>(begin + i)])];
      slopes[i] = (1 / (1 + std::exp(-slopes[i] - local[columns])) - died) / static_cast<double>(batch);
      sum += slopes[i];
    }
    local.head(columns).noalias() -= rate * (x.transpose() * slopes);
    local[columns] -= rate * sum;
  }
  h.update = local - w;
}

void bare_local_training(benchmark::State& state) {
  std::vector<Hospital> hospitals;
  for (std::size_t c = 0; c < clients; ++c) {
    hospitals.push_back({patients_of(c), std::vector<Eigen::Index>(static_cast<std::size_t>(rows)), {}});
    std::iota(hospitals.back().order.begin(), hospitals.back().order.end(), Eigen::Index{0});
    Stream stream(2, Purpose::test, c);
    shuffle(std::span<Eigen::Index>(hospitals.back().order), stream);
  }
  for (auto _ : state) {
    Vector w = Vector::Zero(columns + 1);
    for (std::size_t round = 0; round < rounds; ++round) {
      const auto work = [&](std::size_t first) {
        FeatureMatrix<double> x(batch, columns);
        Vector slopes(batch);
        Vector local(columns + 1);
        for (std::size_t c = first; c < clients; c += threads) train(hospitals[c], w, x, slopes, local);
      };
      {
        std::vector<std::jthread> workers;
        for (std::size_t t = 0; t < threads; ++t) workers.emplace_back(work, t);
      }
      Vector sum = Vector::Zero(columns + 1);
      for (const Hospital& h : hospitals) sum += h.update;
      w += sum / static_cast<double>(clients);
    }
    benchmark::DoNotOptimize(w.data());
  }
}

}  // namespace

BENCHMARK(simulation)->Name("simulation/logistic")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(bare_local_training)
    ->Name("baseline/bare_local_training")
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);
