#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/training.hpp"
#include "healthai/secagg/noise.hpp"
#include "healthai/secagg/segments.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::secagg {

/// In which ranges the replies of a federation are clipped and rounded before they are masked. They are public, and must be known before
/// anything is: from the policy of the study, not from the data.
struct SumRanges {
  double update_clip =
      1;  ///< of each number of an update; what is beyond is clipped, and the client says how often
  double extra_clip = 1;  ///< of each number of a strategy's extra vectors
  std::uint64_t levels = std::uint64_t{1}
                         << 32U;  ///< from -clip to clip; fewer, with fewer examples, fit a ring of 32 bits
  std::uint64_t most_examples = 1'000'000;  ///< of one client: a public bound, not its number
  /// Numbers beside the update that may travel, such as {"metric/loss/n", 1e6} and {"metric/loss/d", 1e6}. Others stay at the client.
  std::vector<ScalarSegment> training_numbers{};
  std::vector<ScalarSegment> evaluation_numbers{};  ///< the same for evaluations
  /// Noise that the members add, if its multiplier is not 0. Then every vector and number is a segment of SumNoise: `update_clip` is the
  /// Euclidean length of a whole update, unless a strategy asks for another (`LocalObjective::update_clip`), and `extra_clip` that of an extra vector, all members weigh the same, and `levels` and
  /// `most_examples` say nothing.
  SumNoise noise{};

  /// Of what a training hands in with noise, one number left out: the squares of the shares of all segments, added up (see SumNoise).
  [[nodiscard]] double squared_shares(const SumRules& rules, std::string_view without) const {
    double squares = 1;  // the update
    if (rules.extra_vectors) squares += static_cast<double>(rules.extra_vectors->size());
    for (const ScalarSegment& number : training_numbers) {
      if (number.name != without) squares += number.share * number.share;
    }
    return squares;
  }

  /// The plan of a sum of T. For Train and Evaluate, and for tasks with `static std::vector<VectorSegment> T::vector_segments(const
  /// Broadcast&)` and `static std::vector<ScalarSegment> T::scalar_segments(const Broadcast&)`.
  /// \param clients  of the roster
  /// \throws Error as SegmentPlan does
  template <AdditiveTask T>
  [[nodiscard]] SegmentPlan plan(const typename T::Broadcast& broadcast, const SumRules& rules,
                                 std::uint64_t clients) const {
    const std::uint64_t most_weight = noise.on() ? 1 : most_examples;
    if constexpr (std::is_same_v<T, Train<typename T::Scalar>>) {
      const Layout& layout = broadcast.parameters.layout();
      // A bound that was asked for is that of the whole update, as this clip is with noise.
      const double clip = noise.on() ? broadcast.objective.update_clip.value_or(update_clip) : update_clip;
      std::vector<VectorSegment> vectors{{"update", layout, true, clip, levels}};
      if (rules.extra_vectors) {
        for (const WantedVector& extra : *rules.extra_vectors)
          vectors.push_back({extra.name, layout, extra.weighted, extra_clip, levels});
      }
      return SegmentPlan(std::move(vectors), training_numbers, most_weight, clients, noise);
    } else if constexpr (std::is_same_v<T, Evaluate<typename T::Scalar>>) {
      return SegmentPlan({}, evaluation_numbers, most_weight, clients, noise);
    } else {
      static_assert(
          requires {
            T::vector_segments(broadcast);
            T::scalar_segments(broadcast);
          },
          "healthai: secure aggregation needs to know the ranges of this task's Summand: give it static "
          "functions "
          "vector_segments(broadcast) and scalar_segments(broadcast); see secagg/ranges.hpp");
      return SegmentPlan(T::vector_segments(broadcast), T::scalar_segments(broadcast), most_weight, clients,
                         noise);
    }
  }
};

}  // namespace healthai::secagg
