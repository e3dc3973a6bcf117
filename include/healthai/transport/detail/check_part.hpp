#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "healthai/core/client_id.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/partial_aggregate.hpp"
#include "healthai/core/training.hpp"
#include "healthai/transport/concept.hpp"

namespace healthai::detail {

/// What is wrong with a partial aggregate that came for `asked` (sorted), if anything: nothing that this rejects may be merged into
/// `into`, which holds those that came before it.
template <AdditiveTask T, class Aggregator>
[[nodiscard]] std::optional<std::string> check_part(
    const PartialAggregate<Aggregator, typename T::Scalar>& part, std::span<const ClientId> asked,
    const typename T::Broadcast& work, const SumRules& rules,
    const PartialAggregate<Aggregator, typename T::Scalar>& into) {
  using Scalar = typename T::Scalar;
  if (auto what = impossible(part)) return what;
  for (const ClientId& client : part.contributors) {
    if (!std::binary_search(asked.begin(), asked.end(), client))
      return "a sum that client " + client.str() + " is in, who was not asked";
  }
  if (part.contributors.empty()) return std::nullopt;

  std::optional<std::size_t> vectors;
  if (!into.contributors.empty()) vectors = into.states.size();
  if constexpr (std::is_same_v<T, Train<Scalar>>) {
    if (rules.extra_vectors) vectors = 1 + rules.extra_vectors->size();
    if (!(part.weight > 0)) return "a sum of the weight 0";
    if (part.states.empty()) return "a sum without an update";
  }
  if (vectors && part.states.size() != *vectors) {
    return "the sums of " + std::to_string(part.states.size()) + " vectors; expected " +
           std::to_string(*vectors);
  }
  for (std::size_t i = 0; i < part.states.size(); ++i) {
    const auto& state = part.states[i];
    if constexpr (requires { state.layout(); }) {
      std::optional<Layout> expected;
      if (!into.contributors.empty()) expected = into.states[i].layout();
      if constexpr (std::is_same_v<T, Train<Scalar>>) expected = work.parameters.layout();
      if (expected && !(state.layout() == *expected)) {
        return "a sum of the layout " + state.layout().describe() + "; expected " + expected->describe();
      }
    }
    if constexpr (requires { state.count(); }) {
      // Fewer where someone has handed over a sum as one term.
      if (state.count() == 0 || state.count() > part.contributors.size()) {
        return "a sum of " + std::to_string(state.count()) + " updates of " +
               std::to_string(part.contributors.size()) + " clients";
      }
    }
  }
  return std::nullopt;
}

}  // namespace healthai::detail
