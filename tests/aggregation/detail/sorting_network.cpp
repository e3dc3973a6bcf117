#include "healthai/aggregation/detail/sorting_network.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <vector>

namespace aggregation_detail_sorting_network_test {

using namespace healthai::detail;

TEST_CASE("sorting network: the wanted ranks come out in their places") {
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::size_t>(1, 140);
    const auto first = *rc::gen::inRange<std::size_t>(0, n);
    const auto last = *rc::gen::inRange<std::size_t>(first + 1, n + 1);
    auto values = *rc::gen::container<std::vector<int>>(n, rc::gen::inRange(0, 50));
    auto sorted = values;
    std::sort(sorted.begin(), sorted.end());
    const SortingNetwork network = sorting_network(n, first, last);
    for (std::size_t i = 0; i < network.stride && i < n; ++i) {
      std::vector<int> in_class;
      for (std::size_t k = i; k < n; k += network.stride) in_class.push_back(values[k]);
      RC_ASSERT(in_class.size() <= SortingNetwork::most_in_class);
      std::sort(in_class.begin(), in_class.end());
      for (std::size_t k = i; k < n; k += network.stride) values[k] = in_class[k / network.stride];
    }
    for (const ComparatorPath& path : network.paths) {
      const auto& places = path.places;
      const auto compare = [&](std::size_t k) {
        RC_ASSERT(places[k] < n && places[k + 1] < n);
        const auto [low, high] = std::minmax(places[k], places[k + 1]);
        if (values[low] > values[high]) std::swap(values[low], values[high]);
      };
      const std::size_t start = path.starts_with_second ? 1 : 0;
      for (std::size_t k = start; k + 1 < places.size(); k += 2) {
        RC_ASSERT(places[k] < places[k + 1]);
        compare(k);
      }
      for (std::size_t k = 1 - start; k + 1 < places.size(); k += 2) compare(k);
    }
    for (std::size_t i = first; i < last; ++i) RC_ASSERT(values[i] == sorted[i]);
  }));
}

namespace {
std::size_t comparators(std::size_t n, std::size_t first, std::size_t last) {
  const SortingNetwork network = sorting_network(n, first, last);
  std::size_t count = 0;
  for (std::size_t i = 0; i < network.stride && i < n; ++i) {
    count += merge_exchange_comparators((n - i + network.stride - 1) / network.stride);
  }
  for (const ComparatorPath& path : network.paths) count += path.places.size() - 1;
  return count;
}
}  // namespace

TEST_CASE("sorting network: as small as the literature says, and smaller when less is wanted") {
  CHECK(comparators(1, 0, 1) == 0);
  CHECK(comparators(4, 0, 4) == 5);
  CHECK(comparators(8, 0, 8) == 19);
  CHECK(comparators(16, 0, 16) == 63);
  CHECK(comparators(64, 0, 64) == 543);
  CHECK(comparators(100, 49, 51) < comparators(100, 0, 100));
  CHECK(small_network<4>.size() == 5);
  CHECK(small_network<8>.size() == 19);
}

}  // namespace aggregation_detail_sorting_network_test
