#pragma once

#include <chrono>
#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "over_network/listening.hpp"

namespace coordinator {

/// What the command line, and the file of --config, say.
struct Flags : over_network::Listening {
  std::size_t quorum = 0;
  std::vector<std::string> covariates{"age", "sex", "ph.ecog"};
  std::string strategy = "fedavg";
  double proximal_mu = 1;
  std::uint64_t rounds = 100;
  std::uint64_t local_steps = 1;
  std::optional<double> learning_rate{};
  std::optional<double> tolerance{};
  std::uint64_t seed = 1;
  std::string checkpoint{};
  bool resume = false;
  std::string json{};
  bool check = false;
  std::vector<std::string> rehearse{};
  std::string time_column = "time";
  std::string event_column = "dead";
};

/// Reads the command line. Prints help or the one thing that is wrong, and then returns the exit status.
inline std::optional<int> parse(int argc, char** argv, Flags& flags) {
  CLI::App app{
      "Coordinates a Cox regression, stratified by hospital, over hospitals that connect to one port (each "
      "runs hospital_node). No "
      "record leaves a hospital: only sums of columns, gradients and counts do."};
  app.set_config("--config", "", "a TOML file with any of these settings, such as: port = 7443");
  over_network::add_options(app, flags);
  app.add_option("--quorum", flags.quorum, "hospitals without which a round does not count; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--covariates", flags.covariates, "columns of the model, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--strategy", flags.strategy, "fedavg or fedprox")
      ->check(CLI::IsMember({"fedavg", "fedprox"}))
      ->capture_default_str();
  app.add_option("--proximal-mu", flags.proximal_mu, "FedProx: weight of the pull towards the global model")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds, "the most rounds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--local-steps", flags.local_steps, "full-batch gradient steps a round at each hospital")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--learning-rate", flags.learning_rate,
                 "step size on standardised covariates; without it, from the hospitals' bounds of curvature")
      ->check(CLI::PositiveNumber);
  app.add_option("--tolerance", flags.tolerance,
                 "stop once a round moves the (standardised) coefficients by less")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", flags.seed, "of all randomness")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  auto* checkpoint =
      app.add_option("--checkpoint", flags.checkpoint, "file to save the run in after every round");
  app.add_flag("--resume", flags.resume, "go on from --checkpoint if that file is there")->needs(checkpoint);
  app.add_option("--json", flags.json, "file to write the result to");
  app.add_flag("--check", flags.check, "only look whether everything is in order, and say what is not");
  auto* rehearse =
      app.add_option("--rehearse", flags.rehearse,
                     "the same study in this process: CSV files, one a hospital, named as its id")
          ->delimiter(',');
  app.add_option("--time-column", flags.time_column, "with --rehearse: follow-up time")
      ->needs(rehearse)
      ->capture_default_str();
  app.add_option("--event-column", flags.event_column, "with --rehearse: 1: died at that time, 0: censored")
      ->needs(rehearse)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
    if (!flags.rehearse.empty()) {
      flags.clients = flags.rehearse.size();
      return std::nullopt;
    }
    over_network::require_certificate(flags);
    if (flags.plaintext && flags.clients == 0)
      throw CLI::ValidationError("--clients", "is needed with --plaintext");
    if (!flags.roster.empty() && flags.clients == 0)
      flags.clients = healthai::Roster::read(flags.roster).ids().size();
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& e) {
    std::cerr << "coordinator: " << e.what() << " (see --help)\n";
    return 2;
  }
  return std::nullopt;
}

/// Whether a coordinator could start with these flags: listens for a moment. \throws healthai::Error naming what is wrong
inline int check(const Flags& flags) {
  healthai::SocketServerOptions options = over_network::server_options(flags);
  const healthai::SocketServer listening{options};
  std::printf("listens at port %u\n", listening.port());
  if (options.roster) {
    std::printf("roster of %zu sites, digest %s: compare it with the hospitals by telephone\n",
                options.roster->ids().size(), options.roster->digest().c_str());
    const auto left = healthai::certificate_expiry(flags.tls.certificate) - std::chrono::system_clock::now();
    const auto days = std::chrono::duration_cast<std::chrono::hours>(left).count() / 24;
    std::printf("%scertificate valid for another %lld days\n", days < 30 ? "WARNING: " : "",
                static_cast<long long>(days));
  }
  std::printf("everything is in order\n");
  return 0;
}

}  // namespace coordinator
