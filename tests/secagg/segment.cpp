#include "healthai/secagg/segment.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "healthai/serialization/archive.hpp"

namespace secagg_segment_test {

using namespace healthai;
using namespace healthai::secagg;

TEST_CASE("ranges travel, and one for a count holds whole numbers of either sign") {
  const VectorSegment vector{"update", Layout{{"x", {2, 3}}}, false, 0.5, 1024};
  CHECK(from_bytes<VectorSegment>(to_bytes(vector)) == vector);
  const ScalarSegment part{"within", 0.5, 1, 0.25};
  CHECK(from_bytes<ScalarSegment>(to_bytes(part)) == part);
  const ScalarSegment count = ScalarSegment::count("rows", 1000);
  CHECK(to_bytes(count).at(0) == std::byte{0});  // as programs of before know it
  CHECK(to_bytes(part).at(0) == std::byte{1});
  CHECK(count == ScalarSegment{"rows", 1000, 2000});
  CHECK(from_bytes<ScalarSegment>(to_bytes(count)) == count);
}

TEST_CASE("an error in a segment says in which") {
  try {
    secagg::detail::naming_segment("loss", [] { throw Error(error::overflow, "too much"); });
    FAIL("nothing was thrown");
  } catch (const Error& e) {
    CHECK(e.id() == error::overflow);
    CHECK(std::string(e.what()) == "segment \"loss\": too much");
  }
}

TEST_CASE("numbers are visited and read in the order of the ranges, after the word of the weight") {
  const std::vector<VectorSegment> vectors{{"a", Layout{{"x", {2}}}, true, 1, 8},
                                           {"b", Layout{{"x", {0}}}, false, 2, 8},
                                           {"c", Layout{{"x", {1}}}, false, 3, 8}};
  const std::vector<ScalarSegment> scalars{{"n", 4, 8}};
  const secagg::detail::SegmentRanges ranges{vectors, scalars};
  const std::vector<std::uint32_t> words{99, 1, 2, 3, 4};
  const Summand<double> read = ranges.read(std::span<const std::uint32_t>(words), [](const auto& segment,
                                                                                     bool weighted) {
    return [clip = segment.clip, weighted](std::uint32_t word) { return clip * word + (weighted ? 0.5 : 0); };
  });
  REQUIRE(read.vectors.size() == 3);
  CHECK(read.weight == 0);
  CHECK(read.vectors[0].weighted);
  CHECK(read.vectors[0].values.data()[0] == 1.5);
  CHECK(read.vectors[0].values.data()[1] == 2.5);
  CHECK(read.vectors[1].values.size() == 0);
  CHECK(read.vectors[2].values.data()[0] == 9);
  CHECK(read.scalars == std::vector<SummandScalar>{{"n", 16}});
  std::vector<std::string> order;
  std::vector<double> seen;
  ranges.for_each_of(read, [&](const auto& segment, auto values, bool weighted) {
    order.push_back(segment.name + (weighted ? "*" : ""));
    for (const double value : values) seen.push_back(value);
  });
  CHECK(order == std::vector<std::string>{"a*", "b", "c", "n"});
  CHECK(seen == std::vector<double>{1.5, 2.5, 9, 16});
}

}  // namespace secagg_segment_test
