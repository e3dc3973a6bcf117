// One iteration of Newton's method for a logistic regression, and a whole fit, over 142 hospitals in this process: 49,749 patients, 300 covariates and
// the intercept. The baseline is the symmetric rank update of each hospital's rows that an iteration cannot do without, by Eigen, on as many
// threads, with matrices that are there already.

#include <benchmark/benchmark.h>

#include <atomic>
#include <cmath>
#include <cstddef>
#include <Eigen/Core>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "healthai/statistics/glm.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/transport/in_process.hpp"

namespace {

using namespace healthai;

constexpr std::size_t patients = 49'749;
constexpr std::size_t covariates = 300;
constexpr std::size_t hospitals = 142;

std::string column_name(std::size_t j) {
  std::string name = std::to_string(j);
  name.insert(0, 1, 'x');
  return name;
}

/// Numbers as clinical columns have them: some correlated, some 0 or 1, in different units.
std::vector<Table> tables() {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<Table> all;
  for (std::size_t site = 0; site < hospitals; ++site) {
    const std::size_t rows = patients * (site + 1) / hospitals - patients * site / hospitals;
    std::vector<std::vector<double>> columns(covariates, std::vector<double>(rows));
    std::vector<double> died(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      const double severity = normal(random);
      double eta = -1.5 + 0.8 * severity;
      for (std::size_t j = 0; j < covariates; ++j) {
        const double x = 0.3 * severity + normal(random);
        columns[j][row] = j % 4 == 0 ? (x > 1 ? 1 : 0) : 100 + static_cast<double>(j) * x;
        eta += (j % 3 == 0 ? 0.05 : -0.03) * x;
      }
      died[row] = uniform(random) < 1 / (1 + std::exp(-eta)) ? 1 : 0;
    }
    Table table("site");
    for (std::size_t j = 0; j < covariates; ++j) table.add_numeric(column_name(j), std::move(columns[j]));
    table.add_numeric("died", std::move(died));
    all.push_back(std::move(table));
  }
  return all;
}
GlmPlan logistic() {
  GlmPlan plan;
  plan.response = "died";
  plan.family = GlmFamily::binomial;
  for (std::size_t j = 0; j < covariates; ++j) plan.covariates.push_back({column_name(j), false, {}});
  return plan;
}

/// Made once; their threads are as many as the benchmark's argument.
InProcess& sites(std::size_t threads) {
  static std::vector<std::pair<std::size_t, std::unique_ptr<InProcess>>> made;
  static const std::vector<StatisticsSite> all = [] {
    std::vector<StatisticsSite> list;
    for (Table& table : tables()) list.emplace_back(std::move(table), DisclosureRules::off());
    return list;
  }();
  for (auto& [count, transport] : made) {
    if (count == threads) return *transport;
  }
  auto transport = std::make_unique<InProcess>(InProcessOptions{.threads = threads, .executor = {}});
  for (std::size_t i = 0; i < all.size(); ++i)
    transport->add(ClientId(std::to_string(1000 + i)), all[i].handlers<GlmMoments, GlmStep>());
  made.emplace_back(threads, std::move(transport));
  return *made.back().second;
}

void step(benchmark::State& state) {
  InProcess& transport = sites(static_cast<std::size_t>(state.range(0)));
  Analysis<InProcess> analysis(transport);
  const GlmPlan plan = logistic();
  detail::GlmSite<Analysis<InProcess>> site(analysis, plan);
  const detail::GlmColumns columns = site.columns();
  const auto part = [](const std::vector<double>& values) {
    return std::vector<double>(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(covariates));
  };
  site.set_scale(part(columns.means), part(columns.deviations), {});
  detail::GlmNewton<detail::GlmSite<Analysis<InProcess>>> newton(
      site, {40, 1e-10, plan.terms(), Eigen::VectorXd::Zero(covariates + 1), 1, 1, false, false});
  Eigen::VectorXd coefficients = Eigen::VectorXd::Constant(covariates + 1, 0.01);
  if (!site.ask(GlmQuestion::step, coefficients).valid)
    throw std::runtime_error("no step");  // prepares the matrices
  for (auto _ : state) {
    const detail::GlmSums sums = site.ask(GlmQuestion::step, coefficients);
    const auto direction = newton.solved(sums.information, sums.score);
    benchmark::DoNotOptimize(direction->data());
  }
}

void fit(benchmark::State& state) {
  InProcess& transport = sites(static_cast<std::size_t>(state.range(0)));
  const GlmPlan plan = logistic();
  double gradient = 1, iterations = 0;
  for (auto _ : state) {
    const GlmFit done = fit_glm(transport, plan);
    if (!done.converged || done.gradient_norm > 1e-9) throw std::runtime_error("it did not converge to 1e-9");
    gradient = done.gradient_norm;
    iterations = static_cast<double>(done.iterations);
  }
  state.counters["gradient_norm"] = gradient;
  state.counters["iterations"] = iterations;
}

void syrk(benchmark::State& state) {
  const auto threads = static_cast<std::size_t>(state.range(0));
  static const std::vector<Eigen::MatrixXd> matrices = [] {
    std::vector<Eigen::MatrixXd> all;
    for (std::size_t site = 0; site < hospitals; ++site) {
      const std::size_t rows = patients * (site + 1) / hospitals - patients * site / hospitals;
      all.emplace_back(Eigen::MatrixXd::Random(covariates + 1, static_cast<Eigen::Index>(rows)));
    }
    return all;
  }();
  for (auto _ : state) {
    std::atomic<std::size_t> next{0};
    const auto work = [&next] {
      Eigen::MatrixXd gram(covariates + 1, covariates + 1);
      for (std::size_t site = next++; site < hospitals; site = next++) {
        gram.setZero();
        gram.selfadjointView<Eigen::Lower>().rankUpdate(matrices[site]);
        benchmark::DoNotOptimize(gram.data());
      }
    };
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < threads; ++i) helpers.emplace_back(work);
    work();
  }
}

BENCHMARK(step)
    ->Name("statistics/logistic_step")
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(syrk)
    ->Name("baseline/syrk")
    ->ArgName("workers")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(fit)
    ->Name("statistics/logistic_fit")
    ->ArgName("workers")
    ->Arg(2)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
