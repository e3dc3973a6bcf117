#include "healthai/statistics/detail/sum_ranges.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "healthai/secagg/segments.hpp"
#include "healthai/statistics/sums.hpp"

namespace statistics_detail_sum_ranges_test {

using namespace healthai;

TEST_CASE("ranges become segments that hold them, with whole numbers exact") {
  CHECK(detail::power_of_two_from(1) == 1);
  CHECK(detail::power_of_two_from(1.5) == 2);
  CHECK(detail::power_of_two_from(1024) == 1024);
  CHECK(detail::power_of_two_from(0.3) == 0.5);
  const auto segments = detail::segments_of<secagg::VectorSegment>({{"a", 3, 100}, {"n", 1, 0x1p40}});
  REQUIRE(segments.size() == 2);
  CHECK(segments[0].clip == 128);
  CHECK(segments[0].layout.size() == 3);
  CHECK_FALSE(segments[0].weighted);
  const secagg::SegmentPlan plan(segments, {}, 1, 8000);
  Summand<double> summand =
      SummandBuilder().add("a", std::vector<double>{100, -100, 1e-3}).add("n", 1234567).take();
  std::vector<std::uint64_t> words(plan.size());
  CHECK(plan.encode_nearest(summand, std::span<std::uint64_t>(words)).empty());
  const Summand<double> back = plan.decode(std::span<const std::uint64_t>(words), 1);
  CHECK(back.vectors[1].values.span()[0] == 1234567);
  CHECK(std::fabs(back.vectors[0].values.span()[2] - 1e-3) <= 128 * 0x1p-50);
}

TEST_CASE("a number beyond its range is seen") {
  const std::vector<detail::NamedRange> ranges{{"a", 2, 1}, {"b", 1, 10}};
  CHECK(detail::within(SummandBuilder().add("a", std::vector<double>{1, -1}).add("b", 10).take(), ranges));
  CHECK_FALSE(
      detail::within(SummandBuilder().add("a", std::vector<double>{1, -1.1}).add("b", 10).take(), ranges));
  CHECK_FALSE(detail::within(
      SummandBuilder().add("a", std::vector<double>{1, 0}).add("b", std::nan("")).take(), ranges));
}

}  // namespace statistics_detail_sum_ranges_test
