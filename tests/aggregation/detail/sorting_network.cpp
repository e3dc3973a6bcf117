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
    for (const Comparator c : sorting_network(n, first, last)) {
      RC_ASSERT(c.low < n && c.high < n);
      if (values[c.low] > values[c.high]) std::swap(values[c.low], values[c.high]);
    }
    for (std::size_t i = first; i < last; ++i) RC_ASSERT(values[i] == sorted[i]);
  }));
}

TEST_CASE("sorting network: as small as the literature says, and smaller when less is wanted") {
  CHECK(sorting_network(1, 0, 1).empty());
  CHECK(sorting_network(4, 0, 4).size() == 5);
  CHECK(sorting_network(8, 0, 8).size() == 19);
  CHECK(sorting_network(16, 0, 16).size() == 63);
  CHECK(sorting_network(100, 49, 51).size() < sorting_network(100, 0, 100).size());
}

}  // namespace aggregation_detail_sorting_network_test
