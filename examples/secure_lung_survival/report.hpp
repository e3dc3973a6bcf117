#pragma once

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "healthai/healthai.hpp"
#include "healthai/reporting/plot.hpp"
#include "healthai/secagg/parameters.hpp"
#include "secure_lung_survival/seen.hpp"

namespace secure_lung {

/// In how many rounds somebody was missing.
struct Silences {
  std::size_t hospitals = 0;  ///< in all rounds whose sum was opened
  std::size_t rounds = 0;     ///< of those, with somebody missing
  std::size_t lost = 0;       ///< no sum was opened, as too many were
};
inline Silences silences(const healthai::Outcome<double>& outcome) {
  Silences count;
  for (const healthai::RoundReport& round : outcome.history) {
    count.lost += round.updated ? 0U : 1U;
    count.hospitals += round.updated ? round.failures.size() : 0U;
    count.rounds += round.updated && !round.failures.empty() ? 1U : 0U;
  }
  return count;
}

inline void print(const healthai::Outcome<double>& outcome,
                  const healthai::secagg::SecAggParameters& parameters,
                  const std::vector<std::string>& covariates, const std::vector<double>& coefficients) {
  const Silences silent = silences(outcome);
  std::printf("%s after %zu rounds of %d hospitals, of whom %d must stay for a sum to be opened\n",
              std::string(to_string(outcome.reason)).c_str(), outcome.history.size(),
              static_cast<int>(parameters.clients), static_cast<int>(parameters.threshold));
  std::printf("sums opened without some: %zu (%zu times a hospital had fallen silent); rounds lost: %zu\n",
              silent.rounds, silent.hospitals, silent.lost);
  for (std::size_t j = 0; j < covariates.size(); ++j) {
    std::printf("%-8s log hazard ratio %11.8f, hazard ratio %.4f\n", covariates[j].c_str(), coefficients[j],
                std::exp(coefficients[j]));
  }
}

inline void write_json(const std::string& path, const healthai::Outcome<double>& outcome,
                       const std::vector<double>& coefficients) {
  const Silences silent = silences(outcome);
  const nlohmann::json json{{"coefficients", coefficients},         {"converged", outcome.converged()},
                            {"rounds", outcome.completed_rounds},   {"rounds_with_silence", silent.rounds},
                            {"silent_hospitals", silent.hospitals}, {"rounds_lost", silent.lost}};
  if (path == "-") {
    std::cout << json.dump(2) << '\n';
    return;
  }
  std::ofstream file(path);
  file << json.dump(2) << '\n';
  if (!file.flush()) throw healthai::Error(healthai::error::file, path + ": cannot be written");
}

/// The share of numbers in each of `bins` equal parts of their range.
inline std::vector<double> histogram(const std::vector<double>& places, std::size_t bins) {
  std::vector<double> shares(bins);
  for (const double place : places) {
    const auto bin = static_cast<std::size_t>(place * static_cast<double>(bins));
    shares[bin < bins ? bin : bins - 1] += 1 / static_cast<double>(places.size());
  }
  return shares;
}

/// Draws both histograms. \return where
inline std::string plot(const Seen& seen, const std::string& hospital, const std::string& folder) {
  constexpr std::size_t bins = 16;
  healthai::LinePlot plot{.title = "Numbers of hospital " + hospital + " over all rounds",
                          .x_label = "Place in the range of the number",
                          .y_label = "Share of the numbers"};
  std::vector<double> middles;
  for (std::size_t bin = 0; bin < bins; ++bin) middles.push_back((static_cast<double>(bin) + 0.5) / bins);
  plot.add("its updates, in [-clip, clip], which never left it", middles, histogram(seen.updates, bins));
  plot.add("what the coordinator got, in the ring of the masks", middles, histogram(seen.masked, bins));
  const std::string path = folder + "/seen.png";
  plot.write(path);
  return path;
}

}  // namespace secure_lung
