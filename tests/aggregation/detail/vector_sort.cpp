#include "healthai/aggregation/detail/vector_sort.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <algorithm>
#include <vector>

namespace aggregation_detail_vector_sort_test {

using namespace healthai::detail;

TEST_CASE_TEMPLATE("vector sort: each coordinate is sorted, from rows elsewhere or in place", Scalar, float,
                   double) {
  constexpr std::size_t width = order_tile<Scalar, SortBaseline::bytes>;
  CHECK(rc::check([] {
    const auto n = *rc::gen::inRange<std::size_t>(1, 70);
    const auto numbers = *rc::gen::container<std::vector<int>>(n * width, rc::gen::inRange<int>(-100, 100));
    const std::vector<Scalar> rows(numbers.begin(), numbers.end());
    const SortingNetwork network = sorting_network(n, 0, n);
    std::vector<const Scalar*> pointers;
    std::vector<Scalar> later(3);  // the rows begin after three other numbers
    later.insert(later.end(), rows.begin(), rows.end());
    for (std::size_t k = 0; k < n; ++k) pointers.push_back(later.data() + k * width);
    std::vector<Scalar> elsewhere(n * width);
    std::vector<Scalar> in_place = rows;
    sort_tile<SortBaseline, Scalar>(elsewhere.data(), {pointers.data(), 3}, network);
    sort_tile<SortBaseline, Scalar>(in_place.data(), {}, network);
    RC_ASSERT(elsewhere == in_place);
    for (std::size_t i = 0; i < width; ++i) {
      std::vector<Scalar> expected, sorted;
      for (std::size_t k = 0; k < n; ++k) {
        expected.push_back(rows[k * width + i]);
        sorted.push_back(elsewhere[k * width + i]);
      }
      std::sort(expected.begin(), expected.end());
      RC_ASSERT(sorted == expected);
    }
  }));
}

}  // namespace aggregation_detail_vector_sort_test
