#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <healthai/statistics/cox_regression.hpp>
#include <string>
#include <vector>

#include "federated_statistics/hospitals.hpp"
#include "federated_statistics/regression.hpp"

namespace study {

inline std::vector<Coefficient> coefficients_of(const healthai::CoxFit& fit) {
  std::vector<Coefficient> terms;
  for (std::size_t i = 0; i < fit.terms.size(); ++i)
    terms.push_back({fit.terms[i], fit.coefficients[i], fit.standard_errors[i], fit.z[i], fit.p_values[i],
                     std::log(fit.lower[i]), std::log(fit.upper[i])});
  return terms;
}

inline void cox_to_json(Json& json, const healthai::CoxFit& fit) {
  coefficients_to_json(json, coefficients_of(fit));
  json["hazard_ratios"] = json_numbers(fit.hazard_ratios);
  json["covariance"] = Json::array();
  for (std::size_t i = 0; i < fit.terms.size(); ++i) {
    Json row = Json::array();
    for (std::size_t j = 0; j < fit.terms.size(); ++j)
      row.push_back(json_number(fit.covariance.at(i * fit.terms.size() + j)));
    json["covariance"].push_back(row);
  }
  json["log_likelihood"] = json_number(fit.log_likelihood);
  json["log_likelihood_null"] = json_number(fit.log_likelihood_null);
  json["deviance"] = json_number(-2 * fit.log_likelihood);
  const auto test = [&fit](const healthai::CoxTest& t) {
    return Json{{"statistic", json_number(t.statistic)}, {"df", fit.df}, {"p", json_number(t.p_value)}};
  };
  json["likelihood_ratio_test"] = test(fit.likelihood_ratio);
  json["wald_test"] = test(fit.wald);
  json["score_test"] = test(fit.score);
  json["n"] = fit.n;
  json["events"] = fit.events;
  json["iterations"] = fit.iterations;
  json["converged"] = fit.converged;
  json["concordance"] = fit.concordance ? json_number(fit.concordance->value) : Json(nullptr);
  json["concordance_standard_error"] =
      fit.concordance ? json_number(fit.concordance->standard_error) : Json(nullptr);
  if (fit.concordance) {
    json["concordance_pairs"] = {{"concordant", json_count(fit.concordance->concordant)},
                                 {"discordant", json_count(fit.concordance->discordant)},
                                 {"tied_x", json_count(fit.concordance->tied_x)},
                                 {"tied_y", json_count(fit.concordance->tied_y)},
                                 {"tied_xy", json_count(fit.concordance->tied_xy)}};
  }
  json["baseline_hazard"] = Json::array();
  for (const healthai::CoxBaselineHazard& hazard : fit.baseline) {
    json["baseline_hazard"].push_back({{"site", hazard.site},
                                       {"stratum", hazard.stratum},
                                       {"time", json_numbers(hazard.times)},
                                       {"at_zero", json_numbers(hazard.at_zero)},
                                       {"at_means", json_numbers(hazard.at_means)}});
  }
}

inline void print_cox(const healthai::CoxFit& fit, std::FILE* out) {
  std::fprintf(out, "  n= %zu, number of events= %zu\n\n", fit.n, fit.events);
  const std::vector<Coefficient> terms = coefficients_of(fit);
  print_coefficients(terms, "z", true, out);
  print_ratios(terms, fit.confidence_level, out);
  std::fprintf(out, "\n");
  if (fit.concordance) {
    std::fprintf(out, "Concordance= %s  (se = %s)\n", fixed(fit.concordance->value, 3).c_str(),
                 fixed(fit.concordance->standard_error, 3).c_str());
  } else {
    std::fprintf(out, "Concordance: not told. %s\n", fit.concordance_missing.c_str());
  }
  const auto test = [&](const char* name, const healthai::CoxTest& t) {
    std::fprintf(out, "%-22s= %s on %zu df,   p=%s\n", name, significant(t.statistic, 4).c_str(), fit.df,
                 p_value(t.p_value).c_str());
  };
  test("Likelihood ratio test", fit.likelihood_ratio);
  test("Wald test", fit.wald);
  test("Score (logrank) test", fit.score);
  std::fprintf(out, "Log partial likelihood: %s, without covariates %s. %zu steps\n",
               fixed(fit.log_likelihood, 4).c_str(), fixed(fit.log_likelihood_null, 4).c_str(),
               fit.iterations);
}

/// The outcome that the flags name, agreed with the hospitals.
template <class TransportType>
healthai::SurvivalColumns outcome(Study& study, TransportType& hospitals) {
  return {study.flags.time_column, study.flags.event_column, event_value(study, hospitals)};
}
/// The grid to which times are rounded: --grid, or that of the hospitals' rules, or where nobody can be asked for exact times a round one;
/// empty: exact times.
inline std::vector<double> time_grid(Study& study) {
  const Flags& f = study.flags;
  std::vector<double> grid = f.grid;
  if (grid.empty() && study.rules.enforced) grid = study.rules.time_grid;
  const auto bounds = study.code_book.bounds.find(f.time_column);
  if (grid.empty() && f.secure && bounds != study.code_book.bounds.end())
    grid = round_grid(bounds->second.upper);
  if (grid.empty()) return grid;
  study.note("times are rounded up to a grid, " + healthai::number_text(grid.front()) + ", " +
             (grid.size() > 2 ? healthai::number_text(grid[1]) + ", ..., " : "") +
             healthai::number_text(grid.back()) + ", so that between its times nobody is counted");
  return grid;
}

}  // namespace study
