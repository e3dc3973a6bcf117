#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "healthai/core/summand.hpp"
#include "healthai/secagg/fixed_point.hpp"
#include "healthai/secagg/segment.hpp"

// The words of a SegmentPlan without noise: fixed-point numbers, times the weight where a vector is weighted.
namespace healthai::secagg::detail {

/// Rounds at random, one draw of `generator` for every number. \return what SegmentPlan::encode does
template <class Generator>
[[nodiscard]] auto rounding_at_random(Generator& generator) {
  return [&generator](const FixedPoint& point, auto values, std::span<std::uint64_t> levels) {
    return point.encode(values, levels, generator);
  };
}
/// Rounds to the nearest level.
[[nodiscard]] inline auto rounding_to_nearest() {
  return [](const FixedPoint& point, auto values, std::span<std::uint64_t> levels) {
    std::size_t clipped = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<double>(values[i]);
      levels[i] = point.nearest(value);
      clipped += std::abs(value) > point.clip() ? 1U : 0U;
    }
    return clipped;
  };
}

/// The words of a Summand that fits the ranges: `out` has one for the weight and one for each number.
/// \param round  `round(point, values, levels)` rounds a span of numbers, and says how many it clipped
template <class Word, class Scalar, class Round>
std::vector<ClippedSegment> quantise(const SegmentRanges& ranges, const Summand<Scalar>& summand,
                                     std::span<Word> out, Round round) {
  std::vector<ClippedSegment> report;
  const auto weight = static_cast<Word>(summand.weight);
  out.front() = weight;
  std::size_t at = 1;
  ranges.for_each_of(summand, [&](const auto& segment, auto values, bool weighted) {
    const Word factor = weighted ? weight : Word{1};
    naming_segment(segment.name, [&] {
      const FixedPoint point(segment.clip, segment.levels);
      std::array<std::uint64_t, 1024> levels{};
      std::size_t clipped = 0;
      for (std::size_t begin = 0; begin < values.size(); begin += levels.size()) {
        const std::size_t count = (std::min)(levels.size(), values.size() - begin);
        clipped += round(point, values.subspan(begin, count), std::span(levels.data(), count));
        for (std::size_t i = 0; i < count; ++i) out[at++] = factor * static_cast<Word>(levels[i]);
      }
      if (clipped != 0) report.push_back({segment.name, clipped, values.size()});
    });
  });
  return report;
}

/// What a sum of such words stands for, but for its weight. \throws Error (`overflow`) for a sum that it cannot have
/// \param total  the sum of the weights
template <class Word>
[[nodiscard]] Summand<double> dequantise(const SegmentRanges& ranges, std::span<const Word> sum,
                                         std::uint64_t total, std::uint64_t contributors) {
  return ranges.read(sum, [&](const auto& segment, bool weighted) {
    return [point = FixedPoint(segment.clip, segment.levels),
            weight = weighted ? total : contributors](Word word) { return point.decode(word, weight); };
  });
}

}  // namespace healthai::secagg::detail
