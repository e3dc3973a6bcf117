#include "healthai/statistics/ranged_statistic.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "healthai/secagg/segments.hpp"

namespace statistics_ranged_statistic_test {

using namespace healthai;

namespace {

struct Halves : RangedStatistic<Halves> {
  struct Broadcast {
    double most = 0;
  };
  [[nodiscard]] static std::vector<detail::NamedRange> ranges(const Broadcast& broadcast) {
    return {{"n", 1, 64}, {"sums", 3, broadcast.most}};
  }
};

}  // namespace

TEST_CASE("segments of a statistic follow from its ranges, with the next power of two") {
  const std::vector<secagg::VectorSegment> segments = Halves::vector_segments(Halves::Broadcast{100});
  REQUIRE(segments.size() == 2);
  CHECK(segments[0].name == "n");
  CHECK(segments[0].clip == 64);
  CHECK(segments[1].name == "sums");
  CHECK(segments[1].layout.size() == 3);
  CHECK(segments[1].clip == 128);
  CHECK(Halves::scalar_segments(Halves::Broadcast{100}).empty());
}

}  // namespace statistics_ranged_statistic_test
