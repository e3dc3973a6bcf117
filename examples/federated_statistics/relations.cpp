// Commands about how columns go together: crosstab, ttest, correlation, pca.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <healthai/statistics/correlation.hpp>
#include <healthai/statistics/cross_table.hpp>
#include <healthai/statistics/group_tests.hpp>
#include <healthai/statistics/pca.hpp>
#include <optional>
#include <string>
#include <vector>

#include "federated_statistics/commands.hpp"
#include "federated_statistics/secure_hospitals.hpp"
#include "federated_statistics/text.hpp"

namespace study {

namespace {

Json chi_square_to_json(const std::optional<healthai::ChiSquareTest>& test) {
  if (!test) return nullptr;
  return {{"chi_square", json_number(test->statistic)},
          {"df", json_count(test->df)},
          {"p", json_number(test->p_value)}};
}
Json rows_to_json(const healthai::CountTable& table) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < table.rows(); ++i) {
    rows.push_back(Json::array());
    for (std::size_t j = 0; j < table.columns; ++j) rows.back().push_back(json_count(table.at(i, j)));
  }
  return rows;
}

void print_cross_table(Study& study, const healthai::CrossTable& found) {
  const Flags& f = study.flags;
  std::vector<std::string> header{f.columns[0] + " \\ " + f.columns[1]};
  header.insert(header.end(), found.column_levels.begin(), found.column_levels.end());
  TextTable table(header);
  bool hidden = false;
  for (std::size_t i = 0; i < found.row_levels.size(); ++i) {
    std::vector<std::string> cells{found.row_levels[i]};
    for (std::size_t j = 0; j < found.column_levels.size(); ++j) {
      const bool without = found.hidden[i * found.column_levels.size() + j] > 0;
      hidden = hidden || without;
      cells.push_back((without ? ">= " : "") + count(found.table.at(i, j)));
    }
    table.row(cells);
  }
  table.print(study.out);
  const auto tell = [&](const char* name, const std::optional<healthai::ChiSquareTest>& test) {
    if (test)
      std::fprintf(study.out, "%s: X-squared = %s, df = %s, p-value = %s\n", name,
                   significant(test->statistic, 5).c_str(), count(test->df).c_str(),
                   p_value(test->p_value).c_str());
  };
  tell("Pearson's chi-squared test", found.chi_square);
  tell("with Yates' continuity correction", found.chi_square_yates);
  if (found.mantel_haenszel)
    std::fprintf(
        study.out,
        "Mantel-Haenszel test: X-squared = %s, df = 1, p-value = %s; common odds ratio %s (%s to %s)\n",
        significant(found.mantel_haenszel->statistic, 5).c_str(),
        p_value(found.mantel_haenszel->p_value).c_str(),
        significant(found.mantel_haenszel->odds_ratio, 5).c_str(),
        significant(found.mantel_haenszel->lower, 5).c_str(),
        significant(found.mantel_haenszel->upper, 5).c_str());
  if (hidden)
    study.note(
        "cells with >= are without the sites that have too few patients in them (rule smallest_cell); no "
        "test is made of them");
}

}  // namespace

void crosstab(Study& study) {
  const Flags& f = study.flags;
  if (f.columns.size() != 2)
    throw healthai::Error(
        healthai::error::invalid_argument,
        "crosstab takes two columns, such as --columns sex,ph.ecog; got " + std::to_string(f.columns.size()));
  const auto work = [&](auto& hospitals) {
    healthai::CrossTablePlan plan;
    plan.cohort = study.cohort;
    plan.rows = f.columns[0];
    plan.columns = f.columns[1];
    plan.row_levels = levels_if_known(study, plan.rows);
    plan.column_levels = levels_if_known(study, plan.columns);
    if (is_column(f.strata)) plan.strata = f.strata;
    plan.strata_levels = levels_if_known(study, plan.strata);
    plan.most_rows = most_rows(study);
    healthai::CrossTableOptions options;
    options.stratify_by_site = f.strata == "site";
    options.confidence_level = f.level;
    options.asking = asking(study);
    const healthai::CrossTable found = healthai::cross_table(hospitals, plan, options);
    study.result["rows"] = {{"column", plan.rows}, {"levels", found.row_levels}};
    study.result["columns"] = {{"column", plan.columns}, {"levels", found.column_levels}};
    study.result["counts"] = rows_to_json(found.table);
    study.result["hidden_sites"] = found.hidden;
    study.result["strata"] = Json::array();
    for (const healthai::CrossTableStratum& stratum : found.strata)
      study.result["strata"].push_back({{"name", stratum.name},
                                        {"counts", rows_to_json(stratum.table)},
                                        {"hidden_sites", stratum.hidden}});
    study.result["chi_square_test"] = chi_square_to_json(found.chi_square);
    study.result["chi_square_test_yates"] = chi_square_to_json(found.chi_square_yates);
    study.result["mantel_haenszel"] = nullptr;
    if (const auto& mh = found.mantel_haenszel)
      study.result["mantel_haenszel"] = {{"odds_ratio", json_number(mh->odds_ratio)},
                                         {"lower", json_number(mh->lower)},
                                         {"upper", json_number(mh->upper)},
                                         {"chi_square", json_number(mh->statistic)},
                                         {"df", 1},
                                         {"p", json_number(mh->p_value)}};
    print_cross_table(study, found);
    tell_sites(study, found.sites, found.left_out);
  };
  if (f.secure) return over_secure_hospitals<healthai::CellCounts>(study, work);
  over_hospitals<healthai::CellCounts, healthai::ColumnLevels>(study, work);
}

