// Exact discrete Gaussian noise, added to 100,000 whole numbers, beside the generator that it draws from: OpenSSL's, 64 bits at a time.
// "items" are numbers: with noise, or random.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <span>
#include <vector>

#include "healthai/crypto/random_bytes.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"
#include "healthai/privacy/noise_source.hpp"

namespace {

using namespace healthai;

constexpr std::int64_t count = 100'000;

/// Of a standard deviation of 2^n.
void discrete_gaussian(benchmark::State& state) {
  ExactNoise<RandomBits> noise{RandomBits()};
  std::vector<std::int64_t> sums(static_cast<std::size_t>(count), 0);
  const double deviation = static_cast<double>(state.range(0));
  for (auto _ : state) {
    noise.add_gaussian(sums, deviation * deviation);
    benchmark::DoNotOptimize(sums.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * count);
}

void random_bits(benchmark::State& state) {
  RandomBits generator;
  std::vector<std::uint64_t> numbers(static_cast<std::size_t>(count));
  for (auto _ : state) {
    for (std::uint64_t& number : numbers) number = generator();
    benchmark::DoNotOptimize(numbers.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * count);
}

BENCHMARK(discrete_gaussian)
    ->Name("privacy/discrete_gaussian")
    ->ArgName("deviation")
    ->Arg(4)
    ->Arg(1000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(random_bits)->Name("baseline/random_bits")->Unit(benchmark::kMillisecond);

}  // namespace
