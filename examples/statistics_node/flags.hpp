#pragma once

#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>
#include <string>

#include "over_network/connecting.hpp"

namespace statistics_node {

/// What the command line, and the file of --config, say.
struct Flags : over_network::Connecting {
  Flags() { retry_seconds = 10; }  // an analysis waits for its hospitals
  std::string delimiter = ",";
};

/// Reads the command line. Prints help or the one thing that is wrong, and then returns the exit status.
inline std::optional<int> parse(int argc, char** argv, Flags& flags) {
  CLI::App app{
      "A hospital's end of federated statistics: connects to federated_statistics --coordinator whenever "
      "that runs, and "
      "answers what the policy allows, under its rules \"statistics\". No record leaves; every request and "
      "every byte that "
      "does is written down in the audit log."};
  over_network::add_options(app, flags);
  app.get_option("--state")->required();  // of which patients was told must survive a restart
  app.add_option("--delimiter", flags.delimiter,
                 "between the fields of the CSV file: one character, such as ';', or tab")
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    over_network::require_certificate(flags);
    if (flags.delimiter == "tab" || flags.delimiter == "\\t") flags.delimiter = "\t";
    if (flags.delimiter.size() != 1 || flags.delimiter.find_first_of("\"\r\n") != std::string::npos)
      throw CLI::ValidationError("--delimiter", "is one character, such as ';', or tab");
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::Error& e) {
    std::cerr << "statistics_node: " << e.what() << " (see --help)\n";
    return 2;
  }
  return std::nullopt;
}

}  // namespace statistics_node
