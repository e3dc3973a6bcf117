#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "folders.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/column_levels.hpp"
#include "healthai/statistics/glm_moments.hpp"
#include "healthai/statistics/glm_step.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/transport/in_process.hpp"

namespace statistics_glm_support {

using namespace healthai;

inline Table table_of(const std::string& name) {
  return read_csv(source_folder() + "/examples/data/" + name);
}

/// Hospitals that hold the rows that are given to them, without rules.
inline InProcess hospitals_of(const Table& table, const std::vector<std::size_t>& site_of_row,
                              const DisclosureRules& rules = DisclosureRules::off()) {
  std::vector<std::vector<std::size_t>> rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (site_of_row[row] >= rows.size()) rows.resize(site_of_row[row] + 1);
    rows[site_of_row[row]].push_back(row);
  }
  InProcess hospitals{{.threads = 1, .executor = {}}};
  for (std::size_t site = 0; site < rows.size(); ++site) {
    if (rows[site].empty()) continue;
    hospitals.add(
        ClientId("site" + std::to_string(site)),
        StatisticsSite(table.select(rows[site]), rules).handlers<ColumnLevels, GlmMoments, GlmStep>());
  }
  return hospitals;
}
inline std::vector<std::size_t> in_turns(std::size_t rows, std::size_t sites) {
  std::vector<std::size_t> site(rows);
  for (std::size_t row = 0; row < rows; ++row) site[row] = row % sites;
  return site;
}
/// By a column of whole numbers or of text.
inline std::vector<std::size_t> by_column(const Table& table, const std::string& column) {
  std::vector<std::string> names;
  std::vector<std::size_t> site;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::string name = level_text(table, column, row);
    std::size_t found = 0;
    while (found < names.size() && names[found] != name) ++found;
    if (found == names.size()) names.push_back(name);
    site.push_back(found);
  }
  return site;
}
inline GlmPlan plan_of(GlmFamily family, const std::string& response, const std::string& covariates) {
  GlmPlan plan;
  plan.response = response;
  plan.covariates = parse_covariates(covariates);
  plan.family = family;
  return plan;
}
inline std::string joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

}  // namespace statistics_glm_support
