#include "healthai/secagg/graph.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "healthai/core/random.hpp"
#include "refusals.hpp"

namespace secagg_graph_test {

using namespace healthai;
using namespace healthai::secagg;
using refusals_test::refuses;

namespace {

GraphSeed some_seed(std::uint64_t number) {
  Stream random(number, Purpose::test);
  GraphSeed seed{};
  for (std::uint8_t& byte : seed) byte = static_cast<std::uint8_t>(random());
  return seed;
}

/// Of those that are left, how many the first of them reaches.
std::size_t reached(const NeighbourGraph& graph, const std::vector<bool>& gone) {
  std::vector<bool> seen = gone;
  std::vector<std::size_t> open{
      static_cast<std::size_t>(std::find(gone.begin(), gone.end(), false) - gone.begin())};
  seen[open.front()] = true;
  std::size_t count = 0;
  while (!open.empty()) {
    const std::size_t at = open.back();
    open.pop_back();
    ++count;
    for (const std::size_t next : graph.neighbours(at)) {
      if (seen[next]) continue;
      seen[next] = true;
      open.push_back(next);
    }
  }
  return count;
}

}  // namespace

TEST_CASE("neighbour graph: everyone with everyone") {
  const auto graph = NeighbourGraph::full(4);
  CHECK(graph.clients() == 4);
  CHECK(graph.degree() == 3);
  CHECK(graph.neighbours(2) == std::vector<std::size_t>{0, 1, 3});
  CHECK(graph.are_neighbours(0, 3));
  CHECK(!graph.are_neighbours(3, 3));
}

TEST_CASE("neighbour graph: symmetric, of one degree, connected whoever leaves") {
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::size_t>(4, 80);
    const std::size_t k = 2 * *rc::gen::inRange<std::size_t>(1, (n - 2) / 2 + 1);
    const auto number = *rc::gen::arbitrary<std::uint64_t>();
    const auto graph = NeighbourGraph::harary(n, k, some_seed(number));
    RC_ASSERT(graph.degree() == k);
    for (std::size_t a = 0; a < n; ++a) {
      const auto all = graph.neighbours(a);
      RC_ASSERT(all.size() == k);
      RC_ASSERT((std::adjacent_find(all.begin(), all.end(), std::greater_equal<>()) == all.end()));
      for (std::size_t b = 0; b < n; ++b) {
        const bool listed = std::binary_search(all.begin(), all.end(), b);
        RC_ASSERT(listed == graph.are_neighbours(a, b));
        RC_ASSERT(graph.are_neighbours(a, b) == graph.are_neighbours(b, a));
      }
      RC_ASSERT(!graph.are_neighbours(a, a));
    }
    Stream random(number, Purpose::test, 1);
    std::vector<bool> gone(n, false);
    for (std::size_t leaving = 0; leaving < k - 1; ++leaving) gone[uniform_index(random, n)] = true;
    const auto left = static_cast<std::size_t>(std::count(gone.begin(), gone.end(), false));
    RC_ASSERT(reached(graph, gone) == left);
  }));
}

TEST_CASE("neighbour graph: the same on every machine, another for each byte of the seed") {
  GraphSeed seed{};
  const auto graph = NeighbourGraph::harary(1000, 6, seed);
  CHECK(graph.neighbours(0) == NeighbourGraph::harary(1000, 6, seed).neighbours(0));
  CHECK(graph.neighbours(0) == std::vector<std::size_t>{65, 343, 591, 620, 697, 734});  // never to change
  for (std::uint8_t& byte : seed) {
    byte = 1;
    CHECK(NeighbourGraph::harary(1000, 6, seed).neighbours(0) != graph.neighbours(0));
    byte = 0;
  }
}

TEST_CASE("neighbour graph: over many seeds every pair is as likely") {
  constexpr std::size_t n = 12, k = 4, graphs = 3000;
  std::vector<std::size_t> together(n);
  for (std::size_t number = 0; number < graphs; ++number) {
    for (const std::size_t other : NeighbourGraph::harary(n, k, some_seed(number)).neighbours(0))
      ++together[other];
  }
  CHECK(together[0] == 0);
  constexpr double share = static_cast<double>(k) / (n - 1);
  const double sigma = std::sqrt(graphs * share * (1 - share));
  for (std::size_t other = 1; other < n; ++other) {
    CHECK(std::abs(static_cast<double>(together[other]) - graphs * share) < 4.5 * sigma);
  }
}

TEST_CASE("neighbour graph: what is refused") {
  const GraphSeed seed{};
  refuses([] { static_cast<void>(NeighbourGraph::full(1)); }, error::invalid_argument, "there are 1");
  for (const std::size_t degree : std::vector<std::size_t>{0, 3, 10, 11, 12}) {
    refuses([&] { static_cast<void>(NeighbourGraph::harary(11, degree, seed)); }, error::invalid_argument,
            "below clients - 1");
  }
  const auto graph = NeighbourGraph::harary(11, 8, seed);
  refuses([&] { static_cast<void>(graph.neighbours(11)); }, error::invalid_argument, "none is number 11");
  refuses([&] { static_cast<void>(graph.are_neighbours(0, 11)); }, error::invalid_argument, "number 11");
  refuses([&] { static_cast<void>(graph.are_neighbours(11, 0)); }, error::invalid_argument, "number 11");
}

}  // namespace secagg_graph_test
