// The peak memory of every aggregation rule: the updates, the result, and at most a tenth more. Each measurement is a process of
// its own.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "healthai/aggregation/bulyan.hpp"
#include "healthai/aggregation/centered_clipping.hpp"
#include "healthai/aggregation/geometric_median.hpp"
#include "healthai/aggregation/krum.hpp"
#include "healthai/aggregation/mean_of_closest.hpp"
#include "healthai/aggregation/median.hpp"
#include "healthai/aggregation/norm_bounded_mean.hpp"
#include "healthai/aggregation/reproducible_mean.hpp"
#include "healthai/aggregation/trimmed_mean.hpp"
#include "healthai/aggregation/weighted_mean.hpp"
#include "memory/peak.hpp"
#include "sanitized.hpp"

namespace memory_aggregation_test {

using namespace healthai;
using memory_test::peak;

namespace {

Update<float> update(const Layout& layout, std::size_t client) {
  Update<float> result{Parameters<float>::uninitialised(layout), 1.0 + static_cast<double>(client % 3)};
  std::uint32_t random = 2463534242U + static_cast<std::uint32_t>(client) * 7919U;
  for (float& value : result.values.span()) {
    random ^= random << 13U;  // xorshift: fast, and random enough to differ
    random ^= random >> 17U;
    random ^= random << 5U;
    value = 1 + static_cast<float>(random >> 8U) * 0x1p-24F;
  }
  return result;
}

/// Beyond n updates and the result, as a share of these.
double beyond(double bytes, std::size_t n, std::size_t size) {
  return bytes / (static_cast<double>(n + 1) * static_cast<double>(size) * sizeof(float)) - 1;
}

template <class Rule>
void check(const std::string& name, const Rule& rule, std::size_t n, std::size_t size) {
  const Layout layout{{"w", {size}}};
  const double share = beyond(peak([&] {
                                auto state = rule.template begin<float>(layout);
                                for (std::size_t k = 0; k < n; ++k) state.add(update(layout, k));
                                static_cast<void>(state.finish());
                              }),
                              n, size);
  std::printf("%zu updates of %zu numbers, %s: %+.1f %%\n", n, size, name.c_str(), 100 * share);
  CHECK_MESSAGE(share <= 0.1, name);
  CHECK_MESSAGE(share > -1, name);  // something was measured
}

}  // namespace

TEST_CASE("peak memory: the updates, the result, and at most a tenth more") {
  if (sanitized) return;
  for (const auto& [n, size] : {std::pair{std::size_t{100}, std::size_t{100'000}},
                                std::pair{std::size_t{20}, std::size_t{1'000'000}}}) {
    check("WeightedMean", WeightedMean{}, n, size);
    check("ReproducibleMean", ReproducibleMean{}, n, size);
    check("Median", Median{}, n, size);
    check("TrimmedMean", TrimmedMean{.trim = 0.2}, n, size);
    check("MeanOfClosest", MeanOfClosest{.count = n / 2}, n, size);
    check("Krum", Krum{.malicious = n / 5}, n, size);
    check("MultiKrum", MultiKrum{.malicious = n / 5, .keep = n / 2}, n, size);
    check("Bulyan", Bulyan{.malicious = n / 5}, n, size);
    check("Bulyan, one Krum", Bulyan{.malicious = n / 5, .selection = Bulyan::Selection::multi_krum}, n,
          size);
    check("GeometricMedian", GeometricMedian{}, n, size);
    check("CenteredClipping", CenteredClipping{.radius = 100}, n, size);
    check("NormBoundedMean", NormBoundedMean{.bound = 100}, n, size);
  }
}

TEST_CASE("peak memory: a weighted mean of updates that are all there already needs its result only") {
  if (sanitized) return;
  constexpr std::size_t n = 20, size = 1'000'000;
  const Layout layout{{"w", {size}}};
  const double share = beyond(peak([&] {
                                std::vector<Update<float>> updates;
                                for (std::size_t k = 0; k < n; ++k) updates.push_back(update(layout, k));
                                auto state = WeightedMean{}.begin<float>(layout);
                                static_cast<void>(state.finish(updates));
                              }),
                              n, size);
  CHECK(share <= 0.02);
}

}  // namespace memory_aggregation_test
