#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/finite.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/data/table.hpp"

namespace healthai {

/// Which columns say how long each patient was followed, and whether that ended in the event: part of the question.
struct SurvivalColumns {
  std::string
      time{};  ///< from a common origin to the event or the end of observation, at least 0, in any unit
  std::string event{};  ///< a column of numbers with two values
  double event_value =
      1;  ///< the one that means the event; the other is 0 or 1. So 2 where 1 is censored and 2 dead
  friend bool operator==(const SurvivalColumns&, const SurvivalColumns&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& time& event& event_value;
  }
};

/// How long each row was followed, and whether that ended in the event.
struct SurvivalOutcomes {
  std::vector<double> times{};
  std::vector<double> events{};  ///< 1: it happened; 0: the patient was last seen without it

  [[nodiscard]] std::size_t rows() const noexcept { return times.size(); }
  [[nodiscard]] std::size_t num_events() const noexcept {
    return static_cast<std::size_t>(std::count(events.begin(), events.end(), 1.0));
  }
};

/// The outcomes of complete rows (see Table::complete_rows with both columns).
/// \throws Error (`invalid_data`) for a time that is missing or negative, an event that is neither value, or an `event_value` that is not
/// finite. The messages name the column and quote no value, so that they may leave. (`unknown_name`), (`csv`) as Table::numeric
[[nodiscard]] inline SurvivalOutcomes survival_outcomes(const Table& table, const SurvivalColumns& columns) {
  if (!is_finite(columns.event_value))
    throw Error(error::invalid_data, "the value that means an event in column " +
                                         detail::quoted(columns.event) + " is not a finite number");
  const auto times = table.numeric(columns.time);
  const auto events = table.numeric(columns.event);
  SurvivalOutcomes outcomes{{times.begin(), times.end()}, std::vector<double>(events.size())};
  for (std::size_t row = 0; row < times.size(); ++row) {
    if (!(times[row] >= 0)) {
      throw Error(error::invalid_data,
                  "column " + detail::quoted(columns.time) +
                      " has a time that is missing or negative; expected times of at least 0");
    }
    const bool happened = events[row] == columns.event_value;
    if (!happened && events[row] != 0 && events[row] != 1) {
      throw Error(error::invalid_data, "column " + detail::quoted(columns.event) +
                                           " has a value that is neither " +
                                           number_text(columns.event_value) +
                                           ", which means the event, nor 0 or 1, which mean none; " +
                                           "say which value means the event");
    }
    outcomes.events[row] = happened ? 1 : 0;
  }
  return outcomes;
}

/// Rounds every time up to the public grid: what happened after one of its times, and no later than the next, counts at that next one. A
/// patient who was followed beyond the last has an infinite time and no event: at risk at every time of the grid.
/// \throws Error (`invalid_argument`) for a grid that is empty or does not ascend
inline void round_up_to_grid(SurvivalOutcomes& outcomes, const std::vector<double>& grid) {
  if (grid.empty() || !is_finite(grid.back()) ||
      std::adjacent_find(grid.begin(), grid.end(), [](double a, double b) { return !(a < b); }) != grid.end())
    throw Error(error::invalid_argument, "a grid of times needs at least one, and they must ascend");
  for (std::size_t row = 0; row < outcomes.rows(); ++row) {
    const auto next = std::lower_bound(grid.begin(), grid.end(), outcomes.times[row]);
    if (next != grid.end()) {
      outcomes.times[row] = *next;
    } else {
      outcomes.times[row] = std::numeric_limits<double>::infinity();
      outcomes.events[row] = 0;
    }
  }
}

}  // namespace healthai
