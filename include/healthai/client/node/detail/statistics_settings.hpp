#pragma once

/// \file
/// The setting "statistics" of a policy file: a node's DisclosureRules. Part of policy.hpp.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "healthai/client/node/detail/settings_file.hpp"
#include "healthai/core/error.hpp"
#include "healthai/core/number_text.hpp"
#include "healthai/data/detail/text.hpp"
#include "healthai/statistics/cohort.hpp"
#include "healthai/statistics/disclosure.hpp"

namespace healthai::detail {

/// An object with a name for each setting: calls `use(name, value, place)` for each.
template <class Use>
void settings_by_name(const nlohmann::json& value, const SettingsPlace& place, const char* what, Use use) {
  if (!value.is_object()) place.fail(std::string("an object with ") + what + " for each setting", value);
  for (const auto& [name, element] : value.items())
    use(settings_name(nlohmann::json(name), place.at(name)), element, place.at(name));
}
/// A level as a person writes it in a table: a text, or a number.
[[nodiscard]] inline std::string settings_level(const nlohmann::json& value, const SettingsPlace& place) {
  if (value.is_number() && std::isfinite(value.get<double>())) return plain_number(value.get<double>());
  if (!value.is_string()) place.fail("a level: a text or a number", value);
  return settings_name(value, place);
}
[[nodiscard]] inline std::vector<double> settings_times(const nlohmann::json& value,
                                                        const SettingsPlace& place) {
  if (!value.is_array()) place.fail("a list of times", value);
  std::vector<double> times;
  for (std::size_t i = 0; i < value.size(); ++i) {
    times.push_back(settings_number(value[i], place.at(std::to_string(i))));
    if (i > 0 && times[i] <= times[i - 1])
      place.at(std::to_string(i)).fail("a time that is larger than the one before it", value[i]);
  }
  return times;
}
/// A list of a number and a larger one.
[[nodiscard]] inline ValueBounds settings_value_bounds(const nlohmann::json& value,
                                                       const SettingsPlace& place) {
  if (!value.is_array() || value.size() != 2 || !value[0].is_number() || !value[1].is_number())
    place.fail("a list of two numbers, the lower and the upper bound", value);
  const ValueBounds bounds{value[0].get<double>(), value[1].get<double>()};
  if (!(bounds.lower < bounds.upper) || !(bounds.upper - bounds.lower < 1e300))
    place.fail("a lower bound and a larger upper one", value);
  return bounds;
}
[[nodiscard]] inline std::vector<RowFilter> settings_filters(const nlohmann::json& value,
                                                             const SettingsPlace& place) {
  if (!value.is_array()) place.fail("a list of filters such as \"age >= 60\"", value);
  std::vector<RowFilter> filters;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const SettingsPlace here = place.at(std::to_string(i));
    if (!value[i].is_string()) here.fail("a filter such as \"age >= 60\"", value[i]);
    try {
      filters.push_back(parse_filter(value[i].get<std::string>()));
    } catch (const Error& e) {
      here.fail(e.what());
    }
  }
  return filters;
}

