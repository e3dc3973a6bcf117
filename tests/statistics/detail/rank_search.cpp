#include "healthai/statistics/detail/rank_search.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cmath>

namespace statistics_detail_rank_search_test {

using namespace healthai::detail;

TEST_CASE("rank search: doubles have places in their order, and come back from them") {
  const std::vector<double> ascending{
      -1.7976931348623157e308, -1, -5e-324, -0.0, 0.0, 5e-324, 1, 1.0000000000000002, 1.7976931348623157e308};
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    CHECK(std::signbit(double_at(place_of(ascending[i]))) == std::signbit(ascending[i]));
    CHECK(double_at(place_of(ascending[i])) == ascending[i]);
    if (i > 0) CHECK(place_of(ascending[i - 1]) < place_of(ascending[i]));
  }
  CHECK(place_of(1.0000000000000002) == place_of(1.0) + 1);
  CHECK(place_of(0.0) == place_of(-0.0) + 1);
}

TEST_CASE("rank search: finds every value to the last bit in at most seven rounds") {
  CHECK(rc::check("any finite doubles", [] {
    auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(
        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t place) {
          const double value = double_at(place);
          return std::isfinite(value) ? value : 0.1;
        })));
    std::sort(values.begin(), values.end());
    RankSearch search;
    std::size_t rounds = 0;
    for (auto cuts = search.cuts(); !cuts.empty(); cuts = search.cuts()) {
      RC_ASSERT(std::is_sorted(cuts.begin(), cuts.end()));
      if (rounds == 0) search.begin({1, values.size(), (values.size() + 1) / 2});
      RC_ASSERT(cuts.size() <= 3 * (RankSearch::parts - 1));
      std::vector<double> counts;
      for (const double cut : cuts)
        counts.push_back(
            static_cast<double>(std::upper_bound(values.begin(), values.end(), cut) - values.begin()));
      search.take(counts);
      RC_ASSERT(++rounds <= 7U);
    }
    RC_ASSERT(search.value(1) == values.front());
    RC_ASSERT(search.value(values.size()) == values.back());
    RC_ASSERT(search.value((values.size() + 1) / 2) == values[(values.size() + 1) / 2 - 1]);
  }));
}

TEST_CASE("rank search: places of quantiles") {
  const QuantilePlace median = QuantilePlace::of(0.5, 4);
  CHECK(median.low == 2);
  CHECK(median.high == 3);
  CHECK(median.between(10, 20) == 15);
  CHECK(QuantilePlace::of(0.5, 5).between(10, 10) == 10);
  CHECK(QuantilePlace::of(1, 7).low == 7);
  CHECK(QuantilePlace::of(0, 7).high == 1);
  CHECK(QuantilePlace::of(0.3, 1).high == 1);
}

}  // namespace statistics_detail_rank_search_test
