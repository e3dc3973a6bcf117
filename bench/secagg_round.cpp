// What a whole secure sum costs one client, and what it costs the coordinator: all that they compute over the five steps, from
// messages that are there already to messages that could be sent. The baselines do the signatures, key agreements, key
// derivations, ciphers, sharing and additions of the same sum by hand, on one thread; the sums must be the same, word for word.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "healthai/serialization/archive.hpp"
#include "healthai/serialization/frame.hpp"
#include "secagg_primitives.hpp"
#include "secagg_setup.hpp"

namespace {

using namespace secagg_bench;
using healthai::secagg::Session;

/// clients, degree (0: full), dropped, parameters, bits; what a benchmark has for arguments, before the threads that make masks
using Size = std::tuple<std::size_t, std::size_t, std::size_t, std::size_t, unsigned>;

template <class T>
const T& kept(const Size& size, T (*make)(const Size&)) {
  static std::map<Size, T> all;
  const auto found = all.find(size);
  return found != all.end() ? found->second : all.emplace(size, make(size)).first->second;
}
const Parties& parties_of(const Size& size) {
  return kept<Parties>(size, [](const Size& s) {
    return Parties(std::get<0>(s), std::get<1>(s), std::get<3>(s), std::get<4>(s));
  });
}
const ForClient& for_client(const Size& size) {
  return kept<ForClient>(size, [](const Size& s) { return ForClient(parties_of(s), std::get<2>(s)); });
}
const ForCoordinator& for_coordinator(const Size& size) {
  return kept<ForCoordinator>(size,
                              [](const Size& s) { return ForCoordinator(parties_of(s), std::get<2>(s)); });
}
Size size_of(const benchmark::State& state) {
  const auto at = [&state](std::size_t i) { return static_cast<std::size_t>(state.range(i)); };
  return {at(0), at(1), at(2), at(3), static_cast<unsigned>(at(4))};
}

class Stopwatch {
 public:
  explicit Stopwatch(benchmark::State& state) : state_(&state) {}
  ~Stopwatch() {
    state_->SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count());
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  benchmark::State* state_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// What a message takes on a connection.
template <class T>
std::size_t wire_bytes(const T& message) {
  CountingSink sink;
  BinaryWriter writer(sink);
  writer << message;
  return frame_header_size + static_cast<std::size_t>(sink.count);
}

void client(benchmark::State& state) {
  const Size size = size_of(state);
  const auto workers = static_cast<std::size_t>(state.range(5));
  const Parties& parties = parties_of(size);
  const ForClient& sent = for_client(size);
  RingVector vector(std::get<4>(size), std::get<3>(size));
  std::size_t bytes = 0;
  for (auto _ : state) {
    const Stopwatch watch(state);
    Advertising advertising = parties.advertising(sent.self);
    SharingSecrets sharing(std::move(advertising), parties.keys);
    bytes = wire_bytes(sharing.message());
    Masking masking(std::move(sharing), sent.shares);
    vector.visit([&](auto words) { masking.mask(words, workers); });
    Confirming confirming(std::move(masking), sent.survivors);
    benchmark::DoNotOptimize(confirming.message().data());
    const Unmasking unmasking(std::move(confirming), sent.confirmations);
    bytes += wire_bytes(unmasking.message());
  }
  bytes += wire_bytes(parties.advertised[sent.self]) + wire_bytes(vector) + wire_bytes(Signature{});
  state.counters["bytes_per_byte"] =
      static_cast<double>(bytes) / (static_cast<double>(std::get<3>(size)) * std::get<4>(size) / 8);
}

template <class Ring>
void client_by_hand(benchmark::State& state) {
  const Size size = size_of(state);
  const Parties& parties = parties_of(size);
  const ForClient& sent = for_client(size);
  const Session& session = *parties.session;
  const Secrets& own = parties.secrets[sent.self];
  const std::vector<Index> holders = parties.holders(sent.self);
  const std::size_t threshold = session.threshold();
  Bare bare;
  std::map<Index, healthai::detail::Key> verify_keys;
  std::map<Index, std::vector<std::byte>> key_texts, inwards, outwards, mask_texts;
  for (const Index other : holders) {
    const auto& bytes = parties.verify_keys[other];
    verify_keys.emplace(other, EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), 32));
    key_texts[other] = session.text_of_keys(other, parties.advertised[other]);
    inwards[other] = session.text_of_channel(other, sent.self);
    outwards[other] = session.text_of_channel(sent.self, other);
    mask_texts[other] = session.text_of_mask(sent.self, other);
  }
  const healthai::detail::Key signing(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, own.signing.bytes().data(), 32));
  const auto survivors = session.text_of_survivors(sent.survivors);
  std::vector<Ring> vector(std::get<3>(size));
  for (auto _ : state) {
    const Stopwatch watch(state);
    Bare::Agreements channel(Bare::x25519(own.channel.bytes())), mask(Bare::x25519(own.mask.bytes()));
    bare.sign(signing.get(), key_texts[holders.front()]);
    RandomBits random;
    std::vector<std::uint64_t> rows(10 * threshold), shares;
    for (std::uint64_t& number : rows) number = uniform_element<Mersenne61>(random);
    bare_share(rows, threshold, holders, shares);
    bare.mask(std::span<Ring>(vector), own.self_mask.bytes(), true);
    Bytes32 agreed{}, incoming{}, outgoing{}, seed{};
    std::size_t place = 0;
    for (std::size_t i = 0; i < holders.size(); ++i) {
      const Index other = holders[i];
      if (other == sent.self) continue;
      const AdvertisedKeys& keys = parties.advertised[other];
      bare.verify(verify_keys[other].get(), key_texts[other], keys.signature);
      channel(keys.channel, agreed);
      bare.derive(agreed, inwards[other], incoming);
      bare.derive(agreed, outwards[other], outgoing);
      bare.seal(outgoing, outwards[other],
                {reinterpret_cast<const unsigned char*>(shares.data() + 10 * i), 80});
      bare.open(incoming, inwards[other], sent.shares[place++].sealed);
      mask(keys.mask, agreed);
      bare.derive(agreed, mask_texts[other], seed);
      bare.mask(std::span<Ring>(vector), seed, sent.self < other);
    }
    bare.sign(signing.get(), survivors);
    std::size_t signatures = 0;
    for (const Confirmation& one : sent.confirmations) {
      if (signatures == threshold) break;
      const auto key = verify_keys.find(one.member);
      if (key == verify_keys.end()) continue;
      bare.verify(key->second.get(), survivors, one.signature);
      ++signatures;
    }
    benchmark::DoNotOptimize(vector.data());
    benchmark::ClobberMemory();
  }
}

