#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai {

/// Why rules forbid an answer. The sentence may be sent: it tells nothing of the data, not even how many rows there are.
struct DisclosureRefusal {
  std::string rule;  ///< the name of the member of DisclosureRules, as in a policy file
  std::string sentence;
  /// "rule: sentence", as in the message of an Error.
  [[nodiscard]] std::string text() const { return rule + ": " + sentence; }
};

namespace detail {

/// The first rule about what is asked, whoever's rows it is asked of, that forbids it.
[[nodiscard]] inline std::optional<DisclosureRefusal> forbidden_question(const DisclosureRules& rules,
                                                                         const Disclosure& what) {
  for (const std::string& column : what.columns) {
    if (!rules.columns.contains(column))
      return DisclosureRefusal{"columns", "the column " + detail::quoted(column) + " may not be used"};
  }
  if (what.single_values && !rules.single_values)
    return DisclosureRefusal{
        "single_values", "values of single patients (extremes, exact times, exact quantiles) may not leave"};
  for (const auto& [column, levels] : what.levels) {
    const auto allowed = rules.levels.find(column);
    const auto is_allowed = [&allowed = allowed, &rules](const std::string& level) {
      return allowed != rules.levels.end() && allowed->second.contains(level);
    };
    if (!std::all_of(levels.begin(), levels.end(), is_allowed))
      return DisclosureRefusal{"levels", "of the column " + detail::quoted(column) +
                                             " only the levels that are allowed may be told apart"};
  }
  for (const auto& [column, points] : what.cut_points) {
    const auto most = rules.most_cut_points.find(column);
    if (most == rules.most_cut_points.end() || points > most->second)
      return DisclosureRefusal{"most_cut_points", "the column " + detail::quoted(column) +
                                                      (most == rules.most_cut_points.end()
                                                           ? " may not be cut into intervals"
                                                           : " may be cut at no more than " +
                                                                 std::to_string(most->second) + " points")};
  }
  for (const auto& [column, asked] : what.bounds) {
    const auto own = rules.bounds.find(column);
    if (own == rules.bounds.end() || !asked.contain(own->second.lower) || !asked.contain(own->second.upper))
      return DisclosureRefusal{
          "bounds", "the column " + detail::quoted(column) +
                        (own == rules.bounds.end()
                             ? " has no public bounds here, so that it may be asked for without any only"
                             : " may be asked for with bounds that contain those of the policy, " +
                                   number_text(own->second.lower) + " to " + number_text(own->second.upper))};
  }
  if (what.most_rows != 0 && (rules.most_rows == 0 || what.most_rows < rules.most_rows))
    return DisclosureRefusal{"most_rows",
                             rules.most_rows == 0
                                 ? std::string("the policy does not say how many rows are here at most")
                                 : "the policy says that there may be " + std::to_string(rules.most_rows) +
                                       " rows here, more than the request allows for"};
  const auto on_grid = [&rules](double time) {
    return std::find(rules.time_grid.begin(), rules.time_grid.end(), time) != rules.time_grid.end();
  };
  if (!std::all_of(what.times.begin(), what.times.end(), on_grid))
    return DisclosureRefusal{"time_grid", "patients may be counted at the times of the public grid only"};
  if (!what.rounded_to.empty()) {
    // The answers on two parts of the grid could be subtracted: they round all patients alike but those between two of its times.
    std::vector<double> whole = rules.time_grid;
    std::sort(whole.begin(), whole.end());
    if (what.rounded_to != whole)
      return DisclosureRefusal{"time_grid", "times may be rounded to the whole public grid only"};
  }
  return std::nullopt;
}

/// The first rule about how many patients stand behind it that forbids it. \param where  how the sentence begins: "here"
[[nodiscard]] inline std::optional<DisclosureRefusal> too_few(const DisclosureRules& rules,
                                                              const Disclosure& what,
                                                              const std::string& where) {
  if (what.rows < rules.minimum_rows)
    return DisclosureRefusal{"minimum_rows", where + " are fewer than " + std::to_string(rules.minimum_rows) +
                                                 " complete rows of this cohort"};
  if (what.events && *what.events < rules.minimum_events)
    return DisclosureRefusal{
        "minimum_events",
        where + " are fewer than " + std::to_string(rules.minimum_events) + " events in this cohort"};
  if (static_cast<double>(what.rows) < rules.rows_per_parameter * static_cast<double>(what.parameters))
    return DisclosureRefusal{
        "rows_per_parameter",
        where + " are fewer than " + number_text(rules.rows_per_parameter) + " rows for each parameter"};
  if (what.parameters > 0 && rules.residual_degrees > 0 &&
      what.rows < what.parameters + rules.residual_degrees)
    return DisclosureRefusal{
        "residual_degrees",
        where + " are fewer than " + std::to_string(rules.residual_degrees) + " rows more than parameters"};
  const auto small = [&rules](double patients) {
    return patients > 0 && patients < static_cast<double>(rules.smallest_cell);
  };
  if (std::any_of(what.cells.begin(), what.cells.end(), small))
    return DisclosureRefusal{"smallest_cell", where + " is a number that stands for fewer than " +
                                                  std::to_string(rules.smallest_cell) + " patients"};
  return std::nullopt;
}

}  // namespace detail

/// The first rule that forbids it, if one does: first those about the question (columns, single_values, levels, most_cut_points, bounds, most_rows, time_grid),
/// then, unless answers are summed before anybody sees them (`in_sum`), those about sizes (minimum_rows, minimum_events,
/// rows_per_parameter, residual_degrees, smallest_cell).
[[nodiscard]] inline std::optional<DisclosureRefusal> refusal(const DisclosureRules& rules,
                                                              const Disclosure& what) {
  if (!rules.enforced) return std::nullopt;
  if (auto forbidden = detail::forbidden_question(rules, what)) return forbidden;
  if (rules.in_sum) return std::nullopt;
  return detail::too_few(rules, what, "here");
}

/// For the function that shows a sum over hospitals: refuses one that stands for too few patients of all hospitals together. It is called
/// with the sum, so whoever runs that function knows it by then: what keeps the promise is the program at the place where sums are opened,
/// not a hospital.
/// \param pooled  sizes of all hospitals together: rows, events, parameters, cells
/// \throws Error (`disclosure`) naming the rule
inline void require_pooled(const DisclosureRules& rules, const Disclosure& pooled) {
  if (!rules.enforced) return;
  if (const auto forbidden = detail::too_few(rules, pooled, "in all hospitals together"))
    throw Error(error::disclosure, forbidden->text());
}
/// \overload
inline void require_pooled(const DisclosureRules& rules, std::size_t rows, std::size_t parameters = 0,
                           std::optional<std::size_t> events = {}, std::vector<double> cells = {}) {
  Disclosure pooled;
  pooled.rows = rows;
  pooled.parameters = parameters;
  pooled.events = events;
  pooled.cells = std::move(cells);
  require_pooled(rules, pooled);
}

}  // namespace healthai
