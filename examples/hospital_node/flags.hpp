#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "over_network/connecting.hpp"

namespace hospital_node {

/// What the command line, and the file of --config, say.
struct Flags : over_network::Connecting {
  std::string time_column = "time";
  std::string event_column = "dead";
  std::vector<std::string> covariates{"age", "sex", "ph.ecog"};
};

/// Reads the command line. Prints help or the one thing that is wrong, and then returns the exit status.
inline std::optional<int> parse(int argc, char** argv, Flags& flags) {
  CLI::App app{
      "A hospital's end of a Cox regression between hospitals: connects to the coordinator, and answers what "
      "the policy allows. No "
      "record leaves; every request and every byte that does is written down in the audit log."};
  over_network::add_options(app, flags);
  app.add_option("--time-column", flags.time_column, "follow-up time")->capture_default_str();
  app.add_option("--event-column", flags.event_column, "1: died at that time, 0: censored")
      ->capture_default_str();
  app.add_option("--covariates", flags.covariates,
                 "columns that may be used; rows without a value in one are left out")
      ->delimiter(',')
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    over_network::require_certificate(flags);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::Error& e) {
    std::cerr << "hospital_node: " << e.what() << " (see --help)\n";
    return 2;
  }
  return std::nullopt;
}

}  // namespace hospital_node
