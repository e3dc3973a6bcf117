// The robust rules on two threads, and the weighted mean beside them: whole aggregations of updates that stay where they are, into
// memory that is there or, `_fresh`, that is got from the system. `bash bench/run.sh --peers` puts numpy doing the same
// beside them. robust_rules_native.cpp is the same program for the processor that it is compiled on.

#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "healthai/aggregation/bulyan.hpp"
#include "healthai/aggregation/centered_clipping.hpp"
#include "healthai/aggregation/geometric_median.hpp"
#include "healthai/aggregation/krum.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/trimmed_mean.hpp"

namespace {

using namespace healthai;

// The same updates for all rules: at most one shape is in memory at a time.
const std::vector<Update<float>>& updates_of(std::size_t clients, std::size_t size) {
  static std::vector<Update<float>> updates;
  if (updates.size() == clients && updates.front().values.size() == size) return updates;
  updates.clear();
  const Layout layout{{"all", {size}}};
  std::uint32_t random = 1;
  for (std::size_t k = 0; k < clients; ++k) {
    updates.push_back({Parameters<float>::uninitialised(layout), static_cast<double>(k % 7 * 100 + 50)});
    for (float& value : updates.back().values.span()) {
      random = random * 1664525U + 1013904223U;
      value = static_cast<float>(static_cast<double>(random >> 8) * 0x1p-24 - 0.5);
    }
  }
  return updates;
}

#ifdef HEALTHAI_BENCH_NATIVE
const std::string suffix = "_native";
#else
const std::string suffix;
#endif

template <class MakeRule>
void measure(const std::string& name, MakeRule make_rule, bool fresh = false) {
  benchmark::RegisterBenchmark(("aggregation/" + name + (fresh ? "_fresh" : "") + suffix).c_str(),
                               [make_rule, fresh](benchmark::State& state) {
                                 const auto clients = static_cast<std::size_t>(state.range(0));
                                 const auto& updates =
                                     updates_of(clients, static_cast<std::size_t>(state.range(1)));
                                 Parameters<float> result(updates.front().values.layout());
                                 const auto rule = make_rule(clients);
                                 for (auto _ : state) {
                                   if (fresh) result = Parameters<float>(result.layout());
                                   rule.aggregate(std::span<const Update<float>>(updates), result);
                                   benchmark::DoNotOptimize(result.data());
                                 }
                               })
      ->ArgNames({"clients", "parameters"})
      ->Args({10, 1'000'000})
      ->Args({100, 1'000'000})
      ->Unit(benchmark::kMillisecond)
      ->MeasureProcessCPUTime()
      ->UseRealTime();
}

}  // namespace

int main(int argc, char** argv) {
  // A fifth of the clients is expected to be malicious, as far as the rule can take that many.
  const auto median = [](std::size_t) { return Median{.threads = 2}; };
  measure("median", median);
  measure("median", median, true);
  measure("trimmed_mean", [](std::size_t) { return TrimmedMean{.trim = 0.2, .threads = 2}; });
  const auto krum = [](std::size_t n) { return Krum{.malicious = n / 5, .threads = 2}; };
  measure("krum", krum);
  measure("krum", krum, true);
  measure("multi_krum",
          [](std::size_t n) { return MultiKrum{.malicious = n / 5, .keep = n / 2, .threads = 2}; });
  measure("bulyan", [](std::size_t n) { return Bulyan{.malicious = (n - 3) / 5, .threads = 2}; });
  measure("geometric_median", [](std::size_t) { return GeometricMedian{.threads = 2}; });
  measure("centered_clipping", [](std::size_t) { return CenteredClipping{.radius = 300, .threads = 2}; });

  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
