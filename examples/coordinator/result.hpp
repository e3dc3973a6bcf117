#pragma once

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "coordinator/flags.hpp"

namespace coordinator {

/// Prints the coefficients, in the data's own units, and writes them to --json.
inline void tell(const Flags& flags, const std::vector<double>& coefficients, double patients,
                 std::uint64_t rounds, const std::string& problem) {
  std::printf("%zu hospitals, %.0f patients, %llu rounds\n", flags.clients, patients,
              static_cast<unsigned long long>(rounds));
  for (std::size_t j = 0; j < coefficients.size(); ++j) {
    std::printf("%-12s %20.17g\n", flags.covariates[j].c_str(), coefficients[j]);
  }
  if (flags.json.empty()) return;
  std::ofstream file(flags.json);
  file << nlohmann::ordered_json{{"covariates", flags.covariates},
                                 {"coefficients", coefficients},
                                 {"patients", patients},
                                 {"rounds", rounds},
                                 {"problem", problem}}
              .dump(2)
       << "\n";
  if (!file) throw healthai::Error(healthai::error::file, flags.json + ": cannot be written");
}

}  // namespace coordinator
