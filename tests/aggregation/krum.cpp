#include "healthai/aggregation/krum.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "aggregation/updates.hpp"
#include "healthai/aggregation/bulyan.hpp"

namespace aggregation_krum_test {

using namespace healthai;

namespace {

constexpr std::size_t n = 8, malicious = 2;

/// All squared distances, in double, by a plain double loop (in blocks that stay in cache).
std::vector<double> brute_force_distances(const Updates<float>& updates) {
  const std::size_t size = updates.front().values.size();
  std::vector<double> squared(n * n), block(n * 1024);
  for (std::size_t begin = 0; begin < size; begin += 1024) {
    const std::size_t count = std::min<std::size_t>(1024, size - begin);
    for (std::size_t k = 0; k < n; ++k) {
      const float* const from = updates[k].values.data() + begin;
      std::copy(from, from + count, block.begin() + static_cast<std::ptrdiff_t>(k * 1024));
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double* const a = block.data() + i * 1024;
        const double* const b = block.data() + j * 1024;
        double sums[4] = {};
        for (std::size_t c = 0; c + 3 < count; c += 4) {
          for (std::size_t l = 0; l < 4; ++l) sums[l] += (a[c + l] - b[c + l]) * (a[c + l] - b[c + l]);
        }
        squared[i * n + j] += sums[0] + sums[1] + sums[2] + sums[3];
      }
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < i; ++j) squared[j * n + i] = squared[i * n + j];
  }
  return squared;
}

/// Krum's score of i among those that are there.
double brute_force_score(const std::vector<double>& squared, const std::vector<bool>& there, std::size_t i) {
  std::vector<double> row;
  for (std::size_t j = 0; j < n; ++j) {
    if (there[j] && j != i) row.push_back(squared[i * n + j]);
  }
  std::sort(row.begin(), row.end());
  const std::size_t neighbours = row.size() > malicious + 2 ? row.size() - malicious - 1 : 1;
  return std::accumulate(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(neighbours), 0.0);
}

/// Krum's choice among those that are there.
std::size_t brute_force_krum(const std::vector<double>& squared, const std::vector<bool>& there) {
  std::size_t best = n;
  double best_score = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!there[i]) continue;
    const double score = brute_force_score(squared, there, i);
    if (best == n || score < best_score) {
      best = i;
      best_score = score;
    }
  }
  return best;
}

}  // namespace

// A Gram matrix in float chooses wrongly in most of these; see detail/distances.hpp.
TEST_CASE(
    "Krum: the choice of a double loop in float64 among close float updates, in every one of 100 trials") {
  for (const std::size_t size : {std::size_t{10'000}, std::size_t{100'000}}) {
    for (std::uint64_t trial = 0; trial < 100; ++trial) {
      Stream random(trial, Purpose::test, size);
      std::vector<float> common(size), noise(n * size);
      for (float& c : common) c = static_cast<float>(2 * uniform(random) - 1);
      for (std::size_t i = 0; i < noise.size(); i += 2) {  // two numbers from 64 random bits
        const std::uint64_t bits = random();
        noise[i] = static_cast<float>(static_cast<std::int32_t>(bits >> 32U)) * 0x1p-31F;
        noise[i + 1] = static_cast<float>(static_cast<std::int32_t>(bits & 0xffffffffU)) * 0x1p-31F;
      }
      for (const float spread : {1e-3F, 1e-4F, 1e-5F}) {
        CAPTURE(size);
        CAPTURE(trial);
        CAPTURE(spread);
        Updates<float> updates;
        for (std::size_t k = 0; k < n; ++k) {
          updates.push_back({Parameters<float>::uninitialised(layout_of(size)), 1});
          float* const values = updates[k].values.data();
          for (std::size_t i = 0; i < size; ++i) values[i] = common[i] * (1 + spread * noise[k * size + i]);
        }
        const auto squared = brute_force_distances(updates);
        const std::span<const Update<float>> all(updates);
        CHECK(Krum{.malicious = malicious}.select(all) ==
              brute_force_krum(squared, std::vector<bool>(n, true)));
      }
    }
  }
}

TEST_CASE(
    "Krum one after the other, as Bulyan chooses: as good as the double loop's choice of close float "
    "updates") {
  constexpr std::size_t size = 20'000;
  for (std::uint64_t trial = 0; trial < 20; ++trial) {
    Stream random(trial, Purpose::test, size);
    Updates<float> updates;
    std::vector<const float*> rows;
    std::vector<double> common(size);
    for (double& c : common) c = 2 * uniform(random) - 1;
    for (std::size_t k = 0; k < n; ++k) {
      updates.push_back({Parameters<float>::uninitialised(layout_of(size)), 1});
      for (std::size_t i = 0; i < size; ++i) {
        updates[k].values.data()[i] = static_cast<float>(common[i] * (1 + 1e-5 * uniform(random)));
      }
      rows.push_back(updates[k].values.data());
    }
    const auto squared = brute_force_distances(updates);
    std::vector<bool> there(n, true);
    detail::KrumSelection<float> selection({rows, size, 1}, malicious);
    for (std::size_t chosen = 0; chosen < n - 2 * malicious; ++chosen) {
      const std::size_t best = brute_force_krum(squared, there);
      const std::size_t taken = selection.take_best();
      REQUIRE(there[taken]);
      CHECK(brute_force_score(squared, there, taken) <= brute_force_score(squared, there, best) * (1 + 1e-5));
      there[taken] = false;
    }
  }
}

}  // namespace aggregation_krum_test
