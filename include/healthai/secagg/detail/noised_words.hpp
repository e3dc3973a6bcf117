#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/norm.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/summand.hpp"
#include "healthai/privacy/clipped_gradient_sum.hpp"
#include "healthai/secagg/noise.hpp"
#include "healthai/secagg/segment.hpp"

// The words of a SegmentPlan with noise: whole steps of a grid with sign, each with a member's part of the noise; the weight is 1.
namespace healthai::secagg::detail {

/// How many numbers the ranges have.
[[nodiscard]] inline std::size_t coordinates_of(const SegmentRanges& ranges) {
  std::size_t count = ranges.scalars.size();
  for (const VectorSegment& segment : ranges.vectors) count += segment.layout.size();
  return count;
}
/// The squares of their shares: the number of segments, where each has all of it.
[[nodiscard]] inline double squared_shares_of(const SegmentRanges& ranges) noexcept {
  auto squares = static_cast<double>(ranges.vectors.size());
  for (const ScalarSegment& segment : ranges.scalars) squares += segment.share * segment.share;
  return squares;
}

/// Checks the settings before anything depends on them. \return the levels that all segments have: those of the grid, from -clip to clip
/// \throws Error (`invalid_argument`) for another most weight than 1, and a share outside of (0, 1] or of less than 16 steps; as
///   `SumNoise::member_variance`
[[nodiscard]] inline std::uint64_t levels_of_noise(const SegmentRanges& ranges, const SumNoise& noise,
                                                   std::uint64_t most_weight) {
  if (most_weight != 1) {
    throw Error(
        error::invalid_argument,
        "segments: with noise all clients weigh the same, so that the most weight must be 1, but is " +
            std::to_string(most_weight));
  }
  for (const ScalarSegment& segment : ranges.scalars) {
    if (segment.share == 1 ||
        (segment.share < 1 && noise.unit() != SumUnit::patient &&
         std::ldexp(segment.share, static_cast<int>((std::min)(noise.grid_bits, 30U))) >= 16))
      continue;
    throw Error(error::invalid_argument,
                "segment \"" + segment.name +
                    "\": the share of its length must be 1, or less and at least 16 steps of "
                    "the grid, but is " +
                    number_text(segment.share));
  }
  static_cast<void>(noise.member_variance(squared_shares_of(ranges)));
  return std::uint64_t{2} << noise.grid_bits;
}

/// 32 or 64: the first in which no sum wraps, but for a probability of 2^-40.
/// \throws Error (`invalid_argument`) for a segment with more numbers than the grid is fine enough for; (`overflow`) where 64 are too few
[[nodiscard]] inline unsigned ring_bits_for_noise(const SegmentRanges& ranges, const SumNoise& noise,
                                                  std::uint64_t clients) {
  const auto require_fine_grid = [&](const auto& segment, std::size_t length) {
    naming_segment(segment.name, [&] {
      static_cast<void>(ClippedGradientSum::reach(length, segment.clip, noise.grid_bits));
    });
  };
  for (const VectorSegment& segment : ranges.vectors) require_fine_grid(segment, segment.layout.size());
  for (const ScalarSegment& segment : ranges.scalars) require_fine_grid(segment, 1);
  const double most = noise.most_in_sum(clients, squared_shares_of(ranges), coordinates_of(ranges));
  if (!(most < 0x1p63)) {
    throw Error(error::overflow, "segments: sums of " + std::to_string(clients) +
                                     " clients with this noise do not fit in 64 bits; take fewer grid_bits");
  }
  return most < 0x1p31 ? 32 : 64;
}

/// The words of a Summand that fits the ranges. \param generator  a cryptographic one, of 64 bits
template <class Word, class Scalar, class Generator>
std::vector<ClippedSegment> noise_words(const SegmentRanges& ranges, const SumNoise& noise,
                                        const Summand<Scalar>& summand, std::span<Word> out,
                                        Generator& generator) {
  static_assert(std::uniform_random_bit_generator<Generator>,
                "healthai: a plan may have noise, which needs a UniformRandomBitGenerator of 64 bits");
  std::vector<ClippedSegment> report;
  const double variance = noise.member_variance(squared_shares_of(ranges));
  out.front() = 1;
  std::size_t at = 1;
  ranges.for_each_of(summand, [&](const auto& segment, auto values, bool /*weighted*/) {
    naming_segment(segment.name, [&] {
      for (const std::int64_t word :
           noise.noised(values, segment.clip, variance, generator, share_of(segment)))
        out[at++] = static_cast<Word>(word);
    });
    if (noise.unit() == SumUnit::hospital && norm(values) > segment.clip)
      report.push_back({segment.name, values.size(), values.size()});
  });
  return report;
}

/// What a sum of such words stands for, but for its weight. \throws Error (`overflow`) for more than clients and noise can make
template <class Word>
[[nodiscard]] Summand<double> read_noised(const SegmentRanges& ranges, const SumNoise& noise,
                                          std::span<const Word> sum, std::uint64_t clients) {
  const double most = noise.most_in_sum(clients, squared_shares_of(ranges), coordinates_of(ranges));
  return ranges.read(sum, [&](const auto& segment, bool /*weighted*/) {
    return [&noise, most, clip = segment.clip, share = share_of(segment)](Word word) {
      return noise.decode(static_cast<std::make_signed_t<Word>>(word), clip, most, share);
    };
  });
}

}  // namespace healthai::secagg::detail
