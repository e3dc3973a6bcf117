#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/parameters.hpp"
#include "healthai/model/per_example.hpp"
#include "healthai/privacy/clipped_gradient_sum.hpp"

// Gradients of patients who may have several rows each.
namespace healthai::detail {

/// The rows of each unit; empty: each row is one.
using UnitRows = std::vector<std::vector<std::size_t>>;

/// \throws Error (`invalid_data`) unless every one of `rows` rows is in exactly one unit, and no unit is without
inline void require_each_row_once(const UnitRows& units, std::size_t rows, std::string_view who) {
  if (units.empty()) return;
  std::vector<bool> seen(rows);
  std::size_t count = 0;
  bool good = true;
  for (const std::vector<std::size_t>& unit : units) {
    good = good && !unit.empty();
    for (const std::size_t row : unit) {
      good = good && row < seen.size() && !seen[row];
      if (!good) break;
      seen[row] = true;
      ++count;
    }
  }
  if (good && count == rows) return;
  throw Error(error::invalid_data, std::string(who) + ": the patients must have each of the " +
                                       std::to_string(rows) + " rows once, and at least one row each");
}

/// Adds the gradient of each of these units, those of its rows together, which `sum` clips.
template <PerExampleModel M>
void add_unit_gradients(M& model, const Parameters<typename M::Scalar>& at, const UnitRows& units,
                        std::span<const std::size_t> chosen, ClippedGradientSum& sum) {
  if (units.empty()) {
    model.for_each_gradient(at, chosen, [&sum](std::span<const double> one) { sum.add(one); });
    return;
  }
  std::vector<double> gradient(at.size());
  for (const std::size_t unit : chosen) {
    std::fill(gradient.begin(), gradient.end(), 0.0);
    model.for_each_gradient(at, std::span<const std::size_t>(units[unit]),
                            [&gradient](std::span<const double> one) {
                              for (std::size_t j = 0; j < one.size(); ++j) gradient[j] += one[j];
                            });
    sum.add(gradient);
  }
}

}  // namespace healthai::detail
