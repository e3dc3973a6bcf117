// The weighted mean beside the fastest way to read as many bytes. Names are NAME/clients:N/parameters:N; every benchmark
// reports the bytes of updates that it reads per second, so that the ratio to baseline/memory_read is the ratio of those.
// Run with --benchmark_enable_random_interleaving=true and --benchmark_repetitions=9 or more, and compare medians.

#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/detail/simd.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"

namespace {

using namespace healthai;

// ---- the baseline: add up a buffer of doubles, eight vectors of sums at a time, in the same instruction set

template <class Lanes>
HEALTHAI_ALWAYS_INLINE double read_body(const double* data, std::size_t count) {
  constexpr std::size_t lanes = Lanes::lanes;
  typename Lanes::Doubles a{}, b{}, c{}, d{}, e{}, f{}, g{}, h{};
  const auto add = [](auto& sum, const double* from) __attribute__((always_inline)) {
    typename Lanes::Doubles value;
    Lanes::load(value, from);
    sum += value;
  };
  for (std::size_t i = 0; i + 8 * lanes <= count; i += 8 * lanes) {
    add(a, data + i);
    add(b, data + i + lanes);
    add(c, data + i + 2 * lanes);
    add(d, data + i + 3 * lanes);
    add(e, data + i + 4 * lanes);
    add(f, data + i + 5 * lanes);
    add(g, data + i + 6 * lanes);
    add(h, data + i + 7 * lanes);
  }
  a += b + c + d + e + f + g + h;
  double sums[lanes];
  Lanes::store(sums, a);
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}
double read_baseline(const double* data, std::size_t count) {
  return read_body<detail::BaselineLanes>(data, count);
}
#if HEALTHAI_X86_DISPATCH
HEALTHAI_TARGET_AVX2 double read_avx2(const double* data, std::size_t count) {
  return read_body<detail::Lanes4>(data, count);
}
HEALTHAI_TARGET_AVX512 double read_avx512(const double* data, std::size_t count) {
  return read_body<detail::Lanes8>(data, count);
}
#endif

auto best_read() {
#if HEALTHAI_X86_DISPATCH
  if (detail::best_simd() == detail::Simd::avx512) return read_avx512;
  if (detail::best_simd() == detail::Simd::avx2) return read_avx2;
#endif
  return read_baseline;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
}

void memory_read(benchmark::State& state, std::size_t threads) {
  constexpr std::size_t bytes = 400'000'000;  // as many as the updates of either shape have
  const Layout layout{{"all", {bytes / sizeof(double)}}};
  const Parameters<double> buffer{layout};  // written, so that it is real memory
  const auto read = best_read();
  const std::size_t share = buffer.size() / threads;
  for (auto _ : state) {
    detail::parallel_for(threads, threads, [&](std::size_t i, std::size_t) {
      benchmark::DoNotOptimize(read(buffer.data() + i * share, share));
    });
  }
  count_bytes(state, bytes);
  state.SetLabel(std::string(detail::to_string(detail::best_simd())));
}

// ---- aggregations: whole ones, from begin to finish, of updates that stay where they are

template <class Scalar>
std::vector<Update<Scalar>> make_updates(const benchmark::State& state, const Layout& layout) {
  std::vector<Update<Scalar>> updates(static_cast<std::size_t>(state.range(0)));
  std::uint32_t random = 1;
  for (std::size_t k = 0; k < updates.size(); ++k) {
    updates[k].weight = static_cast<double>(k % 7 * 100 + 50);
    if (k > 0) {  // copying is faster, and the values hardly matter
      updates[k].values = updates[0].values;
      continue;
    }
    updates[k].values = Parameters<Scalar>::uninitialised(layout);
    for (Scalar& value : updates[k].values.span()) {
      random = random * 1664525U + 1013904223U;
      value = static_cast<Scalar>(static_cast<double>(random >> 8) * 0x1p-24 - 0.5);
    }
  }
  return updates;
}

template <class Scalar, class Rule, class Aggregate>
void aggregation(benchmark::State& state, Rule rule, Aggregate aggregate) {
  const Layout layout{{"all", {static_cast<std::size_t>(state.range(1))}}};
  const auto updates = make_updates<Scalar>(state, layout);
  Parameters<Scalar> mean{layout};
  auto reused = rule.template begin<Scalar>(layout);
  aggregate(reused, updates, mean);  // first touch of reused memory is not what is measured
  for (auto _ : state) {
    aggregate(reused, updates, mean);
    benchmark::DoNotOptimize(mean.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, updates.size() * layout.size() * sizeof(Scalar));
  state.SetLabel(std::string(detail::to_string(detail::best_simd())));
}

// A new state; all updates at once. The result goes where the last one was, as in a run of many rounds.
constexpr auto in_one_batch = [](auto& reused, const auto& updates, auto& mean) {
  auto sums = WeightedMean{}.begin(reused.layout(), std::move(mean));
  mean = sums.finish(updates);
};
constexpr auto on_two_threads = [](auto& reused, const auto& updates, auto& mean) {
  auto sums = WeightedMean{.threads = 2}.begin(reused.layout(), std::move(mean));
  mean = sums.finish(updates);
};
// The same, but the result gets new memory from the operating system.
constexpr auto in_one_batch_fresh = [](auto& reused, const auto& updates, auto& mean) {
  mean = {};
  auto sums = WeightedMean{}.begin(reused.layout(), std::move(mean));
  mean = sums.finish(updates);
};
// add_batch and then finish, so that the sums go through memory (of the last round).
constexpr auto add_batch = [](auto& reused, const auto& updates, auto& mean) {
  reused.restart(std::move(mean));
  reused.add_batch(updates);
  mean = reused.finish();
};
// The same, with new memory for the sums and the result.
constexpr auto add_batch_fresh = [](auto& reused, const auto& updates, auto& mean) {
  mean = {};
  auto sums = WeightedMean{}.begin(reused.layout(), std::move(mean));
  sums.add_batch(updates);
  mean = sums.finish();
};
constexpr auto one_at_a_time = [](auto& reused, const auto& updates, auto& mean) {
  reused.restart(std::move(mean));
  for (const auto& update : updates) reused.add(update);
  mean = reused.finish();
};
constexpr auto reproducibly = [](auto& reused, const auto& updates, auto& mean) {
  reused.restart(std::move(mean));
  reused.add_batch(updates);
  mean = reused.finish();
};
constexpr auto reproducibly_fresh = [](auto& reused, const auto& updates, auto& mean) {
  mean = {};
  auto sums = ReproducibleMean{}.begin(reused.layout(), std::move(mean));
  sums.add_batch(updates);
  mean = sums.finish();
};

void shape(benchmark::internal::Benchmark* b, std::int64_t clients, std::int64_t parameters) {
  b->ArgNames({"clients", "parameters"})->Args({clients, parameters})->Unit(benchmark::kMillisecond);
}

template <class Scalar, class Rule, class Aggregate>
void both_shapes(const std::string& name, Rule rule, Aggregate aggregate) {
  auto* b = benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { aggregation<Scalar>(state, rule, aggregate); });
  shape(b, 100, 1'000'000);
  shape(b, 10, 10'000'000);
}

}  // namespace

