#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "folders.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/site.hpp"
#include "healthai/statistics/survival_outcome.hpp"
#include "healthai/transport/in_process.hpp"

namespace survival_test {

using namespace healthai;

/// What R says (see tests/statistics/data/README.md).
inline const nlohmann::json& reference(const std::string& data, const std::string& name) {
  static const nlohmann::json all = nlohmann::json::parse(
      std::ifstream(source_folder() + "/tests/statistics/reference/survival_curves.json"));
  return all.at(data).at(name);
}

/// Tables by the name that the reference has for them, and their columns of time, event.
inline const Table& table_of(const std::string& data) {
  static std::map<std::string, Table> tables;
  if (!tables.contains(data)) {
    const std::map<std::string, std::string> files{{"lung", "/examples/data/lung_hospitals.csv"},
                                                   {"veteran", "/tests/statistics/data/veteran.csv"},
                                                   {"breast", "/tests/statistics/data/breast.csv"},
                                                   {"icu", "/tests/statistics/data/icu_patient.csv"}};
    tables.emplace(data, read_csv(source_folder() + files.at(data)));
  }
  return tables.at(data);
}
inline SurvivalColumns outcome_of(const std::string& data) {
  if (data == "veteran") return {"time", "status"};
  if (data == "icu") return {"Survdays", "PatientDied"};
  return {"time", "dead"};
}

/// Equal but for rounding: what is off is at most `relative` of the larger one.
inline bool near(double a, double b, double relative = 1e-12) {
  return std::fabs(a - b) <= relative * (std::fmax)(std::fabs(a), std::fabs(b));
}

/// Rows dealt to so many sites at random; some may get none.
inline std::vector<Table> dealt(const Table& table, std::size_t sites, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::vector<std::size_t>> rows(sites);
  for (std::size_t row = 0; row < table.rows(); ++row) rows[random() % sites].push_back(row);
  std::vector<Table> parts;
  for (const auto& mine : rows) parts.push_back(table.select(mine));
  return parts;
}

/// Hospitals s00, s01, ... that answer these statistics from a table each.
template <class... T>
InProcess hospitals(const std::vector<Table>& tables, const DisclosureRules& rules = DisclosureRules::off()) {
  InProcess all({.threads = 1});
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::string number = std::to_string(i);
    all.add(ClientId("s" + std::string(2 - (std::min)(number.size(), std::size_t{2}), '0') + number),
            StatisticsSite(tables[i], rules).handlers<T...>());
  }
  return all;
}

}  // namespace survival_test