/// \throws Error (`policy`)
[[nodiscard]] inline DisclosureRules parse_disclosure_rules(const nlohmann::json& value,
                                                            const SettingsPlace& place) {
  using Json = nlohmann::json;
  const SettingsObject object(
      value, place,
      {"minimum_rows", "minimum_events", "smallest_cell", "rows_per_parameter", "residual_degrees", "columns",
       "levels", "most_cut_points", "time_grid", "single_values", "most_steps", "largest_coefficient",
       "cohorts", "free_filters", "bounds", "most_rows"});
  DisclosureRules rules;
  const auto whole = [&object](const char* key, std::size_t& setting, std::size_t smallest) {
    object.with(key,
                [&](const Json& v, const SettingsPlace& p) { setting = settings_whole(v, p, smallest); });
  };
  const auto number = [&object](const char* key, double& setting) {
    object.with(key, [&](const Json& v, const SettingsPlace& p) { setting = settings_number(v, p); });
  };
  const auto flag = [&object](const char* key, bool& setting) {
    object.with(key, [&](const Json& v, const SettingsPlace& p) { setting = settings_flag(v, p); });
  };
  whole("minimum_rows", rules.minimum_rows, 1);
  whole("minimum_events", rules.minimum_events, 0);
  whole("smallest_cell", rules.smallest_cell, 1);
  number("rows_per_parameter", rules.rows_per_parameter);
  whole("residual_degrees", rules.residual_degrees, 0);
  object.with("columns", [&](const Json& v, const SettingsPlace& p) {
    rules.columns = settings_set(v, p, settings_name);
  });
  object.with("levels", [&](const Json& v, const SettingsPlace& p) {
    settings_by_name(v, p, "a column's name", [&](const std::string& column, const Json& of, const auto& at) {
      rules.levels[column] = settings_set(of, at, settings_level);
    });
  });
  object.with("most_cut_points", [&](const Json& v, const SettingsPlace& p) {
    settings_by_name(v, p, "a column's name", [&](const std::string& column, const Json& of, const auto& at) {
      rules.most_cut_points[column] = settings_whole(of, at, 1);
    });
  });
  object.with("time_grid",
              [&](const Json& v, const SettingsPlace& p) { rules.time_grid = settings_times(v, p); });
  flag("single_values", rules.single_values);
  whole("most_steps", rules.most_steps, 1);
  number("largest_coefficient", rules.largest_coefficient);
  object.with("cohorts", [&](const Json& v, const SettingsPlace& p) {
    settings_by_name(v, p, "a cohort's name", [&](const std::string& name, const Json& of, const auto& at) {
      rules.cohorts[name] = settings_filters(of, at);
    });
  });
  flag("free_filters", rules.free_filters);
  object.with("bounds", [&](const Json& v, const SettingsPlace& p) {
    settings_by_name(v, p, "a column's name", [&](const std::string& column, const Json& of, const auto& at) {
      rules.bounds[column] = settings_value_bounds(of, at);
    });
  });
  object.with("most_rows",
              [&](const Json& v, const SettingsPlace& p) { rules.most_rows = settings_whole(v, p, 1); });
  for (const auto* by_column : {"levels", "most_cut_points", "bounds"}) {
    object.with(by_column, [&](const Json& v, const SettingsPlace& p) {
      for (const auto& [column, of] : v.items()) {
        if (!rules.columns.contains(column))
          p.at(column).fail("this column is not among the columns that statistics may use");
      }
    });
  }
  return rules;
}

[[nodiscard]] inline std::string filter_text(const RowFilter& filter) {
  for (const ComparisonSign& sign : comparison_signs) {
    if (sign.comparison == filter.comparison)
      return shown(filter.column) + " " + std::string(sign.text) + " " + shown(filter.value);
  }
  return shown(filter.column);
}

/// The rules in plain English, a line a rule, handed to `line`.
template <class Line>
void describe_disclosure_rules(const DisclosureRules& rules, Line line) {
  if (!rules.enforced) return line("Statistics: everything may leave");
  if (rules.columns.empty()) return line("Statistics: none may leave, as no column is allowed for them");
  line("Statistics: of the columns " + listed(rules.columns));
  for (const auto& [column, levels] : rules.levels)
    line("Statistics: of " + shown(column) + " these levels may be told apart: " + listed(levels));
  for (const auto& [column, points] : rules.most_cut_points)
    line("Statistics: " + shown(column) + " may be cut at no more than " + std::to_string(points) +
         " points");
  for (const auto& [column, bounds] : rules.bounds)
    line("Statistics: everybody may know that " + shown(column) + " is from " + number_text(bounds.lower) +
         " to " + number_text(bounds.upper));
  if (rules.most_rows != 0)
    line("Statistics: everybody may know that there are at most " + std::to_string(rules.most_rows) +
         " rows");
  const auto filters = [](const std::vector<RowFilter>& all) {
    std::string text;
    for (const RowFilter& filter : all) text += (text.empty() ? "" : " and ") + filter_text(filter);
    return text.empty() ? std::string("all rows") : text;
  };
  for (const auto& [name, all] : rules.cohorts)
    line("Statistics: the cohort " + shown(name) + " may be asked for: " + filters(all));
  line(std::string("Statistics: a request ") + (rules.free_filters ? "may" : "may not") +
       " bring filters of its own");
  line("Statistics: at least " + std::to_string(rules.minimum_rows) + " rows, " +
       std::to_string(rules.minimum_events) + " events, " + number_text(rules.rows_per_parameter) +
       " rows for each parameter, and " + std::to_string(rules.residual_degrees) +
       " rows more than parameters; under secure aggregation of all hospitals together");
  line("Statistics: no number that stands for 1 to " + std::to_string(rules.smallest_cell - 1) +
       " patients; no two answers whose patients differ in so few");
  std::vector<std::string> times;
  for (const double time : rules.time_grid) times.push_back(number_text(time));
  line("Statistics: patients are counted at the times: " + listed(times));
  line(std::string("Statistics: values of single patients ") + (rules.single_values ? "may" : "may not") +
       " leave");
  line("Statistics: fits of at most " + std::to_string(rules.most_steps) +
       " different steps, with coefficients of at most " + number_text(rules.largest_coefficient) +
       " per standard deviation");
}

}  // namespace healthai::detail
