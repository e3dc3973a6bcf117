#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/disclosure_refusal.hpp"
#include "healthai/statistics/suppression.hpp"

namespace healthai::detail {

/// What sums over hospitals tell of the groups of columns: column after column, each with all rows first and then its levels.
struct PooledGroups {
  std::vector<double> n{}, missing{}, sum{};
  std::vector<double> hidden{};  ///< how many hospitals have left the group out

  /// Holds rules against the sums of all hospitals together, where no hospital could, as one hospital holds them against its own: groups of
  /// too few patients become hidden, by all hospitals. \param groups  of a column, all rows among them \param moments  that are taken of each
  /// \throws Error (`disclosure`) for too few patients in all, or where small groups cannot be hidden
  void hold(const DisclosureRules& rules, std::size_t groups, std::size_t moments, std::size_t sites) {
    if (!rules.enforced) return;
    const auto for_moments =
        static_cast<std::size_t>(std::ceil(rules.rows_per_parameter * static_cast<double>(moments)));
    for (std::size_t first = 0; first < n.size(); first += groups) {
      require_pooled(rules, static_cast<std::size_t>(n[first]), moments, {}, {n[first]});
      std::vector<std::size_t> patients;
      for (std::size_t g = 1; g < groups; ++g) patients.push_back(static_cast<std::size_t>(n[first + g]));
      const auto some = hidden_counts(patients, (std::max)(rules.smallest_cell, for_moments));
      if (!some) refuse_cells();
      for (std::size_t g = 0; g < groups; ++g) {
        const bool hide = g > 0 && (*some)[g - 1];
        if (hide || missing[first + g] < static_cast<double>(rules.smallest_cell)) missing[first + g] = 0;
        if (!hide) continue;
        n[first + g] = sum[first + g] = 0;
        hidden[first + g] = static_cast<double>(sites);
      }
      if (groups == 1) continue;
      missing[first] = 0;  // the total would tell those that are not told
      for (std::size_t g = 1; g < groups; ++g) missing[first] += missing[first + g];
    }
  }
};

/// Holds rules against counts of all hospitals together, where no hospital could: small ones become hidden, by all hospitals.
/// \param small  of the counts, which must be hidden \throws Error (`disclosure`) for too few patients in all, and as `small`
template <class Small>
void hide_small_counts(const DisclosureRules& rules, std::vector<double>& counts, std::vector<double>& hidden,
                       std::size_t sites, const Small& small) {
  if (!rules.enforced) return;
  std::vector<std::size_t> patients;
  Disclosure pooled;
  for (const double count : counts) {
    patients.push_back(static_cast<std::size_t>(count));
    pooled.rows += patients.back();
  }
  require_pooled(rules, pooled);
  const std::vector<bool> hide = small(patients);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (!hide[i]) continue;
    counts[i] = 0;
    hidden[i] = static_cast<double>(sites);
  }
}

}  // namespace healthai::detail
