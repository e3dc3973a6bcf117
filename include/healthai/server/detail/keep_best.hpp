#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "healthai/core/finite.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/server/options.hpp"
#include "healthai/server/outcome.hpp"
#include "healthai/server/round_report.hpp"

namespace healthai::detail {

/// Takes note of an evaluation of `parameters`: they become the best, or one more evaluation has brought no improvement.
template <class Scalar>
void keep_best(std::optional<BestModel<Scalar>>& best, std::uint64_t& evaluations_without_improvement,
               const EarlyStopping& watch, std::uint64_t round, const EvaluationReport& result,
               const Parameters<Scalar>& parameters) {
  std::optional<double> value;
  if (result.quorum) value = result.clients.find(watch.metric);
  if (!value) value = result.central.find(watch.metric);
  if (!value || !is_finite(*value)) return;
  const double gain = !best ? std::numeric_limits<double>::max()
                            : (watch.maximise ? *value - best->value : best->value - *value);
  if (gain > watch.min_delta) {
    best = BestModel<Scalar>{round, *value, parameters};
    evaluations_without_improvement = 0;
  } else {
    ++evaluations_without_improvement;
  }
}

}  // namespace healthai::detail
