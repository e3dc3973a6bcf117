#pragma once

#include <vector>

#include "healthai/statistics/concept.hpp"
#include "healthai/statistics/detail/sum_ranges.hpp"

namespace healthai {

/// A summed statistic that says in which range each of its numbers is, and so how they become whole numbers under secure aggregation: what a task
/// struct inherits, with itself as T, to have the segments of its sums.
///
///     struct CountRows : RangedStatistic<CountRows> { ... };
///
/// - `T::ranges(broadcast)`: a detail::NamedRange for each vector of the reply, in their order. A hospital never answers with a number outside.
///
/// What secure aggregation knows of segments (secagg/segments.hpp) need not be included but where they are asked for.
template <class T>
struct RangedStatistic : SummedStatistic {
  template <class Segment = secagg::VectorSegment, class Broadcast>
  [[nodiscard]] static std::vector<Segment> vector_segments(const Broadcast& broadcast) {
    return detail::segments_of<Segment>(T::ranges(broadcast));
  }
  template <class Segment = secagg::ScalarSegment, class Broadcast>
  [[nodiscard]] static std::vector<Segment> scalar_segments(const Broadcast& /*broadcast*/) {
    return {};
  }
};

}  // namespace healthai