namespace {

Json difference_to_json(const healthai::MeanDifference& d) {
  return {{"t", json_number(d.t)},         {"df", json_number(d.df)},
          {"p", json_number(d.p_value)},   {"standard_error", json_number(d.standard_error)},
          {"lower", json_number(d.lower)}, {"upper", json_number(d.upper)}};
}
Json groups_to_json(const std::vector<healthai::ComparedGroup>& groups) {
  Json list = Json::array();
  for (const healthai::ComparedGroup& g : groups)
    list.push_back({{"level", g.level},
                    {"n", g.n},
                    {"mean", json_number(g.mean)},
                    {"variance", json_number(g.variance)}});
  return list;
}
void print_groups(const Study& study, const std::string& name,
                  const std::vector<healthai::ComparedGroup>& groups) {
  TextTable table({name, "n", "mean", "sd"});
  for (const healthai::ComparedGroup& g : groups)
    table.row({study.flags.by + "=" + g.level, std::to_string(g.n), significant(g.mean, 6),
               significant(std::sqrt(g.variance), 6)});
  table.print(study.out);
}

template <class Hospitals>
void compare_groups(Study& study, Hospitals& hospitals, const std::string& name) {
  const Flags& f = study.flags;
  healthai::GroupTestPlan plan;
  plan.cohort = study.cohort;
  plan.column = name;
  plan.by = f.by;
  plan.levels = levels_if_known(study, f.by);
  plan.bounds = public_bounds(study, {name});
  const healthai::GroupTestOptions options{f.level, asking(study)};
  const healthai::Anova anova = healthai::anova(hospitals, plan, options);
  Json json{{"column", name}, {"groups", groups_to_json(anova.groups)}};
  print_groups(study, name, anova.groups);
  if (anova.groups.size() == 2) {
    const healthai::TTest test = healthai::t_test(hospitals, plan, options);
    json["difference"] = json_number(test.difference);
    json["welch"] = difference_to_json(test.welch);
    json["student"] = difference_to_json(test.student);
    const healthai::MeanDifference& shown = f.welch ? test.welch : test.student;
    std::fprintf(study.out, "%s: t = %s, df = %s, p-value = %s; difference %s (%s to %s)\n\n",
                 f.welch ? "Welch's t test" : "Student's t test", significant(shown.t, 5).c_str(),
                 significant(shown.df, 5).c_str(), p_value(shown.p_value).c_str(),
                 significant(test.difference, 5).c_str(), significant(shown.lower, 5).c_str(),
                 significant(shown.upper, 5).c_str());
  } else {
    std::fprintf(study.out, "Analysis of variance: F = %s on %s and %s degrees of freedom, p-value = %s\n\n",
                 significant(anova.f, 5).c_str(), count(anova.df_between).c_str(),
                 count(anova.df_within).c_str(), p_value(anova.p_value).c_str());
  }
  json["anova"] = {
      {"f", json_number(anova.f)},
      {"df", {json_count(anova.df_between), json_count(anova.df_within)}},
      {"p", json_number(anova.p_value)},
      {"sum_of_squares", {json_number(anova.squares_between), json_number(anova.squares_within)}}};
  study.result["tests"].push_back(json);
  tell_sites(study, anova.sites, anova.left_out);
}

/// A square of numbers with the columns' names on both sides.
void print_square(const std::vector<std::string>& names, const std::vector<std::vector<double>>& rows,
                  int decimals, std::FILE* out) {
  std::vector<std::string> header{""};
  header.insert(header.end(), names.begin(), names.end());
  TextTable table(header);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::string> cells{names[i]};
    for (const double value : rows[i]) cells.push_back(fixed(value, decimals));
    table.row(cells);
  }
  table.print(out);
}
Json rows_of_numbers(const std::vector<std::vector<double>>& rows) {
  Json json = Json::array();
  for (const std::vector<double>& row : rows) json.push_back(json_numbers(row));
  return json;
}
healthai::CorrelationPlan correlation_plan(const Study& study) {
  healthai::CorrelationPlan plan;
  plan.cohort = study.cohort;
  plan.columns = study.flags.columns;
  plan.bounds = public_bounds(study, plan.columns);
  return plan;
}

}  // namespace

