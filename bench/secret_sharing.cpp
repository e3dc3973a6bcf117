// Secrets of 32 bytes, shared and put together, beside the multiplications without which neither can be done (for each holder
// and each of 5 pieces as many as the threshold, summed in 128 bits, reduced never). "items" are secrets.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/secagg/secret_sharing.hpp"

namespace {

using namespace healthai;
using namespace healthai::secagg;

constexpr std::size_t secret_size = 32;

std::vector<std::uint64_t> points(std::size_t count) {
  std::vector<std::uint64_t> all(count);
  std::iota(all.begin(), all.end(), std::uint64_t{1});
  return all;
}
/// A cryptographic generator is no slower where the processor has AES, and draws are few beside products.
Stream generator() {
  return {1, Purpose::test};
}

void share_secret(benchmark::State& state) {
  const auto holders = points(static_cast<std::size_t>(state.range(0)));
  Stream random = generator();
  const WipedBytes secret(secret_size, std::byte{0x5a});
  for (auto _ : state) {
    benchmark::DoNotOptimize(share(secret, static_cast<std::size_t>(state.range(1)), holders, random));
  }
  state.SetItemsProcessed(state.iterations());
}

/// Of as many shares as the threshold, by a reconstructor that is made for it.
void reconstruct_secret(benchmark::State& state) {
  const auto holders = points(static_cast<std::size_t>(state.range(0)));
  const auto t = static_cast<std::size_t>(state.range(1));
  Stream random = generator();
  auto shares = share(WipedBytes(secret_size, std::byte{0x5a}), t, holders, random);
  shares.resize(t);
  for (auto _ : state) benchmark::DoNotOptimize(reconstruct(shares, secret_size));
  state.SetItemsProcessed(state.iterations());
}

/// The same with the reconstructor of another secret of the same holders.
void reconstruct_next_secret(benchmark::State& state) {
  const auto holders = points(static_cast<std::size_t>(state.range(0)));
  const auto t = static_cast<std::size_t>(state.range(1));
  Stream random = generator();
  auto shares = share(WipedBytes(secret_size, std::byte{0x5a}), t, holders, random);
  shares.resize(t);
  const Reconstructor reconstructor(std::span<const std::uint64_t>(holders).first(t));
  for (auto _ : state) benchmark::DoNotOptimize(reconstructor(shares, secret_size));
  state.SetItemsProcessed(state.iterations());
}

void bare_products(benchmark::State& state) {
  __extension__ using Wide = unsigned __int128;
  const auto holders = static_cast<std::size_t>(state.range(0)), t = static_cast<std::size_t>(state.range(1));
  std::vector<std::uint64_t> coefficients(5 * t), powers(t);
  Stream random = generator();
  for (std::uint64_t& value : coefficients) value = random() >> 3U;
  for (std::uint64_t& value : powers) value = random() >> 3U;
  for (auto _ : state) {
    for (std::size_t holder = 0; holder < holders; ++holder) {
      for (std::size_t piece = 0; piece < 5; ++piece) {
        Wide sum = 0;
        for (std::size_t i = 0; i < t; ++i) sum += static_cast<Wide>(coefficients[piece * t + i]) * powers[i];
        benchmark::DoNotOptimize(static_cast<std::uint64_t>(sum >> 64U));
      }
    }
  }
  state.SetItemsProcessed(state.iterations());
}

/// The differences of all points, multiplied one after the other.
void bare_differences(benchmark::State& state) {
  const auto t = static_cast<std::size_t>(state.range(1));
  const auto holders = points(t);
  std::vector<std::uint64_t> products(t);
  for (auto _ : state) {
    for (std::size_t i = 0; i < t; ++i) {
      std::uint64_t product = 1;
      for (std::size_t j = 0; j < t; ++j) {
        if (j != i) product = Mersenne61::multiply(product, Mersenne61::subtract(holders[j], holders[i]));
      }
      products[i] = product;
    }
    benchmark::DoNotOptimize(products.data());
  }
  state.SetItemsProcessed(state.iterations());
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"shares", "threshold"})->Args({10, 6})->Args({1000, 501})->Unit(benchmark::kMicrosecond);
}
BENCHMARK(share_secret)->Name("secagg/shamir_share")->Apply(sizes);
BENCHMARK(bare_products)->Name("baseline/shamir_products")->Apply(sizes);
BENCHMARK(reconstruct_secret)->Name("secagg/shamir_reconstruct")->Apply(sizes);
BENCHMARK(bare_differences)->Name("baseline/shamir_differences")->Apply(sizes);
BENCHMARK(reconstruct_next_secret)->Name("secagg/shamir_reconstruct_next")->Apply(sizes);

}  // namespace
