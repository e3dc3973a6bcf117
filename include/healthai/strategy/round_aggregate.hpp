#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "healthai/core/parameters.hpp"
#include "healthai/core/summand.hpp"

namespace healthai {

/// A vector that a strategy asks of clients beside the update: an element of its `extra_vectors`.
struct ExtraVector {
  std::string_view name;  ///< in TrainReply::extra
  bool weighted = true;   ///< whether it enters with the reply's weight or with weight 1
};

/// All that a round comes to, for strategies that need more than the aggregated update.
template <class Scalar>
struct RoundAggregate {
  Parameters<Scalar> update{};  ///< by the strategy's aggregator
  std::vector<Parameters<Scalar>>
      extra{};  ///< by the aggregator too, in the order of the strategy's `extra_vectors`
  std::vector<SummandScalar> scalars{};  ///< the Summands' numbers, summed by name
  std::uint64_t round = 1;               ///< its number, from 1: for rate schedules
  double weight = 0;                     ///< sum of the Summands' weights
  std::size_t clients = 0;               ///< whose replies are in it
  std::size_t population = 0;            ///< clients that there are, asked or not

  /// The sum of the number called `name`; 0 if there is none.
  [[nodiscard]] double scalar(std::string_view name) const noexcept {
    for (const SummandScalar& sum : scalars) {
      if (sum.name == name) return sum.value;
    }
    return 0;
  }
};

}  // namespace healthai
