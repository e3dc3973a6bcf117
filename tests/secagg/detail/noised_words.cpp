#include "healthai/secagg/detail/noised_words.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "healthai/core/random.hpp"
#include "healthai/privacy/discrete_gaussian.hpp"
#include "refusals.hpp"

namespace secagg_noised_words_test {

using namespace healthai;
using namespace healthai::secagg;
using namespace healthai::secagg::detail;
using refusals_test::refuses;

namespace {

Layout row(std::size_t length) {
  return Layout({{"x", {length}}});
}
const std::vector<VectorSegment> vectors{{"update", row(2), true, 2}, {"extra", row(1), false, 8}};
const std::vector<ScalarSegment> scalars{{"loss", 100}};
const SegmentRanges ranges{vectors, scalars};
const SumNoise noise{1, 16, 4};

Summand<double> summand_of(double first, double loss) {
  return {57,
          {{"update", true, Parameters<double>(row(2), std::vector<double>{first, -4})},
           {"extra", false, Parameters<double>(row(1), std::vector<double>{1})}},
          {{"loss", loss}}};
}

}  // namespace

TEST_CASE("words are whole steps and this noise, with sign, and all weigh one") {
  std::vector<std::uint32_t> words(5);
  Stream random(5, Purpose::test);
  const auto clipped = noise_words(ranges, noise, summand_of(3, -25), std::span(words), random);
  REQUIRE(clipped.size() == 1);  // (3, -4) is 5 long, and 2 are allowed
  CHECK(clipped[0].name == "update");
  CHECK(words[0] == 1);
  // The same noise, drawn segment by segment.
  Stream same(5, Purpose::test);
  std::vector<std::int64_t> drawn(4);
  const auto gaussian = DiscreteGaussian::of_variance(noise.member_variance(3));
  for (const auto& [at, count] : {std::pair{0U, 2U}, {2U, 1U}, {3U, 1U}})
    gaussian.add_to(std::span(drawn).subspan(at, count), same);
  CHECK(random() == same());
  const auto plain = [&](std::size_t i) { return static_cast<std::int32_t>(words[i + 1]) - drawn[i]; };
  const double left = 65536 - std::sqrt(2) / 2;
  CHECK(plain(0) == std::llround(0.6 * left));
  CHECK(plain(1) == -std::llround(0.8 * left));
  CHECK(plain(2) == 8192);
  CHECK(plain(3) == -16384);
  // And what is read from a sum of two of them.
  std::vector<std::uint32_t> sum = words;
  for (std::size_t i = 0; i < 5; ++i) sum[i] += words[i];
  const Summand<double> read = read_noised(ranges, noise, std::span<const std::uint32_t>(sum), 7);
  CHECK(read.vectors.at(0).values.data()[1] == 2 * static_cast<double>(plain(1) + drawn[1]) * 2 / 65536);
  CHECK(read.vectors.at(1).values.data()[0] == 2 * static_cast<double>(plain(2) + drawn[2]) * 8 / 65536);
  CHECK(read.scalars.at(0).value == 2 * static_cast<double>(plain(3) + drawn[3]) * 100 / 65536);
  sum[4] = 0x7fffffff;
  refuses([&] { return read_noised(ranges, noise, std::span<const std::uint32_t>(sum), 7); }, error::overflow,
          "segment \"loss\": a sum of 2147483647 steps");
}

TEST_CASE("patients' sums are taken as they are: nothing is shortened, and nothing reported") {
  const std::vector<VectorSegment> of_patients{
      {"gradients", row(2), false, 50}};  // of 50 patients of length 1
  const SegmentRanges one{of_patients, {}};
  const SumNoise for_patients{1, 10, 4, 50};
  const double step = std::ldexp(1, -10);
  const Summand<double> summand{
      1, {{"gradients", false, Parameters<double>(row(2), std::vector<double>{40, -35 * step})}}, {}};
  std::vector<std::uint32_t> words(3);
  Stream random(5, Purpose::test), same(5, Purpose::test);
  CHECK(noise_words(one, for_patients, summand, std::span(words), random).empty());
  std::vector<std::int64_t> drawn(2);
  DiscreteGaussian::of_variance(for_patients.member_variance(1)).add_to(std::span(drawn), same);
  CHECK(static_cast<std::int32_t>(words[1]) - drawn[0] == 40 * 1024);
  CHECK(static_cast<std::int32_t>(words[2]) - drawn[1] == -35);
}

TEST_CASE("a number of a smaller share: as long as that at most, and all segments have less noise") {
  const std::vector<ScalarSegment> with_share{{"within", 0.5, 1, 0.3}};
  const SegmentRanges some{vectors, with_share};
  CHECK(squared_shares_of(some) == doctest::Approx(2.09).epsilon(1e-15));
  CHECK(noise.member_variance(2.09) == doctest::Approx(2.09 / 3 * noise.member_variance(3)).epsilon(1e-12));
  const auto most = std::floor(0.3 * 65536);
  for (const auto& [value, steps] : {std::pair{0.5, most},
                                     {-0.5, -most},
                                     {7.0, most},
                                     {-7.0, -most},
                                     {0.0, 0.0},
                                     {0.25, std::nearbyint(most / 2)}}) {
    Summand<double> summand = summand_of(1, 0);
    summand.scalars = {{"within", value}};
    std::vector<std::uint32_t> words(5);
    Stream random(6, Purpose::test), same(6, Purpose::test);
    static_cast<void>(noise_words(some, noise, summand, std::span(words), random));
    std::vector<std::int64_t> drawn(4);
    const auto gaussian = DiscreteGaussian::of_variance(noise.member_variance(squared_shares_of(some)));
    for (const auto& [at, count] : {std::pair{0U, 2U}, {2U, 1U}, {3U, 1U}})
      gaussian.add_to(std::span(drawn).subspan(at, count), same);
    CHECK(static_cast<std::int32_t>(words[4]) - drawn[3] == static_cast<std::int64_t>(steps));
    const Summand<double> read = read_noised(some, noise, std::span<const std::uint32_t>(words), 7);
    CHECK(read.scalars.at(0).value ==
          doctest::Approx((steps + static_cast<double>(drawn[3])) / most * 0.5).epsilon(1e-14));
  }
}

TEST_CASE("levels and ring are those of the grid and the noise, and settings that cannot be are refused") {
  CHECK(squared_shares_of(ranges) == 3);
  CHECK(coordinates_of(ranges) == 4);
  CHECK(levels_of_noise(ranges, noise, 1) == 2 * 65536);
  refuses([] { return levels_of_noise(ranges, noise, 2); }, "the most weight must be 1, but is 2");
  refuses([] { return levels_of_noise(ranges, {1, 31, 4}, 1); }, "grid_bits must be in [1, 30]");
  for (const double share : {0.0, -0.5, 1.5, std::nan(""), 15.0 / 65536}) {
    const std::vector<ScalarSegment> bad{{"loss", 100, 8, share}};
    refuses(
        [&] {
          return levels_of_noise({{}, bad}, noise, 1);
        },
        "segment \"loss\": the share of its length");
  }
  CHECK(ring_bits_for_noise(ranges, noise, 7) == 32);
  CHECK(ring_bits_for_noise(ranges, {1, 30, 4}, 7) == 64);
  CHECK(noise.most_in_sum(7, 3, 4) < 0x1p31);
  refuses(
      [] {
        return ring_bits_for_noise(ranges, {1, 30, 4}, std::uint64_t{1} << 33U);
      },
      error::overflow, "do not fit in 64 bits");
  const std::vector<VectorSegment> long_vector{{"v", row(1000), true, 1}};
  refuses(
      [&] {
        return ring_bits_for_noise({long_vector, {}}, {8, 2, 4}, 7);
      },
      "segment \"v\": clipped gradients");
}

}  // namespace secagg_noised_words_test
