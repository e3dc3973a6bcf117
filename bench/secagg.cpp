// What secure aggregation costs a hospital: its numbers as words of a ring, the masks of its pairs with 8 others, on one thread, and one
// key agreement. The baselines
// are OpenSSL's bare EVP: AES-256 in counter mode over as many bytes, 16 KiB at a time, and the loop that adds them; and a derivation
// between two keys that are there.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include "healthai/core/parameters.hpp"
#include "healthai/core/random.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/crypto/key_agreement.hpp"
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/secagg/mask.hpp"
#include "healthai/secagg/segments.hpp"

namespace {

using namespace healthai;
using namespace healthai::secagg;

constexpr std::size_t pairs = 8;

std::vector<SignedSeed> some_seeds() {
  std::vector<SignedSeed> seeds;
  for (std::size_t k = 0; k < pairs; ++k)
    seeds.push_back({random_secret<32>(), k % 2 == 0 ? MaskSign::plus : MaskSign::minus});
  return seeds;
}
void require(bool good) {
  if (!good) throw std::runtime_error("OpenSSL refused");
}

template <class Ring>
void mask(benchmark::State& state) {
  const std::vector<SignedSeed> seeds = some_seeds();
  std::vector<Ring> values(static_cast<std::size_t>(state.range(0)), 1);
  MaskStream stream;
  for (auto _ : state) {
    stream.add_masks(values, seeds);
    benchmark::DoNotOptimize(values.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(pairs));
}

/// By hand: pair after pair, each over the whole vector.
template <class Ring>
void aes256ctr_add(benchmark::State& state) {
  const std::vector<SignedSeed> seeds = some_seeds();
  std::vector<Ring> values(static_cast<std::size_t>(state.range(0)), 1);
  constexpr std::size_t step = 16384 / sizeof(Ring);
  std::vector<Ring> zeros(step), words(step);
  const std::array<unsigned char, 16> counter{};
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  for (auto _ : state) {
    for (const SignedSeed& s : seeds) {
      require(EVP_EncryptInit_ex2(context, cipher, s.seed.bytes().data(), counter.data(), nullptr) == 1);
      for (std::size_t at = 0; at < values.size(); at += step) {
        const std::size_t count = (std::min)(step, values.size() - at);
        int written = 0;
        require(EVP_EncryptUpdate(context, reinterpret_cast<unsigned char*>(words.data()), &written,
                                  reinterpret_cast<const unsigned char*>(zeros.data()),
                                  static_cast<int>(count * sizeof(Ring))) == 1);
        for (std::size_t i = 0; i < count; ++i) values[at + i] += words[i];
      }
    }
    benchmark::DoNotOptimize(values.data());
    benchmark::ClobberMemory();
  }
  EVP_CIPHER_free(cipher);
  EVP_CIPHER_CTX_free(context);
  state.SetItemsProcessed(state.iterations() * state.range(0) * static_cast<std::int64_t>(pairs));
}

/// Numbers as words of the ring, stochastically rounded, which comes before the masks.
template <class Ring>
void encode(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const SegmentPlan plan({{"update", Layout{{"w", {size}}}, true, 1, sizeof(Ring) == 4 ? 65536U : 1U << 31U}},
                         {}, 100, 10);
  Summand<float> summand{10, {{"update", true, Parameters<float>(Layout{{"w", {size}}})}}, {}};
  Stream stream(1, Purpose::test);
  for (float& value : summand.vectors[0].values.span()) value = static_cast<float>(uniform(stream) * 2 - 1);
  std::vector<Ring> words(size + 1);
  RandomBits random;
  for (auto _ : state) {
    benchmark::DoNotOptimize(plan.encode(summand, std::span<Ring>(words), random));
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void agreement(benchmark::State& state) {
  const X25519Key mine = X25519Key::make(), other = X25519Key::make();
  for (auto _ : state) {
    const Secret<32> shared = mine.agree(other.public_key());
    benchmark::DoNotOptimize(shared.bytes().data());
  }
}
void x25519(benchmark::State& state) {
  EVP_PKEY* const mine = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519");
  EVP_PKEY* const other = EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519");
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_pkey(nullptr, mine, nullptr);
  require(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, other) == 1);
  std::array<unsigned char, 32> shared{};
  for (auto _ : state) {
    std::size_t size = shared.size();
    require(EVP_PKEY_derive(context, shared.data(), &size) == 1);
    benchmark::DoNotOptimize(shared.data());
  }
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(mine);
  EVP_PKEY_free(other);
}

template <class Run>
void measure(const char* name, Run run) {
  benchmark::RegisterBenchmark(name, run)
      ->ArgName("parameters")
      ->Arg(1'000'000)
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}
const bool registered = [] {
  measure("secagg/mask", mask<std::uint32_t>);
  measure("baseline/aes256ctr_add", aes256ctr_add<std::uint32_t>);
  measure("secagg/mask_64", mask<std::uint64_t>);
  measure("baseline/aes256ctr_add_64", aes256ctr_add<std::uint64_t>);
  measure("secagg/encode", encode<std::uint32_t>);
  measure("secagg/encode_64", encode<std::uint64_t>);
  benchmark::RegisterBenchmark("secagg/agreement", agreement)->Unit(benchmark::kMicrosecond)->UseRealTime();
  benchmark::RegisterBenchmark("baseline/x25519", x25519)->Unit(benchmark::kMicrosecond)->UseRealTime();
  return true;
}();

}  // namespace
