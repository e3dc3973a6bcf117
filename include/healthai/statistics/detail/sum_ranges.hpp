#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/core/summand.hpp"

namespace healthai::secagg {
struct VectorSegment;
struct ScalarSegment;
}  // namespace healthai::secagg

namespace healthai::detail {

/// The range of the numbers of one name that a hospital adds to a sum, where sums are made of whole numbers: all are from -most to most.
struct NamedRange {
  std::string name{};
  std::size_t size = 1;
  double most = 1;
};

/// The next power of two: then whole numbers stay exact.
[[nodiscard]] inline double power_of_two_from(double most) noexcept {
  int exponent = 0;
  const double fraction = std::frexp(most, &exponent);
  return std::ldexp(1.0, fraction == 0.5 ? exponent - 1 : exponent);
}

/// As secure aggregation wants them: 2^51 levels, so that up to 8192 hospitals fit a ring of 64 bits and the error of one number is below 2^-50
/// of its range.
/// \tparam Segment  secagg::VectorSegment, which need not be known before this is called
template <class Segment>
[[nodiscard]] std::vector<Segment> segments_of(const std::vector<NamedRange>& ranges) {
  std::vector<Segment> segments;
  for (const NamedRange& range : ranges) {
    segments.push_back({range.name, Layout{{range.name, {range.size}}}, false, power_of_two_from(range.most),
                        std::uint64_t{1} << 51U});
  }
  return segments;
}

/// Whether all numbers are in their ranges, so that none is clipped.
[[nodiscard]] inline bool within(const Summand<double>& summand, const std::vector<NamedRange>& ranges) {
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    for (const double value : summand.vectors[i].values.span()) {
      if (!(std::fabs(value) <= ranges[i].most)) return false;
    }
  }
  return true;
}

}  // namespace healthai::detail
