// What an iteration of a Cox regression over hospitals costs beside the arithmetic that it is for: 1,000,000 patients with 10 covariates in 20
// hospitals, each a stratum, on two threads. The baseline does it by hand over the same rows, sorted before: one sweep over the risk sets that
// carries the sums of weights, weighted covariates and their products, and adds to log-likelihood, score and information at each event.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/cox_site_step.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/transport/in_process.hpp"

namespace {

using namespace healthai;

constexpr std::size_t sites = 20;
constexpr std::size_t rows_of_site = 50'000;
constexpr std::size_t columns = 10;
constexpr std::size_t threads = 2;

/// Covariates are uniform with mean 0 and standard deviation 1; a third is censored.
struct Site {
  std::vector<std::array<double, columns>> x{};
  std::vector<double> time{};
  std::vector<double> event{};
};
Site site_of(std::size_t number) {
  Stream stream(1, Purpose::test, number);
  Site site;
  for (std::size_t i = 0; i < rows_of_site; ++i) {
    std::array<double, columns> x{};
    for (double& value : x) value = std::sqrt(12.0) * (uniform(stream) - 0.5);
    site.x.push_back(x);
    site.time.push_back(-std::log(1 - uniform(stream)) * std::exp(-0.1 * x[0]));
    site.event.push_back(uniform(stream) < 1.0 / 3 ? 0 : 1);
  }
  return site;
}
std::vector<double> coefficients() {
  std::vector<double> at(columns);
  for (std::size_t j = 0; j < columns; ++j) at[j] = 0.05 * static_cast<double>(j) - 0.2;
  return at;
}

void site_step(benchmark::State& state) {
  InProcess hospitals({.threads = threads});
  ScaledCoxPlan plan;
  plan.outcome = {"time", "event"};
  for (std::size_t j = 0; j < columns; ++j) plan.covariates.push_back({"x" + std::to_string(j), false, {}});
  plan.means.assign(columns, 0);
  plan.scales.assign(columns, 1);
  for (std::size_t s = 0; s < sites; ++s) {
    const Site rows = site_of(s);
    Table table("site");
    table.add_numeric("time", rows.time).add_numeric("event", rows.event);
    for (std::size_t j = 0; j < columns; ++j) {
      std::vector<double> column;
      for (const auto& x : rows.x) column.push_back(x[j]);
      table.add_numeric("x" + std::to_string(j), std::move(column));
    }
    hospitals.add(ClientId("site" + std::to_string(s)),
                  StatisticsSite(std::move(table), DisclosureRules::off()).handlers<CoxSiteStep>());
  }
  Analysis analysis(hospitals);
  const CoxSiteStep::Broadcast step{plan, coefficients()};
  benchmark::DoNotOptimize(analysis.sum<CoxSiteStep>(step));  // sorts
  for (auto _ : state) benchmark::DoNotOptimize(analysis.sum<CoxSiteStep>(step));
}

struct Derivatives {
  double log_likelihood = 0;
  std::array<double, columns> score{};
  std::array<double, columns*(columns + 1) / 2> information{};
};
void sweep(const Site& site, const std::vector<double>& at, Derivatives& out) {
  double sum = 0;
  std::array<double, columns> first{};
  std::array<double, columns*(columns + 1) / 2> second{};
  for (std::size_t i = 0; i < site.x.size(); ++i) {
    const auto& x = site.x[i];
    double eta = 0;
    for (std::size_t j = 0; j < columns; ++j) eta += x[j] * at[j];
    const double weight = std::exp(eta);
    sum += weight;
    for (std::size_t j = 0, next = 0; j < columns; ++j) {
      const double weighted = weight * x[j];
      first[j] += weighted;
      for (std::size_t k = 0; k <= j; ++k, ++next) second[next] += weighted * x[k];
    }
    if (site.event[i] == 0) continue;
    const double per_weight = 1 / sum;
    out.log_likelihood += eta - std::log(sum);
    for (std::size_t j = 0, next = 0; j < columns; ++j) {
      const double mean = first[j] * per_weight;
      out.score[j] += x[j] - mean;
      for (std::size_t k = 0; k <= j; ++k, ++next)
        out.information[next] += second[next] * per_weight - mean * first[k] * per_weight;
    }
  }
}

void risk_set_sweep(benchmark::State& state) {
  std::vector<Site> sorted;
  for (std::size_t s = 0; s < sites; ++s) {
    const Site rows = site_of(s);
    std::vector<std::size_t> order(rows_of_site);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&rows](std::size_t a, std::size_t b) { return rows.time[a] > rows.time[b]; });
    Site site;
    for (const std::size_t i : order) {
      site.x.push_back(rows.x[i]);
      site.time.push_back(rows.time[i]);
      site.event.push_back(rows.event[i]);
    }
    sorted.push_back(std::move(site));
  }
  const std::vector<double> at = coefficients();
  for (auto _ : state) {
    std::array<Derivatives, threads> parts{};
    std::vector<std::thread> workers;
    for (std::size_t t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        for (std::size_t s = t; s < sites; s += threads) sweep(sorted[s], at, parts[t]);
      });
    }
    for (std::thread& worker : workers) worker.join();
    benchmark::DoNotOptimize(parts);
  }
}

BENCHMARK(risk_set_sweep)->Name("baseline/risk_set_sweep")->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(site_step)->Name("statistics/cox_site_step")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
