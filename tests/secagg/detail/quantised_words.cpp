#include "healthai/secagg/detail/quantised_words.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "healthai/core/random.hpp"
#include "refusals.hpp"

namespace secagg_quantised_words_test {

using namespace healthai;
using namespace healthai::secagg;
using secagg::detail::dequantise;
using secagg::detail::quantise;
using secagg::detail::rounding_at_random;
using secagg::detail::rounding_to_nearest;

namespace {

Layout row(std::size_t length) {
  return Layout({{"x", {length}}});
}
const std::vector<VectorSegment> vectors{{"update", row(2), true, 8, 4096},
                                         {"extra", row(2), false, 1, 4096}};
const std::vector<ScalarSegment> scalars{{"loss", 100, 4096}};
const secagg::detail::SegmentRanges ranges{vectors, scalars};

Summand<float> summand_of(double weight, float first, float last) {
  return {weight,
          {{"update", true, Parameters<float>(row(2), std::vector<float>{first, -8})},
           {"extra", false, Parameters<float>(row(2), std::vector<float>{0.5F, last})}},
          {{"loss", 50}}};
}

}  // namespace

TEST_CASE("words by hand: levels above -clip, times the weight where a vector is weighted") {
  std::vector<std::uint32_t> words(6);
  CHECK(quantise(ranges, summand_of(7, 1, -1), std::span(words), rounding_to_nearest()).empty());
  // 256 levels to 1 above -8; 2048 to 1 above -1; 20.48 to 1 above -100.
  CHECK(words == std::vector<std::uint32_t>{7, 7 * 2304, 0, 3072, 0, 3072});
  // On a level there is nothing to draw.
  std::vector<std::uint32_t> drawn(6);
  Stream random(1, Purpose::test);
  CHECK(quantise(ranges, summand_of(7, 1, -1), std::span(drawn), rounding_at_random(random)).empty());
  CHECK(drawn == words);
  // What is beyond a clip is at it, and counted by segment.
  const auto clipped = quantise(ranges, summand_of(7, 9, -2), std::span(words), rounding_to_nearest());
  REQUIRE(clipped.size() == 2);
  CHECK(clipped[0].name == "update");
  CHECK(clipped[0].clipped == 1);
  CHECK(clipped[1].name == "extra");
  CHECK(clipped[1].of == 2);
  CHECK(words[1] == 7 * 4096);
  CHECK(words[4] == 0);
}

TEST_CASE("a sum of words is read as the sum of the numbers, each with its own weight") {
  std::vector<std::uint32_t> sum(6), words(6);
  for (const double weight : {3.0, 5.0}) {
    static_cast<void>(quantise(ranges, summand_of(weight, static_cast<float>(weight), -1), std::span(words),
                               rounding_to_nearest()));
    for (std::size_t i = 0; i < 6; ++i) sum[i] += words[i];
  }
  const Summand<double> read = dequantise(ranges, std::span<const std::uint32_t>(sum), 8, 2);
  CHECK(read.vectors.at(0).values.data()[0] == 3 * 3 + 5 * 5);
  CHECK(read.vectors[0].values.data()[1] == -8 * 8);
  CHECK(read.vectors.at(1).values.data()[0] == 1);
  CHECK(read.vectors[1].values.data()[1] == -2);
  CHECK(read.scalars == std::vector<SummandScalar>{{"loss", 100}});
  // More than two clients of a total weight of 8 can have.
  sum[1] = 8 * 4096 + 1;
  refusals_test::refuses([&] { return dequantise(ranges, std::span<const std::uint32_t>(sum), 8, 2); },
                         error::overflow, "segment \"update\"");
}

TEST_CASE("a long vector is rounded without bias, one draw a number, across its blocks") {
  constexpr std::size_t size = 5000;  // of blocks of 1024
  const std::vector<VectorSegment> long_vector{{"v", row(size), false, 1, 10}};
  const secagg::detail::SegmentRanges one{long_vector, {}};
  Summand<double> summand{1, {{"v", false, Parameters<double>(row(size))}}, {}};
  for (std::size_t i = 0; i < size; ++i)
    summand.vectors[0].values.data()[i] = 2.0 * static_cast<double>(i) / (size - 1) - 1;
  std::vector<std::uint64_t> words(size + 1), nearest(size + 1);
  Stream random(2, Purpose::test);
  CHECK(quantise(one, summand, std::span(words), rounding_at_random(random)).empty());
  CHECK(quantise(one, summand, std::span(nearest), rounding_to_nearest()).empty());
  double difference = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const double exact = (summand.vectors[0].values.data()[i] + 1) * 5;
    CHECK(std::fabs(static_cast<double>(words[i + 1]) - exact) < 1);
    CHECK(std::fabs(static_cast<double>(nearest[i + 1]) - exact) <= 0.5 + 1e-12);
    difference += static_cast<double>(words[i + 1]) - exact;
  }
  // Each is off by a variance of at most 1/4; six deviations of the sum.
  CHECK(std::fabs(difference) < 6 * std::sqrt(size / 4.0));
  // The generator is where 5000 draws leave it.
  Stream same(2, Purpose::test);
  for (std::size_t i = 0; i < size; ++i) static_cast<void>(same());
  CHECK(random() == same());
}

}  // namespace secagg_quantised_words_test
