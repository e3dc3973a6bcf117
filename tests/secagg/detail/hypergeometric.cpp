#include "healthai/secagg/detail/hypergeometric.hpp"

#include <doctest/doctest.h>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace secagg_detail_hypergeometric_test {

using healthai::secagg::detail::Hypergeometric;

TEST_CASE("hypergeometric: small populations, counted by subsets") {
  for (std::size_t population = 1; population <= 9; ++population) {
    for (std::size_t marked = 0; marked <= population; ++marked) {
      for (std::size_t drawn = 0; drawn <= population; ++drawn) {
        // The first `marked` members are marked; go through all subsets of `drawn` members.
        std::vector<double> count(drawn + 1, 0.0);
        double all = 0;
        for (unsigned subset = 0; subset < 1U << population; ++subset) {
          std::size_t size = 0, hit = 0;
          for (std::size_t i = 0; i < population; ++i) {
            if ((subset >> i & 1U) == 0) continue;
            ++size;
            hit += i < marked ? 1 : 0;
          }
          if (size != drawn) continue;
          ++all;
          ++count[hit];
        }
        const Hypergeometric distribution(population, marked, drawn);
        double below = 0;
        for (std::size_t x = 0; x <= drawn; ++x) {
          CHECK(std::abs(distribution.at_least(x) - (all - below) / all) < 1e-14);
          below += count[x];
          CHECK(std::abs(distribution.at_most(x) - below / all) < 1e-14);
        }
        CHECK(distribution.at_least(drawn + 1) == 0);
        CHECK(distribution.at_least(0) == doctest::Approx(1).epsilon(1e-14));
      }
    }
  }
}

TEST_CASE("hypergeometric: far tails of a large population, from exact fractions") {
  struct Tail {
    std::size_t drawn, above;
    double probability;  // of more than `above` of 3300 among 10000
  };
  for (const Tail& tail : std::vector<Tail>{{30, 10, 0.3998824377539411},
                                            {30, 20, 3.642155313421369e-05},
                                            {200, 66, 0.4664666158094269},
                                            {200, 133, 3.3073423799743334e-23},
                                            {422, 211, 5.77157324113541e-14},
                                            {422, 281, 9.136597131642807e-48}}) {
    const double got = Hypergeometric(10000, 3300, tail.drawn).at_least(tail.above + 1);
    CHECK(std::abs(got / tail.probability - 1) <= 2 * 0x1p-52 * static_cast<double>(4 * tail.drawn));
  }
}

}  // namespace secagg_detail_hypergeometric_test
