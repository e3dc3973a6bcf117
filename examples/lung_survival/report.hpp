#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "healthai/reporting/plot.hpp"
#include "lung_survival/fits.hpp"

namespace lung {

/// The largest difference between the coefficients of two fits.
inline double difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t j = 0; j < a.size(); ++j) largest = (std::max)(largest, std::fabs(a[j] - b[j]));
  return largest;
}

/// One line a hospital: patients, deaths, its own coefficients.
inline void print_hospitals(const Hospitals& hospitals, const std::vector<CoxModel<double>>& models,
                            const std::vector<Fit>& local, const Flags& flags) {
  std::printf("%-10s %8s %7s", flags.site_column.c_str(), "patients", "events");
  for (const std::string& name : flags.covariates) std::printf(" %19s", name.c_str());
  std::printf("\n");
  for (std::size_t s = 0; s < models.size(); ++s) {
    std::printf("%-10s %8zu %7zu", hospitals.sites[s].name.c_str(), models[s].num_examples(),
                models[s].num_events());
    if (!local[s].problem.empty()) std::printf("  no fit of its own: %s", local[s].problem.c_str());
    for (std::size_t j = 0; j < local[s].coefficients.size(); ++j) {
      std::printf("  %8.4f (se %5.3f)", local[s].coefficients[j], local[s].standard_errors[j]);
    }
    std::printf("\n");
  }
}

inline void print_fit_header(const Flags& flags) {
  std::printf("\n%-44s", "log hazard ratios");
  for (const std::string& name : flags.covariates) std::printf(" %12s", name.c_str());
  std::printf(" %12s %7s\n", "off pooled", "rounds");
}

/// One line a fit: coefficients, and how far they are from the pooled fit.
inline void print_fit(const Fit& fit, const Fit& pooled, std::uint64_t rounds = 0) {
  std::printf("%-44s", fit.name.c_str());
  if (!fit.problem.empty()) {
    std::printf(" none: %s\n", fit.problem.c_str());
    return;
  }
  for (const double coefficient : fit.coefficients) std::printf(" %12.8f", coefficient);
  if (pooled.problem.empty() && &fit != &pooled)
    std::printf(" %12.1e", difference(fit.coefficients, pooled.coefficients));
  if (rounds > 0) std::printf(" %7llu", static_cast<unsigned long long>(rounds));
  std::printf("\n");
}

/// The result of one strategy as JSON, numbers in full.
inline void write_json(const std::string& path, const FederatedFit& fit, const Hospitals& hospitals,
                       std::size_t events, const Flags& flags) {
  const nlohmann::json json{{"n", hospitals.patients()},
                            {"events", events},
                            {"sites", hospitals.sites.size()},
                            {"terms", flags.covariates},
                            {"coefficients", fit.coefficients},
                            {"log_likelihood", fit.log_likelihood},
                            {"log_likelihood_null", fit.log_likelihood_null},
                            {"rounds", fit.rounds},
                            {"converged", fit.converged},
                            {"seconds", fit.seconds}};
  if (path == "-") {
    std::cout << json.dump(2) << '\n';
    return;
  }
  std::ofstream file(path);
  file << json.dump(2) << '\n';
  if (!file.flush()) throw healthai::Error(healthai::error::file, path + ": cannot be written");
}

/// How far each federated fit was from the pooled one after each round.
inline std::string plot_convergence(const std::vector<FederatedFit>& fits, const Fit& pooled,
                                    const Flags& flags) {
  healthai::LinePlot plot{.title = "Distance to the pooled fit (stratified by hospital)",
                          .x_label = "Round",
                          .y_label = "Largest difference of a log hazard ratio",
                          .log_x = true,
                          .log_y = true};
  for (const FederatedFit& fit : fits) {
    std::vector<double> distances;
    for (const std::vector<double>& coefficients : fit.path) {
      distances.push_back(difference(coefficients, pooled.coefficients));
    }
    plot.add(fit.name, std::move(distances));
  }
  const std::string path = (std::filesystem::path(flags.plot) / "convergence.png").string();
  plot.write(path);
  return path;
}

/// The hazard ratios of one covariate: each hospital alone, then what they get together.
inline std::string plot_forest(std::size_t covariate, const Hospitals& hospitals,
                               const std::vector<Fit>& local, const std::vector<Fit>& together,
                               const Flags& flags) {
  const std::string& name = flags.covariates[covariate];
  healthai::ForestPlot plot{
      .title = "Hazard ratio of " + name, .label_header = flags.site_column, .note_header = "Patients"};
  const auto row = [covariate](const Fit& fit, const std::string& label, bool summary) {
    healthai::ForestRow result{.label = label, .emphasised = summary};
    if (fit.problem.empty()) {
      const double estimate = fit.coefficients[covariate];
      const double half_width = 1.959963984540054 * fit.standard_errors[covariate];
      result.estimate = std::exp(estimate);
      result.lower = std::exp(estimate - half_width);
      result.upper = std::exp(estimate + half_width);
    }
    return result;
  };
  plot.heading("Each alone");
  for (std::size_t s = 0; s < local.size(); ++s) {
    healthai::ForestRow hospital = row(local[s], hospitals.sites[s].name, false);
    hospital.weight = static_cast<double>(hospitals.sites[s].table.rows());
    hospital.note = std::to_string(hospitals.sites[s].table.rows());
    plot.add(hospital);
  }
  plot.heading("Together");
  for (const Fit& fit : together) plot.add(row(fit, fit.name, true));
  const std::string path = (std::filesystem::path(flags.plot) / ("forest_" + name + ".png")).string();
  plot.write(path);
  return path;
}

}  // namespace lung
