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
    for (const auto* groups : {&network.columns, &network.rows}) {
      for (const PlaceGroup& group : *groups) {
        RC_ASSERT(group.count >= 1 && group.count <= SortingNetwork::most_in_column);
        std::vector<int> numbers;
        for (std::size_t k = 0; k < group.count; ++k)
          numbers.push_back(values.at(group.first + k * group.stride));
        std::sort(numbers.begin(), numbers.end());
        for (std::size_t k = 0; k < group.count; ++k) values[group.first + k * group.stride] = numbers[k];
      }
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

TEST_CASE("sorting network: each place is in one column") {
  for (std::size_t n = 1; n < 300; ++n) {
    std::vector<int> times(n);
    for (const PlaceGroup& column : sorting_network(n, 0, n).columns) {
      for (std::size_t k = 0; k < column.count; ++k) ++times.at(column.first + k * column.stride);
    }
    CHECK(times == std::vector<int>(n, 1));
  }
}

namespace {
std::size_t comparators(std::size_t n, std::size_t first, std::size_t last) {
  const SortingNetwork network = sorting_network(n, first, last);
  std::size_t count = 0;
  for (const PlaceGroup& column : network.columns) count += merge_exchange_comparators(column.count);
  for (const PlaceGroup& row : network.rows) count += merge_exchange_comparators(row.count);
  for (const ComparatorPath& path : network.paths) count += path.places.size() - 1;
  return count;
}
}  // namespace

TEST_CASE("sorting network: hardly larger than a merge exchange, and much smaller when less is wanted") {
  for (const std::size_t n :
       {1U, 4U, 8U, 13U, 14U, 16U, 26U, 27U, 52U, 53U, 64U, 100U, 104U, 105U, 128U, 1000U}) {
    CAPTURE(n);
    CHECK(static_cast<double>(comparators(n, 0, n)) <=
          1.015 * static_cast<double>(merge_exchange_comparators(n)));
  }
  CHECK(comparators(64, 0, 64) == 543);
  CHECK(comparators(100, 0, 100) == 1092);
  CHECK(comparators(100, 20, 80) == 1020);
  CHECK(comparators(100, 49, 51) == 752);  // 889 of the merge exchange's 1077 matter
}

}  // namespace aggregation_detail_sorting_network_test