/// What the last coordinator opened, of each size: that by hand must be the same.
std::map<Size, RingVector>& opened() {
  static std::map<Size, RingVector> all;
  return all;
}
void compare(const Size& size, const RingVector& sum) {
  const auto [place, first] = opened().try_emplace(size, sum);
  if (!first && place->second != sum) throw std::runtime_error("two sums that should be the same differ");
}

void require_taken(const std::optional<Failure>& failure) {
  if (failure) throw std::runtime_error(failure->message);
}

void coordinator(benchmark::State& state) {
  const Size size = size_of(state);
  const Parties& parties = parties_of(size);
  const ForCoordinator& sent = for_coordinator(size);
  RingVector sum;
  for (auto _ : state) {
    auto all_shares = sent.shares;
    auto all_released = sent.released;
    const Stopwatch watch(state);
    CollectingKeys keys(parties.session);
    for (Index i = 0; i < parties.members->size(); ++i)
      require_taken(keys.add(i, AdvertisedKeys(parties.advertised[i])));
    CollectingShares shares(std::move(keys));
    for (Index i = 0; i < parties.members->size(); ++i)
      require_taken(shares.add(i, std::move(all_shares[i])));
    CollectingVectors vectors(std::move(shares));
    for (const Index i : sent.survivors) require_taken(vectors.add(i, sent.vectors[i % sent.vectors.size()]));
    CollectingConfirmations confirmations(parties.session, std::move(vectors).finish());
    for (std::size_t i = 0; i < sent.survivors.size(); ++i)
      require_taken(confirmations.add(sent.survivors[i], sent.confirmations[i]));
    CollectingReleases releases(std::move(confirmations));
    for (const Index i : sent.survivors) require_taken(releases.add(i, std::move(all_released[i])));
    sum = std::move(releases).open(static_cast<std::size_t>(state.range(5)));
  }
  compare(size, sum);
}