int main(int argc, char** argv) {
  for (const std::size_t threads : {std::size_t{1}, std::size_t{2}}) {
    benchmark::RegisterBenchmark(threads == 1 ? "baseline/memory_read" : "baseline/memory_read/workers:2",
                                 [threads](benchmark::State& state) { memory_read(state, threads); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  const WeightedMean weighted;
  both_shapes<float>("aggregation/weighted_mean", weighted, in_one_batch);
  for (const auto& [clients, parameters] : {std::pair{100, 1'000'000}, std::pair{10, 10'000'000}}) {
    benchmark::RegisterBenchmark(
        "aggregation/weighted_mean",
        [=](benchmark::State& state) { aggregation<float>(state, weighted, on_two_threads); })
        ->ArgNames({"clients", "parameters", "workers"})
        ->Args({clients, parameters, 2})
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
  both_shapes<float>("aggregation/weighted_mean_fresh", weighted, in_one_batch_fresh);
  both_shapes<float>("aggregation/weighted_mean_add_batch", weighted, add_batch);
  both_shapes<float>("aggregation/weighted_mean_add_batch_fresh", weighted, add_batch_fresh);
  both_shapes<float>("aggregation/weighted_mean_one_at_a_time", weighted, one_at_a_time);
  both_shapes<double>("aggregation/weighted_mean_double", weighted, in_one_batch);
  const ReproducibleMean reproducible;
  both_shapes<float>("aggregation/reproducible_mean", reproducible, reproducibly);
  both_shapes<float>("aggregation/reproducible_mean_fresh", reproducible, reproducibly_fresh);
  both_shapes<double>("aggregation/reproducible_mean_double", reproducible, reproducibly);

  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
