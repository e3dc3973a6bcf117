#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/core/summand.hpp"

namespace healthai::secagg {

/// The range of a named vector of a Summand (see FixedPoint for `clip` and `levels`).
struct VectorSegment {
  std::string name{};
  Layout layout{};
  bool weighted = true;  ///< as in SummandVector
  double clip = 1;
  std::uint64_t levels = 65536;
  friend bool operator==(const VectorSegment&, const VectorSegment&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& layout& weighted& clip& levels;
  }
};

/// The range of a named number of a Summand.
struct ScalarSegment {
  std::string name{};
  double clip = 1;
  std::uint64_t levels = 65536;
  /// With noise: how long it may be, in (0, 1] of the length of other segments. At less than 1 it has that much more noise, in units of its
  /// clip, and the others have less: see SumNoise.
  double share = 1;
  friend bool operator==(const ScalarSegment&, const ScalarSegment&) = default;

  /// For whole numbers from -most to most, which then are summed exactly, with either rounding. `most` is at most 2^51.
  [[nodiscard]] static ScalarSegment count(std::string name, std::uint64_t most) {
    return {std::move(name), static_cast<double>(most), 2 * most};
  }
  /// With the whole share it is what programs of before can read (see archive.hpp).
  static constexpr std::uint32_t newest_version = 1;
  [[nodiscard]] std::uint32_t oldest_version() const noexcept { return share == 1 ? 0 : 1; }

  template <class Archive>
  void serialize(Archive& archive, unsigned version) {
    archive& name& clip& levels;
    if (version >= 1) archive& share;
  }
};

/// How many numbers of a segment were outside its range.
struct ClippedSegment {
  std::string name;
  std::size_t clipped = 0;  ///< above 0
  std::size_t of = 0;
};

namespace detail {

/// Says in errors which segment they are about.
template <class Work>
void naming_segment(const std::string& segment, Work work) {
  try {
    work();
  } catch (const Error& e) {
    throw Error(e.id(), "segment \"" + segment + "\": " + e.what());
  }
}

[[nodiscard]] constexpr double share_of(const VectorSegment& /*segment*/) noexcept {
  return 1;
}
[[nodiscard]] constexpr double share_of(const ScalarSegment& segment) noexcept {
  return segment.share;
}

/// The ranges of all of a Summand, in its order; each number is a word, from the second on.
struct SegmentRanges {
  std::span<const VectorSegment> vectors{};
  std::span<const ScalarSegment> scalars{};

  /// Calls `use(segment, values, weighted)` for each.
  template <class Scalar, class Use>
  void for_each_of(const Summand<Scalar>& summand, Use use) const {
    for (std::size_t i = 0; i < vectors.size(); ++i)
      use(vectors[i], std::span<const Scalar>(summand.vectors[i].values.span()), vectors[i].weighted);
    for (std::size_t i = 0; i < scalars.size(); ++i)
      use(scalars[i], std::span<const double>(&summand.scalars[i].value, 1), false);
  }
  /// The Summand whose numbers are `number(segment, weighted)(word)`; its weight is left out.
  template <class Word, class Number>
  [[nodiscard]] Summand<double> read(std::span<const Word> words, Number number) const {
    Summand<double> result;
    std::size_t at = 1;
    for (const VectorSegment& segment : vectors) {
      auto values = Parameters<double>::uninitialised(segment.layout);
      naming_segment(segment.name, [&] {
        const auto of_segment = number(segment, segment.weighted);
        for (double& value : values.span()) value = of_segment(words[at++]);
      });
      result.vectors.push_back({segment.name, segment.weighted, std::move(values)});
    }
    for (const ScalarSegment& segment : scalars) {
      naming_segment(segment.name, [&] {
        result.scalars.push_back({segment.name, number(segment, false)(words[at++])});
      });
    }
    return result;
  }
};

}  // namespace detail

}  // namespace healthai::secagg