template <class Ring>
void coordinator_by_hand(benchmark::State& state) {
  const Size size = size_of(state);
  const Parties& parties = parties_of(size);
  const ForCoordinator& sent = for_coordinator(size);
  const Session& session = *parties.session;
  const std::size_t n = parties.members->size();
  const std::size_t threshold = session.threshold();
  Bare bare;
  std::vector<healthai::detail::Key> verify_keys;
  std::vector<std::vector<std::byte>> key_texts;
  std::vector<bool> survives(n);
  for (const Index i : sent.survivors) survives[i] = true;
  /// Of each member: who of the survivors hold shares of its secret, the first t; and their values, element after element.
  std::vector<std::vector<std::uint64_t>> points(n), values(n);
  std::map<std::pair<Index, Index>, std::vector<std::byte>> mask_texts;
  for (Index i = 0; i < n; ++i) {
    const auto& bytes = parties.verify_keys[i];
    verify_keys.emplace_back(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes.data(), 32));
    key_texts.push_back(session.text_of_keys(i, parties.advertised[i]));
    for (const Index holder : parties.holders(i)) {
      if (survives[holder] && points[i].size() < threshold) points[i].push_back(point_of(holder));
      if (!survives[i] && survives[holder]) mask_texts[{i, holder}] = session.text_of_mask(i, holder);
    }
    values[i].resize(5 * threshold);
  }
  for (const Index holder : sent.survivors) {
    for (const auto* list : {&sent.released[holder].self_masks, &sent.released[holder].mask_keys}) {
      for (const ReleasedShare& one : *list) {
        const auto place = std::lower_bound(points[one.of].begin(), points[one.of].end(), point_of(holder));
        if (place == points[one.of].end() || *place != point_of(holder)) continue;
        const Share its = decode_share(point_of(holder), one.share, 32);
        for (std::size_t e = 0; e < 5; ++e)
          values[one.of][e * threshold + static_cast<std::size_t>(place - points[one.of].begin())] =
              its.values[e];
      }
    }
  }
  const auto text = session.text_of_survivors(sent.survivors);
  std::vector<Ring> sum;
  for (auto _ : state) {
    const Stopwatch watch(state);
    for (Index i = 0; i < n; ++i)
      bare.verify(verify_keys[i].get(), key_texts[i], parties.advertised[i].signature);
    sum.assign(std::get<3>(size), 0);
    for (const Index i : sent.survivors) {
      sent.vectors[i % sent.vectors.size()].visit([&](auto words) {
        for (std::size_t k = 0; k < words.size(); ++k) sum[k] += static_cast<Ring>(words[k]);
      });
    }
    for (std::size_t i = 0; i < threshold; ++i)
      bare.verify(verify_keys[sent.survivors[i]].get(), text, sent.confirmations[i]);
    std::vector<std::uint64_t> coefficients, of_points;
    Bytes32 agreed{}, seed{};
    for (Index i = 0; i < n; ++i) {
      if (of_points != points[i]) coefficients = lagrange(of_points = points[i]);
      Bytes32 secret{};
      for (std::size_t e = 0; e < 5; ++e) {
        const std::uint64_t value = dot(values[i].data() + e * threshold, coefficients.data(), threshold);
        for (std::size_t bit = 0; bit < 60 && 60 * e + bit < 256; ++bit) {
          const std::size_t at = 60 * e + bit;
          secret[at / 8] = static_cast<unsigned char>(secret[at / 8] | ((value >> bit & 1U) << (at % 8)));
        }
      }
      if (survives[i]) {
        require(session.check_of(i, secret) == parties.advertised[i].self_mask_check);
        bare.mask(std::span<Ring>(sum), secret, false);
        continue;
      }
      healthai::detail::Key key = Bare::x25519(secret);
      const Bytes32 its = Bare::public_half(key);
      require(std::equal(its.begin(), its.end(), parties.advertised[i].mask.bytes.begin()));
      Bare::Agreements agree(std::move(key));
      for (const Index other : sent.survivors) {
        if (!session.neighbours(i, other)) continue;
        agree(parties.advertised[other].mask, agreed);
        bare.derive(agreed, mask_texts[{i, other}], seed);
        bare.mask(std::span<Ring>(sum), seed, other > i);
      }
    }
    benchmark::DoNotOptimize(sum.data());
  }
  RingVector result(std::get<4>(size), sum.size());
  result.visit([&](auto words) {
    for (std::size_t k = 0; k < words.size(); ++k)
      words[k] = static_cast<std::remove_reference_t<decltype(words[k])>>(sum[k]);
  });
  compare(size, result);
}

template <class Run>
benchmark::internal::Benchmark* measure(const char* name, Run run) {
  return benchmark::RegisterBenchmark(name, run)
      ->ArgNames({"clients", "degree", "dropped", "parameters", "bits", "workers"})
      ->Unit(benchmark::kMillisecond)
      ->UseManualTime();
}
using Arguments = std::vector<std::int64_t>;
const Arguments ten{10, 0, 0, 1'000'000, 32, 1}, ten_in_64{10, 0, 0, 1'000'000, 64, 1},
    full{500, 0, 50, 100'000, 32, 1}, sparse{1000, 52, 50, 100'000, 32, 1};
Arguments on_two(Arguments arguments) {
  arguments.back() = 2;
  return arguments;
}
const bool registered = [] {
  measure("secagg/client_round", client)
      ->Args(ten)
      ->Args(on_two(ten))
      ->Args(ten_in_64)
      ->Args(on_two(ten_in_64))
      ->Args(full)
      ->Args(on_two(full));
  measure("baseline/secagg_primitives/client", client_by_hand<std::uint32_t>)->Args(ten)->Args(full);
  measure("baseline/secagg_primitives/client", client_by_hand<std::uint64_t>)->Args(ten_in_64);
  // Seconds: one is enough at a time.
  measure("secagg/coordinator_round", coordinator)
      ->Args(full)
      ->Args(on_two(full))
      ->Args(sparse)
      ->Args(on_two(sparse))
      ->Iterations(1);
  measure("baseline/secagg_primitives/coordinator", coordinator_by_hand<std::uint32_t>)
      ->Args(full)
      ->Args(sparse)
      ->Iterations(1);
  return true;
}();

}  // namespace
