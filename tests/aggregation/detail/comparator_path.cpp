#include "healthai/aggregation/detail/comparator_path.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace aggregation_detail_comparator_path_test {

using namespace healthai::detail;

namespace {
void compare(std::vector<int>& values, std::size_t a, std::size_t b) {
  if (values[(std::min)(a, b)] > values[(std::max)(a, b)]) std::swap(values[a], values[b]);
}
}  // namespace

TEST_CASE("comparator paths: two layers of a network, each comparator once and in its turn") {
  CHECK(rc::check([] {
    // Two layers that follow each other in a merge exchange, without some of their comparators.
    const auto n = *rc::gen::inRange<std::size_t>(2, 80);
    std::vector<std::vector<Comparator>> layers;
    std::vector<std::size_t> strides;
    merge_exchange(n, [&](std::size_t stride, std::size_t layer, const Comparator& c) {
      layers.resize(layer + 1);
      strides.resize(layer + 1, stride);
      layers[layer].push_back(c);
    });
    const auto at = *rc::gen::inRange<std::size_t>(0, layers.size());
    std::vector<Comparator> first, second = layers[at];
    if (at > 0 && strides[at - 1] == strides[at]) first = layers[at - 1];
    for (auto* layer : {&first, &second}) {
      std::erase_if(*layer, [](const Comparator&) { return *rc::gen::inRange(0, 4) == 0; });
    }
    std::vector<ComparatorPath> paths;
    append_paths(paths, n, first, second);

    auto expected = *rc::gen::container<std::vector<int>>(n, rc::gen::inRange(0, 50));
    auto values = expected;
    for (const auto* layer : {&first, &second}) {
      for (const Comparator& c : *layer) compare(expected, c.low, c.high);
    }
    std::size_t comparators = 0;
    for (const ComparatorPath& path : paths) {
      const std::size_t start = path.starts_with_second ? 1 : 0;
      for (std::size_t k = start; k + 1 < path.places.size(); k += 2) {
        RC_ASSERT(path.places[k] < path.places[k + 1]);
        compare(values, path.places[k], path.places[k + 1]);
      }
      for (std::size_t k = 1 - start; k + 1 < path.places.size(); k += 2) {
        compare(values, path.places[k], path.places[k + 1]);
      }
      comparators += path.places.size() - 1;
    }
    RC_ASSERT(comparators == first.size() + second.size());
    RC_ASSERT(values == expected);
  }));
}

}  // namespace aggregation_detail_comparator_path_test
