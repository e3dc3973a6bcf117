#include "healthai/core/partial_aggregate.hpp"

#include <doctest/doctest.h>

#include <utility>

#include "healthai/aggregation/weighted_mean.hpp"

using namespace healthai;

TEST_CASE("two regions' partial aggregates merge into the mean of all their clients") {
  const Layout layout{{"w", {1}}};
  const auto region = [&layout](std::initializer_list<std::pair<double, double>> clients) {
    PartialAggregate<WeightedMean, double> part;
    part.states.push_back(WeightedMean{}.begin<double>(layout));
    for (const auto& [value, weight] : clients) {
      part.states[0].add({Parameters<double>(layout, std::span<const double>(&value, 1)), weight});
      part.weight += weight;
    }
    return part;
  };
  auto north = region({{1, 2}, {4, 1}});
  auto south = region({{-2, 3}});
  north.states[0].merge(std::move(south.states[0]));
  CHECK(north.states[0].finish().data()[0] == 0.0);  // (1*2 + 4*1 - 2*3) / 6
}
