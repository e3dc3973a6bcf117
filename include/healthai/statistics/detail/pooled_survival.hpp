#pragma once

#include <cstddef>
#include <vector>

#include "healthai/statistics/analysis.hpp"
#include "healthai/statistics/disclosure.hpp"
#include "healthai/statistics/life_table.hpp"

namespace healthai::detail {

/// Holds the rules about sizes against each group and stratum of a life table of all hospitals together, where no hospital could hold them.
/// \throws Error (`disclosure`) naming the rule
template <class TransportType>
void require_pooled_table(const Analysis<TransportType>& analysis, const PooledLifeTable& table) {
  for (std::size_t cell = 0; cell < table.patients.size(); ++cell) {
    if (table.patients[cell] == 0) continue;  // nobody
    Disclosure pooled;
    pooled.rows = table.patients[cell];
    pooled.events = 0;
    for (const std::size_t events : table.events_of(cell)) *pooled.events += events;
    pooled.cells = {static_cast<double>(pooled.rows)};
    analysis.template require_pooled<LifeTable>(pooled);
  }
}

}  // namespace healthai::detail
