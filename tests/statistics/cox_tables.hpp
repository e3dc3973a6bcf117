#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "folders.hpp"
#include "healthai/core/random.hpp"
#include "healthai/data/csv.hpp"
#include "healthai/data/table.hpp"
#include "healthai/statistics/cox_regression.hpp"
#include "healthai/transport/in_process.hpp"

/// The tables of tests of Cox regression, and what R says of them (see tests/statistics/data/cox.md).
namespace cox_test {

using namespace healthai;

inline const nlohmann::json& reference() {
  static const nlohmann::json all =
      nlohmann::json::parse(std::ifstream(source_folder() + "/tests/statistics/reference/cox.json"));
  return all;
}

struct Study {
  Table table{};
  CoxPlan plan{};
};

/// "lung", "veteran", "gbsg" or "icu", with the covariates of the reference's first fit.
inline const Study& study(const std::string& name) {
  static std::map<std::string, Study> all;
  if (const auto found = all.find(name); found != all.end()) return found->second;
  Study study;
  const std::string data = source_folder() + "/tests/statistics/data/";
  study.plan.stratify_by_site = false;
  if (name == "lung") {
    study.table = read_csv(source_folder() + "/examples/data/lung_hospitals.csv");
    study.plan.outcome = {"time", "dead"};
    study.plan.covariates = parse_covariates("age,sex,ph.ecog");
  } else if (name == "veteran") {
    study.table = read_csv(data + "veteran.csv");
    study.plan.outcome = {"time", "status"};
    study.plan.covariates = parse_covariates("trt,C(celltype,squamous),karno,diagtime,age,prior");
  } else if (name == "gbsg") {
    study.table = read_csv(data + "gbsg.csv");
    study.plan.outcome = {"rfstime", "status"};
    study.plan.covariates = parse_covariates("age,meno,size,grade,nodes,pgr,er,hormon");
  } else {
    study.table = read_csv(data + "icu_years.csv");
    study.plan.outcome = {"Survdays", "PatientDied"};
    study.plan.covariates = parse_covariates("Age,C(Gender,Female),ApacheIIScore,BMI,C(AdmCatID,Medical)");
  }
  return all.emplace(name, std::move(study)).first->second;
}

/// Rows dealt to so many sites at random; some may get none.
inline std::vector<Table> dealt(const Table& table, std::size_t sites, std::uint64_t seed) {
  Stream random(seed, Purpose::test);
  std::vector<std::vector<std::size_t>> rows(sites);
  for (std::size_t row = 0; row < table.rows(); ++row) rows[random() % sites].push_back(row);
  std::vector<Table> parts;
  for (const auto& mine : rows) parts.push_back(table.select(mine));
  return parts;
}
/// Rows by the value of a column; those that miss it together.
inline std::vector<Table> by_value(const Table& table, const std::string& column) {
  std::map<std::string, std::vector<std::size_t>> rows;
  for (std::size_t row = 0; row < table.rows(); ++row)
    rows[table.missing(column, row) ? std::string() : level_text(table, column, row)].push_back(row);
  std::vector<Table> parts;
  for (const auto& entry : rows) parts.push_back(table.select(entry.second));
  return parts;
}

/// Hospitals s000, s001, ... that answer from a table each.
inline InProcess hospitals(const std::vector<Table>& tables,
                           const DisclosureRules& rules = DisclosureRules::off()) {
  InProcess all({.threads = 1});
  for (std::size_t i = 0; i < tables.size(); ++i) {
    std::string number = std::to_string(i);
    number.insert(0, 3 - number.size(), '0');
    TaskHandlers handlers;
    all.add(ClientId("s" + number), offer_cox(StatisticsSite(tables[i], rules), handlers));
  }
  return all;
}
inline CoxFit fit(const std::vector<Table>& tables, const CoxPlan& plan, const CoxFitOptions& options = {}) {
  InProcess all = hospitals(tables);
  return fit_cox(all, plan, options);
}

/// Equal but for `relative` of the larger one.
inline bool near(double a, double b, double relative) {
  return std::fabs(a - b) <= relative * (std::fmax)(std::fabs(a), std::fabs(b));
}

}  // namespace cox_test