void ttest(Study& study) {
  const auto work = [&](auto& hospitals) {
    study.result["by"] = study.flags.by;
    study.result["tests"] = Json::array();
    for (const std::string& name : study.flags.columns) compare_groups(study, hospitals, name);
  };
  if (study.flags.secure) return over_secure_hospitals<healthai::ColumnSums>(study, work);
  over_hospitals<healthai::ColumnSums, healthai::ColumnLevels>(study, work);
}

void correlation(Study& study) {
  const auto work = [&](auto& hospitals) {
    const healthai::Correlation found =
        healthai::correlation(hospitals, correlation_plan(study), asking(study));
    std::fprintf(study.out, "Correlations of %zu complete rows\n", found.n);
    print_square(found.columns, found.correlation, 4, study.out);
    std::fprintf(study.out, "\np-values\n");
    print_square(found.columns, found.p_values, 4, study.out);
    study.result["columns"] = found.columns;
    study.result["n"] = found.n;
    study.result["means"] = json_numbers(found.means);
    study.result["sds"] = json_numbers(found.sds);
    study.result["correlation"] = rows_of_numbers(found.correlation);
    study.result["covariance"] = rows_of_numbers(found.covariance);
    study.result["p"] = rows_of_numbers(found.p_values);
    tell_sites(study, found.sites, found.left_out);
  };
  if (study.flags.secure) return over_secure_hospitals<healthai::CrossProducts>(study, work);
  over_hospitals<healthai::CrossProducts>(study, work);
}

void pca(Study& study) {
  const auto work = [&](auto& hospitals) {
    healthai::PcaOptions options;
    options.standardise = !study.flags.covariance;
    options.asking = asking(study);
    const healthai::PrincipalComponents found = healthai::pca(hospitals, correlation_plan(study), options);
    std::vector<std::string> header{""};
    std::vector<std::string> sd{"Standard deviation"}, share{"Proportion of variance"},
        sum{"Cumulative proportion"};
    double total = 0;
    for (std::size_t k = 0; k < found.eigenvalues.size(); ++k) {
      header.push_back("PC" + std::to_string(k + 1));
      sd.push_back(fixed(std::sqrt(found.eigenvalues[k]), 4));
      share.push_back(fixed(found.explained_ratio[k], 4));
      sum.push_back(fixed(total += found.explained_ratio[k], 4));
    }
    std::fprintf(study.out, "Principal components of %zu complete rows\n", found.n);
    TextTable(header).row(sd).row(share).row(sum).print(study.out);
    std::fprintf(study.out, "\nLoadings\n");
    TextTable loadings(header);
    for (std::size_t j = 0; j < found.columns.size(); ++j) {
      std::vector<std::string> cells{found.columns[j]};
      for (const std::vector<double>& component : found.loadings) cells.push_back(fixed(component[j], 4));
      loadings.row(cells);
    }
    loadings.print(study.out);
    study.result["columns"] = found.columns;
    study.result["n"] = found.n;
    study.result["means"] = json_numbers(found.means);
    study.result["sds"] = json_numbers(found.sds);
    study.result["eigenvalues"] = json_numbers(found.eigenvalues);
    study.result["explained_ratio"] = json_numbers(found.explained_ratio);
    study.result["loadings"] = rows_of_numbers(found.loadings);
    tell_sites(study, found.sites, found.left_out);
  };
  if (study.flags.secure) return over_secure_hospitals<healthai::CrossProducts>(study, work);
  over_hospitals<healthai::CrossProducts>(study, work);
}

}  // namespace study
